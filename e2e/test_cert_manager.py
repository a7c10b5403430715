"""A stack whose certificates cert-manager makes, where it and trust-manager run already: docs/cert-manager.md.

The tests build on one another, in this order. No step takes away, even for a moment, a Secret or ConfigMap that pods
still read.
"""

import base64
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from e2e.cluster import CRD, NAMESPACE, Cluster
from e2e.observe import CONTROL_PLANE, DATA_PLANE, Change, observed, secrets
from e2e.stack import Stack
from kong_mtls.pki.x509 import certificates

NEEDED = ("certificates.cert-manager.io", "clusterissuers.cert-manager.io", "bundles.trust.cert-manager.io")
PREFIX = "kong-mtls-dev-"
CERTIFICATES = "/apis/cert-manager.io/v1/certificates"
ISSUERS, BUNDLES = "/apis/cert-manager.io/v1/clusterissuers", "/apis/trust.cert-manager.io/v1alpha1/bundles"
# Where ClusterIssuers and trust-manager look for Secrets, unless told otherwise.
SOURCES = "cert-manager"
CA = f"{PREFIX}kong-cluster-ca"
LEAVES = {"kong/kong-cluster-cert-control-plane-tls", "kong-dp/kong-cluster-cert-dp-tls"}
TRUST = {"kong/kong-cluster-ca-control-plane", "kong-dp/kong-cluster-ca-dp"}
BOTH = {CONTROL_PLANE, DATA_PLANE}
FIRST: dict[str, Any] = {"generations": ["g1"], "issuing": "g1"}
RENEWAL_SECONDS = 120
SHORT_WAIT_SECONDS = 15


@pytest.fixture(scope="module", autouse=True)
def _controllers(cluster: Cluster) -> Iterator[None]:
    """cert-manager and trust-manager, which the tests need; what is the stack's in their namespace goes at the end."""
    missing = [name for name in NEEDED if cluster.get(f"{CRD}/{name}") is None]
    if missing:
        pytest.skip(f"the cluster doesn't know {', '.join(missing)}; install cert-manager and trust-manager")
    if cluster.get(f"{NAMESPACE}/{SOURCES}") is None:
        pytest.skip(f"the cluster has no namespace {SOURCES}; install cert-manager and trust-manager there")
    own = [path for path in left_in(cluster) if not path.startswith((ISSUERS, BUNDLES))]
    assert own == [], "left of another run: a Certificate would adopt the Secret of its name; delete them"
    yield
    for path in left_in(cluster):
        cluster.delete(path)


def left_in(cluster: Cluster) -> list[str]:
    """The stack's objects that no namespace of its own takes along, as paths; those that make others come first."""
    place = f"{NAMESPACE}/{SOURCES}"
    own = f"/apis/cert-manager.io/v1/namespaces/{SOURCES}/certificates"
    return [
        f"{path}/{item['metadata']['name']}"
        for path in (BUNDLES, own, ISSUERS, f"{place}/secrets", f"{place}/configmaps")
        for item in cluster.items(path)
        if item["metadata"]["name"].startswith(PREFIX)
    ]


def configure(stack: Stack, authority: dict[str, Any], **issuer: Any) -> None:
    """The stack dev with certificates of cert-manager, and the cluster link's CA as given."""
    stack.configure(
        issuer="cert-manager",
        certManager={"install": False, **issuer},
        cluster={"mtls": "pki", "authority": authority},
    )


def step(stack: Stack, cluster: Cluster, generations: list[str], issuing: str) -> Change:
    """An `up` with other generations."""
    configure(stack, {"generations": generations, "issuing": issuing})
    with observed(stack, cluster) as change:
        stack.up()
    return change


def issued_by(cluster: Cluster) -> dict[str, str]:
    """Who issued what the cluster link's ends show, by Secret."""
    found = {name: item for name, item in secrets(cluster).items() if name in LEAVES}
    chains = {name: base64.b64decode(item["data"]["tls.crt"]).decode() for name, item in found.items()}
    return {name: certificates(pem, name)[0].issuer for name, pem in chains.items()}


def renew(cluster: Cluster, namespace: str, name: str) -> None:
    """Have a certificate issued anew before its time, as `cmctl renew` does, and wait until its Secret has it."""
    path = f"/apis/cert-manager.io/v1/namespaces/{namespace}/certificates/{name}"
    certificate = cluster.get(path)
    assert certificate
    place = f"{NAMESPACE}/{namespace}/secrets"
    since = cluster.version(place)
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "lastTransitionTime": now}
    ready = [it for it in certificate["status"]["conditions"] if it["type"] != "Issuing"]
    cluster.patch(f"{path}/status", {"status": {"conditions": [*ready, issuing]}})
    events = cluster.events(place, since, RENEWAL_SECONDS, fieldSelector=f"metadata.name={name}")
    assert any(event.what == "MODIFIED" for event in events), f"not renewed within {RENEWAL_SECONDS} s"


def test_up(stack: Stack, cluster: Cluster) -> None:
    """One command makes CAs, issuers, exports and leaves, and ends when every certificate is there."""
    configure(stack, FIRST)
    stack.up()
    for item in cluster.items(CERTIFICATES):
        conditions = {it["type"]: it["status"] for it in item["status"]["conditions"]}
        assert conditions["Ready"] == "True", item["metadata"]["name"]
    assert issued_by(cluster) == dict.fromkeys(LEAVES, "CN=kong cluster g1")
    stack.unchanged()


