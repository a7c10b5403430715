"""What becomes of a Certificate's Secret later: changes, renewals, adoption, and what outlives what."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from kong_mtls.rehearsal import state as states
from kong_mtls.rehearsal.aging import aged
from kong_mtls.rehearsal.run import rehearse

from .certificates import HELPERS, leaf, objects, secret
from .conftest import NOW, Program

LEAF = 'certificate("leaf", "root", "apps", **{{**dict(dnsNames=["a"], usages=["server auth"]), **dict({})}})\n'


def run(program: Program, text: str, **options: Any) -> dict[str, str]:
    """Runs a program with a CA called `root`, and gives the data of the Secret `leaf`."""
    return secret(program.write(HELPERS + "root()\n" + text).run(**options), "leaf")


@pytest.mark.parametrize(
    "change",
    [
        'usages=["client auth"]',
        'usages=["server auth", "digital signature"]',
        'dnsNames=["a", "b"]',
        'commonName="other"',
        'uris=["spiffe://x"]',
        'ipAddresses=["10.0.0.1"]',
        'emailAddresses=["a@b.c"]',
        'subject={"organizations": ["x"]}',
        "isCA=True",
        'privateKey={"size": 384}',
        'privateKey={"algorithm": "Ed25519", "size": None}',
        'issuerRef={"name": "self-signed", "kind": "ClusterIssuer", "group": "cert-manager.io"}',
        'duration="24h"',
    ],
)
def test_changes_that_issue_anew(program: Program, change: str) -> None:
    """Another certificate with another key, under `rotationPolicy: Always`."""
    before = run(program, LEAF.format('duration="48h"'))
    after = run(program, LEAF.format(f'**{{**dict(duration="48h"), **dict({change})}}'))
    assert after["tls.crt"] != before["tls.crt"]
    assert after["tls.key"] != before["tls.key"]


@pytest.mark.parametrize(
    "change",
    [
        'renewBefore="6h"',
        "renewBeforePercentage=40",
        'privateKey={"encoding": "PKCS8"}',
        'privateKey={"rotationPolicy": "Never"}',
        'secretTemplate={"labels": {"a": "b"}}',
        'additionalOutputFormats=[{"type": "DER"}]',
        'signatureAlgorithm="ECDSAWithSHA512"',
        "revisionHistoryLimit=3",
        'renewal={"policy": "Disabled"}',
        'duration="2160h"',
    ],
)
def test_changes_that_do_not(program: Program, change: str) -> None:
    """The certificate stays; `duration` counts as one of these while it was not given before."""
    before = run(program, LEAF.format(""))
    after = run(program, LEAF.format(change))
    assert (after["tls.crt"], after["tls.key"]) == (before["tls.crt"], before["tls.key"])


def test_template_is_applied_to_what_is_there(program: Program) -> None:
    """A label that the template gains or loses is put on, or taken off, without a new certificate."""
    labels = 'secretTemplate={"labels": {"a": "b"}}'
    run(program, LEAF.format(""))
    done = program.write(HELPERS + "root()\n" + LEAF.format(labels)).run()
    assert objects(done)["Secret/apps/leaf"]["metadata"]["labels"]["a"] == "b"
    done = program.write(HELPERS + "root()\n" + LEAF.format("")).run()
    assert "a" not in objects(done)["Secret/apps/leaf"]["metadata"]["labels"]


def test_issuer_reference_in_full_or_short(program: Program) -> None:
    """Adding the default group is no change."""
    full, short = (f'certificate("leaf", "root", "apps", group={group})\n' for group in ('"cert-manager.io"', None))
    assert run(program, full) == run(program, short) == run(program, full)


def test_revisions(program: Program) -> None:
    """Each issuance has a request of its own; only the newest is kept."""
    run(program, LEAF.format('duration="48h"'))
    done = program.write(HELPERS + "root()\n" + LEAF.format('duration="24h"')).run()
    assert [name for name in objects(done) if "apps/leaf-" in name] == ["CertificateRequest/apps/leaf-2"]


def test_never_keeps_the_key(program: Program) -> None:
    """Under `rotationPolicy: Never` a new certificate has the old key."""
    text = 'certificate("leaf", "root", "apps", privateKey={"rotationPolicy": "Never"}, duration="%s")\n'
    before, after = run(program, text % "48h"), run(program, text % "24h")
    assert after["tls.crt"] != before["tls.crt"]
    assert after["tls.key"] == before["tls.key"]


def test_never_cannot_change_the_size(program: Program) -> None:
    """It is stuck with the old certificate, and says why."""
    text = 'certificate("leaf", "root", "apps", privateKey={"rotationPolicy": "Never", "size": %d})\n'
    before = run(program, text % 256)
    done = program.write(HELPERS + "root()\n" + text % 384).run()
    assert secret(done, "leaf") == before
    [reason] = done.waiting.values()
    assert "CannotRegenerateKey" in reason
    assert "spec.privateKey.size" in reason


def test_renewal_by_default(program: Program) -> None:
    """After two thirds of its lifetime a leaf is issued anew, with a new key; not a second before."""
    before = run(program, LEAF.format(""))
    renewal = NOW + timedelta(hours=1440)
    assert run(program, LEAF.format(""), at=renewal - timedelta(seconds=1)) == before
    after = run(program, LEAF.format(""), at=renewal)
    assert after["tls.crt"] != before["tls.crt"]
    assert after["tls.key"] != before["tls.key"]
    assert after["ca.crt"] == before["ca.crt"]
    assert leaf(program.run(at=renewal), "leaf").not_valid_before_utc == renewal


@pytest.mark.parametrize(("setting", "hours"), [('renewBefore="360h"', 1800), ("renewBeforePercentage=25", 1620)])
def test_renewal_as_set(program: Program, setting: str, hours: int) -> None:
    """`renewBefore` counts from the end; the percentage is of the life that remains."""
    text = LEAF.format(setting)
    before = run(program, text)
    assert run(program, text, at=NOW + timedelta(hours=hours, seconds=-1)) == before
    assert run(program, text, at=NOW + timedelta(hours=hours)) != before


def test_several_renewals_between_two_runs(program: Program) -> None:
    """The certificate is that of the last renewal of its schedule, not of the run."""
    run(program, LEAF.format(""))
    program.run(at=NOW + timedelta(days=200))
    assert leaf(program.run(at=NOW + timedelta(days=200)), "leaf").not_valid_before_utc == NOW + timedelta(days=180)


def test_renewal_is_no_step_of_the_engine(program: Program) -> None:
    """The engine sees no change: cert-manager renews by itself."""
    run(program, LEAF.format(""))
    assert not program.run(at=NOW + timedelta(days=70)).changed


def test_renewal_disabled(program: Program) -> None:
    """Such a CA is not renewed: it stays ready until its end, and no longer."""
    text = HELPERS + 'root(duration="8760h", renewal={"policy": "Disabled"})\n'
    first = program.write(text).run()
    late = program.run(at=NOW + timedelta(days=364))
    assert secret(late, "root", "cert-manager") == secret(first, "root", "cert-manager")
    assert not late.waiting
    ended = program.run(at=NOW + timedelta(days=366))
    assert "Expired: Certificate expired on Sun, 21 Nov 2027" in next(iter(ended.waiting.values()))


def test_ca_renewal_does_not_issue_leaves_anew(program: Program) -> None:
    """With the key kept, the old leaf verifies against the new CA certificate; its `ca.crt` stays the old one."""
    text = 'certificate("leaf", "root", "apps", duration="8760h")\n'
    ca = HELPERS + 'root(duration="2160h")\n' + text
    before = program.write(ca).run()
    after = program.run(at=NOW + timedelta(days=61))
    assert leaf(after, "root", "cert-manager") != leaf(before, "root", "cert-manager")
    assert secret(after, "leaf") == secret(before, "leaf")
    leaf(after, "leaf").verify_directly_issued_by(leaf(after, "root", "cert-manager"))


def test_ca_renewal_with_a_new_key_breaks_leaves(program: Program) -> None:
    """With `Always` the old leaf fails against the new CA at once, while everything is ready."""
    text = HELPERS + (
        'root(duration="2160h", privateKey={"rotationPolicy": "Always"})\n'
        'certificate("leaf", "root", "apps", duration="8760h")\n'
    )
    program.write(text).run()
    after = program.run(at=NOW + timedelta(days=61))
    assert not after.waiting
    with pytest.raises(InvalidSignature):
        leaf(after, "leaf").verify_directly_issued_by(leaf(after, "root", "cert-manager"))


def test_deleting_a_certificate_leaves_its_secret(program: Program) -> None:
    """It is remembered, but no longer part of what the stack deploys; the request goes."""
    run(program, LEAF.format(""))
    done = program.write(HELPERS + "root()\n").run()
    assert "Secret/apps/leaf" not in objects(done)
    assert [item["metadata"]["name"] for item in done.state.remains] == ["leaf"]


def test_adoption(program: Program) -> None:
    """A recreated Certificate takes over the Secret that is left: same key, no new request."""
    before = run(program, LEAF.format(""))
    program.write(HELPERS + "root()\n").run()
    done = program.write(HELPERS + "root()\n" + LEAF.format("")).run()
    assert secret(done, "leaf") == before
    assert "CertificateRequest/apps/leaf-1" not in objects(done)
    assert done.state.remains == ()


def test_no_adoption_of_another_name(program: Program) -> None:
    """What is left and does not fit is replaced; of a Certificate of another name it is too."""
    before = run(program, LEAF.format(""))
    program.write(HELPERS + "root()\n").run()
    other = run(program, 'certificate("leaf", "root", "apps", dnsNames=["b"])\n')
    assert other["tls.crt"] != before["tls.crt"]
    program.write(HELPERS + "root()\n").run()
    done = program.write(HELPERS + 'root()\ncertificate("new", "root", "apps", secretName="leaf", commonName="leaf")\n')
    assert secret(done.run(), "leaf")["tls.crt"] != other["tls.crt"]


def test_everything_deleted_and_made_again(program: Program) -> None:
    """The old CA is there again, as in a cluster, unless its name changes."""
    before = program.write(HELPERS + "root()\n").run()
    program.write("").run()
    again = program.write(HELPERS + "root()\n").run()
    assert secret(again, "root", "cert-manager") == secret(before, "root", "cert-manager")


def test_another_secret_name(program: Program) -> None:
    """The certificate is issued anew into the new Secret; the old one stays behind."""
    before = run(program, LEAF.format(""))
    done = program.write(HELPERS + "root()\n" + LEAF.format('secretName="moved"')).run()
    assert secret(done, "moved")["tls.crt"] != before["tls.crt"]
    assert "Secret/apps/leaf" not in objects(done)
    assert [item["metadata"]["name"] for item in done.state.remains] == ["leaf"]


def test_renamed_certificate(program: Program) -> None:
    """The new one's request is its own; under `Always` its key is too."""
    run(program, LEAF.format(""))
    text = HELPERS + 'root()\ncertificate("new", "root", "apps", secretName="leaf", dnsNames=["a"])\n'
    done = program.write(text).run()
    assert [name for name in objects(done) if "/apps/" in name] == ["Secret/apps/leaf", "CertificateRequest/apps/new-1"]


