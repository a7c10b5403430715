"""The report in its forms: complete, trouble first, nothing from the network, nothing secret."""

from __future__ import annotations

import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kong_mtls.rehearsal import html_report, inventory, markdown_report, run, summaries, trust_map
from kong_mtls.rehearsal.terminal_report import print_terminal

from .conftest import NOW


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> run.Rehearsal:
    """A rehearsal of the repository's dev stack, drills included."""
    program = tmp_path_factory.mktemp("program")
    root = Path(__file__).resolve().parents[2]
    modules = [path.name for path in root.glob("*.py")]
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "settings", "drills", *modules):
        (program / name).symlink_to(root / name)
    return run.rehearse(program, "dev", now=NOW, drills=True)


def test_report_has_what_scripts_rely_on(done: run.Rehearsal) -> None:
    """The keys and fields of ``report.json``, as they are on disk."""
    report = json.loads((done.folder / "report.json").read_text())
    assert report["stack"] == "dev"
    assert report["engine"] == "rehearsal"
    assert {"urn", "type", "name"} <= set(report["resources"][0])
    certificate = {"name", "subject", "issuer", "key", "not_before", "not_after", "usages", "sans"}
    assert certificate | {"fingerprint_sha256", "used_by"} <= set(report["certificates"][0])
    assert {"link", "client", "server", "case", "expected", "observed", "ok"} <= set(report["links"][0])
    assert {"rule", "severity", "object", "message", "fix"} <= set(report["findings"][0])


def test_every_certificate_is_listed_with_its_readers(done: run.Rehearsal) -> None:
    """The shared certificate is one entry, read by both releases, and dated by the day of the rehearsal."""
    (shared,) = [one for one in done.report["certificates"] if one["name"] == "kong_clustering"]
    assert shared["used_by"] == ["Release/kong/kong-cp", "Release/kong-dp/kong-dp"]
    assert shared["key"] == "EC P-384"
    assert shared["sans"] == ["DNS:kong_clustering"]
    assert shared["days_left"] == 1095
    assert {"client_auth", "server_auth", "digital_signature"} <= set(shared["usages"])


def test_no_form_of_the_report_holds_a_secret(done: run.Rehearsal) -> None:
    """No private key, and nothing of the licence or the password."""
    for path in done.folder.glob("report.*"):
        text = path.read_text()
        assert "PRIVATE KEY" not in text
        assert "payload" not in text


class _References(HTMLParser):
    """Everything a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}={value}" for name, value in attrs if name in ("src", "href", "srcset", "action")]
        if tag == "script":
            self.found.append(tag)


def test_html_needs_no_network(done: run.Rehearsal) -> None:
    """One file: no script, no image, no font, no style from elsewhere."""
    page = (done.folder / "report.html").read_text()
    references = _References()
    references.feed(page)
    assert references.found == []
    assert not re.search(r"url\(|@import", page)
    assert "prefers-color-scheme: dark" in page


def changed(report: Any, **changes: Any) -> Any:
    """A copy of a report with some parts exchanged."""
    return {**json.loads(json.dumps(report)), **changes}


def failing(report: Any) -> Any:
    """The same report with one case gone wrong."""
    links = json.loads(json.dumps(report["links"]))
    links[-1] |= {"observed": "<b>accept</b>", "ok": False, "reason": "the door is open"}
    return changed(report, links=links)


def test_a_failed_case_comes_first_and_in_full(done: run.Rehearsal) -> None:
    """In each form the link in trouble is on top, with its reason; text is escaped."""
    report = failing(done.report)
    assert summaries.groups(report["links"])[0].verdict == "failed"
    page = html_report.render(report)
    assert page.index("<h1>A link doesn't hold</h1>".replace("'", "&#39;")) < page.index("the door is open")
    links = page[page.index("<h2>Links</h2>") :]
    assert links.index("the door is open") < links.index("holds</span>")
    assert "<b>accept</b>" not in page
    assert "the door is open" in markdown_report.render(report)
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    print_terminal(report, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "FAILED: " in text
    assert "the door is open" in text


def test_a_link_in_trouble_may_have_unproved_cases_too(done: run.Rehearsal) -> None:
    """As when a certificate has expired: the bad peers' refusals prove nothing then. Trouble comes first."""
    links = json.loads(json.dumps(done.report["links"]))
    links[0] |= {"ok": None, "reason": "the good one is refused as well"}
    links[1] |= {"ok": False, "reason": "the door is open"}
    assert [links[0][key] for key in ("link", "client", "server")] == [
        links[1][key] for key in ("link", "client", "server")
    ]
    page = html_report.render(changed(done.report, links=links))
    assert page.index("the door is open") < page.index("the good one is refused as well")


