"""The user's own values over ours: nothing of ours is lost that a link hangs on, and nothing secret is said."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kong_mtls import InputError
from kong_mtls.values import control_plane as control_plane_module
from kong_mtls.values import data_plane as data_plane_module
from kong_mtls.values.merge import merge

Build = Callable[..., dict[str, Any]]

PROTECTED = {
    "env.role": "it is fixed",
    "cluster": "data planes connect to it",
    "proxy.enabled": "it is fixed",
    "fullnameOverride": "names are computed",
}
OURS: dict[str, Any] = {
    "env": {"role": "control_plane", "pg_user": "kong"},
    "cluster": {"enabled": True, "tls": {"enabled": True}},
    "proxy": {"enabled": False, "type": "ClusterIP"},
    "secretVolumes": ["kong-cluster-cert"],
    "replicaCount": 1,
}

LEAVES = st.none() | st.booleans() | st.integers(-9, 99) | st.text("abc", max_size=4)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["enabled", "tls", "x"]), inner),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["env", "cluster", "proxy", "secretVolumes", "replicaCount", "fullnameOverride", "customEnv", "other"]
)
ENVIRONMENT = st.dictionaries(st.sampled_from(["role", "ROLE", "pg_user", "new", "KONG_ROLE", "kong_x"]), TREES)
USERS = st.dictionaries(KEYS, TREES) | st.fixed_dictionaries(
    {}, optional={"env": ENVIRONMENT, "customEnv": ENVIRONMENT}
)


def at(values: Any, path: str) -> Any:
    """The value at a dotted key, None where there is none."""
    for part in path.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    return values


def strings_only(environment: Mapping[str, Any]) -> bool:
    """Whether an environment holds what Helm writes as it was given."""
    return all(isinstance(value, str | Mapping | pulumi.Output) for value in environment.values())


@given(USERS)
def test_what_is_protected_survives_or_the_merge_fails(theirs: dict[str, Any]) -> None:
    """Whatever the user's values: they go through with ours intact, or are refused as a whole."""
    try:
        merged = merge(OURS, theirs, PROTECTED, "values")
    except InputError:
        return
    for path in PROTECTED:
        assert at(merged, path) == at(OURS, path)
    assert "kong-cluster-cert" in merged["secretVolumes"]
    assert strings_only(merged["env"])
    assert strings_only(merged["customEnv"] if isinstance(merged.get("customEnv"), Mapping) else {})


@given(USERS)
def test_merging_twice_is_merging_once(theirs: dict[str, Any]) -> None:
    """Joined lists do not grow, and what was let through is let through again."""
    try:
        once = merge(OURS, theirs, PROTECTED, "values")
    except InputError:
        return
    assert merge(once, theirs, PROTECTED, "values") == once


@given(USERS)
def test_the_merge_changes_neither_side(theirs: dict[str, Any]) -> None:
    """It makes a value of its own: the same values may go to several releases."""
    ours, given_values = deepcopy(OURS), deepcopy(theirs)
    with suppress(InputError):
        merge(ours, given_values, PROTECTED, "values")
    assert ours == OURS
    assert given_values == theirs


def test_nothing_given_changes_nothing() -> None:
    """The empty merge."""
    assert merge(OURS, {}, PROTECTED, "values") == OURS


def test_maps_merge_and_scalars_give_way() -> None:
    """Key by key; a new key is taken as it is."""
    theirs = {"proxy": {"type": "NodePort", "annotations": {"a": "b"}}, "replicaCount": 3, "dnsPolicy": "Default"}
    merged = merge(OURS, theirs, PROTECTED, "values")
    assert merged["proxy"] == {"enabled": False, "type": "NodePort", "annotations": {"a": "b"}}
    assert (merged["replicaCount"], merged["dnsPolicy"]) == (3, "Default")


def test_lists_that_both_add_to_are_joined() -> None:
    """Ours first, no entry twice; other lists are the user's."""
    theirs = {"secretVolumes": ["mine", "kong-cluster-cert"], "tolerations": [1]}
    merged = merge({**OURS, "tolerations": [2, 3]}, theirs, PROTECTED, "values")
    assert merged["secretVolumes"] == ["kong-cluster-cert", "mine"]
    assert merged["tolerations"] == [1]


