"""A stand-in may say what a controller in the cluster would make; that is kept apart from what the program makes."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from typing import Any

import pytest

from kong_mtls.rehearsal import render, standins
from kong_mtls.rehearsal.standins import Call, StandIn, Waiting, kubernetes
from kong_mtls.rehearsal.wire import Secret

from .conftest import Program

TYPE = "kubernetes:example.com/v1:Key"


def controller(call: Call, held: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...] | Waiting:
    """Makes a Secret once, when the key that it is derived from, if any, has been made."""
    spec = call.value("spec", {})
    parent = spec.get("after")
    if parent and call.world.find("Secret", "a", parent) is None:
        return Waiting(f"Secret {parent} is not there")
    if held:
        return held
    meta = {"name": call.name, "namespace": "a"}
    data = Secret({"key": "made-by-controller-" + secrets.token_hex(8)})
    return ({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": data},)


@pytest.fixture(autouse=True)
def _staged(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = StandIn(create=kubernetes.create, check=kubernetes.check, controller=controller)
    real = standins.find
    monkeypatch.setattr(standins, "find", lambda type_: fake if type_ == TYPE else real(type_))


def key(name: str, after: str = "", options: str = "") -> str:
    return (
        f"{name} = k8s.apiextensions.CustomResource('{name}', api_version='example.com/v1', kind='Key', "
        f"metadata={{'name': '{name}', 'namespace': 'a'}}, spec={{'after': '{after}'}}{options})\n"
    )


def test_objects_of_a_controller_are_kept(program: Program) -> None:
    """They are remembered with the resource, the same in a second run."""
    first = program.write(key("one")).run()
    assert len(first.resources[0].cluster) == 1
    second = program.run()
    assert not second.changed
    assert second.state.dump() == first.state.dump()


def test_files_of_a_controller(program: Program) -> None:
    """They are written to `cluster/`, and only in clear: masked there is nothing to apply or prove."""
    done = program.write(key("one")).run()
    clear, masked = render.render(done, masked=False), render.render(done, masked=True)
    assert sorted(clear) == ["cluster/secret-a-one.yaml", "manifests/key-a-one.yaml"]
    assert "made-by-controller-" in clear["cluster/secret-a-one.yaml"]
    assert sorted(masked) == ["manifests/key-a-one.yaml"]
    assert "made-by-controller-" not in "".join(masked.values())


def test_controllers_wait_for_each_other(program: Program) -> None:
    """Whatever the order of registration, each does its work once what it needs is there."""
    done = program.write(key("third", "second") + key("second", "first") + key("first")).run()
    assert [len(resource.cluster) for resource in done.resources] == [1, 1, 1]
    assert not done.waiting


def test_controller_that_never_can(program: Program) -> None:
    """What is still waiting at the end is named with its reason."""
    done = program.write(key("one", "nowhere")).run()
    assert list(done.waiting.values()) == ["Secret nowhere is not there"]


def test_programs_can_read_what_a_controller_made(program: Program) -> None:
    """`get` after the resource finds it; its data is secret. A preview reads what the last run left."""
    text = key("one") + (
        "read = k8s.core.v1.Secret.get('read', one.id.apply(lambda _: 'a/one'))\n"
        "pulumi.export('key', read.data['key'])\n"
    )
    first_preview = program.write(text).run(preview=True)
    assert not isinstance(first_preview.exports["key"], Secret)
    done = program.run()
    assert base64.b64decode(done.exports["key"].value).startswith(b"made-by-controller-")
    planned = program.run(preview=True)
    assert planned.exports["key"] == done.exports["key"]
    assert not planned.changed


def test_previews_ask_no_controller(program: Program) -> None:
    """Nothing is made in a preview."""
    planned = program.write(key("one")).run(preview=True)
    assert planned.resources[0].cluster == ()
    assert not planned.waiting
