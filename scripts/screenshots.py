"""Pictures of the report for the docs: ``python -m scripts.screenshots`` writes ``docs/images/report-*.png``.

The clock is fixed, so that they change with the report alone; keys are new each time, and nothing shows them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from kong_mtls.audit import audit
from kong_mtls.reader.manifests import read_texts
from kong_mtls.rehearsal import html_report, render, report, run
from kong_mtls.rehearsal.links import prove
from scripts.chromium import NAMES, Browser, Page, find

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
LATER = datetime(2027, 2, 1, 12, tzinfo=timezone.utc)
"""Twenty days before the first certificates end."""
TAKEN = "konghq.com/client-cert"
"""The annotation that the failing report lacks: the gateway then shows the sample no certificate."""

DRILL = "database-ca.yaml"
"""One of them shows what they look like, and the others take their time."""


class Shot(NamedTuple):
    """One picture: a report on a screen, so much of it from the heading on."""

    report: str
    width: int
    height: int
    scheme: Literal["light", "dark"]
    heading: str = ""


SHOTS = {
    "report-light": Shot("whole", 1000, 1240, "light"),
    "report-map": Shot("whole", 1000, 1180, "light", "Trust map"),
    "report-dark": Shot("failing", 1000, 1060, "dark"),
    "report-phone": Shot("failing", 360, 1240, "light"),
}


def reports(root: Path, folder: Path) -> dict[str, Path]:
    """The reports of the stack ``dev``: ``whole``, with a drill, and ``failing``, with an annotation taken away.

    Args:
        root: the repository.
        folder: where the files go.
    """
    program = folder / "program"
    program.mkdir()
    (program / "drills").mkdir()
    for path in (*root.glob("*.py"), *root.glob("Pulumi*.yaml"), root / "settings", root / "drills" / DRILL):
        (program / path.relative_to(root)).symlink_to(path)
    done = run.rehearse(program, "dev", now=NOW, drills=True)
    pages = {"whole": html_report.render(done.report), "failing": html_report.render(_failing(done))}
    for name, text in pages.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in pages}


def _failing(done: run.Rehearsal) -> dict[str, Any]:
    texts = {}
    for path, text in render.render(done.performance, masked=False).items():
        document = yaml.safe_load(text)
        if document.get("kind") == "Service":
            document["metadata"].get("annotations", {}).pop(TAKEN, None)
        texts[path] = yaml.safe_dump(document)
    objects = read_texts(texts)
    return report.build(done.performance, prove(objects, LATER), audit(objects, LATER), objects, LATER)


def _place(page: Page, heading: str) -> int:
    """How far down a heading is, with a margin above it; 0 for none."""
    if not heading:
        return 0
    find_it = f"[...document.querySelectorAll('h2')].find(each => each.innerText === {json.dumps(heading)})"
    return int(page.evaluate(f"Math.round({find_it}.getBoundingClientRect().top - 20)"))


def main() -> int:
    """Write the pictures."""
    command = find()
    if command is None:
        sys.stderr.write(f"a browser is needed: none of {', '.join(NAMES)} is on PATH\n")
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, Browser(command) as browser:
        pages = reports(ROOT, Path(folder))
        for name, shot in SHOTS.items():
            with browser.page() as page:
                page.look(width=shot.width, scheme=shot.scheme)
                page.open(pages[shot.report].as_uri())
                page.screenshot(IMAGES / f"{name}.png", top=_place(page, shot.heading), height=shot.height)
            sys.stdout.write(f"{name}.png: {(IMAGES / f'{name}.png').stat().st_size // 1000} KB\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