@pytest.mark.parametrize("given_value", [None, "mine", {"0": "mine"}])
def test_a_joined_list_cannot_be_taken_away(given_value: object) -> None:
    """Helm reads null as "unset", which would leave the pods without the certificate."""
    with pytest.raises(InputError, match="secretVolumes: must be a list, which is added to the component's own"):
        merge(OURS, {"secretVolumes": given_value}, PROTECTED, "values")


def test_a_protected_value_may_be_repeated() -> None:
    """Somebody copied the chart's example: the same value is no conflict."""
    theirs = {"env": {"role": "control_plane"}, "cluster": {"tls": {"enabled": True}}}
    assert merge(OURS, theirs, PROTECTED, "values") == OURS


@pytest.mark.parametrize(
    ("theirs", "message"),
    [
        ({"env": {"role": "traditional"}}, "env.role: 'traditional' is refused: it is fixed"),
        ({"env": {"ROLE": "traditional"}}, "env.role: 'traditional' is refused: it is fixed"),
        ({"env": {"role": None}}, "env.role: None is refused: it is fixed"),
        ({"env": None}, "env: None would remove what the component sets below it"),
        ({"cluster": {"enabled": False}}, "cluster: the given value is refused: data planes connect to it"),
        ({"cluster": None}, "cluster: None is refused"),
        ({"proxy": []}, "proxy: the given value would remove what the component sets below it"),
        ({"fullnameOverride": "kong"}, "fullnameOverride: 'kong' is refused: names are computed"),
        ({"env": {"pg_port": 5432}}, "env.pg_port: 5432 must be a string, in quotes: Helm would rewrite it"),
        ({"env": {"x": True}}, "env.x: True must be a string"),
        ({"env": {"x": None}}, "env.x: None must be a string"),
        ({"customEnv": {"x": 1}}, "customEnv.x: 1 must be a string"),
        ({"ingressController": {"env": {"x": 1}}}, "ingressController.env.x: 1 must be a string"),
        ({"customEnv": {"KONG_ROLE": "traditional"}}, "customEnv.KONG_ROLE: set it in `env`, as role"),
        ({"customEnv": {"kong_role": "traditional"}}, "customEnv.kong_role: set it in `env`, as role"),
    ],
)
def test_what_would_break_a_link_is_refused(theirs: dict[str, Any], message: str) -> None:
    """With the key, the value and the reason. The chart upper-cases environment keys and lays customEnv on top."""
    with pytest.raises(InputError) as error:
        merge(OURS, theirs, PROTECTED, "values")
    assert f"\n  - {message}" in str(error.value)


def test_all_problems_are_in_one_message() -> None:
    """So that they are mended in one go."""
    theirs = {"env": {"role": "x", "y": 1}, "proxy": {"enabled": True}, "cluster": None}
    with pytest.raises(InputError) as error:
        merge(OURS, theirs, PROTECTED, "controlPlane.values")
    assert str(error.value).count("\n  - ") == 4
    assert str(error.value).startswith("controlPlane.values: ")


@pytest.mark.usefixtures("loop")
def test_an_output_counts_as_another_value() -> None:
    """Nobody knows yet what it will be."""
    with pytest.raises(InputError, match=r"env\.role: the given value is refused"):
        merge(OURS, {"env": {"role": pulumi.Output.from_input("control_plane")}}, PROTECTED, "values")


