"""Certificates that cert-manager is asked for: durations, CA rotation, and who may ask."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from kong_mtls.reader.manifests import ident, key_of

from ..context import Context
from ..hybrid import planes
from ..model import Hit, rule
from ..unknown import known

_USAGE = "https://cert-manager.io/docs/usage/certificate/"
_API = "https://cert-manager.io/docs/reference/api-docs/#cert-manager.io/v1.CertificateSpec"
_DEFAULT_DURATION = timedelta(hours=2160)
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def duration(text: object) -> timedelta | None:
    """A Go duration such as ``2160h`` or ``1h30m``; None for anything else."""
    if not isinstance(text, str) or not re.fullmatch(r"(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+", text):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s)", text)
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def certificates(context: Context) -> list[dict[str, Any]]:
    """cert-manager's Certificate objects."""
    return [c for c in context.objects.all("Certificate") if str(c.get("apiVersion")).startswith("cert-manager.io/")]


def _spec(certificate: Mapping[str, Any]) -> dict[str, Any]:
    spec = certificate.get("spec")
    return spec if isinstance(spec, dict) else {}


def _lifetime(certificate: Mapping[str, Any]) -> timedelta | None:
    said = _spec(certificate).get("duration")
    return _DEFAULT_DURATION if said is None else duration(said)


@rule(
    "trust-lifetime",
    "error",
    "A Certificate's lifetime doesn't go with its renewal",
    effect="cert-manager's webhook refuses it; without the webhook it would be renewed for ever, or never.",
    fix="duration of 1h at least, renewBefore of 5m at least and below the duration, in Go's units (2160h; no days).",
    source=_API,
    scope="object",
)
def _lifetimes(context: Context) -> Iterator[Hit]:
    for certificate in certificates(context):
        spec, lifetime = _spec(certificate), _lifetime(certificate)
        before = spec.get("renewBefore")
        early = duration(before) if before is not None else None
        if not known([spec.get("duration"), before]):
            continue
        if lifetime is None or (before is not None and early is None):
            wrong = spec.get("duration") if lifetime is None else before
            yield Hit(ident(certificate), f"{wrong!r} is no Go duration")
        elif lifetime < timedelta(hours=1):
            yield Hit(ident(certificate), f"its duration is {spec.get('duration')}, less than 1h")
        elif early is not None and (early >= lifetime or early < timedelta(minutes=5)):
            yield Hit(ident(certificate), f"renewBefore {before} with a duration of {spec.get('duration') or '2160h'}")


def _issuers(context: Context) -> dict[tuple[str, str, str], dict[str, Any]]:
    """CA Certificates by the issuer that signs with them: kind, namespace ("" for ClusterIssuer), name."""
    by_secret: dict[str, list[dict[str, Any]]] = {}
    for certificate in certificates(context):
        if _spec(certificate).get("isCA"):
            by_secret.setdefault(str(_spec(certificate).get("secretName")), []).append(certificate)
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for kind in ("Issuer", "ClusterIssuer"):
        for issuer in context.objects.all(kind):
            _, namespace, name = key_of(issuer)
            secret = ((issuer.get("spec") or {}).get("ca") or {}).get("secretName")
            for ca in by_secret.get(str(secret), ()) if secret else ():
                # A ClusterIssuer reads its Secret from cert-manager's own namespace, wherever that is.
                if kind == "ClusterIssuer" or key_of(ca)[1] == namespace:
                    found[kind, namespace, name] = ca
    return found


def _ca_of(
    certificate: Mapping[str, Any], issuers: Mapping[tuple[str, str, str], dict[str, Any]]
) -> dict[str, Any] | None:
    reference = _spec(certificate).get("issuerRef") or {}
    kind = reference.get("kind") or "Issuer"
    namespace = "" if kind == "ClusterIssuer" else key_of(certificate)[1]
    return issuers.get((str(kind), namespace, str(reference.get("name"))))


