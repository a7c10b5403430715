"""A release's values laid over the kong chart's defaults, as Helm does it before any template is rendered.

The defaults are those of chart 3.4.1 (Kong/charts, ``charts/kong/values.yaml``), as far as they decide about
links, files and Services.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

CHART_NAME = "kong"


def _listen(port: int, *, enabled: bool, parameters: list[str] | None = None) -> dict[str, Any]:
    return {"enabled": enabled, "servicePort": port, "containerPort": port, "parameters": parameters or []}


def _service(http: int, tls: int, *, enabled: bool, http_enabled: bool = True) -> dict[str, Any]:
    return {
        "enabled": enabled,
        "type": "NodePort",
        "http": _listen(http, enabled=http_enabled),
        "tls": _listen(tls, enabled=True, parameters=["http2"]),
        "ingress": {"enabled": False},
    }


def _cluster_service(port: int) -> dict[str, Any]:
    tls = _listen(port, enabled=False)
    return {"enabled": False, "type": "ClusterIP", "tls": tls, "ingress": {"enabled": False}}


def _certificate(common_name: str, *, enabled: bool) -> dict[str, Any]:
    return {"enabled": enabled, "commonName": common_name}


DEFAULTS: Mapping[str, Any] = {
    "deployment": {"kong": {"enabled": True}, "daemonset": False},
    "env": {
        "database": "off",
        "router_flavor": "traditional",
        "nginx_worker_processes": "2",
        "proxy_access_log": "/dev/stdout",
        "admin_access_log": "/dev/stdout",
        "admin_gui_access_log": "/dev/stdout",
        "portal_api_access_log": "/dev/stdout",
        "proxy_error_log": "/dev/stderr",
        "admin_error_log": "/dev/stderr",
        "admin_gui_error_log": "/dev/stderr",
        "portal_api_error_log": "/dev/stderr",
        "prefix": "/kong_prefix/",
    },
    "image": {"repository": "kong", "tag": "3.9"},
    "admin": _service(8001, 8444, enabled=False, http_enabled=False)
    | {"tls": _listen(8444, enabled=True, parameters=["http2"]) | {"client": {"caBundle": "", "secretName": ""}}},
    "status": {
        "enabled": True,
        "http": _listen(8100, enabled=True),
        "tls": _listen(8543, enabled=False),
    },
    "cluster": _cluster_service(8005),
    "clustertelemetry": _cluster_service(8006),
    "proxy": _service(80, 443, enabled=True)
    | {
        "type": "LoadBalancer",
        "nameOverride": "",
        "stream": [],
        "http": _listen(80, enabled=True) | {"containerPort": 8000},
        "tls": _listen(443, enabled=True, parameters=["http2"]) | {"containerPort": 8443},
    },
    "udpProxy": {"enabled": False, "type": "LoadBalancer", "stream": []},
    "manager": _service(8002, 8445, enabled=True),
    "portal": _service(8003, 8446, enabled=True),
    "portalapi": _service(8004, 8447, enabled=True),
    "ingressController": {
        "enabled": True,
        "image": {"repository": "kong/kubernetes-ingress-controller", "tag": "3.5"},
        "gatewayDiscovery": {
            "enabled": False,
            "generateAdminApiService": False,
            "adminApiService": {"namespace": "", "name": ""},
        },
        "env": {"kong_admin_tls_skip_verify": True},
        "admissionWebhook": {"enabled": True, "port": 8080, "certificate": {"provided": False}},
        "ingressClass": "kong",
        "createIngressClass": True,
        "adminApi": {
            "tls": {"client": {"enabled": False, "certProvided": False, "secretName": "", "caSecretName": ""}}
        },
    },
    "postgresql": {
        "enabled": False,
        "auth": {"username": "kong", "database": "kong"},
        "service": {"ports": {"postgresql": "5432"}},
    },
    "certificates": {
        "enabled": False,
        "proxy": _certificate("app.example", enabled=True),
        "admin": _certificate("kong.example", enabled=True),
        "manager": _certificate("manager.kong.example", enabled=False),
        "portal": _certificate("developer.example", enabled=True),
        "cluster": _certificate("kong_clustering", enabled=True),
    },
    "podAnnotations": {"kuma.io/gateway": "enabled", "traffic.sidecar.istio.io/includeInboundPorts": ""},
    "replicaCount": 1,
    "autoscaling": {"enabled": False, "minReplicas": 2, "maxReplicas": 5},
    "podDisruptionBudget": {"enabled": False},
    "enterprise": {"enabled": False, "portal": {"enabled": False}, "rbac": {"enabled": False}},
}


class Values:
    """Values of a release over the chart's defaults, read by path; a missing or misshapen one reads as empty."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        """Coalesce `given` with the defaults."""
        self._merged = _coalesce(given, DEFAULTS)

    def get(self, path: str, default: Any = None) -> Any:
        """The value at a dotted path; `default` where there is none."""
        at: Any = self._merged
        for part in path.split("."):
            if not isinstance(at, Mapping) or part not in at:
                return default
            at = at[part]
        return at

    def has(self, path: str) -> bool:
        """Whether there is a value at a dotted path, be it an empty one."""
        missing = object()
        return self.get(path, missing) is not missing

    def map(self, path: str) -> dict[str, Any]:
        """The mapping at a dotted path; empty where there is none."""
        found = self.get(path)
        return dict(found) if isinstance(found, Mapping) else {}

    def on(self, path: str) -> bool:
        """Whether a template's ``if`` would go in: the value is there and neither empty nor false."""
        return bool(self.get(path))

    def text(self, path: str) -> str:
        """The value at a dotted path as text; empty where there is none."""
        found = self.get(path)
        return "" if found is None else go_text(found)


def _coalesce(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    # Helm's rules (helm/helm, pkg/chartutil/coalesce.go): tables merge and null removes a default. Something else in
    # the place of a table makes the templates fail; here the default stands.
    merged = deepcopy(dict(defaults))
    for key, value in given.items():
        default = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(default, Mapping):
            if isinstance(value, Mapping):
                merged[key] = _coalesce(value, default)
        else:
            merged[key] = deepcopy(value)
    return merged


def go_text(value: Any) -> str:
    """A value as Helm's templates print it: booleans in lower case, numbers as Go prints a float64 (``%v``)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        digits = repr(float(value))
        mantissa, _, exponent = f"{float(value):.16e}".partition("e")
        if value == 0 or -4 <= int(exponent) < 6:
            return digits.removesuffix(".0")
        # The shortest digits that read back the same, which Python's repr has too, but not always as d.ddde±xx.
        for precision in range(17):
            mantissa, _, exponent = f"{float(value):.{precision}e}".partition("e")
            if float(f"{mantissa}e{exponent}") == float(value):
                break
        return f"{mantissa}e{exponent}"
    return str(value)


def effective_version(image: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """The version by which the chart decides: ``effectiveSemver``, else the tag, cut to three parts.

    Source: Kong/charts ``templates/_helpers.tpl``, ``kong.effectiveVersion``. None where it is no version.
    """
    parts = go_text(image.get("effectiveSemver") or image.get("tag") or "").split("-")[0].lstrip("v").split(".")
    numbers = [int(part) for part in parts[:3] if part.isdigit()]
    if len(numbers) < min(len(parts), 3) or not numbers:
        return None
    major, minor, patch, *_ = [*numbers, 0, 0]
    return major, minor, patch