@pytest.mark.usefixtures("loop")
def test_an_environment_takes_references_and_outputs() -> None:
    """What Helm renders as it stands."""
    reference = {"valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}
    output = pulumi.Output.from_input("x")
    merged = merge(OURS, {"env": {"password": reference, "other": output}}, PROTECTED, "values")
    assert merged["env"]["password"] == reference
    assert merged["env"]["other"] is output


@pytest.mark.parametrize(
    "theirs",
    [
        {"env": {"pg_password": "hunter2-hunter2"}},
        {"env": {"PG_PASSWORD": "hunter2-hunter2"}},
        {"env": {"password": 2222_2222}},
        {"env": {"cluster_cert_key": "-----BEGIN PRIVATE KEY-----\nhunter2\n"}},
        {"env": {"cluster_cert": "-----BEGIN CERTIFICATE-----\n" + "hunter2" * 40}},
        {"enterprise": {"license_secret": "hunter2-hunter2"}},
        {"ingressController": {"env": {"kong_admin_token": 2222_2222}}},
        {"customEnv": {"api_key": 2222_2222}},
    ],
)
def test_a_refusal_never_shows_a_secret(control_plane: Build, theirs: dict[str, Any]) -> None:
    """A password in the wrong place is still a password."""
    with pytest.raises(InputError) as error:
        control_plane(user_values=theirs)
    assert "hunter2" not in str(error.value)
    assert "22222222" not in str(error.value)


@pytest.mark.parametrize(
    ("build", "protected"),
    [("control_plane", control_plane_module.PROTECTED), ("data_plane", data_plane_module.PROTECTED)],
)
def test_every_protected_key_is_refused_with_its_reason(
    request: pytest.FixtureRequest, build: str, protected: Mapping[str, str]
) -> None:
    """Each of them, set to something else, on the release that it is for; nulls too, which Helm takes for "unset"."""
    make: Build = request.getfixturevalue(build)
    for path, reason in protected.items():
        for value in ("something-else", None):
            theirs: Any = value
            for part in reversed(path.split(".")):
                theirs = {part: theirs}
            unset = value is None and at(make(), path) is None
            if unset and not path.startswith("env."):
                assert make(user_values=theirs)  # unset before and after
                continue
            with pytest.raises(InputError) as error:
                make(user_values=theirs)
            assert f"{path}: " in str(error.value)
            assert ("must be a string" if unset else reason) in str(error.value)


def test_marks_that_roll_pods_cannot_be_changed(control_plane: Build, data_plane: Build) -> None:
    """In shared mode a certificate that reaches one end only cuts the link."""
    for build in (control_plane, data_plane):
        for theirs in ({"checksum/cluster-cert": "fixed"}, None):
            with pytest.raises(InputError, match="podAnnotations"):
                build(user_values={"podAnnotations": theirs})
        more = build(user_values={"podAnnotations": {"example.com/x": "y"}})["podAnnotations"]
        assert more.items() >= {"example.com/x": "y", "checksum/cluster-cert": "certificate-mark"}.items()


@given(USERS | st.dictionaries(st.sampled_from(["manager", "enterprise", "ingressController", "image"]), TREES))
def test_no_values_of_the_users_own_break_the_builders(theirs: dict[str, Any]) -> None:
    """Whatever they are: they are merged, or refused in one message."""
    link: Any = {"certificate": {"name": "it"}}
    common: Any = {"edition": "oss", "image": {}, "license_secret": None, "cluster": link, "pods": {}, "what": "values"}
    with suppress(InputError):
        control_plane_module.control_plane_values(
            **common,
            user_values=theirs,
            database={"host": "db", "password_secret": {"name": "pg"}},
            ingress_controller={},
            cluster_service={},
            telemetry_service={},
            hooks=True,
        )
    with suppress(InputError):
        data_plane_module.data_plane_values(
            **common, user_values=theirs, control_plane={"cluster_host": "cp"}, server_certificate=None, proxy={}
        )


def test_the_admin_links_ends_cannot_be_changed(control_plane: Build) -> None:
    """Where it has certificates; where it has none, the Admin API's values are the user's."""
    admin = {"server_certificate": {"name": "s"}, "client_certificate": {"name": "c"}, "trust_pem": "PEM"}
    for theirs in (
        {"admin": {"tls": {"client": {"caBundle": ""}}}},
        {"admin": None},
        {"env": {"admin_ssl_cert": "/x"}},
        {"ingressController": {"env": {"kong_admin_tls_skip_verify": "true"}}},
        {"ingressController": {"env": None}},
        {"ingressController": {"adminApi": {"tls": {"client": {"enabled": False}}}}},
    ):
        with pytest.raises(InputError, match=r"the link between ingress controller and Admin API|would remove"):
            control_plane(admin=admin, user_values=theirs)
    assert control_plane(user_values={"admin": {"enabled": True}})["admin"] == {"enabled": True}


def test_a_trust_of_the_users_own_where_we_set_none(control_plane: Build) -> None:
    """Without TLS to the database nothing of ours is in its way; with it, it would take the database's CA away."""
    theirs = {"env": {"lua_ssl_trusted_certificate": "system"}}
    assert control_plane(user_values=theirs)["env"]["lua_ssl_trusted_certificate"] == "system"
    with pytest.raises(InputError, match=r"env\.lua_ssl_trusted_certificate: .*set `database\.tls\.trust`"):
        control_plane(
            user_values=theirs,
            database={"host": "db", "password_secret": {"name": "pg"}, "tls": {"trust": {"name": "ca"}}},
        )
