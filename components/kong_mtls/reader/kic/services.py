"""Kong services with their TLS settings: annotations of Services, BackendTLSPolicies, and what is dropped.

Source: Kong/kubernetes-ingress-controller internal/dataplane/translator/ingressrules.go (client certificate,
CA certificates, consistency), internal/dataplane/kongstate/service.go (protocol, verification) and
upstream.go (host header); Kong/kong kong/db/schema/entities/services.lua for what Kong refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.kic.authorities import is_ca_object, object_data
from kong_mtls.reader.kic.model import KeyPair, KongService
from kong_mtls.reader.kic.pairs import key_pair
from kong_mtls.reader.kic.store import Store
from kong_mtls.reader.manifests import MASKED, annotations_of, ident

TLS_FIELDS_ALLOWED = ("https", "tls")
"""The protocols for which Kong's schema takes client_certificate, tls_verify, its depth, ca_certificates."""

TLS_FIELDS_ALLOWED_BY_ENTERPRISE = ("grpcs", "wss")
"""Those for which Enterprise's does too (Kong/developer.konghq.com app/_includes/upgrade/tls-verify-314.md)."""

TLS_ANNOTATIONS = ("client-cert", "tls-verify", "tls-verify-depth", "ca-certificates-secrets",
                   "ca-certificates-configmaps")  # fmt: skip


@dataclass(frozen=True)
class Backend:
    """A Service that a route names, in its namespace, with the port by number or name."""

    namespace: str
    name: str
    port: int | str | None


@dataclass(frozen=True)
class _Settings:
    """The konghq.com annotations of one Service after its BackendTLSPolicy, and where each comes from."""

    service: dict[str, Any]
    values: dict[str, str]
    sources: dict[str, str]

    @property
    def namespace(self) -> str:
        return str((self.service.get("metadata") or {}).get("namespace") or "default")


def _settings(store: Store, service: dict[str, Any]) -> _Settings:
    values = ann.kong(service)
    sources = {key: f"{ann.PREFIX}{key} on {ident(service)}" for key in values}
    result = _Settings(service, values, sources)
    name = str((service.get("metadata") or {}).get("name"))
    policies = store.backend_policies(result.namespace, name)
    if len(policies) > 1:
        who = ", ".join(ident(policy) for policy in policies)
        message = f"{who} all target it: the controller leaves all of them out"
        store.failures.add("backend-tls-policies-many", ident(service), message)
    if len(policies) != 1:
        return result
    spec = policies[0].get("spec") or {}
    validation, options = spec.get("validation") or {}, spec.get("options") or {}
    said = {"tls-verify": "true", "protocol": "https", "host-header": str(validation.get("hostname") or "")}
    for kind, key in (("ConfigMap", "ca-certificates-configmaps"), ("Secret", "ca-certificates-secrets")):
        names = [str(r.get("name")) for r in validation.get("caCertificateRefs") or () if r.get("kind") == kind]
        if names:
            said[key] = ",".join([values[key], *names] if values.get(key) else names)
    depth = ann.integer(str(options.get("tls-verify-depth", "")))
    if depth is not None and depth >= 0:
        said["tls-verify-depth"] = str(depth)
    values |= said
    sources |= dict.fromkeys(said, ident(policies[0]))
    return result


def _protocol(store: Store, given: _Settings) -> str:
    value = given.values.get("protocol", "")
    if value and value not in ann.PROTOCOLS:
        known = ", ".join(sorted(ann.PROTOCOLS))
        message = f"{ann.PREFIX}protocol is {value!r}, none of {known}: Kong speaks http to it"
        store.failures.add("service-protocol-invalid", ident(given.service), message, f"{ann.PREFIX}protocol")
        return "http"
    return value or "http"


def _client_certificate(store: Store, given: _Settings) -> tuple[KeyPair | None, str]:
    """The pair, and why Kong refuses the service because of it."""
    name, owner, key = given.values.get("client-cert", ""), ident(given.service), f"{ann.PREFIX}client-cert"
    add = store.failures.add
    if not name:
        return None, ""
    secret = store.objects.get("Secret", given.namespace, name)
    if secret is None:
        if "/" in name:
            message = f"{key} is {name!r}: a Secret of another namespace can't be named; Kong shows no certificate"
            add("client-cert-other-namespace", owner, message, key)
        else:
            message = f"Secret {given.namespace}/{name} is not there: Kong shows no client certificate"
            add("client-cert-missing", owner, message, key)
        return None, ""
    protocol = given.values.get("protocol") or "http"
    if protocol in ann.NON_TLS_PROTOCOLS:
        message = f"{key} with protocol {protocol}: the controller drops the certificate"
        add("client-cert-non-tls-protocol", owner, message, f"{ann.PREFIX}protocol")
        return None, ""
    pair, problem = key_pair(secret)
    if problem:
        message = f"{problem}, so {owner} points to a certificate that isn't in Kong, which refuses it"
        add("client-cert-bad-pair", ident(secret), message, "tls.key")
        return None, f"its client certificate {ident(secret)} isn't in Kong"
    return pair, ""


