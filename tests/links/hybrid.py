"""A hybrid deployment as files: releases, Secrets and ConfigMaps in the form that Kong's documentation gives them."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from kong_mtls.reader.manifests import Objects, read_texts
from kong_mtls.rehearsal.links.model import Link
from kong_mtls.rehearsal.mint import Minted, issue

AT = datetime(2031, 3, 4, 12, tzinfo=timezone.utc)
BEFORE = AT - timedelta(days=30)
AFTER = AT + timedelta(days=335)
CA_AFTER = AT + timedelta(days=3000)

Documents = dict[str, dict[str, Any]]

CP_HOST = "kong-cp-kong-cluster.kong.svc.cluster.local"
TELEMETRY_HOST = "kong-cp-kong-clustertelemetry.kong.svc.cluster.local"
# Names that are not those hosts, so that leaving them out makes a difference.
CP_NAME = "control-plane.example.com"
TELEMETRY_NAME = "telemetry.example.com"


def read(documents: Documents) -> Objects:
    """The documents as the proofs get them: texts by path."""
    return read_texts({path: json.dumps(document) for path, document in documents.items()})


def secret(name: str, namespace: str, data: dict[str, bytes]) -> dict[str, Any]:
    """A Secret."""
    texts = {key: base64.b64encode(value).decode() for key, value in data.items()}
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": texts}


def config_map(name: str, namespace: str, data: dict[str, bytes]) -> dict[str, Any]:
    """A ConfigMap."""
    metadata = {"name": name, "namespace": namespace}
    texts = {key: value.decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": texts}


def pair(minted: Minted, **more: bytes) -> dict[str, bytes]:
    """The data of a TLS Secret."""
    return {"tls.crt": minted.chain_pem, "tls.key": minted.key_pem} | {k.replace("_", "."): v for k, v in more.items()}


def release(name: str, namespace: str, values: dict[str, Any]) -> dict[str, Any]:
    """A release of the kong chart."""
    return {"chart": "kong", "version": "3.4.1", "release": name, "namespace": namespace, "values": values}


def control_plane_values(**env: str) -> dict[str, Any]:
    """A control plane as Kong's hybrid-mode guide sets it up."""
    return {
        "image": {"repository": "kong/kong-gateway", "tag": "3.10"},
        "env": {
            "role": "control_plane",
            "database": "postgres",
            "pg_host": "db.example",
            "cluster_cert": "/etc/secrets/kong-cluster-cert/tls.crt",
            "cluster_cert_key": "/etc/secrets/kong-cluster-cert/tls.key",
            **env,
        },
        "secretVolumes": ["kong-cluster-cert"],
        "cluster": {"enabled": True, "tls": {"enabled": True}},
        "clustertelemetry": {"enabled": True, "tls": {"enabled": True}},
        "enterprise": {"enabled": True, "license_secret": "kong-enterprise-license"},
        "proxy": {"enabled": False},
        "ingressController": {"env": {"publish_service": "kong-dp/kong-dp-kong-proxy"}},
    }


def data_plane_values(**env: str) -> dict[str, Any]:
    """A data plane as Kong's hybrid-mode guide sets it up."""
    return {
        "image": {"repository": "kong/kong-gateway", "tag": "3.10"},
        "env": {
            "role": "data_plane",
            "database": "off",
            "cluster_control_plane": f"{CP_HOST}:8005",
            "cluster_telemetry_endpoint": f"{TELEMETRY_HOST}:8006",
            "cluster_cert": "/etc/secrets/kong-cluster-cert/tls.crt",
            "cluster_cert_key": "/etc/secrets/kong-cluster-cert/tls.key",
            **env,
        },
        "secretVolumes": ["kong-cluster-cert"],
        "enterprise": {"enabled": True, "license_secret": "kong-enterprise-license"},
        "ingressController": {"enabled": False},
    }


