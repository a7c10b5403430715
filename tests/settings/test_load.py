"""What the configuration becomes: the arguments of the deployment."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

import settings
from kong_mtls import KongHybridArgs
from kong_mtls.inputs import check_inputs
from kong_mtls.rehearsal import yaml12
from settings import hybrid, model

Load = Callable[..., settings.Settings]
LICENSE = json.dumps({"license": {"payload": {}, "version": 1}})


def test_a_configuration_becomes_arguments(load: Load) -> None:
    """In the components' spelling, lifetimes in hours, with the names of Kong's guides."""
    loaded = load(
        image={"tag": "3.9.1", "pullSecrets": ["pull"]},
        cluster={"validityDays": 365, "earlyRenewalDays": 60},
        controlPlane={"pods": {"replicas": 2}, "ingressController": {"ingressClass": "internal"}},
        dataPlanes=[{"name": "a", "proxy": {"service": {"type": "NodePort"}}}, {"name": "b", "namespace": "b"}],
    )
    assert loaded.hybrid == {
        "edition": "oss",
        "image": {"tag": "3.9.1", "pull_secrets": ["pull"]},
        "cluster": {"validity_hours": 8760, "early_renewal_hours": 1440},
        "control_plane": {"pods": {"replicas": 2}, "ingress_controller": {"ingress_class": "internal"}},
        "data_planes": [
            {"name": "a", "proxy": {"service": {"type": "NodePort"}}},
            {"name": "b", "namespace": "b"},
        ],
        "database": {"development": {}},
        "fixed_secret_names": True,
    }
    assert loaded.warnings == []


def test_what_is_left_out_is_left_to_the_components(load: Load) -> None:
    """Inner defaults are theirs alone."""
    assert load().hybrid == {"edition": "oss", "database": {"development": {}}, "fixed_secret_names": True}


def test_other_projects_and_providers_keys_are_not_ours(load: Load) -> None:
    """Only keys of the project's own are judged."""
    assert load(full={"kubernetes:context": "prod", "other:edition": "x"}).hybrid["edition"] == "oss"


def test_secrets_arrive_as_secrets(load: Load, loop: asyncio.AbstractEventLoop) -> None:
    """Licence, password and private key, also where the file holds them in clear."""
    database = {"host": "db", "password": "hunter2"}
    loaded = load(edition="enterprise", license={"data": LICENSE}, database=database)
    found: list[Any] = [loaded.hybrid["license"]["data"], loaded.hybrid["database"]["password"]]
    for value, plain in zip(found, (LICENSE, "hunter2"), strict=True):
        assert isinstance(value, pulumi.Output)
        assert loop.run_until_complete(value.is_secret())
        assert loop.run_until_complete(value.future()) == plain
    assert "hunter2" not in repr(loaded)


def test_helm_values_of_a_key_with_secrets_are_secret(load: Load, loop: asyncio.AbstractEventLoop) -> None:
    """The engine decrypts whole keys and doesn't say which part was encrypted: every text in them counts."""
    planes = [{"name": "dp", "values": {"env": {"x": "hunter2"}, "replicaCount": 2, "tolerations": ["a"]}}]
    loaded = load(dataPlanes=planes, secret=["dataPlanes"])
    values: Any = loaded.hybrid["data_planes"][0].get("values")
    assert values["replicaCount"] == 2
    for value in (values["env"]["x"], values["tolerations"][0]):
        assert loop.run_until_complete(value.is_secret())
    open_values: Any = load(dataPlanes=planes).hybrid["data_planes"][0].get("values")
    assert open_values["env"]["x"] == "hunter2"


def test_a_licence_from_a_file(load: Load, tmp_path: Path) -> None:
    """It is read where it is used; here only judged."""
    file = tmp_path / "license.json"
    file.write_text(LICENSE)
    loaded = load(edition="enterprise", license={"file": str(file)})
    assert loaded.hybrid["license"] == {"file": str(file)}


def test_enterprise_is_rehearsed_without_a_licence(load: Load) -> None:
    """With a placeholder of the right form, and a warning that says what does not hold."""
    loaded = load(edition="enterprise", rehearsal="true")
    assert set(loaded.hybrid["license"]) == {"data"}
    assert len(loaded.warnings) == 1
    assert "no Enterprise licence is set: a placeholder stands in" in loaded.warnings[0]
    assert "requests pass" in loaded.warnings[0]


