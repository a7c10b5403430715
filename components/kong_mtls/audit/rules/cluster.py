"""Settings of control plane and data planes: what Kong refuses to start with, and what leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from ..context import Context
from ..hybrid import host_of, in_cluster, links, planes
from ..model import Hit, rule
from ..network import Peer, admitted

_PARSE = "Kong/kong kong/conf_loader/parse.lua"
_CHART = "Kong/charts charts/kong/templates/_helpers.tpl"
_DOWN = "the data plane gets no configuration: it never becomes ready, or goes on with the last one it has"


@rule(
    "cluster-no-certificate",
    "error",
    "A control plane or data plane has no cluster certificate",
    effect="Kong refuses to start: cluster certificate and key must be provided to use hybrid mode.",
    fix="Set env.cluster_cert and env.cluster_cert_key to the files of a mounted Secret.",
    source=_PARSE,
    scope="object",
)
def _no_certificate(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "control_plane") + planes(context, "data_plane"):
        for name in ("cluster_cert", "cluster_cert_key"):
            if gateway.content(name) is None:
                yield Hit(gateway.object, f"{name} is not set, and its role is {gateway.role}")


@rule(
    "cluster-no-ca",
    "error",
    "PKI mode without cluster_ca_cert",
    effect="The control plane refuses to start: cluster_ca_cert must be specified. (A data plane may do without, when "
    "the control plane's certificate is a public authority's.)",
    fix="Set env.cluster_ca_cert to the file of the CA that issues the data planes' certificates.",
    source=_PARSE,
    scope="object",
)
def _no_ca(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "control_plane"):
        if gateway.cluster_mtls.startswith("pki") and gateway.content("cluster_ca_cert") is None:
            yield Hit(gateway.object, f"cluster_mtls is {gateway.cluster_mtls}, and cluster_ca_cert is not set")


@rule(
    "cluster-database",
    "error",
    "The database setting doesn't go with the role",
    effect="Kong refuses to start: a control plane needs a database, a data plane must have none (and with one the "
    "chart runs migration Jobs for it).",
    fix='Set env.database to "postgres" on the control plane and to "off" (a string) on data planes.',
    source=_PARSE,
    scope="object",
)
def _database(context: Context) -> Iterator[Hit]:
    for gateway in context.gateways:
        wrong = {"control_plane": ("off",), "data_plane": ("postgres", "cassandra")}.get(gateway.role, ())
        if gateway.database in wrong:
            yield Hit(gateway.object, f"its role is {gateway.role} and its database is {gateway.database}")


@rule(
    "cluster-role",
    "error",
    "Settings of the cluster link, and no role to use them",
    effect="Without env.role Kong runs in the traditional mode: it ignores cluster_control_plane and asks nobody for "
    "configuration.",
    fix="Set env.role to control_plane or data_plane.",
    source=_PARSE,
    scope="object",
)
def _role(context: Context) -> Iterator[Hit]:
    for gateway in context.gateways:
        # A certificate and a listener are harmless: the vendor's own all-in-one example sets them.
        if gateway.role != "traditional" or gateway.content("cluster_control_plane") is None:
            continue
        said = gateway.setting("role")
        if said is not None or gateway.content("role") is None:
            yield Hit(gateway.object, f"cluster_control_plane is set, and the role is {said or 'not'}")


@rule(
    "cluster-idle-service",
    "warning",
    "A Service of the chart leads to a listener that isn't there",
    effect="By default the chart makes Services for proxy and Manager (a LoadBalancer and a NodePort) in every "
    "release: a control plane proxies nothing, a data plane has no Manager, and addresses and ports stay open for "
    "nothing.",
    fix="Set proxy.enabled: false on control planes; manager, portal and portalapi.enabled: false on data planes.",
    source="Kong/charts charts/kong/values.yaml; Kong/kong kong/templates/nginx_kong.lua",
    scope="object",
)
def _idle(context: Context) -> Iterator[Hit]:
    blocks = {"control_plane": ("proxy",), "data_plane": ("admin", "manager", "portal", "portalapi")}
    for gateway in context.gateways:
        for block in blocks.get(gateway.role, ()):
            if gateway.release is not None and block in gateway.release.services:
                service = gateway.release.services[block]
                yield Hit(gateway.object, f"{block}.enabled makes Service {service.name} of type {service.type}")


@rule(
    "cluster-telemetry",
    "warning",
    "An Enterprise data plane has nowhere to send its telemetry",
    effect="It tries 127.0.0.1:8006 again and again; the control plane sees no counts, and licence reports lack it.",
    fix="Set env.cluster_telemetry_endpoint to <release>-kong-clustertelemetry.<namespace>.svc.cluster.local:8006.",
    source="https://developer.konghq.com/gateway/configuration/#cluster-telemetry-endpoint",
    scope="object",
)
def _telemetry(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "data_plane"):
        if gateway.enterprise and gateway.content("cluster_telemetry_endpoint") is None:
            yield Hit(gateway.object, "cluster_telemetry_endpoint is not set")


@rule(
    "cluster-fenced",
    "error",
    "A NetworkPolicy keeps a data plane from its control plane",
    effect=f"The connection times out: {_DOWN}.",
    fix="Admit the data plane's namespace (or its CIDR, from another cluster) to 8005 and 8006.",
    source="https://kubernetes.io/docs/concepts/services-networking/network-policies/",
)
def _fenced(context: Context) -> Iterator[Hit]:
    for link in links(context):
        plane = link.control_plane
        for name in ("cluster_listen", "cluster_telemetry_listen"):
            if name == "cluster_telemetry_listen" and link.data_plane.content("cluster_telemetry_endpoint") is None:
                continue
            for listener in (plane.listeners(name) or ())[:1]:
                peer = Peer(link.data_plane.namespace, link.data_plane.labels)
                if not admitted(context, plane.namespace, plane.labels, listener.port, peer):
                    yield Hit(plane.object, f"port {listener.port} is closed to {link.data_plane.object}")


@rule(
    "cluster-controller",
    "error",
    "A data plane runs the ingress controller",
    effect="The chart switches the controller on by default. On a data plane it has no Admin API to configure: it "
    "fails for ever, writes Ingress status, and its webhook answers for a gateway that isn't there.",
    fix="Set ingressController.enabled: false on data planes.",
    source=_CHART,
    scope="object",
)
def _controller(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "data_plane"):
        if gateway.release is not None and gateway.release.ingress_controller is not None:
            yield Hit(gateway.object, "its role is data_plane, and ingressController.enabled is true or left out")


@rule(
    "cluster-listener",
    "error",
    "A control plane doesn't listen for data planes",
    effect="The chart needs cluster.enabled and cluster.tls.enabled, both off by default: without them Kong refuses "
    "to start as a control plane.",
    fix="Set cluster: {enabled: true, tls: {enabled: true}}, and clustertelemetry likewise with Enterprise.",
    source="Kong/charts charts/kong/values.yaml; " + _PARSE,
    scope="object",
)
def _listener(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "control_plane"):
        if gateway.listeners("cluster_listen") == ():
            yield Hit(gateway.object, "cluster_listen is off")


@rule(
    "cluster-proxy-listener",
    "error",
    "A data plane doesn't listen for requests",
    effect="Kong refuses to start: proxy_listen must be specified for a data plane.",
    fix="Leave env.proxy_listen to the chart, and proxy.tls.enabled on.",
    source=_PARSE,
    scope="object",
)
def _proxy_listener(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "data_plane"):
        if gateway.content("proxy_listen") is not None and gateway.listeners("proxy_listen") == ():
            yield Hit(gateway.object, "proxy_listen is off")


@rule(
    "cluster-publish-service",
    "warning",
    "The controller on the control plane publishes a proxy that isn't there",
    effect="Ingress status gets no address: DNS controllers and readiness of Ingress objects wait for one for ever.",
    fix="Set ingressController.env.publish_service to <data plane's namespace>/<its release>-kong-proxy.",
    source="Kong/charts charts/kong/README.md (hybrid mode)",
    scope="object",
)
def _publish(context: Context) -> Iterator[Hit]:
    for gateway in planes(context, "control_plane"):
        release = gateway.release
        if release is None or release.ingress_controller is None or "proxy" in release.services:
            continue
        named = release.ingress_controller.container.env_value("CONTROLLER_PUBLISH_SERVICE", context.objects)
        if named == f"{release.namespace}/{release.fullname}-proxy":
            yield Hit(gateway.object, f"it publishes {named}, and proxy.enabled is false")


@rule(
    "cluster-endpoint",
    "error",
    "A data plane is pointed at something the control plane doesn't have",
    effect=f"The name doesn't resolve, or nobody answers: {_DOWN}.",
    fix="Use <release>-kong-cluster.<namespace>.svc.cluster.local:8005, and -clustertelemetry with 8006.",
    source="Kong/charts charts/kong/templates/service-kong-cluster.yaml",
)
def _endpoint(context: Context) -> Iterator[Hit]:
    for data_plane in planes(context, "data_plane"):
        for setting, block in (
            ("cluster_control_plane", "cluster"),
            ("cluster_telemetry_endpoint", "clustertelemetry"),
        ):
            endpoint = data_plane.setting(setting)
            if endpoint is None:
                if setting == "cluster_control_plane" and data_plane.content(setting) is None:
                    yield Hit(data_plane.object, "cluster_control_plane is not set")
                continue
            problem = _unreachable(context, endpoint, data_plane.namespace, block)
            if problem:
                yield Hit(data_plane.object, f"{setting} is {endpoint}: {problem}")


def _unreachable(context: Context, endpoint: str, namespace: str, block: str) -> str | None:
    """Why an endpoint leads nowhere; None if it's outside the cluster, or the set can't tell."""
    target = in_cluster(host_of(endpoint), namespace)
    if target is None or context.objects.get("Service", target[1], target[0]) is not None:
        return None
    near = [g.release for g in planes(context, "control_plane") if g.release and g.namespace == target[1]]
    if not near:
        return None
    services = [service for release in near for service in release.services.values()]
    found = next((service for service in services if service.name == target[0]), None)
    if found is None:
        offered = [release.services[block].name for release in near if block in release.services]
        return f"there is no Service {target[0]} in {target[1]}" + (f" (there is {offered[0]})" if offered else "")
    port = endpoint.rsplit(":", 1)[-1]
    if port.isdigit() and found.target(int(port)) is None:
        return f"Service {found.name} has no port {port}"
    return None


@rule(
    "cluster-mode",
    "error",
    "Control plane and data plane disagree on cluster_mtls",
    effect=f"One side compares digests, the other verifies a chain, under different names: {_DOWN}.",
    fix="Set env.cluster_mtls to the same value on both; migrate them together.",
    source="Kong/kong kong/clustering/utils.lua; " + "Kong/kong kong/clustering/tls.lua",
)
def _mode(context: Context) -> Iterator[Hit]:
    for link in links(context):
        theirs, mine = link.control_plane.cluster_mtls, link.data_plane.cluster_mtls
        if theirs and mine and theirs.startswith("pki") != mine.startswith("pki"):
            yield Hit(
                link.data_plane.object, f"cluster_mtls is {mine} here and {theirs} on {link.control_plane.object}"
            )
