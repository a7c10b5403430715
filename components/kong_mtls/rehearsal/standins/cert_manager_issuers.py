"""Issuers: who signs for an ``issuerRef``, and who is played.

What an Issuer of type ``ca`` or ``selfSigned`` does, this does. What Vault, an ACME server, Venafi or an external
issuer would sign cannot be known here, nor what an Issuer does that is in the cluster already: a CA of the rehearsal's
own plays it, one for each, remembered from run to run, and the report says so.

Source: cert-manager/cert-manager v1.21.1, ``pkg/issuer/ca``, ``pkg/controller/certificaterequests/{ca,selfsigned}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from kong_mtls.rehearsal import mint, wire
from kong_mtls.rehearsal.mint import PrivateKey
from kong_mtls.rehearsal.standins import cert_manager_issue as issuing
from kong_mtls.rehearsal.standins import cert_manager_keys as keys
from kong_mtls.rehearsal.standins.cert_manager_rules import GROUP, ISSUER_TYPES
from kong_mtls.rehearsal.standins.cert_manager_secret import data_of
from kong_mtls.rehearsal.standins.model import World

NAMESPACE: Final = "cert-manager"
"""Where cert-manager is, unless its release in the program says otherwise."""

_KEY_PAIR: Final = "Error getting keypair for CA issuer: "


class NotReady(Exception):  # noqa: N818 - a state, not a mistake
    """An issuer cannot sign yet. ``str`` says why, its reason first."""


def resource_namespace(world: World) -> str:
    """Where the Secrets of ClusterIssuers lie: cert-manager's own namespace, or ``clusterResourceNamespace``."""
    for release in world.releases("cert-manager"):
        values = release.get("values") or {}
        given = values.get("clusterResourceNamespace") or values.get("namespace") or release.get("namespace")
        if isinstance(given, str):
            return given
    return NAMESPACE


def type_of(spec: Mapping[str, Any]) -> str:
    """The type of an Issuer, such as ``ca``."""
    return next(one for one in ISSUER_TYPES if spec.get(one) is not None)


def check_ready(world: World, kind: str, namespace: str, spec: Mapping[str, Any]) -> None:
    """What cert-manager checks before it calls an issuer ready: for type ``ca``, its Secret.

    Raises:
        NotReady: It is not.
    """
    if type_of(spec) == "ca":
        _ca(world, kind, namespace, spec)


def played(world: World, ref: Mapping[str, str], namespace: str) -> str:
    """Which issuer has to be played, as ``Kind/namespace/name``; empty if that is not, or not yet, so. Notes it.

    Args:
        world: What exists.
        ref: An ``issuerRef`` with its defaults.
        namespace: Of whoever refers to it.
    """
    # External kinds follow the names of cert-manager's own: AWSPCAClusterIssuer, StepClusterIssuer.
    kind, home = ref["kind"], "" if ref["kind"].endswith("ClusterIssuer") else namespace
    if ref["group"] != GROUP:
        kind, why = f"{kind}.{ref['group']}", "is of a group that has no stand-in"
    else:
        issuer = world.find(kind, home, ref["name"])
        type_ = "" if issuer is None else type_of(wire.plain(issuer["spec"]))
        if type_ in ("selfSigned", "ca") or (issuer is None and not world.complete):
            return ""
        why = f"is of type {type_}" if type_ else "is not in the program"
    place = "/".join(part for part in (kind, home, ref["name"]) if part)
    world.note(
        f"{place} {why}: a CA of the rehearsal's own plays it. What it really signs, for how long and for whom, is not "
        "proved here."
    )
    return place


def signer(
    world: World, ref: Mapping[str, str], namespace: str, own: PrivateKey | None, at: datetime
) -> issuing.Signer:
    """Who signs for `ref`.

    Args:
        world: What exists.
        ref: An ``issuerRef`` with its defaults.
        namespace: Of whoever refers to it.
        own: The requester's key, which a self-signed issuer signs with.
        at: The time.

    Raises:
        NotReady: The issuer is not there yet, or not ready.
    """
    kind, name = ref["kind"], ref["name"]
    place = played(world, ref, namespace)
    issuer = world.find(kind, "" if kind == "ClusterIssuer" else namespace, name) if ref["group"] == GROUP else None
    if place:
        acme = issuer is not None and type_of(wire.plain(issuer["spec"])) == "acme"
        return replace(_play(world, place, at), gives_ca=not acme)
    if issuer is None:
        raise NotReady(f'IssuerNotFound: Referenced "{kind}" not found: {kind} "{name}"')
    spec = wire.plain(issuer["spec"])
    if type_of(spec) == "ca":
        try:
            return _ca(world, kind, namespace, spec)
        except NotReady as error:
            raise NotReady(f'IssuerNotReady: {kind} "{name}": {error}') from None
    if own is None:
        raise NotReady('MissingAnnotation: Annotation "cert-manager.io/private-key-secret-name" missing')
    return issuing.Signer(own, crl=tuple(spec["selfSigned"].get("crlDistributionPoints") or ()))


def _ca(world: World, kind: str, namespace: str, spec: Mapping[str, Any]) -> issuing.Signer:
    home = resource_namespace(world) if kind == "ClusterIssuer" else namespace
    name = spec["ca"]["secretName"]
    secret = world.find("Secret", home, name)
    if secret is None:
        raise NotReady(f'ErrGetKeyPair: {_KEY_PAIR}secrets "{name}" not found in namespace {home}')
    data = data_of(secret)
    for key, what in (("tls.crt", "certificate"), ("tls.key", "private key")):
        if not data.get(key):
            raise NotReady(f"ErrGetKeyPair: {_KEY_PAIR}no {what} data for \"{key}\" in secret '{home}/{name}'")
    chain, key_pair = keys.load_chain(data["tls.crt"]), keys.load_key(data["tls.key"])
    if not chain or key_pair is None:
        raise NotReady(f"ErrGetKeyPair: {_KEY_PAIR}the data of secret '{home}/{name}' cannot be parsed")
    if not issuing.is_ca(chain[0]):
        raise NotReady(f"ErrInvalidKeyPair: {_KEY_PAIR}certificate is not a CA")
    said = spec["ca"]
    return issuing.Signer(
        key_pair,
        (*chain, *keys.load_chain(data.get("ca.crt"))[:1]),
        crl=tuple(said.get("crlDistributionPoints") or ()),
        ocsp=tuple(said.get("ocspServers") or ()),
        issuing=tuple(said.get("issuingCertificateURLs") or ()),
    )


def _play(world: World, place: str, at: datetime) -> issuing.Signer:
    """The CA that plays an issuer: made once, for ten years."""
    memory = f"{GROUP}/played/{place}"
    kept = world.memory.get(memory)
    if kept is None:
        begin = at.astimezone(timezone.utc).replace(microsecond=0)
        made = mint.issue(
            f"rehearsal: {place}"[:64],
            not_before=begin,
            not_after=begin + timedelta(days=3650),
            key=mint.new_key("P-384"),
            ca=True,
            digest="SHA-384",
        )
        kept = wire.Secret((made.key_pem + made.cert_pem).decode())
        world.memory[memory] = kept
    text = kept.value if isinstance(kept, wire.Secret) else kept
    key = keys.load_key(text)
    assert key is not None
    return issuing.Signer(key, tuple(keys.load_chain(text)))
