"""Two reports of a stack, set against each other."""

from typing import Any

from scripts.pull_request import compare
from scripts.pull_request.compare import Side
from scripts.pull_request.model import Stack


def link(case: str = "the data plane itself", ok: bool | None = True, **more: Any) -> dict[str, Any]:
    outcome = {"expected": "accept", "observed": "accept" if ok else "refuse", "ok": ok, "reason": "TLSv1.3"}
    return {"link": "cluster", "client": "dp", "server": "cp", "case": case, **outcome, **more}


def certificate(fingerprint: str = "aa", name: str = "dp", **more: Any) -> dict[str, Any]:
    return {
        "fingerprint_sha256": fingerprint,
        "name": name,
        "issuer": "CN=ca",
        "key": "EC P-384",
        "not_after": "2027-02-19T00:00:00Z",
        "days_left": 89,
        "ca": False,
        "issued_by": None,
        "used_by": [],
        **more,
    }


def finding(rule: str = "hygiene-x", severity: str = "warning", item: str = "Secret/kong/tls") -> dict[str, Any]:
    return {"severity": severity, "rule": rule, "object": item, "message": "is bad", "fix": "mend it"}


def side(files: dict[str, str] | None = None, **parts: Any) -> Side:
    options = {key: parts.pop(key) for key in ("steps", "ok", "started_anew") if key in parts}
    report = {"links": [link()], "certificates": [certificate()], "findings": [], "not_staged": [], **parts}
    return Side(report, files or {}, **options)


def stack(base: Side | str | None, head: Side | str | None) -> Stack:
    return compare.stack(".", "dev", base, head)


def test_nothing_changes() -> None:
    """Two equal rehearsals make a stack that isn't shown."""
    assert not stack(side(findings=[finding()]), side(findings=[finding()])).changed


def test_resources_by_what_they_risk() -> None:
    """What goes comes first; what stays or is only read is counted."""
    ops = ("same", "update", "create", "read", "replace", "delete")
    steps = [{"op": op, "type": "t", "name": op, "changes": ["spec"], "deleteBeforeReplace": True} for op in ops]
    found = stack(side(), side(steps=steps))
    assert [step.op for step in found.steps] == ["delete", "replace", "create", "update"]
    assert found.unchanged == 2
    assert found.steps[1].delete_first


def test_a_link_that_fails_comes_first() -> None:
    """Failing links before changed ones before quiet ones; a case shows how it was decided before."""
    quiet = link(client="quiet")
    base = side(links=[link(), link("a stranger", expected="refuse", observed="refuse"), quiet])
    head = side(links=[quiet, link(), link("a stranger", ok=False, expected="refuse", observed="accept")])
    first, second = stack(base, head).links
    assert (first.client, first.fate, first.verdict, first.was, first.held, first.cases) == (
        "dp",
        "changed",
        "failed",
        "2/2",
        1,
        2,
    )
    assert [(case.case, case.verdict, case.was) for case in first.trouble] == [("a stranger", "failed", "refuse, ok")]
    assert (second.client, second.fate, second.trouble) == ("quiet", "same", ())


def test_links_come_and_go() -> None:
    """Other peers are another link; one that nobody proves any more shows as gone."""
    found = stack(side(links=[link(client="old")]), side(links=[link(client="new", ok=None)])).links
    assert [(each.client, each.fate, each.verdict) for each in found] == [
        ("new", "new", "unproved"),
        ("old", "gone", "ok"),
    ]


def test_a_case_less_is_a_change() -> None:
    """A link with fewer cases is proved less than it was."""
    (found,) = stack(side(links=[link(), link("another")]), side(links=[link()])).links
    assert (found.fate, found.was, found.held) == ("changed", "2/2", 1)


def test_a_case_that_fails_as_before() -> None:
    """It is in trouble, but no change."""
    (found,) = stack(side(links=[link(ok=False)]), side(links=[link(ok=False)], ok=False)).links
    assert (found.fate, found.verdict, found.trouble[0].was) == ("same", "failed", "")


def test_certificates_by_name() -> None:
    """One that takes another's place has changed; the others come and go, or stay as they are."""
    base = side(
        certificates=[
            certificate("a1", "dp", not_after="2027-01-01T00:00:00Z"),
            certificate("b", "cp"),
            certificate("c", "x"),
        ]
    )
    head = side(certificates=[certificate("b", "cp"), certificate("a2", "dp"), certificate("d", "y")])
    found = stack(base, head).certificates
    assert [(one.name, one.fate, one.was) for one in found] == [
        ("y", "new", ""),
        ("dp", "changed", "2027-01-01T00:00:00Z"),
        ("x", "gone", ""),
        ("cp", "same", ""),
    ]


def test_a_certificate_with_another_reader() -> None:
    """It is the same one, but where it is read is a change."""
    base, head = (side(certificates=[certificate(used_by=[reader])]) for reader in ("Release/a/a", "Release/b/b"))
    (found,) = stack(base, head).certificates
    assert (found.fate, found.was == found.until, found.used_by) == ("changed", True, ("Release/b/b",))


def test_a_ca_and_a_leaf_of_one_name() -> None:
    """They are two."""
    found = stack(side(certificates=[certificate("a", ca=True)]), side(certificates=[certificate("b")])).certificates
    assert [one.fate for one in found] == ["new", "gone"]


def test_findings_come_and_go() -> None:
    """New ones first, the worst of them at the top; those that stay are there as well."""
    head = side(findings=[finding("a", "info"), finding("b", "error"), finding("c")])
    found = stack(side(findings=[finding("c"), finding("d")]), head).findings
    assert [(one.rule, one.fate) for one in found] == [("b", "new"), ("a", "new"), ("d", "gone"), ("c", "same")]


def test_a_finding_on_a_renewed_object() -> None:
    """A name made from a content that was renewed doesn't make it another finding."""

    def rehearsed(mark: str) -> Side:
        name = f"tls-{mark}"
        text = f"kind: Secret\nmetadata:\n  name: {name}\n  namespace: kong\n"
        return side({f"manifests/{name}.yaml": text}, findings=[finding(item=f"Secret/kong/{name}")])

    found = stack(rehearsed("0a1b2c3d"), rehearsed("ffffffff"))
    assert [one.fate for one in found.findings] == ["same"]
    assert (found.files, found.renewed) == ((), 1)


def test_a_base_that_cannot_be_rehearsed() -> None:
    """Everything of the head is new, and nothing is compared."""
    found = stack("the program refused", side({"a.yaml": "x\n"}, steps=[{"op": "create", "type": "t", "name": "n"}]))
    assert found.base_error == "the program refused"
    assert (found.compared, found.files, found.steps) == (False, (), ())
    assert (found.links[0].fate, found.certificates[0].fate) == ("new", "new")


def test_a_head_that_cannot_be_rehearsed() -> None:
    """Its message is all there is."""
    found = stack(side(), "chart.version: unknown key")
    assert (found.head_error, found.links, found.changed) == ("chart.version: unknown key", (), True)


def test_stacks_come_and_go() -> None:
    """A stack that one side hasn't is no error."""
    new, removed = stack(None, side()), stack(side(), None)
    assert (new.on_base, new.base_error, new.links[0].fate) == (False, "", "new")
    assert (removed.on_head, removed.head_error, removed.changed) == (False, "", True)


def test_a_head_with_keys_of_its_own() -> None:
    """Where it couldn't start from the base's state, every resource would be new: that says nothing."""
    found = stack(side(), side(steps=[{"op": "create", "type": "t", "name": "n"}], started_anew="another version"))
    assert (found.steps, found.started_anew, found.compared) == ((), "another version", True)
