"""Consumers and their credentials, as the controller and its webhook want them."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kong_mtls.client_consumers import ClientConsumers, consumer_problems, slug
from kong_mtls.names import check_label
from kong_mtls.reader.manifests import labels_of, secret_data
from tests.client.conftest import MUTABLE, Play


def consumers(*them: dict[str, Any], **more: Any) -> Callable[[], None]:
    arguments: Any = {"namespace": "shop", "consumers": list(them), **more}

    def program() -> None:
        ClientConsumers("callers", arguments)

    return program


ALICE: dict[str, Any] = {
    "name": "alice",
    "username": "Alice A.",
    "custom_id": "42",
    "subject_names": ["alice@example.com", "alice.example.com"],
    "groups": ["staff"],
}


def test_a_consumer_reaches_kong_with_all_it_has(play: Play) -> None:
    """Username, custom id, credentials for its certificates' names, groups."""
    outcome = play(consumers(ALICE))
    assert outcome.failures() == []
    (alice,) = outcome.config.consumers
    assert (alice.username, alice.custom_id, alice.acl_groups) == ("Alice A.", "42", ("staff",))
    assert set(alice.subject_names) == {"alice@example.com", "alice.example.com"}
    credentials = {labels_of(one)["konghq.com/credential"]: secret_data(one) for one in outcome.objects.all("Secret")}
    assert set(credentials["mtls-auth"]) == {"subject_name"}
    assert credentials["acl"] == {"group": b"staff"}


def test_credentials_come_before_their_consumer(play: Play) -> None:
    """The webhook refuses a consumer whose credentials aren't there."""
    outcome = play(consumers(ALICE))
    (consumer,) = [it for it in outcome.performance.resources if it.type.endswith(":KongConsumer")]
    secrets = {it.urn for it in outcome.performance.resources if it.type.endswith(":Secret")}
    assert set(consumer.property_dependencies["credentials"]) == secrets
    assert len(secrets) == 3


def test_a_changed_credential_is_a_new_secret(play: Play) -> None:
    """Made before the consumer moves over; the others stay as they are."""
    first = play(consumers(ALICE), config=MUTABLE)
    changed = {**ALICE, "subject_names": ["alice@example.com", "alice@example.org"]}
    second = play(consumers(changed), after=first, config=MUTABLE)
    ops = sorted(step.op for step in second.performance.steps if step.type.endswith(":Secret"))
    assert ops == ["create", "delete", "same", "same"]


def test_order_means_nothing(play: Play) -> None:
    """Of consumers, of names and of groups."""
    bob = {"name": "bob", "groups": ["b", "a"], "subject_names": ["y", "x"]}
    first = play(consumers(ALICE, bob))
    again = {"name": "bob", "groups": ["a", "b"], "subject_names": ["x", "y"]}
    assert not play(consumers(again, ALICE), after=first).performance.changed


def test_a_consumer_that_moves_goes_first(play: Play) -> None:
    """A second object with its username would be refused; until it is back its certificates are."""
    first = play(consumers({"name": "bob"}))
    second = play(consumers({"name": "bob"}, namespace="elsewhere"), after=first)
    (step,) = [step for step in second.performance.steps if step.name == "callers-bob"]
    assert (step.op, step.delete_first) == ("replace", True)


def test_the_class_is_the_controllers(play: Play) -> None:
    """Without it, or with another, the controller passes over a consumer without a word."""
    assert len(play(consumers(ALICE, ingress_class="edge"), ingress_class="edge").config.consumers) == 1
    assert play(consumers(ALICE, ingress_class="edge")).config.consumers == ()


@pytest.mark.parametrize(
    ("them", "message"),
    [
        ([{"name": "A"}], "'A' can't be used"),
        ([{"name": "a"}, {"name": "a"}], "two have the name 'a'"),
        ([{"name": "a"}, {"name": "b", "username": "a"}], "two have the username 'a'"),
        ([{"name": "a", "custom_id": "1"}, {"name": "b", "custom_id": "1"}], "two have the custom_id '1'"),
        (
            [{"name": "a", "subject_names": ["x"]}, {"name": "b", "subject_names": ["x"]}],
            "two have the subject name 'x'",
        ),
        ([{"name": "a", "groups": [""]}], "groups holds an empty text"),
        ([{"name": "a", "username": ""}], "username is empty"),
    ],
)
def test_what_kong_would_refuse(them: Any, message: str) -> None:
    """Kong refuses the second of two, and with it what else is pushed."""
    assert message in "; ".join(consumer_problems(them))


@given(st.sets(st.text(min_size=1, max_size=40), min_size=2, max_size=5))
def test_any_text_has_a_part_of_a_name_of_its_own(texts: set[str]) -> None:
    """A label, whatever is in it, and no two the same."""
    parts = [slug(text) for text in texts]
    assert len(set(parts)) == len(texts)
    for part in parts:
        check_label(part, "it", 40)
