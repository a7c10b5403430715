"""Stand-ins for Kubernetes objects: what the API server would accept, named and scoped as the provider does it.

Sources: pulumi/pulumi-kubernetes, ``provider/pkg/provider/provider.go`` (Check, Diff), ``diff.go`` (which fields
force a replacement), ``provider/pkg/metadata/naming.go`` (autonaming).
"""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from kong_mtls.reader.manifests import CLUSTER_SCOPED
from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.standins import wait_for
from kong_mtls.rehearsal.standins.model import Call, Made, ResourceError, StandIn
from kong_mtls.rehearsal.state import Recorded
from kong_mtls.rehearsal.wire import Secret, Unknown

AUTONAMED: Final = "pulumi.com/autonamed"
PATCH_FORCE: Final = "pulumi.com/patchForce"
PLAYED: Final = "kong-mtls.io/played"
"""Annotation of what a stand-in has made for somebody who isn't in the program: who. Its content proves nothing."""

_CONTAINER = "spec.containers[*]", "spec.initContainers[*]"
IDENTITY = ("apiVersion", "kind", "metadata.name", "metadata.namespace")

# Kinds that can be staged, by "<group>/<version>" as type tokens write it, with the fields that force a replacement.
# "core" is the group that has no name in manifests.
KINDS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "core/v1": {
        "ConfigMap": (),
        "Endpoints": (),
        "LimitRange": (),
        "Namespace": (),
        "PersistentVolumeClaim": (
            "spec.accessModes",
            "spec.selector",
            "spec.storageClassName",
            "spec.volumeName",
        ),
        "Pod": (
            "spec.affinity",
            "spec.dnsConfig",
            "spec.dnsPolicy",
            "spec.hostNetwork",
            "spec.hostname",
            "spec.imagePullSecrets",
            "spec.nodeName",
            "spec.nodeSelector",
            "spec.priorityClassName",
            "spec.restartPolicy",
            "spec.runtimeClassName",
            "spec.securityContext",
            "spec.serviceAccountName",
            "spec.volumes",
            *_CONTAINER,
        ),
        "ResourceQuota": ("spec.scopes",),
        "Secret": ("type",),
        "Service": ("spec.clusterIP",),
        "ServiceAccount": (),
    },
    "admissionregistration.k8s.io/v1": {"MutatingWebhookConfiguration": (), "ValidatingWebhookConfiguration": ()},
    "apps/v1": {
        "DaemonSet": ("spec.selector",),
        "Deployment": ("spec.selector",),
        "StatefulSet": (
            "spec.podManagementPolicy",
            "spec.revisionHistoryLimit",
            "spec.selector",
            "spec.serviceName",
            "spec.volumeClaimTemplates",
        ),
    },
    "autoscaling/v2": {"HorizontalPodAutoscaler": ()},
    "batch/v1": {
        "CronJob": (),
        "Job": ("spec.completions", "spec.parallelism", "spec.selector", "spec.template"),
    },
    "discovery.k8s.io/v1": {"EndpointSlice": ()},
    "networking.k8s.io/v1": {"Ingress": (), "IngressClass": (), "NetworkPolicy": ()},
    "policy/v1": {"PodDisruptionBudget": ()},
    "rbac.authorization.k8s.io/v1": {
        "ClusterRole": (),
        "ClusterRoleBinding": ("roleRef",),
        "Role": (),
        "RoleBinding": ("roleRef",),
    },
    "scheduling.k8s.io/v1": {"PriorityClass": ()},
    "storage.k8s.io/v1": {"StorageClass": ("parameters", "provisioner")},
}
# Groups of the API server itself: a kind of theirs that is not listed above has no stand-in. Every other group comes
# from a CustomResourceDefinition, and any kind of it is staged as `apiextensions.CustomResource` declares it.
CUSTOM_UNDER_K8S_IO: Final = frozenset({"gateway.networking.k8s.io", "snapshot.storage.k8s.io"})

# The plural, as the API server's messages name a resource; the rest take an "s".
_PLURALS: Final = {"Ingress": "ingresses", "IngressClass": "ingressclasses", "NetworkPolicy": "networkpolicies"}


