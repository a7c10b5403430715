"""Certificates made by pulumi-tls: keys live, encrypted, in the stack's state."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

from ..errors import InputError
from ..outputs import public
from . import clock
from .checks import lifetime
from .dates import parse

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


@dataclass(frozen=True)
class Signer:
    """A CA that issues.

    Attributes:
        name: how to name it in messages.
        certificate_pem: the certificate whose key signs.
        private_key_pem: that key. Secret.
        intermediates_pem: what a leaf must carry along for its peer to reach the trusted root; empty when the
            signer is the root itself.
        not_after: RFC 3339.
    """

    name: str
    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]
    intermediates_pem: pulumi.Output[str]
    not_after: pulumi.Output[str]


@dataclass(frozen=True)
class Leaf:
    """What a certificate is asked to be.

    Attributes:
        common_name: its subject's common name.
        usages: SERVER, CLIENT or both (extended key usage).
        dns_names: subject alternative names.
        validity_hours: from the moment it is issued.
        early_renewal_hours: this long before its end the next `up` replaces it.
        key: one of KEYS.
        key_generation: another text makes a new key; renewal alone keeps the key.
    """

    common_name: str
    usages: Sequence[str]
    dns_names: Sequence[pulumi.Input[str]] = ()
    validity_hours: int = 90 * 24
    early_renewal_hours: int = 30 * 24
    key: str = "P-384"
    key_generation: str = "1"


def private_key(
    name: str, key: str, opts: pulumi.ResourceOptions, *, after: pulumi.Output[None] | None = None
) -> tls.PrivateKey:
    """A private key of one of ``KEYS``.

    Args:
        after: what must have resolved before it is made.

    Raises:
        InputError: another algorithm.
    """
    if key not in KEYS:
        raise InputError(f"{name}: key {key!r} is not known; allowed: {', '.join(KEYS)}")
    plain = "ECDSA" if key in _CURVES else "RSA"
    algorithm: pulumi.Input[str] = plain if after is None else after.apply(lambda _: plain)
    curve, bits = _CURVES.get(key), _RSA_SIZES.get(key)
    return tls.PrivateKey(name, algorithm=algorithm, ecdsa_curve=curve, rsa_bits=bits, opts=opts)


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
        allowed_uses=_uses(key, usages),
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


def _uses(key: str, usages: Sequence[str]) -> list[str]:
    """Key usage and extended key usage of a leaf. An EC key only signs in a handshake (RFC 8422, 5.1)."""
    return ["digital_signature", *([] if key in _CURVES else ["key_encipherment"]), *usages]


def issue(name: str, leaf: Leaf, signer: Signer, opts: pulumi.ResourceOptions) -> KeyPair:
    """A key, and a certificate for it from ``signer``.

    Raises:
        InputError: a lifetime that can't work, or an unknown key. When the CA ends before the certificate would,
            the same error ends the run before the certificate reaches anything that reads it.
    """
    _check_lifetime(name, leaf)
    made = private_key(f"{name}-key-{leaf.key_generation}", leaf.key, opts)
    request = tls.CertRequest(
        f"{name}-request",
        private_key_pem=made.private_key_pem,
        subject={"common_name": leaf.common_name},
        dns_names=list(leaf.dns_names),
        opts=opts,
    )
    certificate, not_before, not_after = sign(name, request.cert_request_pem, leaf, signer, opts)
    return KeyPair(certificate, pulumi.Output.secret(made.private_key_pem_pkcs8), not_before, not_after)


def sign(
    name: str, request_pem: pulumi.Input[str], leaf: Leaf, signer: Signer, opts: pulumi.ResourceOptions
) -> tuple[pulumi.Output[str], pulumi.Output[str], pulumi.Output[str]]:
    """A certificate for a signing request, with the signer's intermediates, and its dates.

    Raises:
        InputError: as ``issue``.
    """
    _check_lifetime(name, leaf)
    certificate = tls.LocallySignedCert(
        name,
        cert_request_pem=request_pem,
        ca_cert_pem=signer.certificate_pem,
        ca_private_key_pem=signer.private_key_pem,
        allowed_uses=_uses(leaf.key, leaf.usages),
        validity_period_hours=leaf.validity_hours,
        early_renewal_hours=leaf.early_renewal_hours,
        set_subject_key_id=True,
        opts=opts,
    )
    not_after = public(certificate.validity_end_time)
    ends = pulumi.Output.all(not_after, signer.not_after).apply(lambda both: _check_within(name, signer.name, *both))
    checked = pulumi.Output.all(certificate.cert_pem, signer.intermediates_pem, ends).apply(
        lambda values: f"{values[0].rstrip()}\n{values[1]}"
    )
    return public(checked), public(certificate.validity_start_time), not_after


def _check_lifetime(name: str, leaf: Leaf) -> None:
    problems = lifetime(leaf.validity_hours, leaf.early_renewal_hours, name)
    if problems:
        raise InputError("; ".join(problems))


def _check_within(name: str, authority: str, leaf_end: str, authority_end: str) -> None:
    """Refuse a certificate whose CA ends first: it would fail then, whatever its own date says."""
    if parse(leaf_end) > parse(authority_end):
        raise InputError(
            f"{name}: would be valid until {leaf_end[:10]}, but its CA {authority!r} ends on {authority_end[:10]}; "
            "add a new generation of the CA and issue from it, or shorten the certificate's validity"
        )


def ask_for_successor(authority: str, not_after: pulumi.Output[str], successor_hours: int) -> None:
    """Warn on every run within ``successor_hours`` of a CA's end: a CA is never renewed in place."""

    def judge(end: str) -> None:
        left = parse(end) - clock.now()
        if left.total_seconds() < successor_hours * 3600:
            pulumi.log.warn(
                f"CA {authority!r} ends on {end[:10]}, in {left.days} days: add a new generation, issue from it, then "
                "drop this one, each step by an update of its own"
            )

    not_after.apply(judge)
