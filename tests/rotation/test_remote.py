"""A data plane of another stack: it asks, is signed for, joins; only public data crosses."""

from __future__ import annotations

import json
import textwrap
from datetime import datetime
from pathlib import Path
from typing import Any

from kong_mtls.reader.manifests import read_texts
from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.links import LINKS
from kong_mtls.rehearsal.render import render
from kong_mtls.rehearsal.stage import Performance, perform
from kong_mtls.rehearsal.state import State

from .conftest import CLUSTER, Stack

PROGRAM = """
    import json, pulumi
    from kong_mtls import RemoteDataPlane

    membership = json.loads(pulumi.Config().get("membership") or "null")
    far = RemoteDataPlane("far", {
        "plane": "far",
        "namespace": "kong-far",
        "license_secret": {"name": "kong-enterprise-license"},
        **({"membership": membership} if membership else {}),
    })
    pulumi.export("certificateRequestPem", far.certificate_request_pem)
"""


def remote(folder: Path, today: datetime, state: State | None, membership: dict[str, Any] | None) -> Performance:
    """One update of the remote stack."""
    folder.mkdir(exist_ok=True)
    (folder / "Pulumi.yaml").write_text("name: far\nruntime: python\n")
    config = f"config:\n  far:membership: '{json.dumps(membership)}'\n" if membership else "config: {}\n"
    (folder / "Pulumi.dev.yaml").write_text(config)
    (folder / "__main__.py").write_text(textwrap.dedent(PROGRAM))
    return perform(folder, "dev", at=today, state=state or State("far", "dev"))


def test_it_asks_is_signed_for_and_joins(tmp_path: Path, today: datetime, staging: Stack) -> None:
    """The link between the two stacks' files holds, and nothing that crosses is secret."""
    asked = remote(tmp_path / "far", today, None, None)
    request = wire.plain(asked.exports)["certificateRequestPem"]
    assert not any(isinstance(value, wire.Secret) for value in asked.exports.values())
    assert not any(step.type.endswith(":Release") for step in asked.steps)

    plane = {"name": "far", "certificateRequestPem": request}
    signed = staging.up({f"{CLUSTER}.remoteDataPlanes": [plane]})
    assert not any(isinstance(value, wire.Secret) for value in signed.exports.values())
    exports = wire.plain(signed.exports)
    host = "kong-cp-kong-cluster.kong.svc.cluster.local"
    membership = {
        "certificate_pem": exports["dataPlaneCertificatePems"]["far"],
        "trust_pem": exports["clusterTrustPem"],
        "control_plane": {"cluster_host": host, "telemetry_host": host.replace("cluster.", "clustertelemetry.", 1)},
    }
    joined = remote(tmp_path / "far", today, asked.state, membership)
    assert wire.plain(joined.exports)["certificateRequestPem"] == request

    both = {**render(signed, masked=False), **render(joined, masked=False)}
    rows = LINKS["cluster"](read_texts(both), today, lambda _: None)
    far = [row for row in rows if row.client == "kong-far/kong-far"]
    assert len(far) >= 8
    assert {row.ok for row in far} == {True}


def test_a_new_key_asks_again(tmp_path: Path, today: datetime) -> None:
    """Another `key_generation` makes another request; without one it stays the same."""
    first = remote(tmp_path / "far", today, None, None)
    again = remote(tmp_path / "far", today, first.state, None)
    assert not again.changed
