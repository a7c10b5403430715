"""The configuration of mtls-auth: what Kong's schema of each version takes, and nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kong_mtls.client_plugin import acl_config, mtls_auth_config, parse_version, plugin_problems
from kong_mtls.errors import InputError
from kong_mtls.reader.kic import mtls_auth
from tests.client.conftest import UUID

ALL: dict[str, Any] = {
    "skip_consumer_lookup": False,
    "authenticated_group_by": "DN",
    "consumer_by": ["username"],
    "default_consumer": "someone",
    "anonymous": "nobody",
    "revocation_check_mode": "STRICT",
    "http_timeout": 1000,
    "cert_cache_ttl": 1,
    "cache_ttl": 0,
    "send_ca_dn": True,
    "allow_partial_chain": True,
    "http_proxy_host": "proxy",
    "http_proxy_port": 3128,
    "https_proxy_host": "proxy",
    "https_proxy_port": 3129,
    "ssl_verify": True,
    "san_dirname_matcher": ["CN"],
}


def test_every_field_is_known_to_kong() -> None:
    """And every field of Kong's is known here: the schema is read by other code, from Kong's own files."""
    assert plugin_problems(ALL, (3, 14)) == []  # type: ignore[arg-type]
    config = mtls_auth_config(ALL, [UUID])  # type: ignore[arg-type]
    assert mtls_auth.refusal(config) == ""
    assert set(config) == set(mtls_auth._FIELDS)


@pytest.mark.parametrize(
    ("field", "value", "unknown", "known"),
    [
        ("ssl_verify", False, (3, 12), (3, 13)),
        ("san_dirname_matcher", ["CN"], (3, 13), (3, 14)),
        ("default_consumer", "someone", (3, 6), (3, 7)),
    ],
)
def test_a_field_is_refused_by_gateways_before_it(
    field: str, value: Any, unknown: tuple[int, int], known: tuple[int, int]
) -> None:
    """A gateway that doesn't know it refuses the whole plugin, and the route is open."""
    plugin: Any = {field: value}
    (problem,) = plugin_problems(plugin, unknown)
    assert problem.startswith(f"plugin.{field} came with {known[0]}.{known[1]}")
    assert plugin_problems(plugin, known) == []


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        ({"revocation_check_mode": "skip"}, "'skip' is not known; allowed: SKIP, IGNORE_CA_ERROR, STRICT"),
        ({"authenticated_group_by": "OU"}, "allowed: CN, DN"),
        ({"consumer_by": ["id"]}, "allowed: custom_id, username"),
        ({"http_proxy_host": "p"}, "http_proxy_host and http_proxy_port go together"),
        ({"https_proxy_port": 1}, "https_proxy_host and https_proxy_port go together"),
        ({"http_proxy_host": "p", "http_proxy_port": 65536}, "65536 is no port"),
        ({"cache_ttl": -1}, "-1 is no duration"),
        ({"cache_ttl": True}, "True is no duration"),
        ({"http_timeout": "30s"}, "'30s' is no duration"),
        ({"send_ca_dn": "yes"}, "'yes' is neither true nor false"),
        ({"anonymous": ""}, "'' is no text"),
        ({"skip_consumer_lookup": True, "default_consumer": "x"}, "default_consumer is not used with"),
        ({"skip_consumer_lookup": True, "consumer_by": []}, "consumer_by is not used with"),
    ],
)
def test_what_kong_would_refuse_or_ignore(plugin: Any, message: str) -> None:
    """Each names the field, its value and what is allowed."""
    assert message in "; ".join(plugin_problems(plugin, (3, 14)))


_values = st.one_of(
    st.booleans(), st.integers(-2, 70000), st.sampled_from(["SKIP", "CN", "x", ""]), st.lists(st.sampled_from(["CN"]))
)


@given(st.dictionaries(st.sampled_from(sorted(ALL)), _values, max_size=5))
def test_what_passes_here_passes_in_kong(plugin: Any) -> None:
    """No configuration gets through that the schema refuses."""
    if not plugin_problems(plugin, (3, 14)):
        assert mtls_auth.refusal(mtls_auth_config(plugin, [UUID])) == ""


@pytest.mark.parametrize(("text", "version"), [("3.10", (3, 10)), ("3.10.0.2", (3, 10)), ("3.9-alpine", (3, 9))])
def test_versions(text: str, version: tuple[int, int]) -> None:
    """Major and minor count."""
    assert parse_version(text, "it") == version


@pytest.mark.parametrize("text", ["latest", "3", "", "v3.10"])
def test_no_versions(text: str) -> None:
    """What is none is refused, not guessed."""
    with pytest.raises(InputError, match="is no version"):
        parse_version(text, "it")


def test_acl_has_one_list() -> None:
    """Kong refuses both."""
    assert acl_config(["a"], []) == {"allow": ["a"]}
    assert acl_config([], ["b"]) == {"deny": ["b"]}
