"""What controllers write into a Secret or ConfigMap, against what its readers expect there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kong_mtls.reader.cert_manager import Certificate
from kong_mtls.reader.pods import dicts, mapping
from kong_mtls.reader.trust_manager import Bundle

from ..context import Context
from ..model import Hit, rule
from ..unknown import known
from ..uses import Use

_FORMATS = {"CombinedPEM": "tls-combined.pem", "DER": "key.der"}
_STORES = {"jks": ("keystore.jks", "truststore.jks"), "pkcs12": ("keystore.p12", "truststore.p12")}

# Settings that verify who connects to Kong.
_CALLERS = ("nginx_admin_ssl_client_certificate", "nginx_proxy_ssl_client_certificate")

# Fields of a Certificate with the minor version of cert-manager 1 that brought them.
_SINCE = {"renewal": 21, "renewBeforePercentage": 16}


def _secret_keys(context: Context, certificate: Certificate) -> set[str]:
    """The keys of a Certificate's Secret. An ACME issuer gives no CA."""
    acme = "acme" in context.cert_manager.issuers.get(certificate.issuer, {})
    keys = {"tls.crt", "tls.key"} | (set() if acme else {"ca.crt"})
    for each in dicts(certificate.spec.get("additionalOutputFormats")):
        keys.add(_FORMATS.get(str(each.get("type")), "tls.crt"))
    for store, files in _STORES.items():
        if mapping(certificate.spec.get("keystores")).get(store):
            keys.update(files)
    return keys


def _bundle_keys(bundle: Bundle, kind: str) -> set[str]:
    further = mapping(bundle.target.get("additionalFormats")).values()
    return {bundle.key(kind), *(str(mapping(each).get("key")) for each in further)}


@rule(
    "trust-made-key",
    "error",
    "A file or variable is taken from a key that its controller doesn't write",
    effect="The file isn't in the volume (a variable: the pod isn't started): Kong refuses to start, or starts and "
    "can't verify or prove itself on that link.",
    fix="tls.crt, tls.key and ca.crt of a Certificate's Secret (an ACME issuer writes no ca.crt); of a Bundle the key "
    "that its target names.",
    source="https://cert-manager.io/docs/usage/certificate/#target-secret",
)
def _made_key(context: Context) -> Iterator[Hit]:
    bundles = {each.name: each for each in context.cert_manager.bundles}
    for use in context.uses if bundles or context.cert_manager.certificates else ():
        if use.reading == "watched" or use.key is None:
            continue
        if context.objects.get(use.kind, use.namespace, use.name) is not None:
            continue  # what is in it is in the set, or somebody adds to it
        maker, keys = _written(context, use, bundles.get(use.name))
        if maker and use.key not in keys and known([use.key, *keys]):
            written = ", ".join(sorted(keys))
            yield Hit(use.reader, f"{use.where} is {use.key} of {use.kind} {use.name}, and {maker} writes {written}")


def _written(context: Context, use: Use, bundle: Bundle | None) -> tuple[str, set[str]]:
    """What writes an object, and which keys; "" for what neither a Certificate nor a Bundle writes."""
    certificate = context.cert_manager.by_secret.get((use.namespace, use.name))
    if certificate is not None and use.kind == "Secret":
        judged = context.judged(certificate.object) and context.judged(certificate.issuer.object)
        return (certificate.object, _secret_keys(context, certificate)) if judged else ("", set())
    if bundle is None or use.kind not in bundle.kinds:
        return "", set()
    maker = context.inventory.maker(use.kind, use.namespace, use.name) or {}
    return (
        (bundle.object, _bundle_keys(bundle, use.kind))
        if maker.get("kind") == "Bundle" and context.judged(bundle.object)
        else ("", set())
    )


@rule(
    "trust-field-too-new",
    "error",
    "A Certificate has a field that the cert-manager of the set doesn't know yet",
    effect="Its CRD leaves the field out: a CA that is never to be renewed is renewed in place after two thirds of "
    "its time, a percentage becomes a third.",
    fix="Raise cert-manager's chart: renewal came with 1.21, renewBeforePercentage with 1.16.",
    source="https://cert-manager.io/docs/releases/",
)
def _too_new(context: Context) -> Iterator[Hit]:
    minors = [
        int(found[1]) for each in context.cert_manager.releases("cert-manager") if (found := _minor(each.version))
    ]
    for certificate in context.cert_manager.certificates if minors else ():
        late = [field for field, since in _SINCE.items() if field in certificate.spec and min(minors) < since]
        if late:
            yield Hit(certificate.object, f"it has {', '.join(late)}, and cert-manager is 1.{min(minors)}")


def _minor(version: str | None) -> re.Match[str] | None:
    return re.match(r"v?1\.(\d+)\.", version or "")


@rule(
    "trust-bundle-public",
    "error",
    "Callers are verified by the public CAs",
    effect="A Bundle with useDefaultCAs holds the CAs that everybody can get a certificate from: any of their client "
    "certificates passes. On the cluster link that is the whole configuration with its private keys.",
    fix="A Bundle of its own for that link, with its CA as the only source.",
    source="https://cert-manager.io/docs/trust/trust-manager/",
)
def _public(context: Context) -> Iterator[Hit]:
    servers = {gateway.object for gateway in context.gateways if gateway.role == "control_plane"}
    for bundle in (each for each in context.cert_manager.bundles if each.public):
        for kind in bundle.kinds:
            for namespace in context.namespaces_of(kind, bundle.name):
                for use in context.uses_of(kind, namespace, bundle.name):
                    if use.where in _CALLERS or (use.where == "cluster_ca_cert" and use.reader in servers):
                        yield Hit(use.reader, f"{use.where} is {bundle.object}, which has useDefaultCAs")
