"""What a change rolls and replaces: exactly the pods that read it, and never a Secret before its successor is there."""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pulumi
import pytest

from kong_mtls import DataPlane, KongHybrid, KongHybridArgs
from kong_mtls.rehearsal.diff import Step
from kong_mtls.rehearsal.mint import issue
from kong_mtls.rehearsal.stage import Performance

Run = Callable[..., Performance]
Values = Callable[[Performance, str], dict[str, Any]]

RELEASES = ("kong-cp", "kong-dp")


def licence(number: int) -> str:
    """A licence unlike the others."""
    return json.dumps({"license": {"payload": {"customer": f"customer {number}"}, "version": 1}})


def deployment(**given: Any) -> Callable[[], KongHybrid]:
    """A program with a deployment: Enterprise, an external database with a password."""
    args: KongHybridArgs = {
        "license": {"data": licence(1)},
        "database": {"host": "db.example", "password": "first-password"},
    }
    args |= given  # type: ignore[typeddict-item]
    return lambda: KongHybrid("kong", args)


def steps(performance: Performance, *kinds: str) -> dict[str, str]:
    """What happens to resources of these kinds that are not left alone."""
    return {
        f"{step.type.rpartition(':')[2]} {step.name}": step.op
        for step in performance.steps
        if step.op != "same" and step.type.rpartition(":")[2] in kinds
    }


def rolled(before: Performance, after: Performance, values: Values) -> dict[str, set[str]]:
    """Releases whose pod annotations differ, and which of them."""
    found = {}
    for release in RELEASES:
        old, new = (values(it, release)["podAnnotations"] for it in (before, after))
        changed = {key.removeprefix("checksum/") for key in old.keys() | new.keys() if old.get(key) != new.get(key)}
        if changed:
            found[release] = changed
    return found


def first_create(performance: Performance, name: str) -> Step:
    """The step of the Secret with that resource name."""
    return next(step for step in performance.steps if step.name == name and step.type.endswith(":Secret"))


@pytest.fixture(scope="session")
def fixed(stage: Run, mutable: Mapping[str, str]) -> Performance:
    """Fixed names under a provider that updates in place: what the program's own stacks do."""
    return stage(deployment(fixed_secret_names=True), config=mutable)


@pytest.fixture(scope="session")
def autonamed(stage: Run) -> Performance:
    """Names by Pulumi: a component left to itself."""
    return stage(deployment())


def test_a_changed_licence_rolls_both_and_replaces_nothing(
    stage: Run, fixed: Performance, mutable: Mapping[str, str], values: Values
) -> None:
    """Its Secrets are updated in place; the control plane and the data plane read it, the database doesn't."""
    new = deployment(fixed_secret_names=True, license={"data": licence(2)})
    after = stage(new, after=fixed, config=mutable)
    assert rolled(fixed, after, values) == {"kong-cp": {"license"}, "kong-dp": {"license"}}
    assert steps(after, "Secret", "Release") == {
        "Secret kong-license-kong": "update",
        "Secret kong-license-kong-dp": "update",
        "Release kong-cp": "update",
        "Release kong-dp": "update",
    }


def test_a_changed_password_rolls_the_control_plane_alone(
    stage: Run, fixed: Performance, mutable: Mapping[str, str], values: Values
) -> None:
    """The data plane has no database."""
    new = deployment(fixed_secret_names=True, database={"host": "db.example", "password": "second-password"})
    after = stage(new, after=fixed, config=mutable)
    assert rolled(fixed, after, values) == {"kong-cp": {"database-password"}}
    assert steps(after, "Secret", "Release") == {
        "Secret kong-database-password": "update",
        "Release kong-cp": "update",
    }


def test_a_renewed_certificate_rolls_both(
    stage: Run, fixed: Performance, mutable: Mapping[str, str], values: Values, today: datetime
) -> None:
    """From the first day of its renewal window on, and not on the day before: both ends must change together."""
    due = today + timedelta(days=1095 - 30)
    early = stage(deployment(fixed_secret_names=True), after=fixed, config=mutable, at=due - timedelta(hours=1))
    assert "kong-cluster-cert" not in {step.name for step in early.steps if step.op == "replace"}
    after = stage(deployment(fixed_secret_names=True), after=fixed, config=mutable, at=due)
    assert steps(after, "SelfSignedCert")["SelfSignedCert kong-cluster-cert"] == "replace"
    for release in RELEASES:
        assert "cluster-cert" in rolled(fixed, after, values)[release]
    secrets = {name: op for name, op in steps(after, "Secret").items() if "cluster-cert" in name}
    assert secrets == {
        "Secret kong-cluster-cert-kong": "update",
        "Secret kong-cluster-cert-kong-dp": "update",
    }


def test_a_certificate_of_ones_own_that_changes_rolls_both(
    stage: Run, mutable: Mapping[str, str], values: Values, today: datetime
) -> None:
    """By its digest, which is public."""
    pairs = [
        issue(
            "kong_clustering",
            not_before=today - timedelta(days=1),
            not_after=today + timedelta(days=365),
            client=True,
            server=True,
            dns_names=["kong_clustering"],
        )
        for _ in range(2)
    ]
    first, second = (
        deployment(
            fixed_secret_names=True,
            cluster={"certificate_pem": it.cert_pem.decode(), "private_key_pem": it.key_pem.decode()},
        )
        for it in pairs
    )
    before = stage(first, config=mutable)
    after = stage(second, after=before, config=mutable)
    assert rolled(before, after, values) == {"kong-cp": {"cluster-cert"}, "kong-dp": {"cluster-cert"}}


