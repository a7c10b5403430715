"""What UpstreamMtls costs over the same resources written flat, at 100 and 1,000 Services, in one run: time, memory.

Both are programs of the SDK against its mock monitor, which answers at
once: engine and cluster cost both the same. Time is the process's own, so that the machine's other load counts little;
a measurement is the best of several, component and flat by turns, each in a process of its own.
"""

import asyncio
import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi.runtime import mocks

from bench.figures import best, figure
from kong_mtls import UpstreamMtls
from kong_mtls.rehearsal.mint import issue

ROOT = Path(__file__).resolve().parent.parent
SIZES = (100, 1_000)
ROUNDS = {"seconds": 5, "megabytes": 2}  # memory hardly varies, and tracing it is slow
WAYS = ("component", "flat")
NAMESPACES = 10
AT_MOST = 1.05


class World(NamedTuple):
    """What both ways are given, in PEM: the CA of the Services, and the pair that the gateway shows them."""

    authority: str
    certificate: str
    key: str


def world() -> World:
    """A new one."""
    now = datetime.now(timezone.utc)
    begin, end = now - timedelta(days=1), now + timedelta(days=90)
    ca = issue("ca", ca=True, not_before=begin, not_after=end)
    pair = issue("gateway", issuer=ca, client=True, not_before=begin, not_after=end)
    return World(ca.cert_pem.decode(), pair.cert_pem.decode(), pair.key_pem.decode())


class _Answers(mocks.Mocks):
    """Outputs are the inputs."""

    def __init__(self) -> None:
        self.count = 0

    def call(self, args: mocks.MockCallArgs) -> Any:
        raise NotImplementedError(args.token)

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        self.count += 1
        return f"{args.name}-id", dict(args.inputs)


def places(size: int) -> list[tuple[str, str]]:
    """Namespace and name of each Service."""
    return [(f"kong-mtls-bench-{number % NAMESPACES}", f"app-{number}") for number in range(size)]


def component(size: int, given: World) -> None:
    """Services by the component."""
    UpstreamMtls(
        "upstream",
        {
            "services": [{"namespace": namespace, "name": name} for namespace, name in places(size)],
            "client_certificate": {
                "certificate_pem": given.certificate,
                "private_key_pem": given.key,
            },
            "trust": {"authorities": {"g1": given.authority}},
        },
    )


def flat(size: int, given: World) -> None:
    """The same resources, written by hand."""
    clients, cas = {}, {}
    for namespace in sorted({namespace for namespace, _ in places(size)}):
        secret = kubernetes.core.v1.Secret(
            f"client-{namespace}",
            metadata={"name": "upstream-client", "namespace": namespace},
            type="kubernetes.io/tls",
            string_data={
                "tls.crt": given.certificate,
                "tls.key": pulumi.Output.secret(given.key),
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
            data={"id": "00000000-0000-4000-8000-000000000000", "cert": given.authority},
        )
        cas[namespace] = authority.metadata.name
    for namespace, name in places(size):
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


def program(way: str) -> Callable[[int, World], None]:
    """One of ``WAYS``."""
    return {"component": component, "flat": flat}[way]


def measure(way: str, size: int, memory: bool) -> dict[str, float]:
    """One run in this process: seconds from the program's start to the last answer, or megabytes at their peak."""
    given = world()
    made = program(way)
    answers = _Answers()
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pulumi.runtime.set_mocks(answers, project="bench", stack="bench", preview=False)
    gc.collect()
    # The SDK reads its classes when they are first asked for: not what is measured here.
    _ = kubernetes.core.v1.ServicePatch, kubernetes.networking.v1.Ingress
    if memory:
        tracemalloc.start()
    start = process_time()
    loop.run_until_complete(pulumi.runtime.stack.run_pulumi_func(lambda: made(size, given)))
    seconds = process_time() - start
    peak = tracemalloc.get_traced_memory()[1] if memory else 0
    return {"seconds": seconds, "megabytes": peak / 1e6, "resources": float(answers.count)}


def _run(way: str, size: int, of: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.upstream_bench", way, str(size), str(int(of == "megabytes"))]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _one(way: str, size: int, of: str) -> float:
    return _run(way, size, of)[of]


def bench() -> list[dict[str, Any]]:
    """Time and memory at each size, and how the time of a Service grows."""
    rows: list[dict[str, Any]] = []
    per_service = []
    for size in SIZES:
        if _run("component", size, "seconds")["resources"] != _run("flat", size, "seconds")["resources"] + 1:
            raise AssertionError("not the same resources but for the component itself")
        for of, rounds in ROUNDS.items():
            ways = [partial(_one, way, size, of) for way in WAYS]
            ours, other = best(rounds, *ways)
            what = f"upstream mTLS of {size:,} Services: {'time' if of == 'seconds' else 'memory'}"
            unit = "s" if of == "seconds" else "MB"
            target = AT_MOST if size == SIZES[-1] else None
            rows.append(figure(what, ours, unit, against=other, against_what="flat", ratio_at_most=target))
            if of == "seconds":
                per_service.append(1_000 * ours / size)
    rows.append(
        figure(
            f"upstream mTLS: time per Service at {SIZES[-1]:,}",
            per_service[-1],
            "ms",
            against=per_service[0],
            against_what=f"at {SIZES[0]}",
        )
    )
    return rows


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1")))
