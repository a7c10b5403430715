"""One CA, several doors: who has a certificate for one link gets in on another."""

from __future__ import annotations

from collections.abc import Container, Iterator

from cryptography import x509

from kong_mtls.reader.cert_manager import Certificate, IssuerRef
from kong_mtls.reader.kic import MTLS_AUTH
from kong_mtls.reader.manifests import Objects, annotations_of, ident, key_of

from .. import certs
from ..context import Context
from ..model import Hit, rule
from ..uses import Use
from .trust import used

_SHIM = {"cert-manager.io/issuer": "Issuer", "cert-manager.io/cluster-issuer": "ClusterIssuer"}


def _doors(context: Context) -> dict[bytes, dict[str, tuple[str, x509.Certificate]]]:
    """For each CA key, the links on which its certificates are taken: link to object and certificate."""
    doors: dict[bytes, dict[str, tuple[str, x509.Certificate]]] = {}

    def opens(link: str, where: str, certificate: x509.Certificate) -> None:
        doors.setdefault(certs.public_key(certificate), {}).setdefault(link, (where, certificate))

    for each in used(context):
        link = {
            "cluster_ca_cert": "cluster",
            "nginx_admin_ssl_client_certificate": "admin",
            "nginx_proxy_ssl_client_certificate": "client",
            "nginx_proxy_proxy_ssl_trusted_certificate": "upstream",
        }.get(each.material.setting.removeprefix("KONG_").lower())
        if link and not (link == "cluster" and not each.gateway.cluster_mtls.startswith("pki")):
            for certificate in each.material.chain or ():
                opens(link, each.material.object, certificate)
    for config in context.configs:
        for plugin in config.plugins:
            ids = (plugin.config or {}).get("ca_certificates") if plugin.name == MTLS_AUTH else None
            for id_ in ids if isinstance(ids, list) else ():
                ca = config.ca(str(id_))
                if ca is not None:
                    opens("client", ca.object, ca.certificate)
        for service in config.services:
            for id_ in service.ca_certificates or ():
                ca = config.ca(id_)
                if ca is not None:
                    opens("upstream", ca.object, ca.certificate)
    return doors


_ENTRANCES = ("cluster", "admin", "client")
_MEANING = {
    "cluster": "joins as a data plane and gets the whole configuration, keys included",
    "admin": "may use the Admin API",
    "client": "passes mtls-auth",
    "upstream": "is taken for an upstream",
}


@rule(
    "trust-one-ca",
    "error",
    "One CA opens several links",
    effect="Whoever has a certificate for one link gets in on the other: with the CA of the cluster link that is the "
    "whole configuration with its private keys.",
    fix="A CA of its own for each link.",
    source="https://developer.konghq.com/gateway/cp-dp-communication/",
)
def _one_ca(context: Context) -> Iterator[Hit]:
    for opened in _doors(context).values():
        entrances = [link for link in (*_ENTRANCES, "upstream") if link in opened]
        if len(entrances) > 1 and set(entrances) != {"client", "upstream"}:
            where, certificate = opened[entrances[0]]
            others = " and ".join(f"{link} ({opened[link][0]})" for link in entrances[1:])
            yield Hit(
                where,
                f"{certs.subject(certificate)} is also trusted for {others}: who has a certificate of it "
                f"{_MEANING[entrances[0]]}",
            )
    yield from _below_another(context)


def _below_another(context: Context) -> Iterator[Hit]:
    """A CA of one link that the CA of another link issued: its certificates are taken on both, sent with the chain."""
    doors = _doors(context)
    by_subject: dict[bytes, list[dict[str, tuple[str, x509.Certificate]]]] = {}
    for opened in doors.values():
        certificate = next(iter(opened.values()))[1]
        by_subject.setdefault(certificate.subject.public_bytes(), []).append(opened)
    for lower in doors.values():
        below = next(iter(lower.values()))[1]
        if below.issuer == below.subject:
            continue
        for upper in by_subject.get(below.issuer.public_bytes(), ()):
            above = next(iter(upper.values()))[1]
            entrance = next((link for link in _ENTRANCES if link in upper and link not in lower), None)
            others = [link for link in lower if link not in upper and {link, entrance} != {"client", "upstream"}]
            if entrance and others and certs.issued_by(below, above):
                yield Hit(
                    upper[entrance][0],
                    f"{certs.subject(above)} issued {certs.subject(below)}, which is trusted for {others[0]} "
                    f"({lower[others[0]][0]}): who has a certificate of that {_MEANING[entrance]}",
                )


