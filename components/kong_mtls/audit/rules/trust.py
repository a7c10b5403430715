"""Certificates on any link: pairs that don't belong together, dates, strength."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from cryptography import x509

from .. import certs
from ..context import Context
from ..gateways import Gateway, Material, material
from ..model import Hit, rule

_SOON = timedelta(days=14)

# Setting with its key, and what it is for in words.
_PAIRS = (
    ("cluster_cert", "cluster_cert_key", "the cluster link"),
    ("ssl_cert", "ssl_cert_key", "clients"),
    ("admin_ssl_cert", "admin_ssl_cert_key", "the Admin API"),
    ("pg_ssl_cert", "pg_ssl_cert_key", "the database"),
    ("nginx_proxy_proxy_ssl_certificate", "nginx_proxy_proxy_ssl_certificate_key", "upstreams"),
    ("client_ssl_cert", "client_ssl_cert_key", "upstreams"),
)
_TRUSTED = (
    ("cluster_ca_cert", "the cluster link"),
    ("nginx_admin_ssl_client_certificate", "the Admin API"),
    ("nginx_proxy_ssl_client_certificate", "clients"),
    ("nginx_proxy_proxy_ssl_trusted_certificate", "upstreams"),
    ("lua_ssl_trusted_certificate", "the database and other servers"),
)


@dataclass(frozen=True)
class Used:
    """Material with who uses it and for what."""

    gateway: Gateway
    material: Material
    purpose: str
    trusted: bool

    @property
    def where(self) -> str:
        """Which setting of which gateway."""
        return f"{self.material.setting} of {self.gateway.object}"


def used(context: Context) -> Iterator[Used]:
    """Every certificate file of every gateway, and of the ingress controller beside it."""
    for gateway in context.gateways:
        for setting, key, purpose in _PAIRS:
            for found in gateway.material(setting, key):
                yield Used(gateway, found, purpose, False)
        for setting, purpose in _TRUSTED:
            for found in gateway.material(setting):
                yield Used(gateway, found, purpose, True)
        sidecar = gateway.release.ingress_controller if gateway.release else None
        if sidecar is None:
            continue
        prefix = "CONTROLLER_KONG_ADMIN"
        for suffix in ("", "_FILE"):
            cert, key = f"{prefix}_TLS_CLIENT_CERT{suffix}", f"{prefix}_TLS_CLIENT_KEY{suffix}"
            for found in material(gateway, cert, key, source=sidecar.container):
                yield Used(gateway, found, "the Admin API", False)
            for found in material(gateway, f"{prefix}_CA_CERT{suffix}", source=sidecar.container):
                yield Used(gateway, found, "the Admin API", True)


def _leaves(context: Context) -> Iterator[tuple[Used, x509.Certificate]]:
    for each in used(context):
        if not each.trusted and each.material.chain:
            yield each, each.material.chain[0]


@rule(
    "trust-unreadable",
    "error",
    "A file that should hold a certificate holds none",
    effect="Kong (or nginx) refuses to start with it.",
    fix="Put PEM certificates there.",
    source="https://developer.konghq.com/gateway/configuration/",
)
def _unreadable(context: Context) -> Iterator[Hit]:
    for each in used(context):
        if each.material.problem:
            yield Hit(
                each.material.object, f"{each.material.setting} of {each.gateway.object}: {each.material.problem}"
            )


@rule(
    "trust-half-pair",
    "error",
    "A certificate is set without its key, or a key without its certificate",
    effect="Kong refuses to start (..._key must be specified).",
    fix="Set both, to files of the same Secret.",
    source="Kong/kong kong/conf_loader/parse.lua",
    scope="object",
)
def _half(context: Context) -> Iterator[Hit]:
    for gateway in context.gateways:
        for cert, key in (("ssl_cert", "ssl_cert_key"), ("admin_ssl_cert", "admin_ssl_cert_key"), _PAIRS[3][:2]):
            given = [name for name in (cert, key) if gateway.content(name) is not None]
            if len(given) == 1:
                yield Hit(gateway.object, f"{given[0]} is set, and {key if given == [cert] else cert} is not")


@rule(
    "trust-pair",
    "error",
    "A certificate and its key don't belong together",
    effect="Kong refuses to start (key values mismatch).",
    fix="Write certificate and key from one issue, both at once.",
    source="https://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_certificate_key",
)
def _pair(context: Context) -> Iterator[Hit]:
    for each, leaf in _leaves(context):
        key = each.material.key
        if key is not None and certs.key_fits(leaf, key) is False:
            yield Hit(
                each.material.object,
                f"{each.material.setting} of {each.gateway.object}: the key isn't this certificate's",
            )


@rule(
    "trust-expired",
    "error",
    "A certificate has expired, or isn't valid yet",
    effect="Every peer that verifies refuses it: that link is down, or goes down at the next connection.",
    fix="Renew it and roll the pods that read it; for a CA, add the next generation beside it first.",
    source="https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5",
)
def _expired(context: Context) -> Iterator[Hit]:
    for each in used(context):
        chain = each.material.chain or ()
        for certificate in chain if each.trusted else chain[:1]:
            # A bundle may hold its past: an expired CA beside a valid one breaks nothing.
            if each.trusted and any(not certs.expired(other, context.at) for other in chain):
                continue
            if certs.expired(certificate, context.at):
                when = f"expired on {certs.day(certificate.not_valid_after_utc)}"
            elif certs.not_yet(certificate, context.at):
                when = f"is valid from {certs.day(certificate.not_valid_before_utc)} only"
            else:
                continue
            yield Hit(each.material.object, f"{certs.subject(certificate)}, for {each.purpose}, {when}")


@rule(
    "trust-expires-soon",
    "warning",
    "A certificate expires within 14 days",
    effect="From that day that link is down.",
    fix="Renew it now, and roll the pods that read it.",
    source="https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5",
)
def _expires_soon(context: Context) -> Iterator[Hit]:
    for each, leaf in _leaves(context):
        end = leaf.not_valid_after_utc
        if context.at <= end < context.at + _SOON:
            yield Hit(each.material.object, f"{certs.subject(leaf)}, for {each.purpose}, expires on {certs.day(end)}")


@rule(
    "trust-weak",
    "error",
    "A certificate is too weak",
    effect="OpenSSL refuses such a key or signature in its default security level; where it doesn't, it can be forged.",
    fix="EC P-256 or P-384, or RSA of 2048 bits and more; SHA-256 or better.",
    source="https://docs.openssl.org/3.0/man3/SSL_CTX_set_security_level/",
)
def _weak(context: Context) -> Iterator[Hit]:
    for each in used(context):
        for certificate in each.material.chain or ():
            why = certs.weakness(certificate)
            if why:
                yield Hit(each.material.object, f"{certs.subject(certificate)}, for {each.purpose}, has {why}")


@rule(
    "trust-outlives-ca",
    "warning",
    "A certificate outlives the CA that issued it",
    effect="From the CA's last day on it is refused, though its own date says otherwise; nothing renews it in time.",
    fix="Issue it for a shorter time, or rotate the CA before.",
    source="https://www.rfc-editor.org/rfc/rfc5280#section-6.1",
)
def _outlives(context: Context) -> Iterator[Hit]:
    known_authorities = _authorities(context)
    for each, leaf in _leaves(context):
        chain = each.material.chain or ()
        above = (*chain[1:], *known_authorities.get(leaf.issuer.public_bytes(), ()))
        issuers = [ca for ca in above if certs.issued_by(leaf, ca)]
        if issuers and all(ca.not_valid_after_utc < leaf.not_valid_after_utc for ca in issuers):
            last = max(ca.not_valid_after_utc for ca in issuers)
            end = certs.day(leaf.not_valid_after_utc)
            yield Hit(each.material.object, f"{certs.subject(leaf)} ends on {end}, its CA on {certs.day(last)}")


def _authorities(context: Context) -> dict[bytes, list[x509.Certificate]]:
    """Every CA certificate that something trusts, by subject."""
    found: dict[bytes, list[x509.Certificate]] = {}
    trusted = [certificate for each in used(context) if each.trusted for certificate in each.material.chain or ()]
    for certificate in [*trusted, *(ca.certificate for ca in context.authorities)]:
        if certs.is_ca(certificate) and certificate.issuer == certificate.subject:
            same = found.setdefault(certificate.subject.public_bytes(), [])
            if certificate not in same:
                same.append(certificate)
    return found
