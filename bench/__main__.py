"""All benchmarks, ``bench/*_bench.py``, in one table: ``python bench [--json] [--write] [name ...]``.

Times are processor time, so that the machine's other load counts little, and each is the best of several runs; what is
compared is measured by turns in the same run. ``--write`` keeps the table in bench/RESULTS.md, with the machine named.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))  # `python bench` has the folder itself there
COLUMNS = ("what", "measured", "against", "ratio", "target", "met")
OPTIONS = {"--json", "--write"}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows with their columns under one another; a value that a row doesn't have is left out."""
    cells = [list(COLUMNS), *([str(row.get(column, "")) for column in COLUMNS] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(COLUMNS))]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in cells)


def machine() -> str:
    """What the figures hold for."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = ".".join(platform.python_version_tuple()[:2])
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {python}"


def document(rows: Sequence[dict[str, Any]]) -> str:
    """The table as a document."""
    lines = [
        "# What it costs",
        "",
        f"`make bench ARGS=--write` on one machine: {machine()}.",
        "",
        "Times are processor time, the best of several runs; what is compared was measured by turns in the same run.",
        "Compare ratios, or figures of the same machine.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
        *(f"| {' | '.join(str(row.get(column, '')) for column in COLUMNS)} |" for row in rows),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks, or all."""
    options, wanted = {each for each in arguments if each.startswith("-")}, set(arguments) - OPTIONS
    known = sorted(path.stem.removesuffix("_bench") for path in FOLDER.glob("*_bench.py"))
    if unknown := sorted((wanted - set(known)) | (options - OPTIONS)):
        allowed = ", ".join([*known, *sorted(OPTIONS)])
        sys.stderr.write(f"no benchmark or option is called {', '.join(unknown)}; there are: {allowed}\n")
        return 2
    rows: list[dict[str, Any]] = []
    for name in known:
        if not wanted or name in wanted:
            sys.stderr.write(f"{name} ...\n")
            rows += importlib.import_module(f"bench.{name}_bench").bench()
    if "--write" in options:
        (FOLDER / "RESULTS.md").write_text(document(rows), encoding="utf-8")
    sys.stdout.write((json.dumps(rows) if "--json" in options else table(rows)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
