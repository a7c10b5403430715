"""Stand-in for trust-manager: Bundle, and the ConfigMaps that are made of it.

Source: cert-manager/trust-manager v0.24.0, ``pkg/webhook/validation.go`` (what is refused), ``pkg/bundle`` (sources,
targets, the condition ``Synced``) and ``pkg/util/cert_pool.go`` (what may be in a source; duplicates and order). Java
and PKCS#12 stores (``additionalFormats``) are not made.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta, timezone
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from kong_mtls.rehearsal import mint, wire
from kong_mtls.rehearsal.standins import cert_manager_issue as issuing
from kong_mtls.rehearsal.standins import cert_manager_keys as keys
from kong_mtls.rehearsal.standins import kubernetes
from kong_mtls.rehearsal.standins.cert_manager_secret import data_of
from kong_mtls.rehearsal.standins.custom_kinds import checking, condition, spec_of
from kong_mtls.rehearsal.standins.model import Call, Reconciled, StandIn, Waiting, World

GROUP: Final = "trust.cert-manager.io"
LABEL: Final = f"{GROUP}/bundle"
HASH: Final = f"{GROUP}/hash"
NAME_LABEL: Final = "kubernetes.io/metadata.name"
WEBHOOK: Final = "trust.cert-manager.io"
NAMESPACE: Final = "cert-manager"
"""Whose Secrets and ConfigMaps are read, unless trust-manager's release in the program says otherwise."""

_BLOCK: Final = re.compile(rb"-----BEGIN ([^-]+)-----(.*?)-----END \1-----", re.DOTALL)
_RESERVED: Final = ("trust.cert-manager.io/", "trust-manager.io/")


class _UnusableError(Exception):
    """A source cannot be had or used. ``str`` says why, its reason first."""


def trust_namespace(world: World) -> str:
    """The only namespace whose Secrets and ConfigMaps may be sources (the chart's ``app.trust.namespace``)."""
    return str(_setting(world, ("app", "trust", "namespace"), NAMESPACE))


def _setting(world: World, path: tuple[str, ...], default: Any) -> Any:
    """A value of trust-manager's release in the program; `default` where there is none, or where it does not say."""
    for release in world.releases("trust-manager"):
        value: Any = release.get("values") or {}
        for key in path:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    return default


