"""A data plane's own settings towards upstreams, as its environment; and environments that nginx or Kong would "
"refuse."""

from typing import Any

import pytest

from kong_mtls import InputError
from kong_mtls.values.data_plane import data_plane_values
from kong_mtls.values.pods import Files
from kong_mtls.values.upstream import UpstreamDefaultsArgs, defaults_problems, environment_problems, upstream_env

STEMS = ("nginx_proxy_proxy_ssl", "nginx_proxy_grpc_ssl", "nginx_sproxy_proxy_ssl")
TRUSTED = "/etc/kong-trust/upstream/ca.crt"


def env_of(edition: str = "enterprise", gateway: tuple[int, int] = (3, 10), **given: Any) -> tuple[Any, Files]:
    """Environment and files of a data plane with these settings."""
    files = Files()
    defaults: UpstreamDefaultsArgs = given  # type: ignore[assignment]
    return upstream_env(defaults, files, edition, gateway), files


def values_of(env: dict[str, Any] | None = None, tag: str = "3.10", **upstream: Any) -> dict[str, Any]:
    """Helm values of a data plane with these settings and this environment of the user's own."""
    return data_plane_values(
        edition="enterprise",
        image={"tag": tag},
        license_secret={"name": "licence"},
        cluster={"certificate": {"name": "cluster"}},
        control_plane={"cluster_host": "cp", "telemetry_host": "tel"},
        server_certificate=None,
        proxy={},
        pods={},
        user_values={} if env is None else {"env": env},
        what="values",
        upstream=upstream or None,  # type: ignore[arg-type]
    )


def test_without_settings_nothing_is_set() -> None:
    """Kong's defaults then hold, and a Service's own settings."""
    assert upstream_env(None, Files(), "enterprise", (3, 10)) == {}
    assert not [key for key in values_of()["env"] if "ssl_verify" in key or "client_ssl" in key]


def test_verification_covers_http_grpc_and_streams() -> None:
    """nginx keeps their directives apart; the trust is mounted once, and its checksum rolls the pods."""
    env, files = env_of(trust={"name": "up-ca", "checksum": "mark"}, verify_depth=2)
    assert env == {
        key: value
        for stem in STEMS
        for key, value in {
            f"{stem}_verify": "on",
            f"{stem}_trusted_certificate": TRUSTED,
            f"{stem}_verify_depth": "2",
        }.items()
    }
    assert files.config_maps == [{"name": "up-ca", "mountPath": "/etc/kong-trust/upstream"}]
    assert files.checksums == {"checksum/upstream-trust": "mark"}


def test_trust_may_be_a_secret() -> None:
    """Under any of its keys."""
    env, files = env_of(trust_secret={"name": "up-ca", "key": "root.pem", "checksum": "mark"})
    assert {env[f"{stem}_trusted_certificate"] for stem in STEMS} == {"/etc/secrets/up-ca/root.pem"}
    assert files.secrets == ["up-ca"]
    assert files.checksums == {"checksum/upstream-trust": "mark"}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            "client_ssl",
            {
                "client_ssl": "on",
                "client_ssl_cert": "/etc/secrets/pair/tls.crt",
                "client_ssl_cert_key": "/etc/secrets/pair/tls.key",
            },
        ),
        (
            "nginx",
            {
                "nginx_proxy_proxy_ssl_certificate": "/etc/secrets/pair/tls.crt",
                "nginx_proxy_proxy_ssl_certificate_key": "/etc/secrets/pair/tls.key",
            },
        ),
    ],
)
def test_the_pair_is_set_in_one_form_never_both(form: str, expected: dict[str, str]) -> None:
    """Kong's own, which also covers gRPC and streams, unless nginx's is asked for."""
    env, files = env_of(verify=False, client_certificate={"name": "pair", "checksum": "mark"}, form=form)
    pair = {key: value for key, value in env.items() if not key.endswith("_verify")}
    assert pair == expected
    assert files.checksums == {"checksum/upstream-client-cert": "mark"}
    assert environment_problems(env, "enterprise", (3, 10)) == []


def test_client_ssl_is_the_default_form() -> None:
    """It is Kong's documented setting."""
    env, _ = env_of(verify=False, client_certificate={"name": "pair"})
    assert env["client_ssl"] == "on"


@pytest.mark.parametrize(
    ("gateway", "enforce", "env"),
    [((3, 13), True, "on"), ((3, 13), False, "off"), ((3, 14), True, "on"), ((3, 14), False, "off")],
)
def test_enforcement_is_set_where_the_gateway_knows_it(gateway: tuple[int, int], enforce: bool, env: str) -> None:
    """tls_certificate_verify, from 3.13."""
    found, _ = env_of(gateway=gateway, trust={"name": "up-ca"}, enforce=enforce)
    assert found["tls_certificate_verify"] == env