def _authorities(store: Store, given: _Settings) -> list[str]:
    asked = [
        (kind, name)
        for kind, key in (("Secret", "ca-certificates-secrets"), ("ConfigMap", "ca-certificates-configmaps"))
        for name in ann.comma_list(given.values.get(key, ""))
    ]
    owner, add = ident(given.service), store.failures.add
    if not asked:
        return []
    if ann.boolean(given.values.get("tls-verify", "")) is not True:
        message = f"CA certificates are named but {ann.PREFIX}tls-verify isn't true: they are dropped"
        add("ca-certificates-without-verify", owner, message, f"{ann.PREFIX}tls-verify")
        return []
    protocol = given.values.get("protocol") or "http"
    if protocol in ann.NON_TLS_PROTOCOLS:
        message = f"CA certificates with protocol {protocol}: they are dropped"
        add("ca-certificates-non-tls-protocol", owner, message, f"{ann.PREFIX}protocol")
        return []
    ids: list[str] = []
    for kind, name in asked:
        obj = store.objects.get(kind, given.namespace, name)
        if obj is None:
            message = f"{kind} {given.namespace}/{name} is not there: verification goes on with global trust"
            add("service-ca-missing", owner, message, name)
            continue
        if kind == "ConfigMap" and not _is_watched(store, obj):
            message = f"ConfigMap {given.namespace}/{name} has no label konghq.com/ca-cert, so it isn't seen"
            add("service-ca-not-watched", owner, message, name)
            continue
        data = object_data(obj)
        if "id" not in data:
            message = f"{kind} {given.namespace}/{name} has no id: it isn't used, global trust is"
            add("service-ca-no-id", owner, message, name)
            continue
        value = data["id"]
        ids.append(MASKED if value is None else value.decode(errors="replace"))
    return ids


def _is_watched(store: Store, config_map: dict[str, Any]) -> bool:
    # configmap_controller.go: the label, konghq.com/configmap: "true", or a BackendTLSPolicy that refers to it.
    labels = (config_map.get("metadata") or {}).get("labels") or {}
    if is_ca_object(config_map) or str(labels.get("konghq.com/configmap")) == "true":
        return True
    metadata = config_map.get("metadata") or {}
    return store.policy_refers(str(metadata.get("namespace") or "default"), str(metadata.get("name")))


def _verification(store: Store, given: _Settings) -> tuple[bool | None, int | None, str]:
    """tls_verify, its depth, and why Kong refuses the depth."""
    owner, add, text = ident(given.service), store.failures.add, given.values
    verify, depth, refused = None, None, ""
    if "tls-verify" in text:
        verify, key = ann.boolean(text["tls-verify"]), f"{ann.PREFIX}tls-verify"
        if verify is None:
            message = f"{key} is {text['tls-verify']!r}, no boolean (true, false): it counts as not set"
            add("tls-verify-not-boolean", owner, message, key)
    if "tls-verify-depth" in text:
        depth, key = ann.integer(text["tls-verify-depth"]), f"{ann.PREFIX}tls-verify-depth"
        if depth is None:
            message = f"{key} is {text['tls-verify-depth']!r}, no integer: it counts as not set"
            add("tls-verify-depth-not-integer", owner, message, key)
        elif not 0 <= depth <= 64:
            refused = f"tls_verify_depth {depth} is outside 0 to 64"
            add("tls-verify-depth-out-of-range", owner, f"{key}: Kong refuses it, {refused}", key)
    return verify, depth, refused


def _consistent(store: Store, name: str, services: Sequence[dict[str, Any]]) -> bool:
    seen = {key: value for service in services for key, value in ann.kong(service).items()}
    bad = sorted(k for k, v in seen.items() if any(ann.kong(s).get(k) != v for s in services))
    for service in services if bad else ():
        keys = ", ".join(ann.PREFIX + key for key in bad)
        message = f"it shares Kong service {name} with others, and {keys} differ: service and routes are dropped"
        store.failures.add("services-inconsistent", ident(service), message, keys)
    return not bad


