"""Signing requests: how a key that stays elsewhere gets its certificate."""

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from ..errors import InputError
from .checks import RSA_MINIMUM
from .x509 import describe_key


def check_request(pem: str, common_name: str, what: str) -> None:
    """Refuse a request that isn't what its stack was asked for.

    A certificate is issued for what the request's subject says, so the name must be the one expected here: else one
    data plane could ask for another's.

    Raises:
        InputError: no request, a broken signature, another common name, or a weak key.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        valid = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        raise InputError(f"{what}: is no signing request in PEM (-----BEGIN CERTIFICATE REQUEST-----)") from None
    if not valid:
        raise InputError(f"{what}: the request's signature is broken; export it again")
    asked = [str(name.value) for name in request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if asked != [common_name]:
        raise InputError(f"{what}: asks for the common name {', '.join(asked) or 'none'!r}; expected: {common_name!r}")
    key, bits = describe_key(request.public_key())
    if key.startswith(("RSA", "DSA")) and bits < RSA_MINIMUM:
        raise InputError(f"{what}: its key is {key}; needed: RSA {RSA_MINIMUM} or more, or EC")