@rule(
    "trust-outlives-ca-request",
    "warning",
    "A Certificate is asked for a longer time than its CA lives",
    effect="cert-manager signs it all the same, and renewing a CA doesn't reissue leaves: from the CA's last day it is "
    "refused.",
    fix="Give the leaf a duration that ends well before the CA's.",
    source="https://github.com/cert-manager/cert-manager/issues/5864",
)
def _longer(context: Context) -> Iterator[Hit]:
    issuers = _issuers(context)
    for certificate in certificates(context):
        ca = _ca_of(certificate, issuers)
        own, above = _lifetime(certificate), _lifetime(ca) if ca else None
        if ca is not None and ca is not certificate and own and above and own >= above:
            yield Hit(ident(certificate), f"its duration is no shorter than that of {ident(ca)}")


@rule(
    "trust-ca-key-changes",
    "warning",
    "A CA's renewal changes its key under the certificates it issued",
    effect="rotationPolicy is Always since cert-manager 1.18 unless it is said: the renewed CA has a new key, and "
    "every leaf of the old one is refused at once, while all objects stay Ready.",
    fix="Set privateKey.rotationPolicy: Never on CAs, and rotate by adding a new CA under a new name.",
    source="https://cert-manager.io/docs/releases/release-notes/release-notes-1.18/",
    scope="object",
)
def _key_changes(context: Context) -> Iterator[Hit]:
    for certificate in certificates(context):
        spec = _spec(certificate)
        policy = (spec.get("privateKey") or {}).get("rotationPolicy")
        disabled = (spec.get("renewal") or {}).get("policy") == "Disabled"
        if spec.get("isCA") and policy != "Never" and known(policy) and not disabled:
            yield Hit(ident(certificate), f"isCA, and rotationPolicy is {policy or 'not set'}")


@rule(
    "trust-secret-twice",
    "error",
    "Two Certificates write one Secret",
    effect="They overwrite each other for ever: Kong gets now the one, now the other.",
    fix="A Secret name of its own for each Certificate.",
    source=_USAGE,
)
def _secret_twice(context: Context) -> Iterator[Hit]:
    first: dict[tuple[str, str], str] = {}
    for certificate in certificates(context):
        secret = (key_of(certificate)[1], str(_spec(certificate).get("secretName")))
        holder = first.setdefault(secret, ident(certificate))
        if holder != ident(certificate) and known(secret):
            yield Hit(ident(certificate), f"Secret {secret[1]} is also that of {holder}")


@rule(
    "cluster-anyone-issues",
    "warning",
    "Any namespace can have a certificate issued for the cluster link",
    effect="A ClusterIssuer signs for every namespace, CAs included, and in pki mode any client certificate of that CA "
    "joins as a data plane.",
    fix="Restrict it with approver-policy (a CertificateRequestPolicy for this issuer), or use an Issuer in a closed "
    "namespace.",
    source="https://cert-manager.io/docs/policy/approval/approver-policy/",
)
def _anyone(context: Context) -> Iterator[Hit]:
    pki = [g for g in planes(context, "control_plane") if g.cluster_mtls.startswith("pki")]
    secrets = {(g.namespace, source.name) for g in pki for mount in g.source.mounts for source in mount.sources}
    cluster_leaves = [c for c in certificates(context) if (key_of(c)[1], str(_spec(c).get("secretName"))) in secrets]
    restricted = {
        str((((policy.get("spec") or {}).get("selector") or {}).get("issuerRef") or {}).get("name"))
        for policy in context.objects.all("CertificateRequestPolicy")
    }
    wanted = {gateway.setting("cluster_cert") for gateway in pki}
    for certificate in cluster_leaves:
        reference = _spec(certificate).get("issuerRef") or {}
        name = str(reference.get("name"))
        secret = str(_spec(certificate).get("secretName"))
        used = any(value and f"/{secret}/" in value for value in wanted)
        if used and reference.get("kind") == "ClusterIssuer" and not restricted & {name, "*", "None"}:
            yield Hit(f"ClusterIssuer//{name}", f"it signs {ident(certificate)} and whatever else is asked of it")