def test_two_certificates_with_one_secret(program: Program) -> None:
    """They would fight; the second one says so."""
    done = program.write(
        HELPERS + 'root()\ncertificate("a", "root", "apps", secretName="x")\n'
        'certificate("b", "root", "apps", secretName="x")\n'
    ).run()
    [reason] = done.waiting.values()
    assert "IncorrectCertificate" in reason
    assert "two conflicting Certificates pointing to the same secret" in reason
    assert program.run().state.dump() == done.state.dump()


def test_owner_references(program: Program) -> None:
    """Where cert-manager's release asks for them, the Secret goes with its Certificate."""
    options = 'namespace="cert-manager", values={"enableCertificateOwnerRef": True}'
    release = f'k8s.helm.v3.Release("cm", chart="cert-manager", {options})\n'
    before = run(program, release + LEAF.format(""))
    done = program.write(HELPERS + "root()\n" + release).run()
    assert done.state.remains == ()
    again = run(program, release + LEAF.format(""))
    assert again["tls.key"] != before["tls.key"]


def test_rehearsal_of_a_later_day(program: Program) -> None:
    """What is written and judged is what cert-manager would have made by then; what is remembered is of today."""
    program.write(HELPERS + "root()\n" + LEAF.format(""))
    later = NOW + timedelta(days=100)
    first = rehearse(program.folder, "dev", now=NOW, secrets=True)
    ahead = rehearse(program.folder, "dev", now=NOW, at=later, secrets=True)
    [today] = [one for one in first.report["certificates"] if one["name"] == "leaf"]
    [then] = [one for one in ahead.report["certificates"] if one["name"] == "leaf"]
    assert (today["days_left"], then["days_left"]) == (90, 50)
    assert today["fingerprint_sha256"] != then["fingerprint_sha256"]
    assert ahead.ahead == ()
    back = rehearse(program.folder, "dev", now=NOW)
    assert [one for one in back.report["certificates"] if one["name"] == "leaf"] == [today]
    assert not (back.folder / "cluster").exists()
    assert ahead.performance.state.dump() == first.performance.state.dump()


def test_looking_ahead(program: Program) -> None:
    """On a later day the leaf is what cert-manager has made of it by then, and nothing is remembered of that."""
    done = program.write(HELPERS + "root()\n" + LEAF.format("")).run()
    later = aged(done, NOW + timedelta(days=100))
    assert leaf(later, "leaf").not_valid_before_utc == NOW + timedelta(days=60)
    assert leaf(later, "root", "cert-manager") == leaf(done, "root", "cert-manager")
    assert later.state.dump() == done.state.dump()


def test_state_keeps_what_is_left(program: Program) -> None:
    """Remains and the memory of stand-ins survive the file; a file without them can still be read."""
    run(program, LEAF.format(""))
    program.write(HELPERS + "root()\ncertificate('x', 'elsewhere', 'apps')\n").run()
    state = program.state
    assert state is not None
    path = program.folder / "state.json"
    states.save(state, path)
    read = states.load(path, "demo", "dev")
    assert read.dump() == state.dump()
    assert len(read.remains) == 1
    assert list(read.memory) == ["cert-manager.io/played/ClusterIssuer/elsewhere"]
    assert "PRIVATE KEY" not in repr(read)
