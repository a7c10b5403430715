"""Host name checks: OpenSSL's, which nginx and its Lua module use, and Go's, which the controller uses."""

from __future__ import annotations

import ipaddress
import re

from cryptography import x509
from cryptography.x509.oid import NameOID

# A first label with one star at its start or end, by valid_star() of OpenSSL's crypto/x509/v3_utl.c; an
# internationalised label (xn--) takes none.
_STARRED = re.compile(r"\*([a-z0-9-]*[a-z0-9])?|(?!xn--)[a-z0-9]([a-z0-9-]*[a-z0-9])?\*")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def dns_names(cert: x509.Certificate) -> list[str]:
    """The dNSName entries of the subject alternative name."""
    found = _alternative_names(cert)
    return found.get_values_for_type(x509.DNSName) if found else []


def common_names(cert: x509.Certificate) -> list[str]:
    """Every common name of the subject; as a rule one."""
    return [str(attribute.value) for attribute in cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _alternative_names(cert: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return cert.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def _has_valid_star(pattern: str) -> bool:
    first, *rest = pattern.split(".")
    return len(rest) >= 2 and bool(_STARRED.fullmatch(first)) and all(map(_LABEL.fullmatch, rest))


def _matches(pattern: str, host: str) -> bool:
    pattern, host = pattern.lower(), host.lower()
    if host.startswith("."):  # asks for any name below
        return pattern.endswith(host)
    if not _has_valid_star(pattern):
        return pattern == host
    before, _, after = pattern.partition("*")
    if len(host) < len(before) + len(after) or not (host.startswith(before) and host.endswith(after)):
        return False
    whole_label = not before and after.startswith(".")
    if not whole_label and host.startswith("xn--"):
        return False
    matched = host[len(before) : len(host) - len(after)]
    return bool(re.fullmatch(r"\*|[a-z0-9-]+" if whole_label else r"\*|[a-z0-9-]*", matched))


def name_matches(cert: x509.Certificate, host: str) -> bool:
    """Whether a certificate is good for a host name, as ``X509_check_host`` without flags has it.

    The dNSName entries decide; the common name counts only when there is no dNSName at all; a ``*`` is
    allowed in the left-most of at least three labels, also as a part of it, and matches no dot and no
    underscore. IP addresses are not looked at. Sources: OpenSSL ``crypto/x509/v3_utl.c``; nginx
    ``ngx_ssl_check_host`` in ``src/event/ngx_event_openssl.c``, which ``proxy_ssl_verify`` and
    lua-nginx-module's ``sslhandshake`` call.
    """
    names = dns_names(cert) or common_names(cert)
    return any(_matches(name, host) for name in names)


def name_matches_go(cert: x509.Certificate, host: str) -> bool:
    """Whether a certificate is good for a host, as Go's ``Certificate.VerifyHostname`` has it.

    The common name never counts; an IP address is looked up among the iPAddress entries; a ``*`` is a whole
    left-most label. Source: Go's ``crypto/x509/verify.go`` (``VerifyHostname``, ``matchHostnames``).
    """
    found = _alternative_names(cert)
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        labels = host.lower().rstrip(".").split(".")
        for name in dns_names(cert):
            first, *rest = name.lower().split(".")
            if len(labels) == 1 + len(rest) and first in ("*", labels[0]) and rest == labels[1:]:
                return True
        return False
    return found is not None and address in found.get_values_for_type(x509.IPAddress)


def describe_names(cert: x509.Certificate) -> str:
    """The names that count for the check, for a message: ``DNS:a, DNS:b`` or ``CN:c``."""
    names = dns_names(cert)
    if names:
        return ", ".join(f"DNS:{name}" for name in names)
    return ", ".join(f"CN:{name}" for name in common_names(cert)) or "no name at all"
