"""The shape of the objects that are read here: mapping, list or single value, where which is expected.

An object of another shape is refused by the API server (a release: by Helm); no other rule can say anything
sensible about it. Fields that nothing here reads are not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kong_mtls.reader.manifests import Objects, Release, ident, key_of

from .unknown import holds_unknown

VALUE = object()
"""A single value: string, number, boolean."""

NUMBER = object()
"""A number that can't be left out."""

ANY_KEYS = object()
"""As a key: stands for every key."""

Shape = Any

_SELECTOR = {
    "matchLabels": {ANY_KEYS: VALUE},
    "matchExpressions": [{"key": VALUE, "operator": VALUE, "values": [VALUE]}],
}
_META = {"name": VALUE, "namespace": VALUE, "labels": {ANY_KEYS: VALUE}, "annotations": {ANY_KEYS: VALUE}}
_REF = {"name": VALUE, "namespace": VALUE, "kind": VALUE, "group": VALUE}
_BACKEND = {"service": {"name": VALUE, "port": {"number": VALUE, "name": VALUE}}, "resource": {"kind": VALUE}}
_SECRET_REF = {"secretKeyRef": {"name": VALUE, "key": VALUE, "namespace": VALUE}}
_KEY_REF = {"name": VALUE, "key": VALUE, "optional": VALUE}
_VALUE_FROM = {"secretKeyRef": _KEY_REF, "configMapKeyRef": _KEY_REF, "fieldRef": {}, "resourceFieldRef": {}}
_SOURCE = {
    "secret": {"secretName": VALUE, "name": VALUE, "items": [{"key": VALUE, "path": VALUE}]},
    "configMap": {"name": VALUE, "items": [{"key": VALUE, "path": VALUE}]},
}
_MOUNTS = [{"name": VALUE, "mountPath": VALUE, "subPath": VALUE}]
_VOLUMES = [{"name": VALUE, **_SOURCE, "projected": {"sources": [_SOURCE]}}]
_ENV_FROM = [{"prefix": VALUE, "secretRef": {"name": VALUE}, "configMapRef": {"name": VALUE}}]
_CONTAINER = {
    "name": VALUE,
    "image": VALUE,
    "command": [VALUE],
    "args": [VALUE],
    "env": [{"name": VALUE, "value": VALUE, "valueFrom": _VALUE_FROM}],
    "envFrom": _ENV_FROM,
    "volumeMounts": _MOUNTS,
}
_POD = {"containers": [_CONTAINER], "initContainers": [_CONTAINER], "volumes": _VOLUMES}
_TEMPLATE = {"metadata": _META, "spec": _POD}
_WORKLOAD = {"spec": {"template": _TEMPLATE}}
_PLUGIN = {
    "plugin": VALUE,
    "disabled": VALUE,
    "config": {},
    "configFrom": _SECRET_REF,
    "configPatches": [{"path": VALUE, "valueFrom": _SECRET_REF}],
    "protocols": [VALUE],
}
_TEMPLATED = {"labels": {ANY_KEYS: VALUE}, "annotations": {ANY_KEYS: VALUE}}
_BUNDLED = {"name": VALUE, "key": VALUE}
_ROLE = {"rules": [{"apiGroups": [VALUE], "resources": [VALUE], "resourceNames": [VALUE], "verbs": [VALUE]}]}
_BINDING = {"roleRef": _REF, "subjects": [_REF]}
_ISSUER = {"spec": {"ca": {"secretName": VALUE}}}
_MADE = {"spec": {part: {"name": VALUE, "metadata": {"name": VALUE}} for part in ("target", "destination", "template")}}

