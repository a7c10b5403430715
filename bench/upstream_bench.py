"""What UpstreamMtls costs over the same resources written flat, at 100 and 1,000 Services, in one run: time, memory.

Run it: ``python bench/upstream_bench.py``. Both are programs of the SDK against its mock monitor, which answers at
once: engine and cluster cost both the same. Time is the process's own, so that the machine's other load counts little;
a measurement is the best of several, component and flat by turns, each in a process of its own.
"""

import asyncio
import gc
import json
import subprocess
import sys
import tracemalloc
from datetime import datetime, timedelta, timezone
from time import process_time
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi.runtime import mocks

from kong_mtls import UpstreamMtls
from kong_mtls.rehearsal.mint import Minted, issue

SIZES = (100, 1_000)
ROUNDS = {"seconds": 5, "megabytes": 2}  # memory hardly varies, and tracing it is slow
WAYS = ("component", "flat")
NAMESPACES = 10


class _Answers(mocks.Mocks):
    """Outputs are the inputs."""

    def __init__(self) -> None:
        self.count = 0

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise NotImplementedError(args.token)

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        self.count += 1
        return f"{args.name}-id", dict(args.inputs)


def _places(size: int) -> list[tuple[str, str]]:
    return [(f"team-{number % NAMESPACES}", f"app-{number}") for number in range(size)]


def component(size: int, ca: Minted, pair: Minted) -> None:
    """Services by the component."""
    UpstreamMtls(
        "upstream",
        {
            "services": [{"namespace": namespace, "name": name} for namespace, name in _places(size)],
            "client_certificate": {
                "certificate_pem": pair.cert_pem.decode(),
                "private_key_pem": pair.key_pem.decode(),
            },
            "trust": {"authorities": {"g1": ca.cert_pem.decode()}},
        },
    )


def flat(size: int, ca: Minted, pair: Minted) -> None:
    """The same resources, written by hand."""
    clients, cas = {}, {}
    for namespace in sorted({namespace for namespace, _ in _places(size)}):
        secret = kubernetes.core.v1.Secret(
            f"client-{namespace}",
            metadata={"name": "upstream-client", "namespace": namespace},
            type="kubernetes.io/tls",
            string_data={
                "tls.crt": pair.cert_pem.decode(),
                "tls.key": pulumi.Output.secret(pair.key_pem.decode()),
            },
        )
        clients[namespace] = secret.metadata.name
        authority = kubernetes.core.v1.ConfigMap(
            f"ca-{namespace}",
            metadata={
                "name": "upstream-ca",
                "namespace": namespace,
                "labels": {"konghq.com/ca-cert": "true"},
                "annotations": {"kubernetes.io/ingress.class": "kong"},
            },
            data={"id": "00000000-0000-4000-8000-000000000000", "cert": ca.cert_pem.decode()},
        )
        cas[namespace] = authority.metadata.name
    for namespace, name in _places(size):
        kubernetes.core.v1.ServicePatch(
            f"{namespace}.{name}",
            metadata={
                "name": name,
                "namespace": namespace,
                "annotations": {
                    "pulumi.com/skipAwait": "true",
                    "konghq.com/protocol": "https",
                    "konghq.com/tls-verify": "true",
                    "konghq.com/host-header": f"{name}.{namespace}.svc",
                    "konghq.com/client-cert": clients[namespace],
                    "konghq.com/ca-certificates-configmaps": cas[namespace],
                },
            },
        )


def measure(way: str, size: int, memory: bool) -> dict[str, float]:
    """One run in this process: seconds from the program's start to the last answer, or megabytes at their peak."""
    now = datetime.now(timezone.utc)
    begin, end = now - timedelta(days=1), now + timedelta(days=90)
    ca = issue("ca", ca=True, not_before=begin, not_after=end)
    pair = issue("gateway", issuer=ca, client=True, not_before=begin, not_after=end)
    program = {"component": component, "flat": flat}[way]
    answers = _Answers()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pulumi.runtime.set_mocks(answers, project="bench", stack="bench", preview=False)
    gc.collect()
    if memory:
        tracemalloc.start()
    start = process_time()
    loop.run_until_complete(pulumi.runtime.stack.run_pulumi_func(lambda: program(size, ca, pair)))
    seconds = process_time() - start
    peak = tracemalloc.get_traced_memory()[1] if memory else 0
    return {"seconds": seconds, "megabytes": peak / 1e6, "resources": float(answers.count)}


def _run(way: str, size: int, memory: bool) -> dict[str, float]:
    command = [sys.executable, __file__, way, str(size), str(int(memory))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _best(size: int, of: str) -> dict[str, float]:
    """The least seconds, or megabytes, of either way."""
    best = dict.fromkeys(WAYS, float("inf"))
    made: dict[str, float] = {}
    for _ in range(ROUNDS[of]):
        for way in WAYS:
            result = _run(way, size, of == "megabytes")
            best[way], made[way] = min(best[way], result[of]), result["resources"]
    if made["component"] != made["flat"] + 1:  # the component itself is the one more
        raise AssertionError(f"not the same resources: {made}")
    return best


def bench() -> list[dict[str, Any]]:
    """A row per size: both times, their ratio, the ratio of memory; and one of time per Service, 1.0 being linear."""
    rows: list[dict[str, Any]] = []
    per_service = []
    for size in SIZES:
        seconds, megabytes = _best(size, "seconds"), _best(size, "megabytes")
        per_service.append(seconds["component"] / size)
        rows.append(
            {
                "bench": f"upstream mTLS of {size} Services",
                "component_s": round(seconds["component"], 3),
                "flat_s": round(seconds["flat"], 3),
                "time_ratio": round(seconds["component"] / seconds["flat"], 3),
                "component_mb": round(megabytes["component"], 1),
                "flat_mb": round(megabytes["flat"], 1),
                "memory_ratio": round(megabytes["component"] / megabytes["flat"], 3),
            }
        )
    ratio = round(per_service[-1] / per_service[0], 2)
    rows.append({"bench": f"upstream mTLS: time per Service at {SIZES[-1]} over at {SIZES[0]}", "ratio": ratio})
    return rows


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(measure(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1")))
    else:
        for row in bench():
            sys.stdout.write(json.dumps(row) + "\n")
