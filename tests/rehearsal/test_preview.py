"""A preview knows what the engine's would know, and no more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kong_mtls.rehearsal import diff, wire
from kong_mtls.rehearsal.stage import ProgramFailed

from .conftest import NOW, Program

CHAIN = """
    import json
    key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P256")
    cert = tls.SelfSignedCert("cert", private_key_pem=key.private_key_pem, validity_period_hours=HOURS,
        allowed_uses=["server_auth"], subject={"common_name": "x"}, early_renewal_hours=EARLY)
    pair = k8s.core.v1.Secret("pair", metadata={"name": "pair", "namespace": "a"},
        string_data={"tls.crt": cert.cert_pem, "tls.key": key.private_key_pem})
    auto = k8s.core.v1.Secret("auto", string_data={"tls.crt": cert.cert_pem})
    release = k8s.helm.v3.Release("web", chart="web", namespace="a", values={
        "secret": pair.metadata.name, "auto": auto.metadata.name, "end": cert.validity_end_time})
    pulumi.export("name", pair.metadata.name)
    pulumi.export("auto", auto.metadata.name)
    pulumi.export("cert", cert.cert_pem)
    pulumi.export("status", release.status.status)
    pulumi.export("dns", cert.subject.common_name)
    pulumi.export("seen", cert.cert_pem.apply(lambda pem: print("applied") or len(pem)))
"""


def chain(hours: int = 240, early: int = 24) -> str:
    return CHAIN.replace("HOURS", str(hours)).replace("EARLY", str(early))


def test_first_preview_knows_no_computed_value(program: Program, capsys: pytest.CaptureFixture[str]) -> None:
    """Keys, PEMs, dates and a Release's status are unknown; names and given inputs are known; no apply runs."""
    done = program.write(chain()).run(preview=True)
    assert {step.op for step in done.steps} == {"create"}
    assert done.exports["name"] == "pair"
    assert done.exports["auto"].startswith("auto-")
    assert done.exports["dns"] == "x"
    assert done.exports["cert"] is wire.UNKNOWN
    assert done.exports["status"] is wire.UNKNOWN
    assert done.exports["seen"] is wire.UNKNOWN
    assert capsys.readouterr().out == ""
    release = next(resource for resource in done.resources if resource.name == "web")
    assert release.inputs["values"]["end"] is wire.UNKNOWN
    assert release.id == ""


def test_preview_leaves_no_trace(program: Program) -> None:
    """The state after a preview is the state before it."""
    first = program.write(chain()).run()
    planned = program.write(chain(hours=480)).run(preview=True)
    assert planned.changed
    assert planned.state is first.state


def test_preview_of_an_unchanged_stack_knows_everything(program: Program) -> None:
    """What is unchanged gives back what was recorded, so that nothing seems to change."""
    first = program.write(chain()).run()
    planned = program.run(preview=True)
    assert not planned.changed
    assert diff.lines(planned.steps) == ["no change (5 resources)"]
    assert planned.exports == first.exports


def test_preview_of_a_replaced_certificate(program: Program) -> None:
    """Only what hangs on it is unknown: the Secret and the Release change, the key does not."""
    program.write(chain()).run()
    planned = (
        program.write(chain(hours=480))
        .stack("dev", "config: {'kubernetes:enableSecretMutable': 'true'}")
        .run(preview=True)
    )
    assert {step.name: step.op for step in planned.steps} == {
        "key": "same",
        "cert": "replace",
        "pair": "update",
        "auto": "update",
        "web": "update",
    }
    pair = next(step for step in planned.steps if step.name == "pair")
    assert [change.property for change in pair.changes] == ["stringData"]  # the SDK makes all of it one output
    assert planned.exports["name"] == "pair"


def test_preview_and_run_agree(program: Program) -> None:
    """What a preview announces is what the run then does."""
    program.write(chain()).run()
    program.write(chain(hours=480))
    planned, done = program.run(preview=True), program.run()
    assert [(step.urn, step.op) for step in planned.steps] == [(step.urn, step.op) for step in done.steps]


@pytest.mark.parametrize(
    ("hours", "op"),
    [(0, "same"), (215, "same"), (216, "replace"), (240, "replace"), (1000, "replace")],
    ids=["at once", "before the window", "at its first moment", "at the end", "after the end"],
)
def test_renewal_window(program: Program, hours: int, op: str) -> None:
    """A certificate of 240 hours with 24 hours of early renewal is replaced from hour 216 on; its key stays."""
    program.write(chain()).run()
    later = program.run(at=NOW + timedelta(hours=hours), preview=True)
    assert later.op("cert") == op
    assert later.op("key") == "same"
    step = next(step for step in later.steps if step.name == "cert")
    assert step.reason == ("ready for renewal since 2026-11-30T12:00:00Z" if op == "replace" else "")


def test_renewal_gives_new_dates(program: Program) -> None:
    """Inside the window a run renews the certificate from that day on, once."""
    program.write(chain()).run()
    later = NOW + timedelta(hours=230)
    renewed = program.run(at=later)
    assert renewed.op("cert") == "replace"
    cert = next(resource for resource in renewed.resources if resource.name == "cert")
    assert cert.outputs["validityStartTime"] == "2026-12-01T02:00:00Z"
    assert not program.run(at=later).changed


def test_window_as_long_as_the_certificate_never_rests(program: Program) -> None:
    """An early-renewal window of the whole validity replaces the certificate in every run."""
    program.write(chain(hours=24, early=24)).run()
    assert program.run().op("cert") == "replace"
    assert program.run().op("cert") == "replace"


def test_unknowns_do_not_fail_the_program(program: Program) -> None:
    """A check inside an apply waits for real values; the same check refuses in a run."""
    program.write("""
        def check(value):
            raise pulumi.RunError("never good")
        pulumi.export("x", random.RandomUuid("id").result.apply(check))
    """)
    assert program.run(preview=True).exports["x"] is wire.UNKNOWN
    with pytest.raises(ProgramFailed, match="never good"):
        program.run()


def test_preview_lines_show_paths_and_harmless_values(program: Program) -> None:
    """Old and new value of what is public, the path alone of what is secret, a summary at the end."""
    program.write("""
        k8s.core.v1.ConfigMap("map", metadata={"name": "map"}, data={"a": "1", "long": "x" * 100})
        k8s.core.v1.Secret("secret", metadata={"name": "secret"}, string_data={"password": "hunter2-old"})
        random.RandomUuid("gone")
    """).run()
    planned = program.write("""
        k8s.core.v1.ConfigMap("map", metadata={"name": "map"}, data={"a": "2", "long": "y" * 100})
        k8s.core.v1.Secret("secret", metadata={"name": "secret"}, string_data={"password": "hunter2-new"})
        random.RandomUuid("new")
    """).run(preview=True)
    text = "\n".join(diff.lines(planned.steps))
    assert "data.a: '1' => '2'" in text
    assert "data.long: changed" in text
    assert "stringData.password: (masked)" in text
    assert "hunter2" not in text
    assert "+- replace  kubernetes:core/v1:Secret  secret  (the old one is deleted first)" in text
    assert text.endswith("1 to create, 2 to replace, 1 to delete, 0 unchanged")
