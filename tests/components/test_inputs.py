"""Arguments against their TypedDict: a misspelt key would otherwise be dropped, with what it was meant to secure."""

from typing import Any

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kong_mtls import ControlPlaneArgs, DataPlaneArgs, InputError, KongHybridArgs
from kong_mtls.inputs import check_inputs, choice

GOOD: dict[str, Any] = {
    "database": {"host": "db", "password_secret": {"name": "pg"}},
    "data_planes": [{"name": "dp", "pods": {"autoscaling": {"min_replicas": 2}}}],
}


def refused(shape: type, args: Any) -> str:
    """The message with which these arguments are refused."""
    with pytest.raises(InputError) as error:
        check_inputs(shape, args, 'KongHybrid "it"')
    return str(error.value)


def test_what_is_right_passes() -> None:
    """Absent and None alike."""
    check_inputs(KongHybridArgs, GOOD, "it")
    check_inputs(KongHybridArgs, {**GOOD, "cluster": None, "license": None}, "it")


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({"databse": {}}, "databse: unknown; did you mean 'database'?"),
        ({"fixedSecretNames": True}, "fixedSecretNames: unknown; did you mean 'fixed_secret_names'?"),
        ({"zzz": 1}, "zzz: unknown; allowed: "),
        ({"cluster": {"validity_days": 3}}, "cluster.validity_days: unknown; did you mean 'validity_hours'?"),
        ({"control_plane": {"pods": {"replica": 2}}}, "control_plane.pods.replica: unknown; did you mean 'replicas'?"),
        ({"data_planes": [{"name": "a"}, {"nmae": "b"}]}, "data_planes[1].nmae: unknown; did you mean 'name'?"),
        ({"data_planes": [{"name": "a"}, {}]}, "data_planes[1].name: missing"),
        (
            {"data_planes": [{"name": "a", "server_certificate": {}}]},
            "data_planes[0].server_certificate.name: missing",
        ),
        ({"database": None}, "database: missing"),
        ({"database": {"password_secret": {"key": "x"}}}, "database.password_secret.name: missing"),
        ({"cluster": "shared"}, "cluster: a mapping is needed, not str"),
        ({"data_planes": [["dp"]]}, "data_planes[0]: a mapping is needed, not list"),
        ({"data_planes": "dp"}, "data_planes: a list is needed, not str"),
        ({"data_planes": {"name": "dp"}}, "data_planes: a list is needed, not dict"),
        (
            {"control_plane": {"ingress_controller": {"watch_namespaces": "default"}}},
            "control_plane.ingress_controller.watch_namespaces: a list is needed, not str",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_path(args: dict[str, Any], problem: str) -> None:
    """At every depth, with the nearest key or all that are allowed."""
    message = refused(KongHybridArgs, {**GOOD, **args})
    assert message.startswith('KongHybrid "it": the arguments can\'t be used:')
    assert f"\n  - {problem}" in message


def test_all_problems_are_said_at_once() -> None:
    """Two that miss and one that is unknown."""
    message = refused(ControlPlaneArgs, {"namespace": "kong", "clutser": {}})
    assert "\n  - clutser: unknown; did you mean 'cluster'?" in message
    assert "\n  - cluster: missing" in message
    assert "\n  - database: missing" in message
    assert message.count("\n") == 3


def test_arguments_that_are_none() -> None:
    """The mistake of giving options where the arguments go."""
    assert "args: a mapping is needed, not ResourceOptions" in refused(DataPlaneArgs, pulumi.ResourceOptions())


@pytest.mark.usefixtures("loop")
def test_outputs_are_checked_where_they_are_used() -> None:
    """What only the engine knows passes here."""
    args = {**GOOD, "database": {"host": pulumi.Output.from_input("db"), "password": pulumi.Output.secret("x")}}
    check_inputs(KongHybridArgs, args, "it")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    )
)
def test_nothing_else_than_an_input_error_comes_of_nonsense(args: Any) -> None:
    """Whatever somebody gives."""
    try:
        check_inputs(KongHybridArgs, args, "it")
    except InputError as error:
        message = str(error)
    else:
        message = "accepted"
    assert message.startswith("it: the arguments can't be used:")


def test_a_choice_names_what_is_allowed() -> None:
    """And gives back what is."""
    assert choice("a", ("a", "b"), "it") == "a"
    with pytest.raises(InputError, match=r"^it: 'c' is not known; allowed: a, b$"):
        choice("c", ("a", "b"), "it")


def test_an_input_error_is_said_without_a_traceback() -> None:
    """`pulumi up` prints the message alone of a RunError; a ValueError in an `apply` the SDK would wrap in another."""
    error = InputError.of(["one", "two"], "heading:")
    assert isinstance(error, pulumi.RunError)
    assert not isinstance(error, ValueError)
    assert str(error) == "heading:\n  - one\n  - two"
