"""What the end-to-end tests need: `pulumi` on PATH, and a cluster of their own by KUBECONFIG.

Environment:
    CHART_PATH: a local copy of the Kong chart; without it the chart comes from its repository.
    WAIT_FOR_PODS: 0 for a control plane without nodes; by default every Release waits for its pods.
    LICENSE_FILE: an Enterprise licence. Without one the gateway is the open-source one where pods run, and where none
        run a made-up licence does.
"""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

pytest.register_assert_rewrite("e2e.cluster", "e2e.observe", "e2e.stack")

from e2e.cluster import NAMESPACE, Cluster  # noqa: E402
from e2e.stack import Stack  # noqa: E402
from scripts.kubeconfig import find_context, probe  # noqa: E402
from scripts.stack_file import Missing, read_stack_file  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
NAMESPACES = ("kong", "kong-dp")
WAIT_FOR_PODS = os.environ.get("WAIT_FOR_PODS", "1") != "0"


def _stop(reason: str) -> NoReturn:
    pytest.exit(f"make e2e: {reason}", returncode=1)


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    """The cluster that the stack dev names, which nobody else uses."""
    if not shutil.which("pulumi"):
        _stop("no `pulumi` on PATH; install it (https://www.pulumi.com/docs/install/)")
    if not os.environ.get("KUBECONFIG"):
        _stop("KUBECONFIG is not set; set it to the kubeconfig of a cluster for this test, say one made by kind")
    environment = dict(os.environ)
    try:
        context = find_context(str(read_stack_file(ROOT, "dev").value("kubernetes:context")), environment)
        probe(context, environment)
    except Missing as missing:
        _stop(str(missing))
    found = Cluster(context, environment)
    for namespace in NAMESPACES:
        if found.get(f"{NAMESPACE}/{namespace}"):
            _stop(f"context {context.name} already has the namespace {namespace}; it takes a cluster without Kong")
    if WAIT_FOR_PODS and not found.items("/api/v1/nodes"):
        _stop(f"context {context.name} has no nodes, so no pod will ever be ready; set WAIT_FOR_PODS=0")
    found.remember()
    return found


@pytest.fixture(scope="session")
def license_file(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """The licence, in a file that a test may write to; None where the gateway has to do without."""
    given = os.environ.get("LICENSE_FILE")
    if not given and WAIT_FOR_PODS:
        return None
    text = Path(given).read_text("utf-8") if given else json.dumps({"license": {"version": "1", "payload": {}}})
    path = tmp_path_factory.mktemp("license") / "license.json"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def stack(cluster: Cluster, license_file: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack dev in a folder of its own; the cluster is cleared after it, whatever became of its tests."""
    chart: dict[str, Any] = {"waitForPods": WAIT_FOR_PODS}
    if os.environ.get("CHART_PATH"):
        chart["path"] = str(Path(os.environ["CHART_PATH"]).resolve())
    gateway = {"kong-mtls:license": {"file": str(license_file)}} if license_file else {"kong-mtls:edition": "oss"}
    made = Stack(ROOT, tmp_path_factory.mktemp("e2e") / "project", {"kong-mtls:chart": chart, **gateway})
    try:
        yield made
    finally:
        made.end_orphans()
        cluster.clear()
