"""Many protected Services: a route that demands a client certificate each, and verification behind the gateway."""

import json

import pulumi
import pulumi_kubernetes as kubernetes

from kong_mtls import CertificateAuthority, ClientCertificate, ClientMtls, KongHybrid, UpstreamMtls, signer_args

NAMESPACES = 10
SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}

config = pulumi.Config("bench")
size = config.require_int("services")
workloads = config.get_bool("workloads", False)  # with a Deployment and a certificate each
places = [(f"team-{number % NAMESPACES}", f"app-{number}") for number in range(size)]
named = [{"namespace": namespace, "name": name} for namespace, name in places]

link = UpstreamMtls(
    "upstream",
    {
        "services": [{**each, "patch": False} for each in named],  # type: ignore[typeddict-item]
        "server_certificates": {"services": named if workloads else []},  # type: ignore[typeddict-item]
        "fixed_trust_names": True,
    },
)
routes = []
for namespace, name in places:
    labels = {"app.kubernetes.io/name": name}
    if workloads:
        certificate = link.server_refs[f"{namespace}/{name}"]
        kubernetes.apps.v1.Deployment(
            name,
            metadata={"name": name, "namespace": namespace, "annotations": SKIP_AWAIT},
            spec={
                "selector": {"match_labels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "containers": [
                            {
                                "name": "app",
                                "image": "registry.example.com/app:1.0.0",
                                "ports": [{"name": "https", "container_port": 8443}],
                                "volume_mounts": [{"name": "tls", "mount_path": "/etc/tls", "read_only": True}],
                            }
                        ],
                        "volumes": [{"name": "tls", "secret": {"secret_name": certificate["name"]}}],
                    },
                },
            },
        )
    kubernetes.core.v1.Service(
        name,
        metadata={
            "name": name,
            "namespace": namespace,
            "annotations": {**SKIP_AWAIT, **link.unpatched[f"{namespace}/{name}"]},
        },
        spec={"selector": labels, "ports": [{"name": "https", "port": 443, "target_port": "https"}]},
    )
    backend = {"service": {"name": name, "port": {"number": 443}}}
    host = f"{name}.example.com"
    routes.append(
        {
            "name": name,
            "namespace": namespace,
            "annotations": {"konghq.com/preserve-host": "false"},
            "spec": {
                "rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
            },
        }
    )

server_ca = CertificateAuthority("server-ca", {"common_name": "gateway"})
kong = KongHybrid(
    "kong",
    {
        # The gateway has no licence here; that a plugin holds only under a real one is said by the rehearsal of `dev`.
        "license": {"data": json.dumps({"license": {"payload": {"customer": "benchmark"}, "version": "1"}})},
        "database": {"host": "postgres.example.com", "password_secret": {"name": "kong-postgres"}},
        "server_certificates": {"authority": signer_args(server_ca), "trust_pem": server_ca.trust_pem},
        "data_planes": [{"name": "dp", "server_names": ["*.example.com"]}],
    },
)
clients = ClientMtls(
    "callers",
    {
        "namespace": "kong-clients",
        "ca": {"generate": {"common_name": "callers"}},
        "consumers": [{"name": "alice"}],
        "routes": routes,  # type: ignore[typeddict-item]
    },
    pulumi.ResourceOptions(depends_on=[kong]),
)
assert clients.signer is not None
ClientCertificate("alice", {"namespace": "kong-clients", "authority": clients.signer, "common_name": "alice"})
