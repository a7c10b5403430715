"""Certificates made once a session: keys cost more than handshakes."""

from __future__ import annotations

import pytest

from kong_mtls.rehearsal.mint import Minted, issue, new_key
from tests.links.hybrid import AFTER, BEFORE, Pki, pki_of


@pytest.fixture(scope="session")
def cluster_certificate() -> Minted:
    """The certificate of shared mode, as Kong asks for it."""
    return issue(
        "kong_clustering",
        key=new_key("P-384"),
        client=True,
        server=True,
        dns_names=["kong_clustering"],
        not_before=BEFORE,
        not_after=AFTER,
    )


@pytest.fixture(scope="session")
def certificates() -> Pki:
    """A PKI without intermediates."""
    return pki_of()


@pytest.fixture(scope="session")
def deep_certificates() -> Pki:
    """A PKI with two intermediates, which need a depth of 2."""
    return pki_of(intermediates=2)
