"""The plugin gives a component exactly what a program in another language wrote, or says why it can't."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc  # type: ignore[import-untyped]
import pulumi
import pytest
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.errors import InputPropertiesError
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

import kong_mtls
from kong_mtls.reader.manifests import read_texts
from kong_mtls.rehearsal.project import StackConfig
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance, perform
from kong_mtls.rehearsal.state import State

Construct = Callable[..., Performance]

HYBRID: dict[str, Any] = {
    "edition": "oss",
    "database": {"host": "postgres.example.com", "port": 5433.0, "withoutTls": True, "passwordSecret": {"name": "pw"}},
    "controlPlane": {"pods": {"replicas": 2.0}},
}


@pytest.fixture(scope="module")
def construct(plugin: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory, today: datetime) -> Construct:
    """Makes a component as the engine asks for it, on the rehearsal's stage."""
    folder = tmp_path_factory.mktemp("remote")
    (folder / "Pulumi.yaml").write_text("name: remote\nruntime: python\n")
    (folder / "__main__.py").write_text("import asked\nasked.play()\n")
    provider = plugin.provider.Components()

    def run(component: str, inputs: Callable[[], dict[str, Any]] | dict[str, Any]) -> Performance:
        def play() -> None:
            given = inputs if isinstance(inputs, dict) else inputs()
            result = provider.construct("it", f"kong-mtls:index:{component}", given)
            pulumi.export("state", result.state)

        sys.modules["asked"] = SimpleNamespace(play=play)  # type: ignore[assignment]
        try:
            return perform(folder, "dev", at=today, state=State("remote", "dev"), config=StackConfig({}, frozenset()))
        finally:
            del sys.modules["asked"]

    return run


@pytest.fixture(scope="module")
def hybrid(construct: Construct) -> Performance:
    """A deployment whose numbers came over the wire."""
    return construct("KongHybrid", HYBRID)


def test_numbers_are_what_was_written(hybrid: Performance) -> None:
    """On the wire all numbers are floats; in an environment variable 5433 must not end in `.0`."""
    values = next(it.values for it in read_texts(render(hybrid, masked=False)).releases if it.name == "kong-cp")
    assert values["env"]["pg_port"] == "5433"
    assert values["replicaCount"] == 2
    assert isinstance(values["replicaCount"], int)


def test_outputs_have_the_names_of_the_schema(hybrid: Performance, plugin: SimpleNamespace) -> None:
    """Every output of the component, in camelCase."""
    declared = plugin.schema.current()["resources"]["kong-mtls:index:KongHybrid"]["properties"]
    assert set(hybrid.exports["state"]) == set(declared)
    assert hybrid.exports["state"]["clusterEndpoint"] == "kong-cp-kong-cluster.kong.svc.cluster.local:8005"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.0, 1), (1.5, 1.5), (-0.0, 0), ({"a": [2.0, "3.0", True]}, {"a": [2, "3.0", True]}), (None, None)],
)
def test_whole_numbers(plugin: SimpleNamespace, value: Any, expected: Any) -> None:
    """Whatever has no fraction is an integer; texts and truth values are left alone."""
    made = plugin.provider.whole(value)
    assert made == expected
    assert repr(made) == repr(expected)


def test_whole_numbers_in_outputs(construct: Construct) -> None:
    """A number that another resource puts out is one too, and a secret stays one."""
    database = {"host": "pg", "withoutTls": True, "passwordSecret": {"name": "pw"}}
    done = construct(
        "KongHybrid", lambda: {"edition": "oss", "database": {**database, "port": pulumi.Output.from_input(5434.0)}}
    )
    values = next(it.values for it in read_texts(render(done, masked=False)).releases if it.name == "kong-cp")
    assert values["env"]["pg_port"] == "5434"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"edition": "oss"}, "database"),
        ({**HYBRID, "edtion": "oss"}, "KongHybrid: edtion: unknown; allowed: admin, "),
        ({**HYBRID, "cluster": {"mTls": "pki"}}, "KongHybrid: cluster.mTls: unknown; allowed: "),
        ({**HYBRID, "dataPlanes": [{"name": "a", "replicas": 3}]}, "dataPlanes[0].replicas: unknown; allowed: "),
        ({**HYBRID, "cluster": "pki"}, "KongHybrid: cluster: an object is needed, not str"),
        ({**HYBRID, "dataPlanes": {"name": "a"}}, "data_planes: a list is needed, not dict"),
        ({**HYBRID, "dataPlanes": ["a"]}, "KongHybrid: dataPlanes[0]: an object is needed, not str"),
        ({**HYBRID, "edition": "free"}, "'free' is not known; allowed: enterprise, oss"),
    ],
)
def test_bad_inputs_are_one_message(construct: Construct, inputs: dict[str, Any], said: str) -> None:
    """The input by its name in the schema, its value and what is allowed; before any resource is made."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - two kinds, with the SDK's own for what is missing
        construct("KongHybrid", inputs)
    reason = getattr(caught.value, "reason", str(caught.value))
    assert said in reason
    assert "Traceback" not in reason


def test_an_object_that_is_secret_as_a_whole_is_refused(construct: Construct) -> None:
    """The SDK would take it for an empty one: the link would silently be another. Its content isn't shown."""
    with pytest.raises(InputPropertiesError, match="KongHybrid: database: must be known when the program") as caught:
        construct("KongHybrid", lambda: {**HYBRID, "database": pulumi.Output.secret({"password": "hunter2"})})
    assert "hunter2" not in str(caught.value)
    assert caught.value.errors == []  # of an error with a property the engine prints the value


def test_a_mistake_of_ours_keeps_its_traceback(construct: Construct, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a person can mend is cut down to a message."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(kong_mtls.KongHybrid, "__init__", broken)
    with pytest.raises(Exception, match="ours") as caught:
        construct("KongHybrid", HYBRID)
    assert isinstance(caught.value.inner, ZeroDivisionError)  # type: ignore[attr-defined]


def test_the_plugin_starts_and_serves_its_schema(root: Path, plugin: SimpleNamespace) -> None:
    """As the engine starts it: it says its port on standard output, and answers there."""
    command = [sys.executable, str(root / "plugin"), "127.0.0.1:1"]  # an engine that it needs only to make resources
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert re.fullmatch(r"[0-9]+", port), process.stderr.read() if process.stderr else ""
            options = [("grpc.max_receive_message_length", 16 * 1024 * 1024)]
            with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                answer = stub.GetSchema(provider_pb2.GetSchemaRequest(version=0), timeout=30)
                info = stub.GetPluginInfo(empty_pb2.Empty(), timeout=30)
            assert answer.schema == plugin.provider.Components().schema
            assert info.version == kong_mtls.__version__
        finally:
            process.terminate()
            process.communicate(timeout=30)
