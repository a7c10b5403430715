"""Identifiers made from certificates."""

import uuid

from .x509 import Facts

# A namespace of its own, so that no other tool's UUIDv5 of a fingerprint is the same: uuid5(DNS, this name).
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "ca-certificates.kong-mtls")


def ca_id(certificate: Facts) -> str:
    """The UUID of a CA: version 5 of its fingerprint.

    The same certificate has the same id in every namespace, stack and cluster, as Kong demands (the digest is
    unique in Kong: Kong/kong, kong/db/schema/entities/ca_certificates.lua); another certificate has another.
    """
    return str(uuid.uuid5(_NAMESPACE, certificate.fingerprint))
