"""Certificates made by pulumi-tls: keys live, encrypted, in the stack's state."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

from ..errors import InputError
from ..outputs import public
from .checks import lifetime

SERVER = "server_auth"
CLIENT = "client_auth"

_CURVES = {"P-256": "P256", "P-384": "P384", "P-521": "P521"}
_RSA_SIZES = {"RSA-2048": 2048, "RSA-3072": 3072, "RSA-4096": 4096}
KEYS = (*_CURVES, *_RSA_SIZES)


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its key.

    Attributes:
        certificate_pem: the certificate, followed by intermediates where there are any. Public.
        private_key_pem: PKCS#8. Secret.
        not_before: RFC 3339.
        not_after: RFC 3339.
    """

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]
    not_before: pulumi.Output[str]
    not_after: pulumi.Output[str]


def private_key(name: str, key: str, opts: pulumi.ResourceOptions) -> tls.PrivateKey:
    """A private key of one of ``KEYS``.

    Raises:
        InputError: another algorithm.
    """
    if key in _CURVES:
        return tls.PrivateKey(name, algorithm="ECDSA", ecdsa_curve=_CURVES[key], opts=opts)
    if key in _RSA_SIZES:
        return tls.PrivateKey(name, algorithm="RSA", rsa_bits=_RSA_SIZES[key], opts=opts)
    raise InputError(f"{name}: key {key!r} is not known; allowed: {', '.join(KEYS)}")


def self_signed(
    name: str,
    *,
    common_name: str,
    dns_names: Sequence[str],
    usages: Sequence[str],
    validity_hours: int,
    early_renewal_hours: int,
    key: str = "P-384",
    opts: pulumi.ResourceOptions,
) -> KeyPair:
    """A certificate that is its own issuer, and no CA.

    Args:
        name: stem of the resources' names.
        usages: SERVER, CLIENT or both (extended key usage).
        validity_hours: from the moment it is made.
        early_renewal_hours: this long before its end the next `up` replaces it.

    Raises:
        InputError: a renewal window not shorter than the validity.
    """
    problems = lifetime(validity_hours, early_renewal_hours, name)
    if problems:
        raise InputError("; ".join(problems))
    made = private_key(f"{name}-key", key, opts)
    certificate = tls.SelfSignedCert(
        name,
        private_key_pem=made.private_key_pem,
        subject={"common_name": common_name},
        dns_names=list(dns_names),
        # An EC key only signs in a TLS handshake: no key encipherment (RFC 8422, 5.1).
        allowed_uses=["digital_signature", *([] if key in _CURVES else ["key_encipherment"]), *usages],
        validity_period_hours=validity_hours,
        early_renewal_hours=early_renewal_hours,
        set_subject_key_id=True,
        opts=opts,
    )
    return KeyPair(
        certificate_pem=public(certificate.cert_pem),
        private_key_pem=pulumi.Output.secret(made.private_key_pem_pkcs8),
        not_before=public(certificate.validity_start_time),
        not_after=public(certificate.validity_end_time),
    )
