"""Two rehearsals of a stack, set against each other: what changes, in the terms of the report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.pull_request import manifests
from scripts.pull_request.model import Case, Certificate, Fate, Finding, Link, Stack, Step, Verdict

_UNCHANGED = ("same", "read")
_FATES: tuple[Fate, ...] = ("new", "changed", "gone", "same")
_SEVERITIES = ("error", "warning", "info")
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Side:
    """A rehearsal of a stack.

    Attributes:
        report: the content of `report.json`.
        files: manifests and releases by path, masked.
        steps: what `kong-mtls rehearse --preview` said before it; known on the head alone.
        ok: whether it was a success.
        started_anew: why it couldn't start from the state it was given.
    """

    report: Mapping[str, Any] = field(repr=False)
    files: Mapping[str, str] = field(repr=False)
    steps: Rows = ()
    ok: bool = True
    started_anew: str = ""


NOTHING = Side({"links": [], "certificates": [], "findings": []}, {})


def stack(program: str, name: str, base: Side | str | None, head: Side | str | None) -> Stack:
    """A stack of a pull request.

    Args:
        program: the folder with `Pulumi.yaml`, from the repository's root.
        name: the stack's name.
        base: its rehearsal, why there is none, or None where the base hasn't that stack.
        head: the same for the head.
    """
    old, new = base if isinstance(base, Side) else None, head if isinstance(head, Side) else None
    sides = Stack(
        program,
        name,
        on_base=base is not None,
        on_head=head is not None,
        base_error=base if isinstance(base, str) else "",
        head_error=head if isinstance(head, str) else "",
    )
    if new is None:
        return sides
    before = old or NOTHING
    files, renewed = manifests.compare(before.files, new.files) if old else ((), 0)
    names = manifests.renamed(before.files, new.files)
    was, now = _renamed(before.report, names), new.report
    return Stack(
        **{each: getattr(sides, each) for each in ("program", "name", "on_base", "on_head", "base_error")},
        started_anew=new.started_anew,
        ok=new.ok,
        steps=tuple(_steps(new.steps)) if old and not new.started_anew else (),
        unchanged=sum(step["op"] in _UNCHANGED for step in new.steps),
        files=files,
        renewed=renewed,
        links=tuple(_links(was["links"], now["links"])),
        certificates=tuple(_certificates(was["certificates"], now["certificates"])),
        findings=tuple(_findings(was["findings"], now["findings"])),
        not_staged=tuple(sorted({item["type"] for item in now.get("not_staged", ())})),
    )


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A part of the base's report with the head's names, where they were only generated anew."""
    if isinstance(value, str):
        return manifests.with_names(value, names)
    if isinstance(value, Mapping):
        return {key: _renamed(item, names) for key, item in value.items()}
    return [_renamed(item, names) for item in value] if isinstance(value, list) else value


def _steps(steps: Rows) -> Iterable[Step]:
    order = ("delete", "replace", "create", "update")
    changing = [step for step in steps if step["op"] not in _UNCHANGED]
    for step in sorted(changing, key=lambda it: (order.index(it["op"]), it["type"], it["name"])):
        yield Step(
            op=step["op"],
            type=step["type"],
            name=step["name"],
            properties=tuple(step.get("changes", ())),
            reason=step.get("reason", ""),
            delete_first=step.get("deleteBeforeReplace", False),
        )


def _links(base: Rows, head: Rows) -> list[Link]:
    old, new = _by_peers(base), _by_peers(head)
    found = []
    for peers in {**new, **old}:
        before, after = old.get(peers), new.get(peers)
        cases = after or {}
        trouble = tuple(_cases(before, cases))
        held = sum(case["ok"] is True for case in cases.values())
        verdict = _worst(case["ok"] for case in cases.values())
        fate: Fate = "new" if before is None else "gone" if after is None else "same"
        was = ""
        if before is not None:
            was = f"{sum(case['ok'] is True for case in before.values())}/{len(before)}"
            if fate == "same" and (any(case.was for case in trouble) or set(before) != set(cases)):
                fate = "changed"
        found.append(Link(*peers, fate, verdict, held, len(cases), was, trouble))
    # What fails comes first, then what can't be tried, then what changes.
    order = ("failed", "unproved", "ok")
    return sorted(found, key=lambda it: (order.index(it.verdict), it.fate == "same", it.link, it.client, it.server))