def _refused(spec: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the ``spec`` of a Bundle."""
    sources = spec.get("sources") or []
    if not sources:
        yield "spec.sources: Forbidden: must define at least one source"
    for index, source in enumerate(sources):
        path = f"spec.sources[{index}]"
        given = [one for one in ("configMap", "secret", "inLine", "useDefaultCAs") if source.get(one) not in (None, "")]
        if len(given) != 1:
            yield (
                f"{path}: Forbidden: must define exactly one source type for each item but found {len(given)} "
                "defined types"
            )
        for kind in ("configMap", "secret"):
            if source.get(kind) is not None:
                yield from _refused_source(source[kind], kind, f"{path}.{kind}")
    defaults = sum(source.get("useDefaultCAs") is not None for source in sources)
    if defaults > 1:
        yield f"spec.sources: Forbidden: must request default CAs either once or not at all but got {defaults} requests"
    target = spec.get("target")
    if target is not None and not (target.get("configMap") or target.get("secret")):
        yield "spec.target: Invalid value: at least one of the fields in [configMap secret] must be set"
    for kind in ("configMap", "secret"):
        metadata = ((target or {}).get(kind) or {}).get("metadata") or {}
        for what in ("annotations", "labels"):
            for key in metadata.get(what) or {}:
                if key.startswith(_RESERVED):
                    group = key.partition("/")[0]
                    path = f"spec.target.{kind}.metadata.{what}"
                    yield f'{path}: Invalid value: "{key}": {group}/* {what} are not allowed'


def _refused_source(ref: Mapping[str, Any], kind: str, path: str) -> Iterator[str]:
    name, key, every = ref.get("name") or "", ref.get("key") or "", bool(ref.get("includeAllKeys"))
    one_of = "must validate one and only one schema (oneOf): [name, selector]"
    if not name and ref.get("selector") is None:
        yield f"{path}: Invalid value: \"name: ' ', selector: nil\": {one_of}. Found none valid"
    if name and ref.get("selector") is not None:
        yield f'{path}: Invalid value: "name: {name}, selector: {{}}": {one_of}. Found both set'
    if not key and not every:
        yield (
            f"{path}: Invalid value: \"key: ' ', includeAllKeys: false\": source {kind} key must be defined when "
            "includeAllKeys is false"
        )
    if key and every:
        yield (
            f'{path}: Invalid value: "key: {key}, includeAllKeys: true": source {kind} key cannot be defined when '
            "includeAllKeys is true"
        )


def _matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes in `labels`; an empty one takes in everything."""
    selector = selector or {}
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    for one in selector.get("matchExpressions") or ():
        value, values = labels.get(one["key"]), one.get("values") or []
        fits = {
            "In": value is not None and value in values,
            "NotIn": value is None or value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not fits.get(one["operator"], False):
            return False
    return True


def _contents(call: Call, source: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """The texts of a source, each with where it is.

    Raises:
        _UnusableError: There is none.
    """
    if source.get("inLine"):
        yield "inline source contains invalid PEM data", source["inLine"].encode()
        return
    if source.get("useDefaultCAs") is not None:
        if source["useDefaultCAs"]:
            yield "default package contains invalid PEM data", _default_cas(call).encode()
        return
    kind, ref = ("ConfigMap", source["configMap"]) if source.get("configMap") else ("Secret", source["secret"])
    namespace = trust_namespace(call.world)
    for item in _chosen(call.world, kind, namespace, ref):
        place = f"{kind} {namespace}/{kubernetes.metadata(item).get('name')}"
        data = data_of(item) if kind == "Secret" else _texts(item)
        if ref.get("includeAllKeys"):
            if item.get("type") == "kubernetes.io/tls":
                raise _UnusableError(
                    "SourceBuildError: Failed to build bundle sources: includeAllKeys is not supported for TLS Secrets "
                    f"such as {place.partition(' ')[2]}"
                )
            for key, content in data.items():
                yield f'invalid PEM data in {place} at key "{key}"', content
        elif ref["key"] not in data:
            raise _missing(f'no data found in {place} at key "{ref["key"]}"')
        else:
            yield f'invalid PEM data in {place} at key "{ref["key"]}"', data[ref["key"]]


def _chosen(world: World, kind: str, namespace: str, ref: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if ref.get("name"):
        item = world.find(kind, namespace, ref["name"])
        if item is None:
            plural = f"{kind.lower()}s"
            raise _missing(f'failed to get {kind} {namespace}/{ref["name"]}: {plural} "{ref["name"]}" not found')
        return [item]
    return [
        item
        for item in world.all(kind)
        if kubernetes.namespace_of(item) == namespace
        and _matches(ref["selector"], kubernetes.metadata(item).get("labels") or {})
    ]


def _missing(what: str) -> _UnusableError:
    return _UnusableError(f"SourceNotFound: Bundle source was not found: {what}")


def _texts(config_map: Mapping[str, Any]) -> dict[str, bytes]:
    data = wire.plain(config_map.get("data")) or {}
    binary = data_of({"data": config_map.get("binaryData")})
    return {**binary, **{key: str(text).encode() for key, text in data.items()}}


def _default_cas(call: Call) -> str:
    """The public CAs that trust-manager brings along: one CA of the rehearsal's own plays them."""
    if not _setting(call.world, ("defaultPackage", "enabled"), True):
        raise _missing("no default package was specified when trust-manager was started; default CAs not available")
    call.world.note(
        "useDefaultCAs of a Bundle: a CA of the rehearsal's own plays the public ones. Whom they have certified is not "
        "proved here."
    )
    memory = f"{GROUP}/default-cas"
    if memory not in call.world.memory:
        begin = call.at.astimezone(timezone.utc).replace(microsecond=0)
        made = mint.issue("rehearsal: public CAs", not_before=begin, not_after=begin + timedelta(days=3650), ca=True)
        call.world.memory[memory] = made.cert_pem.decode()
    return str(call.world.memory[memory])


def _pool(call: Call, sources: list[Mapping[str, Any]]) -> list[x509.Certificate]:
    """The certificates of all sources, each once, in the order of their hashes.

    Raises:
        _UnusableError: A source is missing, or holds something else.
    """
    pool: dict[bytes, x509.Certificate] = {}
    for source in sources:
        for what, content in _contents(call, source):
            for block in _BLOCK.finditer(content):
                kind, body = block[1].decode(errors="replace"), block[2]
                problem = ""
                if kind != "CERTIFICATE":
                    problem = f"only CERTIFICATE blocks are permitted but found '{kind}'"
                elif b":" in body:
                    problem = "blocks are not permitted to have PEM headers"
                found = [] if problem else keys.load_chain(block[0])
                if not found:
                    raise _UnusableError(
                        f"SourceBuildError: Failed to build bundle sources: {what}: invalid PEM block in bundle: "
                        f"{problem or 'invalid PEM certificate'}"
                    )
                if _is_kept(call, found[0]):
                    pool[found[0].fingerprint(hashes.SHA256())] = found[0]
    if not pool:
        raise _missing("couldn't find any valid certificates in bundle")
    return [pool[key] for key in sorted(pool)]


def _is_kept(call: Call, certificate: x509.Certificate) -> bool:
    """Whether trust-manager's release does not leave such certificates out."""
    expired = call.at > certificate.not_valid_after_utc
    if expired and _setting(call.world, ("filterExpiredCertificates", "enabled"), False):
        return False
    return issuing.is_ca(certificate) or not _setting(call.world, ("filterNonCACerts", "enabled"), False)


def _bundle(call: Call, __: tuple[Mapping[str, Any], ...]) -> Reconciled | Waiting:
    spec, name = spec_of(call), str(kubernetes.metadata(call.inputs)["name"])
    target = spec.get("target") or {}
    try:
        text = keys.text_of(_pool(call, spec["sources"])).strip()
        if target.get("secret") and not _setting(call.world, ("secretTargets", "enabled"), False):
            raise _UnusableError("SecretTargetsDisabled: Bundle has Secret targets but the feature is disabled")
    except _UnusableError as error:
        reason, _, message = str(error).partition(": ")
        return Waiting(str(error), {"conditions": [condition("Synced", False, reason, message, call.at)]})
    selector = target.get("namespaceSelector")
    namespaces = dict(call.world.namespaces())
    named = ((selector or {}).get("matchLabels") or {}).get(NAME_LABEL)
    if named:  # whoever names a namespace means that it is there
        namespaces.setdefault(str(named), {NAME_LABEL: str(named)})
    only = _setting(call.world, ("app", "targetNamespaces"), [])
    objects: list[Mapping[str, Any]] = [
        _target(kind, name, namespace, target[key], text)
        for namespace, labels in sorted(namespaces.items())
        if _matches(selector, labels) and (not only or namespace in only)
        for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret"))
        if target.get(key)
    ]
    synced = "Successfully synced Bundle to all namespaces"
    if selector:
        pairs = ",".join(f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items()))
        synced = f"Successfully synced Bundle to namespaces that match this label selector: {pairs}"
    return Reconciled(tuple(objects), {"conditions": [condition("Synced", True, "Synced", synced, call.at)]})


def _target(kind: str, name: str, namespace: str, target: Mapping[str, Any], text: str) -> dict[str, Any]:
    """The ConfigMap (or Secret) of a Bundle in one namespace."""
    given = target.get("metadata") or {}
    item: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {**(given.get("annotations") or {}), HASH: hashlib.sha256(text.encode()).hexdigest()},
            "labels": {**(given.get("labels") or {}), LABEL: name},
        },
    }
    if kind == "ConfigMap":
        return {**item, "data": {target["key"]: text}}
    return kubernetes.live({**item, "stringData": {target["key"]: text}})


STAND_INS: Final = {
    f"kubernetes:{GROUP}/v1alpha1:Bundle": StandIn(
        create=kubernetes.create,
        check=checking(_refused, WEBHOOK),
        replace_on=kubernetes.IDENTITY,
        delete_first=kubernetes.delete_first,
        identity=kubernetes.identity,
        controller=_bundle,
    ),
}
