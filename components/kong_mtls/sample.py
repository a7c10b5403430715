"""A workload to try a gateway with: Kong's echo service, and the route that leads to it.

Source: Kong/developer.konghq.com app/manifests/kic/echo-service.yaml; the image's version as in
Kong/kubernetes-ingress-controller examples/gateway-backendtlspolicy.yaml.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

import pulumi
import pulumi_kubernetes as kubernetes
from typing_extensions import NotRequired

from . import names
from .cluster_pki import LeafArgs
from .errors import InputError
from .inputs import check_inputs, check_pinned
from .pki.signing import SignerArgs
from .reloads import checksums, reload_annotations
from .resources import child_options
from .routes import PREFIX, ProtectedRouteArgs
from .sample_tls import HTTPS_PORT, EchoTlsArgs, nginx_conf, nginx_container, nginx_volumes, read_at_start
from .sample_tls import IMAGE as NGINX_IMAGE
from .server_certificate import ProxyCertificate, ProxyCertificateArgs, check_hosts

IMAGE = "kong/go-echo:0.5.0"
HTTP_PORT = 1027
NAMESPACE = "echo"
NAME = "echo"
_UID = 1000
# Nothing here waits for its pod, and without one the provider would.
_SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}


class EchoSampleArgs(TypedDict):
    """Where it is reached."""

    host: str
    """Host name that clients use."""
    path: NotRequired[str]
    """Path below which it answers; default `/echo`."""
    namespace: NotRequired[str]
    """Its namespace, made here; default `echo`."""
    image: NotRequired[str]
    """Default `kong/go-echo:0.5.0`."""
    server_authority: NotRequired[SignerArgs]
    """Issue a certificate for the host, which the gateway shows; default: the data plane's default certificate."""
    server_leaf: NotRequired[LeafArgs]
    """Lifetime and key of that certificate."""
    tls: NotRequired[EchoTlsArgs]
    """Speak TLS to the gateway, and demand its certificate; default: plain HTTP from whoever asks."""
    create_namespace: NotRequired[bool]
    """Default true; false when it is there already."""


