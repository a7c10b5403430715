"""Native objects against the API's own schema: a field that the API server doesn't know is dropped or refused."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from kong_mtls.reader.manifests import Objects
from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance

Run = Callable[..., Performance]
Read = Callable[[Performance], Objects]

# From the oldest that the chart's own tests still run on to the one that this program was tried on.
VERSIONS = ("1.30", "1.36")
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")

VARIANTS: dict[str, dict[str, Any]] = {
    "dev": {},
    "staging": {},
    "prod": {},
    "oss": {"edition": "oss"},
    "several data planes": {"dataPlanes": [{"name": "a"}, {"name": "b", "namespace": "b"}]},
    "own storage": {"database": {"development": {"storage": "5Gi", "storageClass": "fast"}}},
}


def manifests(performance: Performance) -> dict[str, Any]:
    """Every object that the program makes itself, by the file it would be written to."""
    files = render(performance, masked=False)
    return {name: yaml.safe_load(text) for name, text in files.items() if name.startswith("manifests/")}


def native(item: dict[str, Any]) -> bool:
    """Whether the API server brings the kind itself, rather than a CustomResourceDefinition."""
    group = item["apiVersion"].rpartition("/")[0]
    return "." not in group or group.endswith(".k8s.io")


@pytest.fixture(scope="session")
def deployed(rehearse: Run, license_text: str) -> Callable[[str], Performance]:
    """The run of a variant: a stack's name, or the development stack with other settings."""

    def run(variant: str) -> Performance:
        stack = variant if variant in ("staging", "prod") else "dev"
        given = {"license": {"data": license_text}, **VARIANTS[variant]}
        if given.get("edition") == "oss":
            del given["license"]
        return rehearse(stack, **given)

    return run


def shape(value: Any) -> str:
    """An object without its values: what a schema judges, by and large."""
    return json.dumps(wire.transform(value, lambda leaf, _: type(leaf).__name__), sort_keys=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_fits_the_schema(deployed: Callable[[str], Performance], version: str) -> None:
    """Strictly: unknown fields are errors, as wrong types are. One object of each shape in all variants."""
    items = {
        item["kind"] + shape(item): (variant, name, item)
        for variant in VARIANTS
        for name, item in manifests(deployed(variant)).items()
        if native(item)
    }
    for variant, name, item in items.values():
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            pytest.fail(f"{variant}: {name}: {error.message}")
    kinds = {item["kind"] for _, _, item in items.values()}
    assert kinds >= {"Namespace", "Secret", "ConfigMap", "Service", "StatefulSet", "NetworkPolicy"}


def test_the_schema_would_notice(deployed: Callable[[str], Performance]) -> None:
    """A misspelt field and a number where a text belongs: the check above can fail."""
    item = next(it for it in manifests(deployed("dev")).values() if it["kind"] == "StatefulSet")
    for change in ({"replica": 1}, {"serviceName": 5}):
        wrong = deepcopy(item)
        wrong["spec"] |= change
        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


@pytest.mark.parametrize("variant", VARIANTS)
def test_names_are_labels_and_unique(deployed: Callable[[str], Performance], variant: str) -> None:
    """Also those that Pulumi makes, since the chart names volumes after them."""
    seen = set()
    for item in manifests(deployed(variant)).values():
        meta = item["metadata"]
        place = (item["kind"], meta.get("namespace"), meta["name"])
        assert place not in seen
        seen.add(place)
        assert LABEL.fullmatch(meta["name"]), place


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_reference_of_a_workload_resolves(
    deployed: Callable[[str], Performance], read: Read, variant: str
) -> None:
    """What pods of ours mount or read is made beside them: a missing Secret keeps a pod from starting."""
    objects = read(deployed(variant))
    for workload in objects.all("StatefulSet"):
        namespace, pod = workload["metadata"]["namespace"], workload["spec"]["template"]["spec"]
        for volume in pod.get("volumes", []):
            if "secret" in volume:
                assert objects.get("Secret", namespace, volume["secret"]["secretName"]) is not None
        for container in pod["containers"]:
            for entry in container.get("env", []):
                reference = entry.get("valueFrom", {}).get("secretKeyRef")
                if reference is not None:
                    secret = objects.get("Secret", namespace, reference["name"])
                    assert secret is not None
                    assert reference["key"] in secret["stringData"]
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            templates = {claim["metadata"]["name"] for claim in workload["spec"]["volumeClaimTemplates"]}
            assert mounted <= templates | {volume["name"] for volume in pod.get("volumes", [])}
        labels = workload["spec"]["template"]["metadata"]["labels"]
        assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()
        service = objects.get("Service", namespace, workload["spec"]["serviceName"])
        assert service is not None
        assert service["spec"]["selector"].items() <= labels.items()


@pytest.mark.parametrize("variant", VARIANTS)
def test_workloads_of_ours_are_confined(deployed: Callable[[str], Performance], read: Read, variant: str) -> None:
    """The restricted Pod Security Standard, requests and a memory limit, and no token of the API."""
    for workload in read(deployed(variant)).all("StatefulSet"):
        pod = workload["spec"]["template"]["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]
            assert not container["image"].endswith(":latest")
