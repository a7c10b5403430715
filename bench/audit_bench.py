"""How long the audit takes over 1,000 and over 10,000 manifests, in one run: seconds, and how it grows.

Run it: ``python bench/audit_bench.py``. Each team of the set has a protected Ingress, a plugin, a Service with
TLS annotations and its two Secrets, a CA object, a consumer with a credential, and a Deployment: nine manifests.
"""

from __future__ import annotations

import gc
import json
import sys
from datetime import datetime, timedelta, timezone
from time import process_time
from typing import Any

from bench.figures import figure
from kong_mtls.audit import audit
from kong_mtls.reader.manifests import read_texts
from kong_mtls.rehearsal.mint import Minted, issue

AT = datetime(2026, 6, 1, tzinfo=timezone.utc)
SIZES = (1_000, 10_000)
_PER_TEAM = 9
_DATES = {"not_before": AT - timedelta(days=30), "not_after": AT + timedelta(days=365)}
_CLASS = {"kubernetes.io/ingress.class": "kong"}


def _object(kind: str, name: str, namespace: str, api: str = "v1", **body: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace}
    metadata |= {key: body.pop(key) for key in ("labels", "annotations") if key in body}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **body}


def _team(number: int, ca: Minted, pair: Minted, server: Minted) -> list[dict[str, Any]]:
    namespace, host, group = f"team-{number}", f"team-{number}.example.com", "configuration.konghq.com/v1"
    ca_id = f"{number:08x}-0000-4000-8000-000000000000"
    backend = {"service": {"name": "app", "port": {"number": 443}}}
    rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    route = {"plugins": "mtls", "protocols": "https", "snis": host, "preserve-host": "false"}
    upstream = {
        "protocol": "https",
        "client-cert": "gateway",
        "tls-verify": "true",
        "ca-certificates-secrets": "ca",
        "host-header": "app.svc",
    }
    tls = {"tls.crt": pair.cert_pem.decode(), "tls.key": pair.key_pem.decode()}
    shown = {"tls.crt": server.cert_pem.decode(), "tls.key": server.key_pem.decode()}
    pod = {
        "containers": [{"name": "app", "image": "app:1.0.0"}],
        "volumes": [{"name": "tls", "secret": {"secretName": "app-tls"}}],
    }
    template = {"metadata": {"labels": {"app": "app"}}, "spec": pod}
    return [
        _object(
            "Ingress",
            "app",
            namespace,
            "networking.k8s.io/v1",
            annotations={f"konghq.com/{key}": value for key, value in route.items()},
            spec={"ingressClassName": "kong", "rules": [rule]},
        ),
        _object("KongPlugin", "mtls", namespace, group, plugin="mtls-auth", config={"ca_certificates": [ca_id]}),
        _object(
            "Service",
            "app",
            namespace,
            annotations={f"konghq.com/{key}": value for key, value in upstream.items()},
            spec={"selector": {"app": "app"}, "ports": [{"port": 443}]},
        ),
        _object("Secret", "gateway", namespace, type="kubernetes.io/tls", stringData=tls),
        _object("Secret", "app-tls", namespace, type="kubernetes.io/tls", stringData=shown),
        _object(
            "Secret",
            "ca",
            namespace,
            labels={"konghq.com/ca-cert": "true"},
            annotations=_CLASS,
            stringData={"id": ca_id, "cert": ca.cert_pem.decode()},
        ),
        _object("KongConsumer", "caller", namespace, group, annotations=_CLASS, username=host, credentials=["caller"]),
        _object(
            "Secret",
            "caller",
            namespace,
            labels={"konghq.com/credential": "mtls-auth"},
            stringData={"subject_name": host},
        ),
        _object(
            "Deployment",
            "app",
            namespace,
            "apps/v1",
            spec={"replicas": 2, "selector": {"matchLabels": {"app": "app"}}, "template": template},
        ),
    ]


def manifests(count: int) -> dict[str, str]:
    """About ``count`` manifests as JSON texts; every team has a CA of its own, and pairs are shared by a hundred."""
    texts: dict[str, str] = {}
    gateway_ca = issue("gateway ca", ca=True, **_DATES)  # type: ignore[arg-type]
    pair = server = gateway_ca
    for number in range(count // _PER_TEAM):
        if number % 100 == 0:
            pair = issue(f"gateway-{number}", issuer=gateway_ca, client=True, **_DATES)  # type: ignore[arg-type]
            server = issue("app", issuer=gateway_ca, server=True, dns_names=["app.svc"], **_DATES)  # type: ignore[arg-type]
        ca = issue(f"ca-{number}", ca=True, **_DATES)  # type: ignore[arg-type]
        for position, document in enumerate(_team(number, ca, pair, server)):
            texts[f"{number}/{position}.json"] = json.dumps(document)
    return texts


def _run(texts: dict[str, str]) -> tuple[float, float]:
    """Seconds to read the texts, and to audit what was read."""
    gc.collect()
    start = process_time()
    objects = read_texts(texts)
    read = process_time()
    found = audit(objects, AT)
    end = process_time()
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        raise AssertionError(f"{len(errors)} errors on a correct set: {errors[0]}")
    return read - start, end - read


def bench() -> list[dict[str, Any]]:
    """A row per size, the best of three runs, and one for how the time of a manifest grows."""
    rows: list[dict[str, Any]] = []
    per_manifest: list[float] = []
    for size in SIZES:
        texts = manifests(size)
        read, judged = min((_run(texts) for _ in range(3)), key=sum)
        per_manifest.append(1_000 * (read + judged) / len(texts))
        rows.append(figure(f"audit of {len(texts):,} manifests: reading", read, "s"))
        rows.append(figure(f"audit of {len(texts):,} manifests: judging", judged, "s"))
    what = f"audit: time per manifest at {SIZES[-1]:,}"
    large, small = per_manifest[-1], per_manifest[0]
    rows.append(figure(what, large, "ms", against=small, against_what=f"at {SIZES[0]:,}"))
    return rows


if __name__ == "__main__":
    for row in bench():
        sys.stdout.write(json.dumps(row) + "\n")
