"""Services on a real cluster: made by the stack ``base``, then annotated by the component or by hand."""

import json
import sys
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

config = pulumi.Config("bench")
sys.path.insert(0, config.require("folder"))

from bench.upstream_bench import WAYS, World, places, program  # noqa: E402 - the repository isn't installed with its benchmarks

size = config.require_int("services")
way = config.require("way")

if way in WAYS:
    program(way)(size, World(**json.loads(Path(config.require("world")).read_text())))
else:
    for namespace in sorted({namespace for namespace, _ in places(size)}):
        kubernetes.core.v1.Namespace(namespace, metadata={"name": namespace})
    for namespace, name in places(size):
        kubernetes.core.v1.Service(
            f"{namespace}.{name}",
            metadata={"name": name, "namespace": namespace, "annotations": {"pulumi.com/skipAwait": "true"}},
            spec={"ports": [{"name": "https", "port": 443}], "selector": {"app": name}},
        )