def find(type_: str) -> StandIn | None:
    """The stand-in for ``kubernetes:<group>/<version>:<Kind>``, also for patches and custom resources; or None."""
    package, _, rest = type_.partition(":")
    version, _, kind = rest.partition(":")
    if package != "kubernetes" or not kind or "/" not in version:
        return None
    listed = KINDS.get(version, {})
    base = kind.removesuffix("Patch")
    if kind in listed:
        return _object(kind, listed[kind])
    if base != kind and base in listed:
        return PATCH
    return CUSTOM if _is_custom(version.partition("/")[0]) else None


def _is_custom(group: str) -> bool:
    if group in CUSTOM_UNDER_K8S_IO or group.endswith(".x-k8s.io"):
        return True
    return "." in group and not group.endswith(".k8s.io") and group != "helm.sh"


@cache
def _object(kind: str, fields: tuple[str, ...]) -> StandIn:
    def replace_on(call: Call) -> tuple[str, ...]:
        immutable = call.value("immutable", False)
        if kind == "Secret" and (immutable or not call.flag("enableSecretMutable")):
            return (*IDENTITY, "type", "stringData", "data")
        if kind == "ConfigMap" and (immutable or not call.flag("enableConfigMapMutable")):
            return (*IDENTITY, "binaryData", "data")
        return (*IDENTITY, *fields)

    return StandIn(
        create=create,
        check=check,
        replace_on=replace_on,
        delete_first=delete_first,
        identity=identity,
        secret_outputs=frozenset({"data", "stringData"}) if kind == "Secret" else frozenset(),
    )