SHAPES: dict[str, Shape] = {
    "Ingress": {
        "spec": {
            "ingressClassName": VALUE,
            "defaultBackend": _BACKEND,
            "rules": [{"host": VALUE, "http": {"paths": [{"path": VALUE, "pathType": VALUE, "backend": _BACKEND}]}}],
            "tls": [{"hosts": [VALUE], "secretName": VALUE}],
        }
    },
    "HTTPRoute": {
        "spec": {
            "hostnames": [VALUE],
            "parentRefs": [{**_REF, "sectionName": VALUE}],
            "rules": [
                {
                    "backendRefs": [{**_REF, "port": VALUE}],
                    "filters": [{"type": VALUE, "extensionRef": _REF}],
                    "matches": [{"path": {"type": VALUE, "value": VALUE}, "method": VALUE, "headers": [{}]}],
                }
            ],
        }
    },
    "Gateway": {
        "spec": {
            "gatewayClassName": VALUE,
            "listeners": [
                {"name": VALUE, "hostname": VALUE, "protocol": VALUE, "port": VALUE, "tls": {"certificateRefs": [_REF]}}
            ],
        }
    },
    "GatewayClass": {"spec": {"controllerName": VALUE}},
    "IngressClass": {"spec": {"controller": VALUE}},
    "ReferenceGrant": {"spec": {"from": [_REF], "to": [_REF]}},
    "BackendTLSPolicy": {
        "spec": {
            "targetRefs": [_REF],
            "validation": {"hostname": VALUE, "caCertificateRefs": [_REF]},
            "options": {ANY_KEYS: VALUE},
        }
    },
    "Service": {
        "spec": {
            "type": VALUE,
            "externalName": VALUE,
            "selector": {ANY_KEYS: VALUE},
            "ports": [{"name": VALUE, "port": NUMBER, "targetPort": VALUE}],
        }
    },
    "KongPlugin": _PLUGIN,
    "KongClusterPlugin": _PLUGIN,
    "KongConsumer": {"username": VALUE, "custom_id": VALUE, "credentials": [VALUE], "consumerGroups": [VALUE]},
    "NetworkPolicy": {
        "spec": {
            "podSelector": _SELECTOR,
            "policyTypes": [VALUE],
            "ingress": [
                {
                    "from": [{"podSelector": _SELECTOR, "namespaceSelector": _SELECTOR, "ipBlock": {"cidr": VALUE}}],
                    "ports": [{"port": VALUE, "endPort": int, "protocol": VALUE}],
                }
            ],
        }
    },
    "PodDisruptionBudget": {"spec": {"selector": _SELECTOR}},
    "Certificate": {
        "spec": {
            "secretName": VALUE,
            "duration": VALUE,
            "renewBefore": VALUE,
            "isCA": VALUE,
            "issuerRef": _REF,
            "commonName": VALUE,
            "dnsNames": [VALUE],
            "usages": [VALUE],
            "privateKey": {"rotationPolicy": VALUE, "algorithm": VALUE, "size": VALUE},
            "renewBeforePercentage": VALUE,
            "renewal": {"policy": VALUE},
            "secretTemplate": _TEMPLATED,
        }
    },
    "Issuer": _ISSUER,
    "ClusterIssuer": _ISSUER,
    "Bundle": {
        "spec": {
            "sources": [{"secret": _BUNDLED, "configMap": _BUNDLED}],
            "target": {
                "configMap": {"key": VALUE, "metadata": _TEMPLATED},
                "secret": {"key": VALUE, "metadata": _TEMPLATED},
                "namespaceSelector": _SELECTOR,
            },
        }
    },
    "CertificateRequestPolicy": {
        "spec": {
            "selector": {
                "issuerRef": _REF,
                "namespace": {"matchNames": [VALUE], "matchLabels": {ANY_KEYS: VALUE}},
            },
            "allowed": {"isCA": VALUE, "usages": [VALUE]},
            "constraints": {},
        }
    },
    "ClusterRole": _ROLE,
    "Role": _ROLE,
    "ClusterRoleBinding": _BINDING,
    "RoleBinding": _BINDING,
    "ExternalSecret": _MADE,
    "SealedSecret": _MADE,
    "VaultStaticSecret": _MADE,
    "Deployment": _WORKLOAD,
    "StatefulSet": _WORKLOAD,
    "DaemonSet": _WORKLOAD,
    "Job": _WORKLOAD,
    "CronJob": {"spec": {"jobTemplate": {"spec": {"template": _TEMPLATE}}}},
    "Pod": {"spec": _POD},
}

_LISTEN = {"enabled": VALUE, "servicePort": VALUE, "containerPort": VALUE, "parameters": [VALUE]}
_IMAGE = dict.fromkeys(("repository", "tag", "effectiveSemver", "unifiedRepoTag"), VALUE)
_BLOCK = {"enabled": VALUE, "type": VALUE, "http": _LISTEN, "tls": _LISTEN, "annotations": {ANY_KEYS: VALUE}}
_ENV = {ANY_KEYS: (VALUE, {"valueFrom": _VALUE_FROM})}
_CLIENT = {"enabled": VALUE, "certProvided": VALUE, "secretName": VALUE}