@rule(
    "trust-one-ca-upstream",
    "warning",
    "One CA vouches for callers and for upstreams",
    effect="A caller's certificate that allows serverAuth can stand for an upstream, and an upstream's for a caller.",
    fix="A CA of its own for each link.",
    source="https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.12",
)
def _one_ca_upstream(context: Context) -> Iterator[Hit]:
    for opened in _doors(context).values():
        if set(opened) == {"client", "upstream"}:
            where, certificate = opened["client"]
            yield Hit(where, f"{certs.subject(certificate)} is also trusted for upstreams ({opened['upstream'][0]})")


def of_cluster(context: Context) -> dict[str, tuple[Certificate, Use]]:
    """The Certificates of the cluster link in pki mode, by their name in findings, each with a use."""
    pki = {gateway.object for gateway in context.gateways if gateway.cluster_mtls.startswith("pki")}
    found: dict[str, tuple[Certificate, Use]] = {}
    for certificate in context.cert_manager.certificates:
        for use in context.uses_of("Secret", certificate.namespace, certificate.secret):
            if use.link == "cluster" and not use.trusts and use.reader in pki:
                found.setdefault(certificate.object, (certificate, use))
    return found


@rule(
    "trust-one-issuer",
    "error",
    "The CA of the cluster link issues for others too",
    effect="In pki mode the control plane takes any client certificate of that CA for a data plane, and hands it the "
    "whole configuration with its private keys.",
    fix="A CA and an issuer of their own for the cluster link.",
    source="https://developer.konghq.com/gateway/cp-dp-communication/",
)
def _one_issuer(context: Context) -> Iterator[Hit]:
    manager, cluster = context.cert_manager, of_cluster(context)
    opens: dict[IssuerRef, str] = {}
    roots: dict[str, str] = {}
    for certificate, use in cluster.values():
        for issuer in manager.issuers_of(certificate):
            opens.setdefault(issuer, use.reader)
        for ca in manager.above(certificate):
            roots.setdefault(ca.object, use.reader)
    if not opens:
        return
    kongs = {gateway.object for gateway in context.gateways}
    for certificate in manager.certificates:
        shared = next((each for each in manager.issuers_of(certificate) if each in opens), None)
        if shared is None or certificate.is_ca or certificate.object in cluster:
            continue
        found = context.uses_of("Secret", certificate.namespace, certificate.secret)
        other = next((use for use in found if not use.trusts and _elsewhere(use, kongs)), None)
        if other is not None:
            yield Hit(
                certificate.object,
                f"{shared.object} issues it for {other.reader} ({other.where}), and the cluster certificates of "
                f"{opens[shared]}",
            )
    for name, issuer in shimmed(context.objects):
        if issuer in opens:
            yield Hit(
                name,
                f"its annotation has {issuer.object} issue for it, as for the cluster certificates of {opens[issuer]}",
            )
    yield from _trusted_elsewhere(context, roots)


def _elsewhere(use: Use, kongs: Container[str]) -> bool:
    """Whether a use is another link's. Of a Secret in Kong's pods the settings tell what it is for, a mount doesn't."""
    return use.link != "cluster" if use.link else use.reader not in kongs


def shimmed(objects: Objects) -> Iterator[tuple[str, IssuerRef]]:
    """Ingresses and Gateways for whose tls sections cert-manager makes Certificates, with the issuer they name.

    Source: https://cert-manager.io/docs/usage/ingress/#supported-annotations.
    """
    for kind in ("Ingress", "Gateway"):
        for obj in objects.all(kind):
            said = annotations_of(obj)
            for key, wanted in _SHIM.items():
                if said.get(key):
                    within = "" if wanted == "ClusterIssuer" else key_of(obj)[1]
                    yield ident(obj), IssuerRef(wanted, within, str(said[key]))


def _trusted_elsewhere(context: Context, roots: dict[str, str]) -> Iterator[Hit]:
    """CAs of the cluster link that Kong is to trust for callers or upstreams."""
    manager = context.cert_manager
    for certificate in manager.certificates:
        if certificate.is_ca_object and certificate.object in roots:
            yield Hit(
                certificate.object, f"its Secret is a CA object of Kong's, and it is behind {roots[certificate.object]}"
            )
    for bundle in manager.bundles:
        for certificate in manager.exported(bundle) if bundle.is_ca_object else ():
            if certificate.object in roots:
                where = roots[certificate.object]
                yield Hit(
                    bundle.object, f"{certificate.object} becomes a CA object of Kong's, and it is behind {where}"
                )