def test_a_rehearsal_with_a_licence_has_nothing_to_warn_of(load: Load) -> None:
    """Nor has one of the open-source edition."""
    assert load(edition="enterprise", rehearsal="true", license={"existingSecret": "it"}).warnings == []
    assert load(rehearsal="true").warnings == []


@pytest.mark.parametrize(
    "database",
    [
        {"development": {}},
        {"development": {"image": "registry:5000/postgres:17.6", "storage": "500Mi", "storageClass": "fast"}},
        {"development": {"image": "postgres@sha256:abc"}},
        {"host": "db", "password": "x"},
        {"host": "db", "passwordSecret": {"name": "pg"}, "tls": {"verify": False}},
        {"host": "db", "passwordSecret": {"name": "pg", "key": "k"}, "withoutTls": True, "port": 6432},
        {"host": "db", "password": "x", "tls": {"trust": {"name": "ca"}, "clientCertificate": {"name": "c"}}},
    ],
)
def test_every_kind_of_database(load: Load, database: dict[str, Any]) -> None:
    """External or of the stack's own."""
    assert load(database=database).hybrid["database"]


def test_the_arguments_are_those_of_the_component(load: Load) -> None:
    """Every field of the models exists in the components: what passes here is not refused there as unknown."""

    def filled(shape: Any) -> Any:
        found: dict[str, Any] = {}
        for field in shape.model_fields.values():
            inner = next((it for it in model._inside(field.annotation) if _is_model(it)), None)
            text = str(field.annotation)
            if inner is not None:
                value: Any = filled(inner)
                value = [value] if "list[" in text else {"dp": value} if "dict[" in text else value
            elif "Literal" in text:
                value = next(it for it in model._inside(field.annotation) if isinstance(it, str))
            else:
                kinds = {"list[": [], "dict[": {}, "bool": True, "int": 1, "SecretStr": "x", "str": "x"}
                value = next(value for kind, value in kinds.items() if kind in text)
            found[str(field.alias)] = value
        if shape is hybrid.RemoteDataPlane:
            del found["stack"]  # `connect` puts what that stack exports in its place
        return found

    arguments: dict[str, Any] = {}
    for key, shape in settings._HYBRID.items():
        inner = next((it for it in model._inside(shape) if _is_model(it)), None)
        if inner is not None:
            section = inner.model_validate(filled(inner)).arguments()
            arguments[settings._snake(key)] = [section] if "list[" in str(shape) else section
    check_inputs(KongHybridArgs, settings._wrapped(arguments), "it")


def _is_model(shape: Any) -> bool:
    return isinstance(shape, type) and issubclass(shape, model.Model)


@pytest.mark.parametrize("stack", ["dev", "staging", "prod"])
def test_the_stacks_we_ship_can_be_used(load: Load, root: Path, stack: str) -> None:
    """As they stand, with a licence where there is none; and none of them holds a secure value."""
    config = yaml12.read(root / f"Pulumi.{stack}.yaml")["config"]
    own = {key.partition(":")[2]: value for key, value in config.items() if key.startswith("kong-mtls:")}
    licensed = {"license": {"data": LICENSE}, **own, "edition": own.get("edition", "enterprise")}
    assert load(**licensed).hybrid["fixed_secret_names"] is True
    assert config["kubernetes:enableSecretMutable"] == "true"
    assert config["kubernetes:enableConfigMapMutable"] == "true"
    assert config["kubernetes:context"]
    assert "secure" not in json.dumps(config)


def test_the_schema_and_the_settings_know_the_same_keys(root: Path) -> None:
    """A key that Pulumi.yaml doesn't declare is undocumented; one that the settings don't know is refused."""
    schema = yaml12.read(root / "Pulumi.yaml")["config"]
    assert {key.partition(":")[2] for key in schema} == set(settings._SECTIONS)
    for key, entry in schema.items():
        assert entry["description"], key
        assert entry["default"] in ("enterprise", "pulumi", {}, []), key
