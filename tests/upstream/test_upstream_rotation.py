"""CAs of the upstream link replaced in steps: gateway and workload with what they had or have, as real handshakes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import product
from typing import Any

import pulumi
import pytest

from kong_mtls import UpstreamMtls
from kong_mtls.reader.manifests import Objects, secret_data
from kong_mtls.rehearsal.links.ends import ClientEnd, Request, Response, ServerEnd
from kong_mtls.rehearsal.links.handshake import exchange
from kong_mtls.rehearsal.stage import Performance
from tests.upstream.conftest import Stage

Read = Callable[[Performance], Objects]

HOST = "echo.apps.svc"
STEPS: list[dict[str, Any]] = [
    {"generations": ["g1", "g2"]},
    {"generations": ["g1", "g2"], "issuing": "g2"},
    {"generations": ["g2"]},
]
OUTPUTS = ("client_secret_names", "gateway_trust_names", "server_secret_names", "trust_pem")


def up(stage: Stage, side: str, authority: dict[str, Any], after: Performance | None = None) -> Performance:
    """One update with the CA of a side as given."""
    gateway = {"issue": {"authority": authority}} if side == "gateway" else {}
    servers: dict[str, Any] = {"services": [{"name": "echo", "namespace": "apps"}]}
    if side == "servers":
        servers["authority"] = authority
    args: Any = {
        "services": [{"name": "echo", "namespace": "apps"}],
        "client_certificate": gateway,
        "server_certificates": servers,
    }

    def program() -> None:
        made = UpstreamMtls("upstream", args)
        for output in OUTPUTS:
            pulumi.export(output, getattr(made, output))

    return stage(program, after=after)


def meets(gateway: Performance, workload: Performance, read: Read, at: datetime) -> str:
    """A request of the gateway as one run made it to the workload as another run made it."""
    theirs, ours = read(workload), read(gateway)
    shown = secret_data(ours.get("Secret", "apps", gateway.exports["client_secret_names"]["apps"]) or {})
    server = secret_data(theirs.get("Secret", "apps", workload.exports["server_secret_names"]["apps/echo"]) or {})
    bundle = theirs.get("ConfigMap", "apps", workload.exports["gateway_trust_names"]["apps"])
    assert bundle is not None
    outcome = exchange(
        ClientEnd(
            at=at,
            cert_chain_pem=shown["tls.crt"],
            key_pem=shown["tls.key"],
            trust_pem=gateway.exports["trust_pem"].encode(),
            depth=1,
            server_name=HOST,
            check_name=HOST,
        ),
        ServerEnd(
            cert_chain_pem=server["tls.crt"] or b"",
            key_pem=server["tls.key"] or b"",
            at=at,
            client_ca_pem=bundle["data"]["ca.crt"].encode(),
            verify="on",
            answer=lambda *_: Response(200),
        ),
        Request(HOST),
    )
    return outcome.status


@pytest.mark.parametrize("side", ["gateway", "servers"])
def test_each_step_holds_in_every_mixture(stage: Stage, read: Read, today: datetime, side: str) -> None:
    """Both have what they had, one has the new, both have: the gateway gets in, and believes the workload."""
    before = up(stage, side, {})
    for step in STEPS:
        after = up(stage, side, step, before)
        for gateway, workload in product((before, after), repeat=2):
            assert meets(gateway, workload, read, today) == "200", step
        before = after


@pytest.mark.parametrize("side", ["gateway", "servers"])
def test_a_jump_cuts_whoever_has_not_restarted(stage: Stage, read: Read, today: datetime, side: str) -> None:
    """The same in one step: only those that have restarted both, or neither, get on."""
    before = up(stage, side, {})
    after = up(stage, side, {"generations": ["g2"]}, before)
    assert meets(before, before, read, today) == meets(after, after, read, today) == "200"
    assert meets(before, after, read, today) != "200"
    assert meets(after, before, read, today) != "200"
