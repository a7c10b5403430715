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

from kong_mtls.rehearsal import html_report, inventory, markdown_report, run, summaries
from kong_mtls.rehearsal.terminal_report import print_terminal

from .conftest import NOW


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> run.Rehearsal:
    """A rehearsal of the repository's dev stack, drills included."""
    program = tmp_path_factory.mktemp("program")
    root = Path(__file__).resolve().parents[2]
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "__main__.py", "settings", "drills"):
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
    assert page.index("the door is open") < page.index("8 cases")
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
    assert html_report.trust_map([]).nodes == ()
