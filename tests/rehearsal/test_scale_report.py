"""Many Services: the program that the benchmarks rehearse holds, and its report stays small."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kong_mtls.rehearsal import run

from .conftest import NOW


@pytest.fixture(scope="module")
def many(root: Path, tmp_path_factory: pytest.TempPathFactory) -> run.Rehearsal:
    """Ten protected Services with a workload and a certificate each."""
    program = tmp_path_factory.mktemp("many")
    for path in (root / "bench" / "stack").glob("*"):
        if path.is_file():
            shutil.copy(path, program / path.name)
    (program / "Pulumi.ten.yaml").write_text('config:\n  bench:services: "10"\n  bench:workloads: "true"\n')
    return run.rehearse(program, "ten", now=NOW)


def test_the_benchmarks_program_holds(many: run.Rehearsal) -> None:
    """Every Service is reached by who may, and by nobody else; only the database outside can't be tried."""
    assert [row for row in many.links if row.ok is False] == []
    assert {row.link for row in many.links if row.ok is None} == {"database"}
    assert len({row.server for row in many.links if row.link == "upstream"}) == 10
    assert len({row.server for row in many.links if row.link == "client" and "route" in row.server}) == 10


def test_services_alike_are_one_line_of_the_page(many: run.Rehearsal) -> None:
    """Everybody is named, and ten cost hardly more than one."""
    page = (many.folder / "report.html").read_text()
    assert "10 of a kind" in page
    assert all(f"app-{number}" in page for number in range(10))
    assert len(page) < 60_000