class EchoSample(pulumi.ComponentResource):
    """The echo service, and what a `ClientMtls` needs to make its route: the attribute `route`.

    The route itself is not made here, since it must not be there before what protects it.

    Raises:
        InputError: arguments that can't work, by name.
    """

    url: pulumi.Output[str]
    """Where it answers."""
    namespace: pulumi.Output[str]
    """Its namespace."""

    def __init__(self, name: str, args: EchoSampleArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the workload and the host's certificate."""
        super().__init__("kong-mtls:index:EchoSample", name, {}, opts)
        self._where = f'EchoSample "{name}"'
        check_inputs(EchoSampleArgs, args, self._where)
        found = problems(args)
        if found:
            raise InputError.of(found, f"{self._where}: the arguments can't be used:")
        self._name, self._args, self._options = name, args, child_options(self, opts)
        plain = args.get("namespace") or NAMESPACE
        self.namespace = self._make_namespace(plain)
        self._deployment()
        self._service()
        self.route: ProtectedRouteArgs = {
            "name": NAME,
            "namespace": plain,
            "spec": self._ingress_spec(),
            "annotations": {"konghq.com/strip-path": "true", **self._host_kept_back()},
        }
        self._fence()
        self.url = pulumi.Output.from_input(f"https://{args['host']}{args.get('path') or '/echo'}")
        self.register_outputs({"url": self.url, "namespace": self.namespace})

    def _make_namespace(self, plain: str) -> pulumi.Output[str]:
        if not self._args.get("create_namespace", True):
            return pulumi.Output.from_input(plain)
        made = kubernetes.core.v1.Namespace(self._name, metadata={"name": plain}, opts=self._options)
        result: pulumi.Output[str] = made.metadata.apply(lambda metadata: str(metadata.name))
        return result

    def _metadata(self, annotations: Mapping[str, pulumi.Input[str]] | None = None) -> Any:
        merged = {**_SKIP_AWAIT, **(annotations or {})}
        return {"name": NAME, "namespace": self.namespace, "labels": _LABELS, "annotations": merged}

    def _deployment(self) -> None:
        container: dict[str, Any] = {
            "name": NAME,
            "image": self._args.get("image") or IMAGE,
            "ports": [{"name": "http", "container_port": HTTP_PORT}],
            "env": [_field("POD_NAME", "metadata.name"), _field("POD_NAMESPACE", "metadata.namespace")],
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
            "security_context": {
                "allow_privilege_escalation": False,
                "read_only_root_filesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
        pod: dict[str, Any] = {
            "automount_service_account_token": False,
            "security_context": {
                "run_as_non_root": True,
                "run_as_user": _UID,
                "seccomp_profile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
        }
        template: dict[str, Any] = {"metadata": {"labels": _LABELS}, "spec": pod}
        tls = self._args.get("tls")
        if tls is not None:
            conf = nginx_conf(HTTP_PORT, tls["gateway_trust"].get("key") or "ca.crt")
            made = kubernetes.core.v1.ConfigMap(
                f"{self._name}-nginx",
                metadata={"namespace": self.namespace},
                data={"nginx.conf": conf},
                opts=self._options,
            )
            pod["containers"] = [container, nginx_container(tls)]
            pod["volumes"] = nginx_volumes(tls, made.metadata.name)
            template["metadata"] = {"labels": _LABELS, "annotations": checksums(read_at_start(tls))}
        kubernetes.apps.v1.Deployment(
            self._name,
            metadata=self._metadata(reload_annotations(list(read_at_start(tls).values())) if tls is not None else None),
            spec={
                "replicas": 1,
                "selector": {"match_labels": _LABELS},
                "template": template,
            },
            opts=self._options,
        )

    def _service(self) -> None:
        tls = self._args.get("tls")
        ports = [{"name": "http", "port": HTTP_PORT, "target_port": "http"}]
        if tls is not None:
            # No plain port: it would be a way around the demand for the gateway's certificate.
            ports = [{"name": "https", "port": HTTPS_PORT, "target_port": "https"}]
        kubernetes.core.v1.Service(
            self._name,
            metadata=self._metadata(tls.get("annotations") if tls is not None else None),
            spec={"selector": _LABELS, "ports": ports},
            opts=self._options,
        )

    def _fence(self) -> None:
        """Only the TLS port is reached from other pods, where the cluster's network knows policies."""
        tls = self._args.get("tls")
        if tls is None or tls.get("without_network_policy"):
            return
        kubernetes.networking.v1.NetworkPolicy(
            self._name,
            metadata=self._metadata(),
            spec={
                "pod_selector": {"match_labels": _LABELS},
                "policy_types": ["Ingress"],
                "ingress": [{"ports": [{"port": "https"}]}],
            },
            opts=self._options,
        )

    def _host_kept_back(self) -> dict[str, str]:
        """The name that the gateway asks for is then the Service's, which its certificate has."""
        return {} if self._args.get("tls") is None else {f"{PREFIX}preserve-host": "false"}

    def _ingress_spec(self) -> dict[str, Any]:
        host = self._args["host"]
        port = HTTP_PORT if self._args.get("tls") is None else HTTPS_PORT
        backend = {"service": {"name": NAME, "port": {"number": port}}}
        path = {"path": self._args.get("path") or "/echo", "pathType": "Prefix", "backend": backend}
        spec: dict[str, Any] = {"rules": [{"host": host, "http": {"paths": [path]}}]}
        authority = self._args.get("server_authority")
        if authority is not None:
            arguments: ProxyCertificateArgs = {
                "namespace": self.namespace,
                "hosts": [host],
                "authority": authority,
                "leaf": self._args.get("server_leaf") or {},
            }
            certificate = ProxyCertificate(f"{self._name}-server", arguments, self._options)
            spec["tls"] = [{"hosts": [host], "secretName": certificate.secret_name}]
        return spec


_LABELS = {"app.kubernetes.io/name": NAME}


def _field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "value_from": {"field_ref": {"field_path": path}}}


def problems(args: EchoSampleArgs) -> list[str]:
    """What can be judged before the first resource is made, each naming the argument, its value and what is allowed."""
    found = check_hosts([args["host"]], "host")
    if args["host"].startswith("*."):
        found.append(f"host: {args['host']!r} stands for many; one is needed")
    path = args.get("path") or "/echo"
    if not path.startswith("/"):
        found.append(f"path: {path!r} is no path; it begins with '/'")
    images = [(args.get("image") or IMAGE, IMAGE, "image")]
    images += [(args["tls"].get("image") or NGINX_IMAGE, NGINX_IMAGE, "tls.image")] if args.get("tls") else []
    for image in images:
        try:
            check_pinned(*image)
        except InputError as error:
            found.append(str(error))
    try:
        names.check_label(args.get("namespace") or NAMESPACE, "namespace")
    except InputError as error:
        found.append(str(error))
    return found