def metadata(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The object's metadata without secret marks; empty where it is missing or unknown."""
    value = wire.plain(inputs.get("metadata"))
    return value if isinstance(value, dict) else {}


def is_patch(type_: str, inputs: Mapping[str, Any]) -> bool:
    """Whether a resource changes parts of an object that it does not own: its token says ``<kind>Patch``."""
    return type_.rpartition(":")[2] == f"{inputs.get('kind')}Patch"


def namespace_of(inputs: Mapping[str, Any]) -> str:
    """The namespace of an object, ``""`` for kinds that have none, ``default`` where none is given."""
    given = metadata(inputs).get("namespace")
    if is_cluster_scoped(inputs):
        return ""
    return given if isinstance(given, str) and given else "default"


def is_cluster_scoped(inputs: Mapping[str, Any]) -> bool:
    """Whether objects of this kind have no namespace. Unlisted custom kinds are taken for namespaced ones."""
    return inputs.get("kind") in CLUSTER_SCOPED


def check(call: Call) -> dict[str, Any]:
    """Name and namespace filled in, as the provider does before anything else.

    Without ``metadata.name`` the old name is kept if it was made here, else it is ``<logical name>-<8 hex digits>``.
    """
    inputs = dict(call.inputs)
    given = inputs.get("metadata")
    if isinstance(wire.plain(given), Unknown):
        return inputs
    meta = metadata(inputs)
    notes = meta.get("annotations")
    wait_for.parse(notes if isinstance(notes, dict) else {})
    changed: dict[str, Any] = {}
    if meta.get("generateName"):
        raise ResourceError("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
    if not meta.get("name"):
        if is_patch(call.type, inputs):
            raise ResourceError("patch resources require the `.metadata.name` field to be set")
        before = metadata(call.old.inputs) if call.old else {}
        adopted = (before.get("annotations") or {}).get(AUTONAMED) == "true"
        changed["name"] = before["name"] if adopted else f"{call.name}-{secrets.token_hex(4)}"
        if adopted or not call.old:
            changed["annotations"] = {**(_part(given, "annotations") or {}), AUTONAMED: "true"}
    if not is_cluster_scoped(inputs) and not meta.get("namespace"):
        changed["namespace"] = call.settings.get("namespace") or "default"
    if changed:
        merged = {**(given.value if isinstance(given, Secret) else given or {}), **changed}
        inputs["metadata"] = Secret(merged) if isinstance(given, Secret) else merged
    return inputs


def _part(value: Any, key: str) -> Any:
    value = value.value if isinstance(value, Secret) else value
    part = value.get(key) if isinstance(value, Mapping) else None
    return part.value if isinstance(part, Secret) else part


def create(call: Call) -> Made:
    """The object as the API server would give it back, as far as a program can ask for it."""
    meta = metadata(call.inputs)
    namespace, name = namespace_of(call.inputs), meta.get("name")
    before = wire.plain(call.old.outputs) if call.old else {}
    given = call.inputs.get("metadata")
    uid = (before.get("metadata") or {}).get("uid") or str(uuid.uuid4())
    merged = {**(given.value if isinstance(given, Secret) else given or {}), "uid": uid}
    outputs = {**call.inputs, "metadata": Secret(merged) if isinstance(given, Secret) else merged}
    if call.type == "kubernetes:core/v1:Service":
        outputs = _served(outputs, before)
    return Made(f"{namespace}/{name}" if namespace else str(name), live(outputs))


def live(item: Mapping[str, Any]) -> dict[str, Any]:
    """An object as it is read back: a Secret's ``stringData`` has become ``data``, and it has a type."""
    outputs = dict(item)
    if outputs.get("kind") != "Secret":
        return outputs
    texts = wire.plain(outputs.pop("stringData", None))
    data = wire.plain(outputs.get("data")) or {}
    if isinstance(texts, dict) and isinstance(data, dict):
        data = {**data, **{key: base64.b64encode(str(text).encode()).decode() for key, text in texts.items()}}
    if data:
        outputs["data"] = Secret(data)
    return {"type": "Opaque", **outputs}


def _served(outputs: dict[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """A Service with an address of its own, as the API server gives it one; a load balancer's is never there."""
    spec = outputs.get("spec")
    if not isinstance(spec, dict) or isinstance(wire.plain(spec), Unknown):
        return outputs
    address = (before.get("spec") or {}).get("clusterIP") or f"10.96.{secrets.randbelow(256)}.{secrets.randbelow(256)}"
    address = wire.plain(spec.get("clusterIP")) or address
    kept = {"type": "ClusterIP", **spec, "clusterIP": address, "clusterIPs": [address]}
    return {"status": {"loadBalancer": {}}, **outputs, "spec": kept}


def delete_first(call: Call, old: Recorded) -> bool:
    """A replacement under the same given name has to wait for the old object to go: there is a gap."""
    meta = metadata(call.inputs)
    autonamed = (meta.get("annotations") or {}).get(AUTONAMED) == "true"
    return not autonamed and identity(call.inputs) is not None and identity(call.inputs) == identity(old.inputs)


def identity(inputs: Mapping[str, Any]) -> str | None:
    """``<group>/<Kind>/<namespace>/<name>``: the API server holds one such object."""
    name = metadata(inputs).get("name")
    if not isinstance(name, str) or isinstance(metadata(inputs).get("namespace"), Unknown):
        return None
    group = str(inputs.get("apiVersion", "")).rpartition("/")[0]
    return f"{group}/{inputs.get('kind')}/{namespace_of(inputs)}/{name}"


def already_exists(inputs: Mapping[str, Any]) -> str:
    """The API server's message about a second object of one name."""
    kind = str(inputs.get("kind"))
    group = str(inputs.get("apiVersion", "")).rpartition("/")[0]
    plural = _PLURALS.get(kind, kind.lower() + "s")
    return f'{plural}{"." + group if group else ""} "{metadata(inputs).get("name")}" already exists'


def owned_fields(inputs: Mapping[str, Any]) -> dict[wire.Path, Any]:
    """The fields that server-side apply would record for the one who sends `inputs`, without lists' items."""
    fields = {}
    for path, value, _ in wire.leaves(inputs):
        named = path[:1] in (("apiVersion",), ("kind",)) or path in (("metadata", "name"), ("metadata", "namespace"))
        ours = len(path) == 3 and path[1] == "annotations" and str(path[2]).startswith("pulumi.com/")
        if not named and not ours and not any(isinstance(part, int) for part in path):
            fields[path] = value
    return fields


def forces(inputs: Mapping[str, Any]) -> bool:
    """Whether a patch takes over fields that others own (annotation ``pulumi.com/patchForce``)."""
    return str((metadata(inputs).get("annotations") or {}).get(PATCH_FORCE, "")).lower() == "true"


PATCH = StandIn(create=create, check=check, replace_on=IDENTITY)
CUSTOM = StandIn(
    create=create,
    check=check,
    replace_on=IDENTITY,
    delete_first=delete_first,
    identity=identity,
)
