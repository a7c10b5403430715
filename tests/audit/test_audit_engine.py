"""The engine of the audit: registering, silencing, order, documentation, and what it may not depend on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kong_mtls.audit import all_rules, audit
from kong_mtls.audit.docs import page
from kong_mtls.audit.model import AREAS, rule
from kong_mtls.audit.silence import Silence, parse
from kong_mtls.reader.manifests import read_texts
from tests.audit.audit_stack import (
    AT,
    Bend,
    annotate,
    bent,
    both,
    correct,
    data,
    drop,
    env,
    findings,
    rules_of,
    texts,
    values,
)

NO_SNIS = annotate("ingress", "snis", None)
IGNORE = "kong-mtls.io/ignore"


def silenced(text: str) -> Bend:
    return both(NO_SNIS, annotate("ingress", IGNORE, text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("client-no-snis: every route asks", [("client-no-snis", "every route asks")]),
        ("client-no-snis:every route asks; really", [("client-no-snis", "every route asks; really")]),
        ("client-no-snis: a; client-plain-http: b: c", [("client-no-snis", "a"), ("client-plain-http", "b: c")]),
        ("client-no-snis: a\nclient-plain-http: b\n", [("client-no-snis", "a"), ("client-plain-http", "b")]),
        ("client-no-snis", [("client-no-snis", "")]),
        ("client-no-snis:", [("client-no-snis", "")]),
        ("client-no-snis: ", [("client-no-snis", "")]),
        ("please be quiet", [("please be quiet", "")]),
        ("", []),
        (7, []),
    ],
)
def test_silences_are_read(text: object, expected: list[tuple[str, str]]) -> None:
    """Entries are separated by lines or semicolons; a reason is prose and may have both signs in it."""
    assert parse({IGNORE: text}) == [Silence(*each) for each in expected]


def test_a_silenced_finding_is_listed_with_its_reason() -> None:
    """It becomes info, keeps its message, and the reason stands before it."""
    (finding,) = findings(bent(silenced("client-no-snis: every route asks")))
    assert (finding.rule, finding.severity) == ("client-no-snis", "info")
    assert finding.message.startswith("silenced (every route asks): ")


@pytest.mark.parametrize(
    ("text", "extra"),
    [
        ("client-no-snis", {"audit-silence-reason"}),
        ("client-no-sni: typo", {"audit-silence-unknown"}),
        ("client-plain-http: another rule", set()),
    ],
)
def test_a_bad_silence_silences_nothing(text: str, extra: set[str]) -> None:
    """Without a reason, or for another rule, the finding stays what it was."""
    found = findings(bent(silenced(text)))
    assert rules_of(found) == {"client-no-snis"} | extra
    assert {finding.severity for finding in found} == {"warning"}


def test_a_silence_counts_on_its_object_alone() -> None:
    """What one object is allowed, another isn't."""
    found = findings(bent(both(NO_SNIS, annotate("service", IGNORE, "client-no-snis: not here"))))
    assert [(finding.rule, finding.severity) for finding in found] == [("client-no-snis", "warning")]


@pytest.mark.parametrize("where", ["deploymentAnnotations", "podAnnotations"])
def test_a_release_is_silenced_by_its_annotations(where: str) -> None:
    """Helm releases carry silences among the annotations that the chart puts on Deployment or pods."""
    silence = {IGNORE: "hygiene-disruption-budget: one node", "checksum/cluster-cert": "0"}
    (finding,) = findings(bent(values("dp", podDisruptionBudget={}, **{where: silence})))
    assert (finding.rule, finding.severity) == ("hygiene-disruption-budget", "info")


def test_errors_come_first() -> None:
    """Errors, warnings, info; by object in each."""
    found = findings(bent(NO_SNIS, annotate("ingress", IGNORE, "client-no-snis: ok"), drop("policy"), drop("public")))
    assert [finding.severity for finding in found] == ["error", "warning", "info"]


def test_nothing_is_found_twice() -> None:
    """One finding for a rule, object and message, however many routes lead to it."""
    found = findings(bent(drop("plugin"), drop("gateway-client"), env("cp", pg_ssl=None)))
    assert len(found) == len(set(found))