def shared(minted: Minted) -> Documents:
    """Both ends hold the one cluster certificate."""
    return {
        "releases/kong-cp.yaml": release("kong-cp", "kong", control_plane_values()),
        "releases/kong-dp.yaml": release("kong-dp", "kong-dp", data_plane_values()),
        "manifests/secret-kong-kong-cluster-cert.yaml": secret("kong-cluster-cert", "kong", pair(minted)),
        "manifests/secret-kong-dp-kong-cluster-cert.yaml": secret("kong-cluster-cert", "kong-dp", pair(minted)),
    }


@dataclass(frozen=True)
class Pki:
    """The certificates of a PKI deployment."""

    root: Minted
    control_plane: Minted
    data_plane: Minted


def pki_of(*, intermediates: int = 0, name: str = "Cluster CA") -> Pki:
    """A cluster CA and what it issues, optionally through intermediates."""
    root = signer = issue(name, ca=True, not_before=BEFORE, not_after=CA_AFTER)
    for number in range(intermediates):
        signer = issue(f"{name} {number}", issuer=signer, ca=True, not_before=BEFORE, not_after=CA_AFTER)
    control_plane = issue(
        "control-plane",
        issuer=signer,
        server=True,
        dns_names=[CP_NAME, TELEMETRY_NAME],
        not_before=BEFORE,
        not_after=AFTER,
    )
    data_plane = issue("dp.example.com", issuer=signer, client=True, not_before=BEFORE, not_after=AFTER)
    return Pki(root, control_plane, data_plane)


def pki(certificates: Pki, *, mode: str = "pki", key_of_ca: bool = False, depth: str | None = None) -> Documents:
    """Each end holds its own certificate and the CA's."""
    ca = {"cluster_mtls": mode, "cluster_ca_cert": "/etc/kong-trust/cluster/ca.crt"}
    cp = control_plane_values(**ca)
    names = {"cluster_server_name": CP_NAME, "cluster_telemetry_server_name": TELEMETRY_NAME}
    dp = data_plane_values(**ca, **names, **({"lua_ssl_verify_depth": depth} if depth else {}))
    if mode == "pki_check_cn":
        cp["env"]["cluster_allowed_common_names"] = "other.example.com, dp.example.com"
    for values in (cp, dp):
        values["extraConfigMaps"] = [{"name": "kong-cluster-trust", "mountPath": "/etc/kong-trust/cluster"}]
    trust = {"ca.crt": certificates.root.cert_pem}
    documents: Documents = {
        "releases/kong-cp.yaml": release("kong-cp", "kong", cp),
        "releases/kong-dp.yaml": release("kong-dp", "kong-dp", dp),
        "manifests/secret-kong-cert.yaml": secret("kong-cluster-cert", "kong", pair(certificates.control_plane)),
        "manifests/secret-kong-dp-cert.yaml": secret("kong-cluster-cert", "kong-dp", pair(certificates.data_plane)),
        "manifests/configmap-kong-trust.yaml": config_map("kong-cluster-trust", "kong", trust),
        "manifests/configmap-kong-dp-trust.yaml": config_map("kong-cluster-trust", "kong-dp", trust),
    }
    if key_of_ca:
        signer = certificates.data_plane.issuer
        assert signer is not None
        documents["cluster/secret-ca.yaml"] = secret("cluster-ca", "cert-manager", pair(signer))
    return documents


def changed(documents: Documents, path: str, keys: tuple[str | int, ...], value: Any = None) -> Documents:
    """The documents with one value replaced; taken away when it is None."""
    copy = deepcopy(documents)
    at: Any = copy[path]
    for key in keys[:-1]:
        at = at.setdefault(key, {}) if isinstance(at, dict) else at[key]
    if value is None:
        del at[keys[-1]]
    else:
        at[keys[-1]] = value
    return copy


def bad(rows: list[Link]) -> list[Link]:
    """Rows that are not ok."""
    return [row for row in rows if row.ok is not True]


def case(rows: list[Link], name: str, server: str | None = None) -> Link:
    """The one row of a case."""
    found = [row for row in rows if row.case == name and server in (None, row.server)]
    assert len(found) == 1, [(row.case, row.server) for row in rows]
    return found[0]