def test_no_fixed_secret_is_deleted_first(stage: Run, fixed: Performance, mutable: Mapping[str, str]) -> None:
    """With the setting on. Without it every one of them would be: that is what the warning says."""
    new = deployment(
        fixed_secret_names=True,
        license={"data": licence(3)},
        database={"host": "db.example", "password": "third-password"},
    )
    for config, gap in ((mutable, False), ({}, True)):
        after = stage(new, after=fixed, config=config)
        gaps = [step.name for step in after.steps if step.delete_first and step.type.endswith(":Secret")]
        assert bool(gaps) is gap
        warned = [message.text for message in after.messages if "has a fixed name" in message.text]
        assert bool(warned) is gap


def test_an_autonamed_secret_is_there_before_the_old_one_goes(
    stage: Run, autonamed: Performance, values: Values
) -> None:
    """A new name for new content; its readers move over by their values."""
    after = stage(deployment(license={"data": licence(2)}), after=autonamed)
    for namespace in ("kong", "kong-dp"):
        step = first_create(after, f"kong-license-{namespace}")
        assert (step.op, step.delete_first) == ("replace", False)
    for release in RELEASES:
        old, new = (values(it, release)["enterprise"]["license_secret"] for it in (autonamed, after))
        assert old != new
        assert new.startswith("kong-license-kong")


def test_autonamed_secrets_need_no_setting_and_no_warning(stage: Run, autonamed: Performance) -> None:
    """Two runs of an unchanged program keep the names; nothing is warned of."""
    assert not [message for message in autonamed.messages if "fixed name" in message.text]
    again = stage(deployment(), after=autonamed)
    assert not again.changed


def test_an_explicit_provider_is_not_the_one_that_the_config_sets(stage: Run, mutable: Mapping[str, str]) -> None:
    """The stack's config is for the default provider: under another, a fixed name is warned of."""

    def program() -> None:
        from pulumi_kubernetes import Provider

        provider = Provider("other", context="elsewhere")
        args: KongHybridArgs = {
            "edition": "oss",
            "database": {"host": "db", "password": "pw-of-the-database"},
            "fixed_secret_names": True,
        }
        KongHybrid("kong", args, pulumi.ResourceOptions(provider=provider))

    done = stage(program, config=mutable)
    warnings = [message.text for message in done.messages if "its provider is given explicitly" in message.text]
    assert any("'kong-cluster-cert'" in text for text in warnings)
    assert all("Set enable" in text for text in warnings)


def test_a_new_data_plane_leaves_the_others_alone(
    stage: Run, fixed: Performance, mutable: Mapping[str, str], values: Values
) -> None:
    """In a namespace of its own: it gets Secrets and a release; no other pod rolls."""
    planes = [{"name": "dp"}, {"name": "edge", "namespace": "edge"}]
    after = stage(deployment(fixed_secret_names=True, data_planes=planes), after=fixed, config=mutable)
    assert rolled(fixed, after, values) == {}
    changed = steps(after, "Secret", "Release", "Namespace")
    assert changed == {
        "Namespace kong-edge": "create",
        "Secret kong-cluster-cert-edge": "create",
        "Secret kong-license-edge": "create",
        "Release kong-edge": "create",
    }


def test_the_first_data_plane_can_be_renamed_by_adding_and_removing(
    stage: Run, fixed: Performance, mutable: Mapping[str, str]
) -> None:
    """A data plane that goes takes its release along and nothing that another still reads."""
    both = stage(
        deployment(fixed_secret_names=True, data_planes=[{"name": "dp"}, {"name": "dp2"}]), after=fixed, config=mutable
    )
    one = stage(deployment(fixed_secret_names=True, data_planes=[{"name": "dp2"}]), after=both, config=mutable)
    deleted = {f"{step.type.rpartition(':')[2]} {step.name}" for step in one.steps if step.op == "delete"}
    assert "Release kong-dp" in deleted
    assert not {name for name in deleted if name.startswith(("Secret", "Namespace"))}


def test_pods_do_not_roll_by_what_they_do_not_read(
    stage: Run, fixed: Performance, mutable: Mapping[str, str], values: Values
) -> None:
    """A setting of the control plane's changes its release alone."""
    after = stage(
        deployment(fixed_secret_names=True, control_plane={"pods": {"replicas": 2}}), after=fixed, config=mutable
    )
    assert rolled(fixed, after, values) == {}
    assert steps(after, "Secret", "Release") == {"Release kong-cp": "update"}


def test_a_lone_data_plane_rolls_by_the_marks_it_is_given(stage: Run, values: Values) -> None:
    """Whoever owns the Secret says when it has changed."""

    def program(mark: str) -> Callable[[], DataPlane]:
        return lambda: DataPlane(
            "dp",
            {
                "namespace": "kong-dp",
                "edition": "oss",
                "control_plane": {"cluster_host": "cp.example"},
                "cluster": {"certificate": {"name": "there", "checksum": mark}},
            },
        )

    before = stage(program("one"))
    after = stage(program("two"), after=before)
    assert values(before, "kong-dp")["podAnnotations"] == {"checksum/cluster-cert": "one"}
    assert values(after, "kong-dp")["podAnnotations"] == {"checksum/cluster-cert": "two"}