def test_terminal_is_plain_when_piped(done: run.Rehearsal) -> None:
    """No colour codes, and a line for each link between two peers."""
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    print_terminal(done.report, console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "\x1b" not in text
    assert len(re.findall(r"^cluster +kong-dp/kong-dp", text, re.MULTILINE)) == 2


def test_markdown_draws_the_trust_map(done: run.Rehearsal) -> None:
    """A Mermaid graph of who issues and who reads, and the drills."""
    text = (done.folder / "report.md").read_text()
    assert "```mermaid\ngraph LR" in text
    assert "-->|issues|" in text
    assert "-.->|read by|" in text
    assert "shared-to-pki" in text


def test_a_failed_drill_shows(done: run.Rehearsal) -> None:
    """A mixture that drops somebody is named with the first case that failed."""
    rows = json.loads(json.dumps(done.report["drill"]))
    rows[0] |= {"ok": False, "failed": ["kong-dp to kong-cp, the data plane itself: refuse"]}
    outcome = next(iter(summaries.drill_steps(rows)))[-1]
    assert outcome.startswith("FAILED in 1 of 2 mixtures: kong-dp to kong-cp")


def test_an_expired_certificate_is_marked() -> None:
    """Days left below zero read as expired."""
    assert summaries.lifetime({"days_left": -1}) == "expired"
    assert summaries.lifetime({"days_left": 0}) == "0 days"


def test_no_certificates_no_trouble() -> None:
    """An empty set of files has an empty inventory and a map that can still be drawn."""
    from kong_mtls.reader.manifests import read_texts

    assert inventory.certificates(read_texts({})) == []
    assert trust_map.bands([]) == []
    assert html_report.calendar([]) == []


def test_a_certificate_is_put_to_its_link(done: run.Rehearsal) -> None:
    """By what reads it; a CA by what it issued, and an unread leaf by its CA."""
    links = {one["name"]: one["links"] for one in done.report["certificates"]}
    assert links["kong_clustering"] == ["cluster"]
    assert links["kong-dp-kong-proxy"] == links["kong gateway server g1"] == ["client"]
    assert links["kong-gateway"] == links["echo"] == links["kong upstreams g1"] == ["upstream"]
    assert links["kong-postgres"] == links["kong postgres g1"] == ["database"]
    assert links["kong-admin"] == links["kong admin api g1"] == ["admin"]
    assert links["alice"] == links["kong callers g1"] == ["client"]


def test_the_map_has_who_issues_what_for_each_link(done: run.Rehearsal) -> None:
    """A band for each link; a self-signed certificate stands with the CAs; what is elsewhere is named."""
    found = {band.link: band for band in trust_map.bands(done.report["certificates"])}
    assert list(found) == [*summaries.LINKS]
    (shared,) = found["cluster"].branches
    assert (shared.name, shared.leaves) == ("kong_clustering", [])
    leaves = {branch.name: [one["name"] for one in branch.leaves] for branch in found["client"].branches}
    assert leaves == {
        "kong callers g1": ["alice"],
        "kong gateway server g1": ["echo.example.com", "kong-dp-kong-proxy"],
    }
    orphans = [{**one, "issued_by": None} for one in done.report["certificates"] if one["name"] == "alice"]
    ((branch,),) = [band.branches for band in trust_map.bands(orphans)]
    assert (branch.authority, branch.name) == (None, "CN=kong callers g1")


def test_the_verdict_says_the_worst_first(done: run.Rehearsal) -> None:
    """A failed case before errors and drills, those before what couldn't be tried."""
    assert summaries.verdict(done.report)[0] == "ok"
    assert summaries.verdict(failing(done.report))[:2] == ("failed", "A link doesn't hold")
    error = {"rule": "r", "severity": "error", "object": "Stack//dev", "message": "m", "fix": "f"}
    assert summaries.verdict(changed(done.report, findings=[error]))[1:] == (
        "Not safe as it is",
        "1 finding must be mended.",
    )
    drill = [{**row, "ok": False, "failed": ["somebody"]} for row in done.report["drill"]]
    assert summaries.verdict(changed(done.report, drill=drill))[0] == "failed"
    assert summaries.verdict(changed(done.report, drill=[{**row, "outage": True} for row in drill]))[0] == "ok"
    links = [{**done.report["links"][0], "ok": None}, *done.report["links"][1:]]
    assert summaries.verdict(changed(done.report, links=links))[0] == "unproved"
    assert summaries.verdict(changed(done.report, links=[]))[1] == "Nothing to prove"


def test_a_hundred_services_alike_make_a_small_page(done: run.Rehearsal) -> None:
    """What came out alike is shown once, with everybody's name; at most 500 KB."""
    report = changed(done.report)
    cases = [row for row in report["links"] if row["server"] == "Service/echo/echo"]
    leaf = next(one for one in report["certificates"] if one["name"] == "echo")
    setting = report["upstreams"][0]
    for number in range(100):
        name = f"Service/team/app-{number}"
        report["links"] += [{**row, "server": name, "reason": f"{row['reason']}; as for {name}"} for row in cases]
        report["certificates"].append({**leaf, "name": f"app-{number}", "fingerprint_sha256": f"{number:064x}"})
        report["upstreams"].append(json.loads(json.dumps(setting).replace("echo", f"app-{number}")))
    page = html_report.render(report)
    assert page.count("app-99") >= 3
    assert page.count("another CA") == html_report.render(done.report).count("another CA")
    assert "101 Services alike" in page
    assert len(page.encode()) < 500_000


def test_json_is_a_line_for_each_row(done: run.Rehearsal) -> None:
    """It can be compared line by line."""
    text = (done.folder / "report.json").read_text()
    assert len(text.splitlines()) < len(done.report["links"]) + len(done.report["resources"]) + 200
    assert json.loads(text) == json.loads(json.dumps(done.report))
