"""Values of cert-manager, trust-manager, approver-policy and Reloader, against the charts' keys."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from kong_mtls import InputError
from kong_mtls.values import approver_policy, cert_manager, reloader, trust_manager
from kong_mtls.values.charts import APPROVER_POLICY, CERT_MANAGER, KONG, RELOADER, TRUST_MANAGER, PinnedChart
from kong_mtls.values.keys import known_keys, unknown_keys
from kong_mtls.values.monitoring import MonitoringArgs, monitoring_problems

Values = dict[str, Any]

MONITORING: tuple[MonitoringArgs, ...] = (
    {},
    {"metrics": False},
    {"metrics": True, "service_monitor": True, "labels": {"release": "prometheus"}},
)


def of_cert_manager(**given: Any) -> Values:
    """As a component without arguments gives them, unless said otherwise."""
    arguments: dict[str, Any] = {
        "cluster_resource_namespace": None,
        "skip_crds": False,
        "keep_crds": True,
        "replicas": None,
        "monitoring": {},
        "approver_policy": False,
        "hooks": True,
        "user_values": {},
        "what": "values",
    }
    return cert_manager.cert_manager_values(**{**arguments, **given})


def of_trust_manager(**given: Any) -> Values:
    """Likewise."""
    arguments: dict[str, Any] = {
        "trust_namespace": "cert-manager",
        "target_namespaces": None,
        "cert_manager": ("cert-manager", "cert-manager"),
        "skip_crds": False,
        "keep_crds": True,
        "replicas": None,
        "monitoring": {},
        "approver_policy": False,
        "user_values": {},
        "what": "values",
    }
    return trust_manager.trust_manager_values(**{**arguments, **given})


def of_approver_policy(**given: Any) -> Values:
    """Likewise."""
    arguments: dict[str, Any] = {
        "skip_crds": False,
        "keep_crds": True,
        "replicas": None,
        "monitoring": {},
        "user_values": {},
        "what": "values",
    }
    return approver_policy.approver_policy_values(**{**arguments, **given})


def of_reloader(**given: Any) -> Values:
    """Likewise."""
    arguments: dict[str, Any] = {
        "namespaces": ["kong"],
        "strategy": "env-vars",
        "replicas": None,
        "monitor": False,
        "monitor_labels": None,
        "user_values": {},
        "what": "values",
    }
    return reloader.reloader_values(**{**arguments, **given})


BUILDERS: tuple[tuple[PinnedChart, Callable[..., Values], Mapping[str, str]], ...] = (
    (CERT_MANAGER, of_cert_manager, cert_manager.PROTECTED),
    (TRUST_MANAGER, of_trust_manager, trust_manager.PROTECTED),
    (APPROVER_POLICY, of_approver_policy, approver_policy.PROTECTED),
    (RELOADER, of_reloader, reloader.PROTECTED),
)


def every_variant() -> Iterator[tuple[PinnedChart, Values]]:
    """What each builder can set."""
    for monitoring, replicas, skip, approver in itertools.product(
        MONITORING, (None, 1, 3), (True, False), (True, False)
    ):
        common: dict[str, Any] = {"monitoring": monitoring, "replicas": replicas, "skip_crds": skip}
        for hooks, place in ((True, None), (False, "cas")):
            given: Values = {"hooks": hooks, "cluster_resource_namespace": place, "approver_policy": approver}
            yield CERT_MANAGER, of_cert_manager(**common, **given)
        for targets in (None, ["a", "b"], ["*"]):
            given = {"target_namespaces": targets, "approver_policy": approver}
            yield TRUST_MANAGER, of_trust_manager(**common, **given)
        yield APPROVER_POLICY, of_approver_policy(**common)
        labels = monitoring.get("labels")
        monitor = {"monitor": monitoring.get("service_monitor", False), "monitor_labels": labels}
        for strategy in reloader.STRATEGIES:
            yield RELOADER, of_reloader(replicas=replicas, strategy=strategy, **monitor)


def test_every_key_of_every_variant_is_its_charts() -> None:
    """A key that the chart doesn't have would be dropped without a word, or refused by the chart's schema."""
    count = 0
    for chart, values in every_variant():
        assert unknown_keys(values, chart) == []
        count += 1
    assert count > 200


@pytest.mark.parametrize(("chart", "some"), [(it[0], it[2]) for it in BUILDERS])
def test_rules_are_about_keys_that_exist(chart: PinnedChart, some: Mapping[str, str]) -> None:
    """A protected key that the chart doesn't have would protect nothing."""
    keys = known_keys(chart)
    for path in some:
        assert any(key == path or key.startswith(f"{path}.") for key in keys), path


