# One command a job; `make help` lists them. Everything runs in .venv, made from the pinned requirements.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
STACK ?= dev
ENGINE ?= auto
FORMAT ?= text
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.requirements
DEV_STAMP := $(VENV)/.requirements-dev
RUN := $(BIN)/python -m kong_mtls.cli
REHEARSE := $(RUN) rehearse --stack $(STACK) $(if $(filter 1,$(SECRETS)),--secrets) $(if $(AT),--at $(AT)) $(if $(filter 1,$(DRILL)),--drill)

.PHONY: help setup up preview pulumi rehearse prove audit test reference lint e2e bench clean

help: ## this table
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 10) <= sys.version_info[:2] <= (3, 13) else "Python 3.10 to 3.13 is needed; %s is %d.%d (set PYTHON=python3.12, say)" % (sys.executable, *sys.version_info[:2]))'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "The Python module venv is missing: install the package python3-venv (Debian, Ubuntu) or a Python that has it." >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Setting up $(VENV) ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(DEV_STAMP): requirements-dev.txt $(STAMP)
	@echo "Setting up $(VENV) for tests ..." >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

setup: $(STAMP) ## the virtual environment from the pinned requirements

up: $(STAMP) ## set-up, then `pulumi up` or the rehearsal  [STACK=dev] [ENGINE=auto|pulumi|rehearsal]
	@$(BIN)/python scripts/engine.py up --stack $(STACK) --engine $(ENGINE)

preview: $(STAMP) ## what would change; writes nothing  [STACK=dev] [ENGINE=auto|pulumi|rehearsal]
	@$(BIN)/python scripts/engine.py preview --stack $(STACK) --engine $(ENGINE)

pulumi: $(STAMP) ## any command of the CLI on the stack that `make up` made  ARGS="destroy" [STACK=dev]
	@$(BIN)/python scripts/engine.py pulumi --stack $(STACK) -- $(ARGS)

rehearse: $(STAMP) ## prove every link without a cluster  [STACK=dev] [SECRETS=1] [AT=2027-05-01] [DRILL=1]
	@$(REHEARSE)

prove: $(STAMP) ## handshakes from the files of a rehearsal made with SECRETS=1  DIR=out/dev [FORMAT=text|json]
	@$(RUN) prove $(DIR) --format $(FORMAT) $(if $(AT),--at $(AT))

audit: $(STAMP) ## rules over manifests  FILES="a.yaml dir" [FORMAT=text|json]
	@$(RUN) audit $(FILES) --format $(FORMAT)

test: $(DEV_STAMP) ## every test that needs neither CLI nor cluster
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

e2e: $(DEV_STAMP) ## the real engine on the cluster of KUBECONFIG; needs `pulumi` on PATH  [CHART_PATH=charts/kong] [WAIT_FOR_PODS=0]
	@$(BIN)/python -m pytest e2e $(ARGS)

bench: $(STAMP) ## benchmarks, a table each  [ARGS="upstream audit --json"]
	@$(BIN)/python bench $(ARGS)

reference: $(STAMP) ## docs/reference/ from docstrings, settings and commands
	@$(BIN)/python -m scripts.reference

lint: $(DEV_STAMP) ## ruff and strict types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

clean: ## remove what the commands made, but not .rehearsal (keys) or any Pulumi state
	@rm -rf $(VENV) out .mypy_cache .ruff_cache .hypothesis build dist
