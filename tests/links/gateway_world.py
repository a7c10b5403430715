"""A gateway with one protected route, as files: what the client and the upstream link are proved with."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from kong_mtls.reader.manifests import Objects, read_texts
from kong_mtls.rehearsal.links.model import Link
from kong_mtls.rehearsal.mint import Minted, issue
from tests.reader import kic_world as kic
from tests.reader.kic_world import AT, Manifest, ca_secret, consumer, credential, ingress, plugin, secret, service

__all__ = ["AT", "HOST", "Manifest", "World", "authority", "certificate", "world"]

HOST = "api.example.com"
DAY = timedelta(days=1)
BEFORE: datetime = AT - 30 * DAY
AFTER: datetime = AT + 300 * DAY


@cache
def authority(name: str = "Clients", before: datetime = BEFORE, after: datetime = AFTER) -> Minted:
    """A CA; the same arguments give the same one within a run."""
    return issue(name, ca=True, not_before=before, not_after=after)


@cache
def certificate(
    name: str, issuer: str = "Clients", *, server: bool = False, dns: tuple[str, ...] = (), after: datetime = AFTER
) -> Minted:
    """A certificate of one of the authorities, for clients unless for servers."""
    return issue(
        name,
        issuer=authority(issuer),
        client=not server,
        server=server,
        dns_names=dns,
        not_before=BEFORE,
        not_after=after,
    )


def tls(name: str, minted: Minted, **rest: Any) -> Manifest:
    """A TLS Secret."""
    return kic.tls_secret(name, (minted.chain_pem.decode(), minted.key_pem.decode()), **rest)


@dataclass
class World:
    """Files by name, to be changed by a test before they are read."""

    files: dict[str, Manifest]

    def read(self) -> Objects:
        """As the proofs get them."""
        return read_texts({f"{name}.yaml": json.dumps(each) for name, each in self.files.items() if each})

    def without(self, *names: str) -> World:
        """The same without some files."""
        return World({name: each for name, each in self.files.items() if name not in names})

    def plus(self, **files: Manifest) -> World:
        """The same with other files, or with others in their place."""
        return World(self.files | files)

    def values(self, **env: Any) -> World:
        """The same with other environment variables of the data plane; None removes one."""
        release = json.loads(json.dumps(self.files["release"]))
        merged = release["values"]["env"] | env
        release["values"]["env"] = {key: value for key, value in merged.items() if value is not None}
        return self.plus(release=release)

    def top(self, **values: Any) -> World:
        """The same with other top-level values of the data plane."""
        release = json.loads(json.dumps(self.files["release"]))
        release["values"] |= values
        return self.plus(release=release)


def release(**env: str) -> Manifest:
    """A data plane with its own certificate."""
    values = {
        "image": {"repository": "kong/kong-gateway", "tag": "3.10"},
        "env": {
            "role": "data_plane",
            "database": "off",
            "cluster_control_plane": "cp-kong-cluster.kong.svc:8005",
            "ssl_cert": "/etc/secrets/gateway-tls/tls.crt",
            "ssl_cert_key": "/etc/secrets/gateway-tls/tls.key",
            **env,
        },
        "secretVolumes": ["gateway-tls", "trust", "gateway-client"],
        "enterprise": {"enabled": True, "license_secret": "licence"},
        "ingressController": {"enabled": False},
    }
    return {"chart": "kong", "version": "3.4.1", "release": "dp", "namespace": "kong-dp", "values": values}


def route(annotations: dict[str, str] | None = None, **spec: Any) -> Manifest:
    """The protected route."""
    given = {"plugins": "mtls", "protocols": "https", "snis": HOST} | (annotations or {})
    return ingress(annotations={k: v for k, v in given.items() if v != "-"}, spec=spec)


def world(*, lookup: bool = True, keys: bool = False, **config: Any) -> World:
    """A data plane, a route, a plugin, a CA, a consumer, a licence, and certificates for all.

    Args:
        lookup: whether the plugin looks for a consumer.
        keys: whether the CA's key is in the files.
        config: more of the plugin's configuration.
    """
    settings = {"ca_certificates": [kic.CA_ID], "skip_consumer_lookup": not lookup} | config
    gateway = certificate("gateway", "Servers", server=True, dns=("*.example.com", "gateway.internal"))
    clients = authority("Clients")
    files = {
        "release": release(),
        "route": route(),
        "service": service(),
        "plugin": plugin(config=settings),
        "ca": ca_secret(cert=clients.cert_pem.decode()),
        "gateway": tls("gateway-tls", gateway, namespace="kong-dp"),
        "servers": secret("server-ca", {"ca.crt": authority("Servers").cert_pem.decode()}, namespace="kong-dp"),
        "licence": secret("licence", {"license": '{"license": {}}'}, namespace="kong-dp"),
        "consumer": consumer(),
        "credential": credential(),
    }
    if keys:
        files["keys"] = tls("ca-pair", clients)
    return World(files)


def by_case(rows: Iterable[Link], label: str = "route") -> dict[str, Link]:
    """The rows of routes (or hosts, or services) by case; each case must stand there once."""
    found = [row for row in rows if label in row.server]
    result = {row.case: row for row in found}
    assert len(result) == len(found), "a case stands there twice"
    return result


def bad(rows: Iterable[Link]) -> set[str]:
    """The cases that came out wrong."""
    return {row.case for row in rows if row.ok is False}


def unproved(rows: Iterable[Link]) -> set[str]:
    """The cases that the files can't decide."""
    return {row.case for row in rows if row.ok is None}