@pytest.mark.parametrize(
    ("chart", "count", "some"),
    [
        (CERT_MANAGER, 240, {"crds.keep", "startupapicheck.timeout", "config.*", "global.leaderElection.namespace"}),
        (
            TRUST_MANAGER,
            90,
            {"app.targetNamespaces", "secretTargets.enabled", "app.webhook.tls.approverPolicy.enabled"},
        ),
        (APPROVER_POLICY, 55, {"app.approveSignerNames", "podDisruptionBudget.enabled"}),
        (RELOADER, 120, {"reloader.namespaces", "reloader.service.port", "reloader.podMonitor.labels.*"}),
    ],
)
def test_lists_are_whole(chart: PinnedChart, count: int, some: set[str]) -> None:
    """With keys that values.yaml has in comments only."""
    keys = known_keys(chart)
    assert len(keys) >= count
    assert some <= keys
    assert "global.*" not in keys


def test_each_chart_has_its_own_list() -> None:
    """A key of Kong's chart is none of cert-manager's; the nearest one of the same chart is named."""
    assert unknown_keys({"secretVolumes": []}, KONG) == []
    assert unknown_keys({"secretVolumes": []}, CERT_MANAGER)[0].startswith("secretVolumes")
    misspelt: Values = {"crds": {"enable": True}}
    assert unknown_keys(misspelt, CERT_MANAGER) == ["crds.enable (did you mean crds.enabled?)"]
    assert unknown_keys({"global": {"logLevels": 3}}, CERT_MANAGER) == [
        "global.logLevels (did you mean global.logLevel?)"
    ]


def test_cert_manager_by_default() -> None:
    """Its kinds come with it and stay when it goes; it approves requests itself; the check at the end runs."""
    assert of_cert_manager() == {
        "crds": {"enabled": True, "keep": True},
        "disableAutoApproval": False,
        "prometheus": {"enabled": True, "servicemonitor": {"enabled": False}},
        "startupapicheck": {"enabled": True},
    }


def test_several_replicas_have_budgets() -> None:
    """Of all three Deployments: a webhook that is away refuses every Certificate."""
    values = of_cert_manager(replicas=3)
    for part in (values, values["webhook"], values["cainjector"]):
        assert part["replicaCount"] == 3
        assert part["podDisruptionBudget"] == {"enabled": True}
    assert of_cert_manager(replicas=1)["podDisruptionBudget"] == {"enabled": False}
    assert of_trust_manager(replicas=2)["podDisruptionBudget"] == {"enabled": True}
    assert of_approver_policy(replicas=2)["replicaCount"] == 2
    both = of_reloader(replicas=2)["reloader"]
    assert both["enableHA"] is True
    # The chart's budget has neither limit by itself.
    assert both["podDisruptionBudget"] == {"enabled": True, "maxUnavailable": 1}


def test_approver_policy_decides_alone() -> None:
    """cert-manager approves nothing then, and trust-manager's own certificate has a policy."""
    assert of_cert_manager(approver_policy=True)["disableAutoApproval"] is True
    values = of_trust_manager(approver_policy=True, cert_manager=("pki", "issuer"))
    assert values["app"]["webhook"]["tls"]["approverPolicy"] == {
        "enabled": True,
        "certManagerNamespace": "pki",
        "certManagerServiceAccount": "issuer",
    }


