"""What importing the components costs over what any such program imports: time, memory.

The SDK for Kubernetes loads a group of its API when it is first used, so the components are compared with a program
that uses the same groups.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from typing import Any

from bench.figures import best, figure

ROUNDS = {"seconds": 7, "megabytes": 2}
BARE = "import pulumi, pulumi_kubernetes"
SAME_GROUPS = (
    "import pulumi, pulumi_kubernetes, pulumi_random, pulumi_tls\n"
    "from pulumi_kubernetes import core, helm, networking\n"
    "core.v1.Secret, networking.v1.Ingress, helm.v3.Release"
)
WAYS = (
    ("import kong_mtls", f"{BARE}, kong_mtls", BARE, "pulumi and pulumi_kubernetes"),
    (
        "its components KongHybrid, ClientMtls, UpstreamMtls",
        f"{BARE}\nfrom kong_mtls import KongHybrid, ClientMtls, UpstreamMtls",
        SAME_GROUPS,
        "the SDK's classes that they use",
    ),
)
_TIMED = """import gc, json, sys, time
gc.disable()
start = time.process_time()
exec(sys.argv[1])
seconds = time.process_time() - start
# Not getrusage: its peak outlives exec, so that it would be the benchmark's own.
(peak,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(json.dumps({"seconds": seconds, "megabytes": int(peak.split()[1]) / 1024}))
"""


def _measure(code: str, of: str) -> float:
    done = subprocess.run([sys.executable, "-c", _TIMED, code], check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)[of])


def bench() -> list[dict[str, Any]]:
    """A row for time and one for memory, for the package and for its components."""
    rows = []
    for what, code, bare, bare_what in WAYS:
        for of, rounds in ROUNDS.items():
            ours, other = best(rounds, partial(_measure, code, of), partial(_measure, bare, of))
            unit, target = ("s", 0.1) if of == "seconds" else ("MB", None)
            rows.append(figure(f"{what}: {of}", ours, unit, against=other, against_what=bare_what, more_at_most=target))
    return rows
