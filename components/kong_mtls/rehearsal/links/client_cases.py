"""The cases that are played at every protected route, and what is expected of each.

A table, apart from the code that judges: it says what a team that reads Kong's guide relies on. Two columns:
what the mtls-auth plugin answers (Kong/developer.konghq.com app/_kong_plugins/mtls-auth/index.md), and what the
listener answers where it enforces client certificates itself (nginx ``ssl_verify_client on``).
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509

from kong_mtls.reader.kic.mtls_auth import MtlsAuth

REFUSE = "refuse"
ACCEPT = "accept"


@dataclass(frozen=True)
class Case:
    """One kind of caller.

    Attributes:
        name: as it stands in the report.
        plugin: status expected where mtls-auth guards the route; None where the case makes no sense.
        listener: status expected where the listener demands a certificate.
        needs_authority: whether a CA is needed to make the caller.
    """

    name: str
    plugin: str | None
    listener: str | None
    needs_authority: bool = True


NO_CERTIFICATE = Case("no certificate", "401", "400", needs_authority=False)
VALID = Case("valid certificate", "200", "200")
ANOTHER_CA = Case("another CA's certificate", "401", "400", needs_authority=False)
EXPIRED = Case("expired certificate", "401", "400")
NOT_YET = Case("certificate not yet valid", "401", "400")
# The plugin verifies without a purpose, so it can't tell; nginx does.
SERVER = Case("server certificate (no clientAuth)", "200", "400")
BY_LEAF = Case("certificate issued by a leaf", "401", "400")
AUTHORITYS_OWN = Case("the CA's own pair", "200", "200")
UNKNOWN_CONSUMER = Case("right CA, unknown consumer", "401", None)
KNOWN_CONSUMER = Case("known consumer", "200", None)
OTHER_GROUP = Case("right CA, group not let in", "403", None)
PLAIN_HTTP = Case("plain HTTP", "401", "426", needs_authority=False)
ANOTHER_NAME = Case("another server name, no certificate", "401", "400", needs_authority=False)

CASES = (
    NO_CERTIFICATE,
    VALID,
    ANOTHER_CA,
    EXPIRED,
    NOT_YET,
    SERVER,
    BY_LEAF,
    AUTHORITYS_OWN,
    UNKNOWN_CONSUMER,
    KNOWN_CONSUMER,
    OTHER_GROUP,
    PLAIN_HTTP,
    ANOTHER_NAME,
)

# What a client sees of the gateway itself.
GOOD_SERVER = Case("the gateway's certificate", ACCEPT, ACCEPT)
WRONG_AUTHORITY = Case("client trusts another CA", REFUSE, REFUSE)
WRONG_NAME = Case("client asks for another host name", REFUSE, REFUSE)
KONGS_DEFAULT = Case("gateway shows Kong's self-signed default", REFUSE, REFUSE)

SERVER_CASES = (GOOD_SERVER, WRONG_AUTHORITY, WRONG_NAME, KONGS_DEFAULT)


def expected_by_plugin(case: Case, rules: MtlsAuth | None) -> str | None:
    """The plugin's column with the settings that move it: anonymous, default_consumer, consumer lookup."""
    expected = case.plugin
    if rules is None or expected is None:
        return expected
    lookup = not rules.skip_consumer_lookup
    if case in (UNKNOWN_CONSUMER, KNOWN_CONSUMER) and not lookup:
        return None
    if case is AUTHORITYS_OWN and lookup:
        expected = "401"  # its name is no consumer's
    if case in (UNKNOWN_CONSUMER, AUTHORITYS_OWN) and lookup and rules.default_consumer:
        expected = "200"
    if expected == "401" and rules.anonymous:
        expected = "200"  # let in as the anonymous consumer
    return expected


def expected_by_listener(case: Case, authority: x509.Certificate) -> str | None:
    """The listener's column; the CA's own pair passes there only if its key usage allows signing handshakes.

    Source: OpenSSL ``check_purpose_ssl_client`` in crypto/x509/v3_purp.c. A CA made by ``openssl req -x509``, as
    in Kong's guide, has no key usage at all, and that allows everything.
    """
    if case is not AUTHORITYS_OWN:
        return case.listener
    try:
        usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return case.listener
    return case.listener if usage.digital_signature or usage.key_agreement else "400"
