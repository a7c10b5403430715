"""The TLS side of the echo sample: an nginx beside it that demands the gateway's certificate."""

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from .args import SecretRefArgs, TrustRefArgs

IMAGE = "nginx:1.28.0"
HTTPS_PORT = 443
_PORT = 8443
_UID = 101  # the user `nginx` of the official image
_PAIR = "/etc/echo-tls"
_TRUST = "/etc/gateway-ca"
_CONF = "/etc/echo-nginx"


class EchoTlsArgs(TypedDict):
    """What the sample shows to the gateway, and what it demands of it."""

    certificate: SecretRefArgs
    """TLS Secret (tls.crt, tls.key) in its namespace, for the Service's name."""
    gateway_trust: TrustRefArgs
    """ConfigMap in its namespace with the CA that the gateway's certificate is under."""
    annotations: NotRequired[Mapping[str, pulumi.Input[str]]]
    """Annotations of its Service, as `UpstreamMtls` puts them out."""
    image: NotRequired[str]
    """Default `nginx:1.28.0`, the official image."""
    without_network_policy: NotRequired[bool]
    """Leave out the NetworkPolicy that keeps other pods from the plain port behind it; default false."""


def nginx_conf(backend_port: int, trust_key: str) -> str:
    """nginx in front of a port of the same pod: nobody without a certificate under the gateway's CA gets through.

    Source: nginx.org, ngx_http_ssl_module: ssl_verify_client, ssl_client_certificate. Everything is written below
    /tmp, since the root file system is read-only.
    """
    temporary = "\n".join(
        f"  {kind}_temp_path /tmp/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""pid /tmp/nginx.pid;
worker_processes 1;
error_log /dev/stderr;
events {{}}
http {{
  access_log /dev/stdout;
{temporary}
  server {{
    listen {_PORT} ssl;
    ssl_certificate {_PAIR}/tls.crt;
    ssl_certificate_key {_PAIR}/tls.key;
    ssl_verify_client on;
    ssl_client_certificate {_TRUST}/{trust_key};
    location / {{
      proxy_pass http://127.0.0.1:{backend_port};
      proxy_set_header Host $host;
      proxy_set_header X-Gateway $ssl_client_s_dn;
    }}
  }}
}}
"""


def nginx_container(tls: EchoTlsArgs) -> dict[str, Any]:
    """The container; ready once it listens, as a probe has no certificate to show."""
    return {
        "name": "tls",
        "image": tls.get("image") or IMAGE,
        "command": ["nginx", "-c", f"{_CONF}/nginx.conf", "-g", "daemon off;"],
        "ports": [{"name": "https", "container_port": _PORT}],
        "readiness_probe": {"tcp_socket": {"port": "https"}},
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
        "security_context": {
            "allow_privilege_escalation": False,
            "read_only_root_filesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "run_as_user": _UID,
        },
        "volume_mounts": [
            {"name": "echo-tls", "mount_path": _PAIR, "read_only": True},
            {"name": "gateway-ca", "mount_path": _TRUST, "read_only": True},
            {"name": "nginx", "mount_path": _CONF, "read_only": True},
            {"name": "tmp", "mount_path": "/tmp"},  # noqa: S108  # a volume of the pod's own
        ],
    }


def nginx_volumes(tls: EchoTlsArgs, conf_name: pulumi.Input[str]) -> list[dict[str, Any]]:
    """What it mounts. Names of what changes change with the content, or their checksums roll the pod."""
    return [
        {"name": "echo-tls", "secret": {"secret_name": tls["certificate"]["name"]}},
        {"name": "gateway-ca", "config_map": {"name": tls["gateway_trust"]["name"]}},
        {"name": "nginx", "config_map": {"name": conf_name}},
        {"name": "tmp", "empty_dir": {}},
    ]


def read_at_start(tls: EchoTlsArgs) -> dict[str, SecretRefArgs | TrustRefArgs]:
    """What nginx reads when it starts, by role."""
    return {"echo-tls": tls["certificate"], "gateway-ca": tls["gateway_trust"]}