def test_trust_manager_writes_in_one_namespace_unless_told() -> None:
    """With a list the chart makes Roles, without one a ClusterRole; public CAs and Secrets as targets stay off."""
    values = of_trust_manager(trust_namespace="cas")
    assert values["app"]["targetNamespaces"] == ["cas"]
    assert values["app"]["trust"] == {"namespace": "cas"}
    assert values["defaultPackage"] == {"enabled": False}
    assert "secretTargets" not in values
    assert of_trust_manager(target_namespaces=["a", "b"])["app"]["targetNamespaces"] == ["a", "b"]
    assert "targetNamespaces" not in of_trust_manager(target_namespaces=["*"])["app"]


def test_reloader_never_watches_everything() -> None:
    """The chart's default is a ClusterRole that reads every Secret."""
    values = of_reloader(namespaces=["kong", "kong-dp"])["reloader"]
    assert values["watchGlobally"] is False
    assert values["namespaces"] == ["kong", "kong-dp"]
    with pytest.raises(InputError, match=r"reloader\.watchGlobally: True is refused: it would read every Secret"):
        of_reloader(user_values={"reloader": {"watchGlobally": True}})


def test_reloader_compares_what_it_finds_when_it_starts_only_by_digest() -> None:
    """An annotation holds the moment: every start of Reloader would roll every gateway."""
    by_digest = of_reloader(strategy="env-vars")["reloader"]
    assert (by_digest["reloadOnCreate"], by_digest["syncAfterRestart"]) == (True, True)
    by_moment = of_reloader(strategy="annotations")["reloader"]
    assert (by_moment["reloadOnCreate"], by_moment["syncAfterRestart"]) == (False, False)


@pytest.mark.parametrize(
    ("build", "values", "message"),
    [
        (of_cert_manager, {"crds": {"enabled": False}}, "crds.enabled: False is refused: set `skip_crds`"),
        (of_cert_manager, {"installCRDs": True}, "installCRDs: True is refused: deprecated"),
        (of_cert_manager, {"fullnameOverride": "cm"}, "fullnameOverride: 'cm' is refused"),
        (of_cert_manager, {"disableAutoApproval": True}, "set `approver_policy`"),
        (of_cert_manager, {"startupapicheck": {"enabled": False}}, "needs webhooks that answer"),
        (of_cert_manager, {"startupapicheck": None}, "startupapicheck: None would remove"),
        (of_trust_manager, {"app": {"trust": {"namespace": "x"}}}, "set `cluster_resource_namespace`"),
        (of_trust_manager, {"app": {"targetNamespaces": []}}, "set `trust_manager.target_namespaces`"),
        (of_approver_policy, {"nameOverride": "x"}, "nameOverride: 'x' is refused"),
        (of_reloader, {"reloader": {"ignoreSecrets": True}}, "the certificates are in Secrets"),
    ],
)
def test_what_would_break_something_is_refused(build: Callable[..., Values], values: Values, message: str) -> None:
    """With what to set instead."""
    with pytest.raises(InputError) as error:
        build(user_values=values)
    assert message in str(error.value)


def test_own_values_go_on_top() -> None:
    """Beside ours, whatever they are."""
    own = {"prometheus": {"servicemonitor": {"interval": "30s"}}, "podLabels": {"team": "pki"}}
    values = of_cert_manager(user_values=own)
    assert values["prometheus"] == {"enabled": True, "servicemonitor": {"enabled": False, "interval": "30s"}}
    assert values["podLabels"] == {"team": "pki"}


def test_monitoring_without_metrics_is_refused() -> None:
    """There would be nothing to scrape."""
    assert monitoring_problems({"metrics": False, "service_monitor": True}) != []
    for good in MONITORING:
        assert monitoring_problems(good) == []
