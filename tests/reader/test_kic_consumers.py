"""Consumers and their credentials."""

from __future__ import annotations

import pytest

from tests.reader.kic_world import codes, consumer, credential, made, secret, translated


def test_a_consumer_with_its_credentials() -> None:
    """Subject names, ACL groups and consumer groups arrive."""
    world = [
        consumer(credentials=["alice-mtls", "alice-acl"], consumerGroups=["gold"]),
        credential(),
        credential("alice-acl", {"group": "staff"}, labels={"konghq.com/credential": "acl"}),
        made("KongConsumerGroup", "gold", "configuration.konghq.com/v1beta1"),
    ]
    config = translated(*world)
    assert config.failures == ()
    (alice,) = config.consumers
    assert alice.subject_names == ("alice@example.com",)
    assert alice.acl_groups == ("staff",)
    assert alice.consumer_groups == ("gold",)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        ([consumer(annotations={}), credential()], {"consumer-no-class"}),
        ([consumer(username=None), credential()], {"consumer-nameless"}),
        ([consumer()], {"credential-missing"}),
        ([consumer(), credential(namespace="other")], {"credential-missing", "credential-unused"}),
        ([consumer(), credential(labels={})], {"credential-unlabelled"}),
        (
            [consumer(), secret("alice-mtls", {"kongCredType": "mtls-auth", "subject_name": "a"})],
            {"credential-unlabelled"},
        ),
        ([consumer(), credential(labels={"konghq.com/credential": "mtls"})], {"credential-type-unknown"}),
        ([consumer(), credential(data={"name": "a"})], {"credential-incomplete"}),
        (
            [consumer(), credential(data={"subject_name": "a", "ca_certificate": "x"})],
            {"credential-ca-certificate"},
        ),
        ([consumer(consumerGroups=["gold"]), credential()], {"consumer-group-missing"}),
        ([credential()], {"credential-unused"}),
        ([consumer(), consumer("b", username="alice", credentials=[]), credential()], {"consumer-duplicate"}),
    ],
)
def test_what_is_wrong_with_a_consumer_has_a_name(world: list[dict[str, object]], expected: set[str]) -> None:
    """Each is dropped or ignored by the controller, or refused by Kong."""
    assert codes(translated(*world)) == expected


def test_a_dropped_credential_leaves_the_consumer() -> None:
    """It is there, without the name that a certificate could match."""
    (alice,) = translated(consumer(), credential(labels={})).consumers
    assert alice.subject_names == ()


def test_failures_are_sorted_and_said_once() -> None:
    """The same files give the same list, in one order."""
    world = [consumer("b"), consumer("a"), consumer("a", namespace="z", username="c")]
    failures = translated(*world).failures
    assert list(failures) == sorted(failures, key=lambda f: f.object)
    assert len(set(failures)) == len(failures)