@pytest.mark.parametrize("name", ["client-ca-no-id", "nothing-known", "client", "client-Upper"])
def test_ids_are_unique_and_well_formed(name: str) -> None:
    """An id that is taken, of no area, or misspelt is refused when the rule is registered."""
    all_rules()
    with pytest.raises(ValueError, match="rule id"):
        rule(name, "error", "t", effect="e", fix="f", source="s")


def test_rules_say_what_they_are() -> None:
    """Every rule has an area, a title that is no sentence, an effect, a fix and a source."""
    for each in all_rules():
        assert each.area in AREAS
        assert not each.title.endswith("."), each.id
        for text in (each.effect, each.fix):
            assert text.endswith((".", ")")), (each.id, text)
        assert each.source


def test_the_documentation_is_that_of_the_rules() -> None:
    """docs/rules.md is what the rules generate: run ``python -m kong_mtls.audit.docs > docs/rules.md``."""
    root = Path(__file__).parents[2]
    assert (root / "docs" / "rules.md").read_text() == page(all_rules())


def test_the_audit_knows_nothing_of_ours() -> None:
    """It imports neither the SDK nor components nor settings: what we wrote is judged by Kong's rules alone."""
    root = Path(__file__).parents[2]
    listing = (
        "import sys, kong_mtls.audit as a; a.all_rules();"
        "import kong_mtls.audit.docs, kong_mtls.audit.resources;"
        "print(*[m for m in sys.modules if m.split('.')[0] in ('kong_mtls', 'pulumi', 'pulumi_policy', 'settings')])"
    )
    env_ = {"PYTHONPATH": str(root / "components"), "PATH": ""}
    run = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True, env=env_)
    allowed = re.compile(r"kong_mtls(\.audit(\..*)?|\.reader(\..*)?)?")
    # kong_mtls itself is the package's front, which brings the components along for everybody.
    ours = {name for name in run.stdout.split() if not allowed.fullmatch(name)}
    front = subprocess.run(
        [sys.executable, "-c", "import sys, kong_mtls; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        env=env_,
    )
    assert ours <= set(front.stdout.split())


SECRETS = ("PRIVATE KEY", "not-a-real-one", "BEGIN CERTIFICATE")


@pytest.mark.parametrize(
    "bend",
    [
        data("dp-cluster", tls_key="-----BEGIN PRIVATE KEY-----\nbm90IGEgcmVhbCBvbmU=\n-----END PRIVATE KEY-----"),
        env("cp", pg_password="not-a-real-one"),
        data("license-dp", license="not-a-real-one"),
        data("client-ca", id="not-a-real-one-" + "x" * 200),
        data("public", tls_crt="not-a-real-one"),
    ],
)
def test_no_secret_is_repeated(bend: Bend) -> None:
    """What a finding says never holds a key, a password or a licence."""
    found = findings(bent(bend))
    assert found
    said = json.dumps([[f.message, f.fix] for f in found])
    for secret in SECRETS:
        if secret == "not-a-real-one" and "client-ca-id-not-uuid" in rules_of(found):
            continue  # an id is public; it stands in every plugin that names it
        assert secret not in said


def test_an_empty_set_is_clean() -> None:
    """Nothing in, nothing out."""
    assert audit(read_texts({}), AT) == []


def test_every_form_of_a_manifest_is_judged_alike() -> None:
    """One document a file, one List, one multi-document YAML: the findings are the same."""
    stack = bent(NO_SNIS, drop("plugin"))
    one_by_one = audit(read_texts(texts(stack)), AT)
    objects = [document for document in stack.values() if "kind" in document]
    releases = [document for document in stack.values() if "kind" not in document]
    as_list = {"list.json": json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})}
    as_list |= {f"{number}.json": json.dumps(each) for number, each in enumerate(releases)}
    as_stream = {"all.yaml": "\n---\n".join(json.dumps(document) for document in stack.values())}
    assert audit(read_texts(as_list), AT) == one_by_one == audit(read_texts(as_stream), AT)
    assert {"client-plugin-missing"} <= rules_of(one_by_one)


def test_the_day_decides() -> None:
    """Dates are judged by the moment passed in, never by the clock."""
    assert findings(correct(), AT) == []
    later = findings(correct(), AT.replace(year=AT.year + 2))
    assert {"trust-expired", "client-server-cert-expired", "upstream-client-cert-expired"} <= rules_of(later)
