"""Programs in the documentation run as they stand."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from kong_mtls.rehearsal.mint import issue
from kong_mtls.rehearsal.stage import perform

from .documents import documents

ROOT = Path(__file__).resolve().parents[2]
# Files that a reader is to have: certificates of CAs of theirs.
FILES = ("partners-ca.pem", "services-ca.pem")


def programs() -> list[tuple[str, str]]:
    """Every Python block that imports what it uses, and where it stands; others are lines of a longer program.

    The guide to composing has tests of its own.
    """
    return [
        (str(document.path), block.text)
        for document in documents(ROOT)
        if document.path.name != "composing.md"
        for block in document.blocks
        if block.language == "python" and block.text.startswith(("import", "from"))
    ]


@pytest.mark.parametrize(("where", "text"), programs(), ids=lambda given: given if given.endswith(".md") else "")
def test_programs_run(where: str, text: str, tmp_path: Path, today: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of their own, on the rehearsal's stage."""
    (tmp_path / "Pulumi.yaml").write_text("name: documentation\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    (tmp_path / "__main__.py").write_text(text)
    for name in FILES:
        ca = issue(name, ca=True, not_before=today - timedelta(days=1), not_after=today + timedelta(days=365))
        (tmp_path / name).write_bytes(ca.cert_pem)
    monkeypatch.chdir(tmp_path)
    done = perform(tmp_path, "dev", at=today)
    assert any(resource.custom for resource in done.resources), where


def test_there_are_some() -> None:
    """The blocks are found."""
    found = {where for where, _ in programs()}
    assert {"README.md", "docs/client-mtls.md", "docs/upstream-mtls.md", "docs/cert-manager.md"} <= found
