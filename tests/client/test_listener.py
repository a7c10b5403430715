"""A data plane that verifies its clients itself: what its release says, and how the callers fare."""

from typing import Any

import pytest

from kong_mtls.errors import InputError
from kong_mtls.values.data_plane import data_plane_values
from kong_mtls.values.listener import ClientVerificationArgs, listener_env
from kong_mtls.values.pods import Files

TRUST: ClientVerificationArgs = {"trust": {"name": "callers", "checksum": "1"}}


def values(verification: ClientVerificationArgs | None, **more: Any) -> dict[str, Any]:
    arguments: Any = {
        "edition": "oss",
        "image": {},
        "license_secret": None,
        "cluster": {"certificate": {"name": "cluster"}},
        "control_plane": {"cluster_host": "cp"},
        "server_certificate": None,
        "proxy": {},
        "pods": {},
        "user_values": {},
        "what": "values",
        "client_verification": verification,
    }
    return data_plane_values(**{**arguments, **more})


def test_directives_and_mount() -> None:
    """nginx's, in the proxy's server block, with the CAs from a mounted Secret whose change rolls the pods."""
    made = values(TRUST)
    assert made["env"]["nginx_proxy_ssl_verify_client"] == "on"
    assert made["env"]["nginx_proxy_ssl_client_certificate"] == "/etc/secrets/callers/ca.crt"
    assert "nginx_proxy_ssl_verify_depth" not in made["env"]
    assert "callers" in made["secretVolumes"]
    assert made["podAnnotations"]["checksum/client-trust"] == "1"
    assert not [key for key in values(None)["env"] if key.startswith("nginx_proxy_ssl")]


def test_key_and_depth() -> None:
    """Another key of the Secret; a chain with more intermediates."""
    env = listener_env({"trust": {"name": "s", "key": "cert"}, "verify_depth": 3}, Files(), plain_http=False)
    assert env["nginx_proxy_ssl_client_certificate"] == "/etc/secrets/s/cert"
    assert env["nginx_proxy_ssl_verify_depth"] == "3"


def test_a_plain_port_is_refused() -> None:
    """nginx verifies nobody there; neither by argument nor by the user's own values."""
    with pytest.raises(InputError, match="a plain port verifies nobody"):
        values(TRUST, proxy={"http": True})
    with pytest.raises(InputError, match=r"proxy\.http: the given value is refused"):
        values(TRUST, user_values={"proxy": {"http": {"enabled": True}}})
    values(None, user_values={"proxy": {"http": {"enabled": True}}})


@pytest.mark.parametrize(
    "key", ["nginx_proxy_ssl_verify_client", "nginx_proxy_ssl_client_certificate", "nginx_proxy_ssl_verify_depth"]
)
@pytest.mark.parametrize("verification", [TRUST, None], ids=["on", "off"])
def test_the_users_own_values_cannot_change_it(key: str, verification: ClientVerificationArgs | None) -> None:
    """Neither switch it off nor half of it on."""
    with pytest.raises(InputError, match="set `client_verification`"):
        values(verification, user_values={"env": {key: "off"}})


def test_a_depth_below_zero_is_refused() -> None:
    """It would let nobody in."""
    with pytest.raises(InputError, match="-1 is no depth"):
        values({**TRUST, "verify_depth": -1})
