"""How long a rehearsal takes, as the command that a person runs: ``dev``, then 10, 100 and 1,000 protected Services.

Processor time, everything included: start, program, files, handshakes, audit, reports. The first run of each is not
counted where it is called warm.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.figures import figure, seconds_of

ROOT = Path(__file__).resolve().parent.parent
SIZES = (10, 100, 1_000)
ROUNDS = {10: 3, 100: 2, 1_000: 2}
KB = 1_000


def _rehearse(folder: Path, stack: str) -> float:
    command = [sys.executable, "-m", "kong_mtls.cli", "rehearse", "--stack", stack, "--format", "json"]
    source = os.pathsep.join([str(ROOT / "components"), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    return seconds_of(command, folder, {**os.environ, "PYTHONPATH": source})


def _dev(folder: Path) -> dict[str, Any]:
    for path in (*ROOT.glob("*.py"), *ROOT.glob("Pulumi*.yaml"), ROOT / "settings"):
        (folder / path.name).symlink_to(path)
    _rehearse(folder, "dev")
    return figure("rehearsal of dev, warm", min(_rehearse(folder, "dev") for _ in range(3)), "s", at_most=3)


def _program(folder: Path, stack: str, size: int, *, workloads: bool) -> None:
    for name in ("Pulumi.yaml", "__main__.py"):
        shutil.copy(ROOT / "bench" / "stack" / name, folder / name)
    text = f'config:\n  bench:services: "{size}"\n  bench:workloads: "{str(workloads).lower()}"\n'
    (folder / f"Pulumi.{stack}.yaml").write_text(text)


def bench() -> list[dict[str, Any]]:
    """A row for dev, one for each size, one for how it grows, one for the report, one with workloads of their own."""
    rows = []
    with tempfile.TemporaryDirectory() as dev, tempfile.TemporaryDirectory() as many:
        rows.append(_dev(Path(dev)))
        folder, seconds = Path(many), {}
        for size in SIZES:
            _program(folder, f"n{size}", size, workloads=False)
            seconds[size] = min(_rehearse(folder, f"n{size}") for _ in range(ROUNDS[size]))
            rows.append(
                figure(
                    f"rehearsal of {size:,} protected Services",
                    seconds[size],
                    "s",
                    at_most=20 if size == SIZES[-1] else None,
                )
            )
        each = {size: 1_000 * seconds[size] / size for size in SIZES}
        rows.append(
            figure(
                f"rehearsal: time per Service at {SIZES[-1]:,}",
                each[SIZES[-1]],
                "ms",
                against=each[SIZES[-2]],
                against_what=f"at {SIZES[-2]}",
                ratio_at_most=1.1,
            )
        )
        page = (folder / "out" / f"n{SIZES[-2]}" / "report.html").stat().st_size / KB
        rows.append(figure(f"report.html of {SIZES[-2]} Services", page, "KB", at_most=500))
        _program(folder, "own", SIZES[-2], workloads=True)
        own = _rehearse(folder, "own")
        rows.append(figure(f"rehearsal of {SIZES[-2]}, each with a workload and a certificate", own, "s"))
    return rows