@pytest.mark.parametrize(
    ("given", "edition", "gateway", "words"),
    [
        ({}, "enterprise", (3, 10), ["verification needs trust or trust_secret", "nginx doesn't start"]),
        ({"trust": {"name": "a"}, "trust_secret": {"name": "b"}}, "oss", (3, 9), ["exclude each other"]),
        ({"verify": False, "trust": {"name": "a"}}, "oss", (3, 9), ["trust is not used with verify false"]),
        ({"trust": {"name": "a"}, "verify_depth": "on"}, "oss", (3, 9), ["upstream.verify_depth: 'on'", "0 to 64"]),
        ({"trust": {"name": "a"}, "verify_depth": -1}, "oss", (3, 9), ["upstream.verify_depth: -1"]),
        ({"trust": {"name": "a"}, "verify_depth": 65}, "oss", (3, 9), ["upstream.verify_depth: 65"]),
        (
            {"verify": False, "client_certificate": {"name": "p"}, "form": "both"},
            "oss",
            (3, 9),
            ["upstream.form: 'both' is not known; allowed: client_ssl, nginx"],
        ),
        ({"verify": False, "form": "nginx"}, "oss", (3, 9), ["upstream.form: 'nginx'", "there is none"]),
        ({"trust": {"name": "a"}, "enforce": True}, "enterprise", (3, 12), ["from 3.13", "enterprise 3.12"]),
        ({"trust": {"name": "a"}, "enforce": True}, "oss", (3, 14), ["Enterprise", "oss 3.14"]),
        ({"verify": False}, "enterprise", (3, 14), ["on by default in gateway 3.14", "upstream.enforce to false"]),
        ({"verify": False, "enforce": True}, "enterprise", (3, 13), ["contradicts `tls_certificate_verify`"]),
    ],
)
def test_what_would_not_start_or_be_ignored_is_refused(
    given: dict[str, Any], edition: str, gateway: tuple[int, int], words: list[str]
) -> None:
    """One problem each, which names the setting and what is allowed."""
    problems = defaults_problems(given, edition, gateway)  # type: ignore[arg-type]
    assert len(problems) == 1, problems
    for word in words:
        assert word in problems[0]


def test_verification_may_be_off_from_3_14_when_enforcement_is_switched_off_as_well() -> None:
    """On purpose, by two settings."""
    assert defaults_problems({"verify": False, "enforce": False}, "enterprise", (3, 14)) == []


def test_a_users_own_environment_cant_undo_the_settings() -> None:
    """Every key that they set is protected, and says where it is set instead."""
    for key in ("nginx_proxy_proxy_ssl_verify", "NGINX_PROXY_GRPC_SSL_VERIFY"):
        with pytest.raises(InputError, match=r"set `upstream`"):
            values_of({key: "off"}, trust={"name": "up-ca"})


@pytest.mark.parametrize(
    ("env", "words"),
    [
        (
            {"nginx_proxy_proxy_ssl_verify": "on"},
            ["on needs nginx_proxy_proxy_ssl_trusted_certificate", "nginx doesn't start"],
        ),
        ({"nginx_proxy_proxy_ssl_verify_depth": "on"}, ["'on' is no depth", "an integer from 0 to 64"]),
        ({"nginx_proxy_proxy_ssl_verify_depth": "-1"}, ["-1 is no depth"]),
        ({"nginx_proxy_proxy_ssl_certificate": "/a"}, ["go together; one of them is missing"]),
        ({"client_ssl": "on", "client_ssl_cert": "/a"}, ["client_ssl_cert and client_ssl_cert_key go together"]),
        ({"client_ssl_cert": "/a", "client_ssl_cert_key": "/b"}, ['not used unless client_ssl is "on"']),
        ({"tls_certificate_verify": "on"}, ["from 3.13", "3.10 ignores it"]),
        (
            {
                "client_ssl": "on",
                "client_ssl_cert": "/a",
                "client_ssl_cert_key": "/b",
                "nginx_proxy_proxy_ssl_certificate": "/a",
                "nginx_proxy_proxy_ssl_certificate_key": "/b",
            },
            ["two forms of one setting"],
        ),
    ],
)
def test_a_users_own_environment_is_judged_like_ours(env: dict[str, str], words: list[str]) -> None:
    """What nginx refuses to start with, and what Kong ignores without a word."""
    with pytest.raises(InputError) as refused:
        values_of(env)
    for word in words:
        assert word in str(refused.value)


def test_both_forms_across_settings_and_values_are_refused() -> None:
    """Ours in one form, the user's own in the other."""
    env = {"nginx_proxy_proxy_ssl_certificate": "/a", "nginx_proxy_proxy_ssl_certificate_key": "/b"}
    with pytest.raises(InputError, match="two forms of one setting"):
        values_of(env, verify=False, client_certificate={"name": "pair"})


def test_a_users_own_environment_may_do_what_works() -> None:
    """A verified upstream by nginx's directives, by hand."""
    env = {
        "nginx_proxy_proxy_ssl_verify": "on",
        "nginx_proxy_proxy_ssl_verify_depth": "3",
        "nginx_proxy_proxy_ssl_trusted_certificate": "/etc/ssl/certs/ca-certificates.crt",
    }
    assert values_of(env)["env"].items() >= env.items()