def _target(service: dict[str, Any]) -> str | None:
    spec, metadata = service.get("spec") or {}, service.get("metadata") or {}
    if str(annotations_of(service).get(ann.SERVICE_UPSTREAM)) == "true":
        return f"{metadata.get('name')}.{metadata.get('namespace') or 'default'}.svc"
    return str(spec.get("externalName")) if spec.get("type") == "ExternalName" else None


def _port(store: Store, service: dict[str, Any], backend: Backend) -> int | str | None:
    ports = (service.get("spec") or {}).get("ports") or ()
    if (service.get("spec") or {}).get("type") == "ExternalName" or store.objects.is_partial(service):
        return backend.port
    for port in ports:
        if backend.port in (port.get("port"), port.get("name")) or (
            isinstance(backend.port, str) and port.get("targetPort") == backend.port
        ):
            return int(port.get("port"))
    message = f"a route asks for port {backend.port}, which it doesn't have"
    store.failures.add("service-port-missing", ident(service), message, str(backend.port))
    return backend.port


def build(
    store: Store, name: str, backends: Sequence[Backend], parent: dict[str, Any] | None
) -> tuple[KongService | None, tuple[dict[str, Any], ...]]:
    """One Kong service, and the Kubernetes Services behind it.

    Args:
        store: the controller's view.
        name: Kong's name for the service.
        backends: the Services it spreads over, all in one go.
        parent: the object whose route leads there; None when no route in the files does.

    Returns:
        None for the service when its Services contradict each other: it is dropped with its routes.
    """
    found: list[tuple[Backend, dict[str, Any]]] = []
    for backend in backends:
        service = store.objects.get("Service", backend.namespace, backend.name)
        if service is not None:
            found.append((backend, service))
        elif parent is not None:
            message = f"Service {backend.namespace}/{backend.name} is not there"
            store.failures.add("service-missing", ident(parent), message, backend.name)
    services = tuple(service for _, service in found)
    if not _consistent(store, name, services):
        return None, services
    first = Backend("default", "", None) if not backends else backends[0]
    result: dict[str, Any] = {"protocol": "http", "sources": {}}
    ids: list[str] = []
    refusals: list[str] = []
    for backend, service in sorted(found, key=lambda each: (each[0].namespace, each[0].name)):
        given = _settings(store, service)
        pair, refused = _client_certificate(store, given)
        ids += _authorities(store, given)
        verify, depth, refused_depth = _verification(store, given)
        result["protocol"] = _protocol(store, given)
        result["port"] = _port(store, service, backend)
        result["target"] = _target(service)
        result["host_header"] = given.values.get("host-header") or None
        result |= {k: v for k, v in (("tls_verify", verify), ("tls_verify_depth", depth)) if v is not None}
        if pair is not None:
            result["client_certificate"] = pair
        refusals += [each for each in (refused, refused_depth) if each]
        result["sources"] |= {_FIELDS[k]: v for k, v in given.sources.items() if k in _FIELDS}
    if ids:
        result["ca_certificates"] = tuple(ids)
    given_fields = [f for f in _TLS_FIELDS if result.get(f) is not None]
    by_open_source = ""
    if given_fields and result["protocol"] not in TLS_FIELDS_ALLOWED:
        why = f"{', '.join(given_fields)} can't be given for protocol {result['protocol']}"
        who = "Kong"
        if result["protocol"] in TLS_FIELDS_ALLOWED_BY_ENTERPRISE:
            by_open_source, who = why, "open-source Kong"
        else:
            refusals.append(why)
        for service in services:
            keys = [key for key in TLS_ANNOTATIONS if key in ann.kong(service)]
            subject = ann.PREFIX + (keys or ["protocol"])[0]
            message = f"{who} refuses the service: {why}, only for https or tls"
            store.failures.add("service-tls-refused", ident(service), message, subject)
    asked = frozenset(result["sources"])
    result["sources"] = {k: v for k, v in result["sources"].items() if result.get(k) is not None}
    return (
        KongService(
            name=name,
            object=ident(services[0]) if services else f"Service/{first.namespace}/{first.name}",
            namespace=first.namespace,
            backends=tuple(ident(service) for service in services),
            asked=asked,
            routed=parent is not None,
            refused="; ".join(dict.fromkeys(refusals)),
            refused_by_open_source=by_open_source,
            **{"port": first.port} | result,
        ),
        services,
    )


_TLS_FIELDS = ("client_certificate", "tls_verify", "tls_verify_depth", "ca_certificates")
_FIELDS = {
    "protocol": "protocol",
    "host-header": "host_header",
    "client-cert": "client_certificate",
    "tls-verify": "tls_verify",
    "tls-verify-depth": "tls_verify_depth",
    "ca-certificates-secrets": "ca_certificates",
    "ca-certificates-configmaps": "ca_certificates",
}