VALUES: Shape = {
    "env": _ENV,
    "customEnv": _ENV,
    "envFrom": _ENV_FROM,
    "image": _IMAGE,
    "secretVolumes": [VALUE],
    "extraSecrets": _MOUNTS,
    "extraConfigMaps": _MOUNTS,
    "deployment": {
        "userDefinedVolumes": _VOLUMES,
        "userDefinedVolumeMounts": _MOUNTS,
        "sidecarContainers": [_CONTAINER],
        "initContainers": [_CONTAINER],
    },
    **dict.fromkeys(("proxy", "manager", "portal", "portalapi", "cluster", "clustertelemetry", "status"), _BLOCK),
    "admin": {**_BLOCK, "tls": {**_LISTEN, "client": {"caBundle": VALUE, "secretName": VALUE}}},
    "enterprise": {"enabled": VALUE, "license_secret": VALUE, "rbac": {"enabled": VALUE}},
    "ingressController": {
        "enabled": VALUE,
        "ingressClass": VALUE,
        "watchNamespaces": [VALUE],
        "env": _ENV,
        "customEnv": _ENV,
        "envFrom": _ENV_FROM,
        "image": _IMAGE,
        "userDefinedVolumeMounts": _MOUNTS,
        "adminApi": {"tls": {"client": _CLIENT}},
        "admissionWebhook": {"enabled": VALUE, "certificate": {"secretName": VALUE}},
        "gatewayDiscovery": {"enabled": VALUE, "adminApiService": {"name": VALUE, "namespace": VALUE}},
    },
    "podAnnotations": {ANY_KEYS: VALUE},
    "deploymentAnnotations": {ANY_KEYS: VALUE},
    "podLabels": {ANY_KEYS: VALUE},
    "replicaCount": VALUE,
    "autoscaling": {"enabled": VALUE, "minReplicas": VALUE},
    "podDisruptionBudget": {"enabled": VALUE},
    "postgresql": {"enabled": VALUE, "image": _IMAGE},
    "certificates": {"enabled": VALUE},
    "namespace": VALUE,
    "nameOverride": VALUE,
    "fullnameOverride": VALUE,
}
"""The values of the kong chart."""


def problem(value: Any, shape: Shape, path: str = "") -> str | None:
    """Where a value has another shape than expected, and which; None when it fits. Nothing given always fits."""
    if shape is NUMBER:
        return None if isinstance(value, int) else f"{path} is {'missing' if value is None else 'no number'}"
    if value is None:
        return None
    if isinstance(shape, tuple):  # either of two
        return None if any(problem(value, each, path) is None for each in shape) else f"{path} is neither of two"
    if shape is VALUE or shape is int:
        fits = isinstance(value, int if shape is int else (str, int, float))
        return None if fits else f"{path} is a {_kind(value)}, not a single value"
    if isinstance(shape, list):
        if not isinstance(value, list):
            return f"{path} is a {_kind(value)}, not a list"
        for index, each in enumerate(value):
            found = f"{path}[{index}] is empty" if each is None else problem(each, shape[0], f"{path}[{index}]")
            if found:
                return found
        return None
    if not isinstance(value, Mapping):
        return f"{path or 'it'} is a {_kind(value)}, not a mapping"
    for key, each in shape.items():
        for name in value if key is ANY_KEYS else (key,):
            found = problem(value.get(name), each, f"{path}.{name}" if path else str(name))
            if found:
                return found
    return None


def _kind(value: Any) -> str:
    return {dict: "mapping", list: "list", bool: "boolean", str: "text"}.get(type(value), "number")


def object_problem(obj: Mapping[str, Any]) -> str | None:
    """What is wrong with an object's shape."""
    return problem(obj.get("metadata"), _META, "metadata") or problem(obj, SHAPES.get(str(obj.get("kind")), {}))


def release_problem(release: Release) -> str | None:
    """What is wrong with the shape of a release's values."""
    return problem(release.values, VALUES) if release.chart_name == "kong" else None


def sift(objects: Objects) -> tuple[Objects, dict[str, str], frozenset[str]]:
    """Set aside what can't be read.

    Returns:
        The other objects and releases; what is wrong with those, by name; the kinds of which an object was set
        aside because a part of it isn't known yet, so that nothing is wrong with it.
    """
    wrong: dict[str, str] = {}
    unclear: set[str] = set()
    kept = {}
    for obj in objects:
        found = object_problem(obj)
        if found and holds_unknown(obj):
            unclear.add(str(obj.get("kind")))
        elif found:
            wrong[ident(obj)] = found
        else:
            kept[key_of(obj)] = obj
    releases = []
    for release in objects.releases:
        found = release_problem(release)
        if found:
            wrong[f"Release/{release.namespace}/{release.name}"] = found
        else:
            releases.append(release)
    if not wrong and not unclear:
        return objects, {}, frozenset()
    sources = {key: objects.source(obj) for key, obj in kept.items()}
    partial = frozenset(key for key, obj in kept.items() if objects.is_partial(obj))
    return Objects(kept, releases, sources, partial), wrong, frozenset(unclear)