def test_no_key_is_in_the_state(stack: Stack, cluster: Cluster) -> None:
    """Nothing of any private key is in it, with its secrets in clear; certificates of CAs are."""
    kept = stack.pulumi("stack", "export", "--show-secrets")
    assert "BEGIN CERTIFICATE" in kept
    assert "PRIVATE KEY" not in kept
    keys = [item["data"]["tls.key"] for item in cluster.items("/api/v1/secrets") if "tls.key" in item.get("data", {})]
    assert len(keys) >= len(LEAVES)
    for key in keys:
        assert key not in kept
        body = base64.b64decode(key).decode().splitlines()[1]
        assert body not in kept
        # In Helm values a Secret's data would be there in base64.
        assert base64.b64encode(body.encode()).decode()[4:-4] not in kept


def test_a_renewal(stack: Stack, cluster: Cluster) -> None:
    """A leaf gets a new key into the same Secret; no process is restarted unasked, and an `up` has nothing to do."""
    with observed(stack, cluster) as change:
        renew(cluster, "kong-dp", "kong-cluster-cert-dp-tls")
    assert change.rewritten == {"kong-dp/kong-cluster-cert-dp-tls"}
    assert (change.created, change.deleted, change.rolled) == (set(), set(), set())


def test_a_step_too_far_is_refused(stack: Stack) -> None:
    """A generation that nobody trusts yet doesn't issue, and nothing of it is made."""
    before = len(stack.resources())
    configure(stack, {"generations": ["g1", "g2"], "issuing": "g2"})
    assert "no running peer trusts yet" in stack.fail("up", "--engine", "pulumi")
    assert len(stack.resources()) == before


def test_both_generations_are_trusted(stack: Stack, cluster: Cluster) -> None:
    """Trust alone changes."""
    change = step(stack, cluster, ["g1", "g2"], "g1")
    assert (change.created, change.deleted, change.rewritten) == (set(), set(), TRUST)
    assert (change.rolled, change.respecified) == (BOTH, set())
    assert issued_by(cluster) == dict.fromkeys(LEAVES, "CN=kong cluster g1")


def test_the_new_generation_issues(stack: Stack, cluster: Cluster) -> None:
    """Leaves alone change, in the Secrets where they are; their readers roll when the new ones are there."""
    change = step(stack, cluster, ["g1", "g2"], "g2")
    assert (change.created, change.deleted, change.rewritten) == (set(), set(), LEAVES)
    assert (change.rolled, change.respecified) == (BOTH, set())
    assert issued_by(cluster) == dict.fromkeys(LEAVES, "CN=kong cluster g2")


def test_the_old_generation_goes(stack: Stack, cluster: Cluster) -> None:
    """It is trusted no more; its Secret, with its key, is left to whoever follows docs/cert-manager.md."""
    change = step(stack, cluster, ["g2"], "g2")
    exported = {f"{SOURCES}/{CA}-g1"}
    assert (change.created, change.deleted, change.rewritten) == (set(), exported, TRUST)
    assert (change.rolled, change.respecified) == (BOTH, set())
    left = [path for path in left_in(cluster) if path.endswith(f"{CA}-g1")]
    assert left == [f"{NAMESPACE}/{SOURCES}/secrets/{CA}-g1"]
    cluster.delete(left[0])


def test_destroy_leaves_secrets_alone(stack: Stack, cluster: Cluster) -> None:
    """No certificate, issuer or export; the Secrets of CAs stay in cert-manager's namespace, one for each link."""
    authorities = {
        f"{NAMESPACE}/{SOURCES}/secrets/{item['metadata']['name']}"
        for item in cluster.items(f"/apis/cert-manager.io/v1/namespaces/{SOURCES}/certificates")
        if item["metadata"]["name"].startswith(PREFIX)
    }
    stack.pulumi("destroy", "--yes")
    assert stack.resources() == []
    assert cluster.added_namespaces() == []
    assert set(left_in(cluster)) == authorities
    assert f"{NAMESPACE}/{SOURCES}/secrets/{CA}-g2" in authorities


def test_an_issuer_that_never_answers(stack: Stack, cluster: Cluster) -> None:
    """The `up` ends after its timeout with the certificate's name, and nothing that would read it is there."""
    kept = cluster.get(f"{NAMESPACE}/{SOURCES}/secrets/{CA}-g2")
    assert kept
    issuer = {"name": "nobody", "trustPem": base64.b64decode(kept["data"]["tls.crt"]).decode()}
    authority = {"generations": ["v1"], "issuing": "v1", "issuers": {"v1": issuer}}
    configure(stack, authority, timeoutSeconds=SHORT_WAIT_SECONDS)
    said = stack.fail("up", "--engine", "pulumi")
    assert "Certificate::kong-cluster-control-plane" in said
    assert "timed out waiting for the condition" in said
    assert cluster.items("/apis/apps/v1/namespaces/kong/deployments") == []
    stack.pulumi("destroy", "--yes")