def _by_peers(links: Rows) -> dict[tuple[str, str, str], dict[str, Mapping[str, Any]]]:
    found: dict[tuple[str, str, str], dict[str, Mapping[str, Any]]] = {}
    for row in links:
        found.setdefault((row["link"], row["client"], row["server"]), {})[row["case"]] = row
    return found


def _cases(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterable[Case]:
    """Cases in trouble, and those decided otherwise than before."""
    for name, case in sorted(after.items(), key=lambda it: ((False, None, True).index(it[1]["ok"]), it[0])):
        old = (before or {}).get(name)
        was = ""
        if old is not None and (old["ok"], old["expected"], old["observed"]) != _decided(case):
            was = f"{old['observed']}, {_worst([old['ok']])}"
        if was or case["ok"] is not True:
            yield Case(name, case["expected"], case["observed"], _worst([case["ok"]]), case["reason"], was)


def _decided(case: Mapping[str, Any]) -> tuple[Any, ...]:
    return case["ok"], case["expected"], case["observed"]


def _worst(oks: Iterable[bool | None]) -> Verdict:
    seen = set(oks)
    return "failed" if False in seen else "unproved" if None in seen else "ok"


def _certificates(base: Rows, head: Rows) -> list[Certificate]:
    """All certificates of the head, and those of the base that go.

    One that isn't on the base takes the place of one that goes, of the same name and kind. One that is on both has
    changed if others read it now.
    """
    there = {one["fingerprint_sha256"]: one for one in base}
    here = {one["fingerprint_sha256"] for one in head}
    going: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for one in base:
        if one["fingerprint_sha256"] not in here:
            going.setdefault(_place(one), []).append(one)
    found = []
    for one in head:
        old = there.get(one["fingerprint_sha256"])
        if old is not None:
            read_as_before = set(old["used_by"]) == set(one["used_by"])
            found.append(
                _certificate(one, "same") if read_as_before else _certificate(one, "changed", one["not_after"])
            )
            continue
        replaced = going.get(_place(one))
        was = replaced.pop(0)["not_after"] if replaced else ""
        found.append(_certificate(one, "changed" if was else "new", was))
    found += [_certificate(one, "gone") for left in going.values() for one in left]
    return sorted(found, key=lambda one: (_FATES.index(one.fate), one.until, one.name, one.id))


def _place(one: Mapping[str, Any]) -> tuple[Any, ...]:
    return one["name"], one["ca"]


def _certificate(one: Mapping[str, Any], fate: Fate, was: str = "") -> Certificate:
    return Certificate(
        id=one["fingerprint_sha256"],
        name=one["name"],
        fate=fate,
        issuer=one["issuer"],
        key=one["key"],
        until=one["not_after"],
        days_left=one["days_left"],
        ca=one["ca"],
        issued_by=one["issued_by"] or "",
        used_by=tuple(one["used_by"]),
        was=was,
    )


def _findings(base: Rows, head: Rows) -> list[Finding]:
    said, says = [_key(one) for one in base], [_key(one) for one in head]
    found = [Finding("same" if key in said else "new", *key) for key in says]
    found += [Finding("gone", *key) for key in said if key not in says]
    return sorted(found, key=lambda it: (_FATES.index(it.fate), _SEVERITIES.index(it.severity), it.rule, it.object))


def _key(one: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    return one["severity"], one["rule"], one["object"], one["message"], one["fix"]
