"""Values that control plane and data plane have in common: image, pods, files, licence, cluster link."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi

from .. import names
from ..args import ClusterLinkArgs, ImageArgs, PodsArgs, SecretRefArgs, ServiceArgs, TrustRefArgs
from ..errors import InputError
from ..inputs import choice
from ..reloads import reload_annotations

EDITIONS = ("enterprise", "oss")
CLUSTER_MODES = ("shared", "pki", "pki_check_cn")

_DEFAULT_IMAGES = {"enterprise": ("kong/kong-gateway", "3.10"), "oss": ("kong", "3.9")}
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.\d+){0,2}(?:[-+][0-9A-Za-z.-]+)?")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

# Where the name of a mounted object comes from, for messages.
_ARGUMENTS = {
    "cluster-cert": "cluster.certificate",
    "cluster trust": "cluster.trust",
    "server-cert": "server_certificate",
    "admin-cert": "admin.server_certificate",
    "database trust": "database.tls.trust",
    "database-client-cert": "database.tls.client_certificate",
    "upstream trust": "upstream.trust",
    "upstream-trust": "upstream.trust_secret",
    "upstream-client-cert": "upstream.client_certificate",
}
# Volumes that the chart makes itself (Kong/charts, charts/kong/templates/_helpers.tpl, kong.volumes).
_CHART_VOLUMES = frozenset({"webhook-cert", "admin-client-ca", "admin-api-cert"})


EXISTING = "kong-mtls.io/existing-secrets"
"""Annotation of a workload: Secrets and ConfigMaps that exist without being made beside it."""


@dataclass
class Files:
    """Secrets and ConfigMaps a release's pods read as files, and what makes the pods roll when they change."""

    secrets: list[Any] = field(default_factory=list)
    config_maps: list[dict[str, Any]] = field(default_factory=list)
    checksums: dict[str, pulumi.Input[str]] = field(default_factory=dict)
    existing: list[str] = field(default_factory=list)
    reloaded: list[SecretRefArgs | TrustRefArgs] = field(default_factory=list)

    def secret(self, ref: SecretRefArgs, role: str) -> pulumi.Input[str]:
        """Mount a Secret, and return its name for ``names.secret_path``."""
        name = ref["name"]
        if not any(_equal(mounted, name) for mounted in self.secrets):
            self._check_volume(name, role, [mounted["name"] for mounted in self.config_maps])
            self.secrets.append(name)
        self.note(ref, role)
        return name

    def trust(self, ref: TrustRefArgs, role: str) -> str:
        """Mount a trust bundle, once for all roles that have the same one, and return the path of its PEM file."""
        name = ref["name"]
        mounted = next((mount for mount in self.config_maps if _equal(mount["name"], name)), None)
        if mounted is None:
            self._check_volume(name, f"{role} trust", self.secrets)
            mounted = {"name": name, "mountPath": names.trust_directory(role)}
            self.config_maps.append(mounted)
        self.note(ref, f"{role}-trust")
        return f"{mounted['mountPath']}/{ref.get('key') or 'ca.crt'}"

    def _check_volume(self, name: pulumi.Input[str], role: str, others: list[Any]) -> None:
        """The chart names a volume after what is in it: the name must be a label, and no other volume's.

        Raises:
            InputError: naming the role and the name.
        """
        if not isinstance(name, str):
            return
        argument = f"{_ARGUMENTS.get(role, role)}.name"
        names.check_label(name, argument)
        if name in _CHART_VOLUMES:
            raise InputError(f"{argument}: {name!r} is a volume of the chart's own; give the object another name")
        if any(_equal(other, name) for other in others):
            raise InputError(f"{argument}: {name!r} is mounted as a Secret and as a ConfigMap; name them differently")

    def note(self, ref: SecretRefArgs | TrustRefArgs, role: str) -> None:
        """Make the pods roll when what ``ref`` names changes."""
        checksum = ref.get("checksum")
        if checksum is not None:
            self.checksums[f"checksum/{role}"] = checksum
        elif ref.get("renewal") is not None:
            self.reloaded.append(ref)
        elif isinstance(ref["name"], str) and ref["name"] not in self.existing:
            self.existing.append(ref["name"])

    def protected(self) -> dict[str, str]:
        """Pod annotations that a user's own values can't change: without them the pods don't roll."""
        return {f"podAnnotations.{key}": "pods roll by it when what they read changes" for key in self.checksums}

    def values(self) -> dict[str, Any]:
        """The chart's values for the mounts."""
        mounts: dict[str, Any] = {}
        if self.secrets:
            mounts["secretVolumes"] = list(self.secrets)
        if self.config_maps:
            mounts["extraConfigMaps"] = list(self.config_maps)
        annotations = reload_annotations(self.reloaded)
        if self.existing:
            # Nothing here makes them, and nothing here knows their content: whoever judges the files is told so.
            annotations[EXISTING] = ",".join(self.existing)
        if annotations:
            mounts["deploymentAnnotations"] = annotations
        return mounts


def _equal(left: Any, right: Any) -> bool:
    """Whether two names are known to be the same."""
    return left is right or (isinstance(left, str) and isinstance(right, str) and left == right)


def gateway_version(edition: str, image: ImageArgs) -> tuple[int, int]:
    """Major and minor version of the gateway, read from the tag as the chart reads it."""
    found = _VERSION.fullmatch(image.get("tag") or _DEFAULT_IMAGES[edition][1])
    if found is None:
        raise InputError(
            f"image.tag: {image.get('tag')!r} is no version; the chart reads the gateway's version from the tag, so "
            "give one such as '3.10.0.2' (and image.digest to pin it); names like 'latest' can't be used"
        )
    return int(found[1]), int(found[2])


def image_values(edition: str, image: ImageArgs) -> dict[str, Any]:
    """Repository and tag; with a digest also ``unifiedRepoTag``, which is then the image used.

    Raises:
        InputError: a tag that is no version, or a digest that is none.
    """
    choice(edition, EDITIONS, "edition")
    gateway_version(edition, image)
    repository, tag = _DEFAULT_IMAGES[edition]
    repository = image.get("repository") or repository
    values: dict[str, Any] = {"repository": repository, "tag": image.get("tag") or tag}
    digest = image.get("digest")
    if digest:
        if not _DIGEST.fullmatch(digest):
            raise InputError(f"image.digest: {digest!r} is no digest; allowed: sha256: and 64 hex digits")
        values["unifiedRepoTag"] = f"{repository}@{digest}"
    if image.get("pull_secrets"):
        values["pullSecrets"] = list(image["pull_secrets"])
    return values


def pods_values(pods: PodsArgs, files: Files) -> dict[str, Any]:
    """Replicas, resources, budget, placement, and an update that never takes a serving pod before its successor.

    Raises:
        InputError: counts or combinations that the chart or Kubernetes refuses.
    """
    values: dict[str, Any] = {
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    }
    least = _scaling(pods, values)
    _budget(pods, least, values)
    for key, chart_key in (
        ("resources", "resources"),
        ("node_selector", "nodeSelector"),
        ("tolerations", "tolerations"),
        ("affinity", "affinity"),
        ("topology_spread_constraints", "topologySpreadConstraints"),
        ("priority_class_name", "priorityClassName"),
        ("labels", "podLabels"),
    ):
        if pods.get(key):
            values[chart_key] = pods[key]  # type: ignore[literal-required]
    annotations = {**(pods.get("annotations") or {}), **files.checksums}
    if annotations:
        values["podAnnotations"] = annotations
    return values


def _scaling(pods: PodsArgs, values: dict[str, Any]) -> int:
    """Write replicas or autoscaling; return the least number of pods."""
    autoscaling = pods.get("autoscaling")
    replicas = pods.get("replicas")
    if autoscaling is None:
        count = 1 if replicas is None else replicas
        if count < 1:
            raise InputError(f"pods.replicas: {count} can't serve; allowed: 1 or more")
        values["replicaCount"] = count
        return count
    if replicas is not None:
        raise InputError(f"pods.replicas: {replicas} is not used with pods.autoscaling; give min_replicas there")
    least, most = autoscaling.get("min_replicas", 2), autoscaling.get("max_replicas", 5)
    if not 1 <= least <= most:
        raise InputError(f"pods.autoscaling: min_replicas {least} and max_replicas {most}; needed: 1 <= min <= max")
    if not cpu_request(pods.get("resources")):
        raise InputError("pods.autoscaling: needs pods.resources.requests.cpu: a share of no request can't be measured")
    percent = autoscaling.get("target_cpu_percent", 80)
    target = {"type": "Utilization", "averageUtilization": percent}
    values["autoscaling"] = {
        "enabled": True,
        "minReplicas": least,
        "maxReplicas": most,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return least


def cpu_request(resources: Mapping[str, Any] | None) -> Any:
    """The CPU that a container requests; None when it requests none (limits count as requests, as in Kubernetes)."""
    given = resources or {}
    return (given.get("requests") or {}).get("cpu") or (given.get("limits") or {}).get("cpu")


def _budget(pods: PodsArgs, least: int, values: dict[str, Any]) -> None:
    given = pods.get("disruption_budget")
    if least < 2:
        if given is not None:
            raise InputError("pods.disruption_budget: needs at least 2 pods; with one the chart refuses it")
        return
    budget = given or {}
    if budget.get("min_available") and budget.get("max_unavailable"):
        raise InputError("pods.disruption_budget: min_available and max_unavailable exclude each other")
    if budget.get("min_available"):
        values["podDisruptionBudget"] = {"enabled": True, "minAvailable": budget["min_available"]}
    else:
        values["podDisruptionBudget"] = {
            "enabled": True,
            "maxUnavailable": budget.get("max_unavailable") or 1,
        }


def service_values(service: ServiceArgs, default_type: str) -> dict[str, Any]:
    """Type, annotations and reach of one of the chart's Services.

    Raises:
        InputError: an unknown type, or a setting that the API server refuses with it.
    """
    kind = choice(service.get("type") or default_type, ("ClusterIP", "NodePort", "LoadBalancer"), "service type")
    policy = service.get("external_traffic_policy")
    if policy:
        choice(policy, ("Cluster", "Local"), "service external_traffic_policy")
        if kind == "ClusterIP":
            raise InputError("service external_traffic_policy: only for types NodePort and LoadBalancer, not ClusterIP")
    if service.get("load_balancer_source_ranges") and kind != "LoadBalancer":
        raise InputError(f"service load_balancer_source_ranges: only for type LoadBalancer, not {kind}")
    values: dict[str, Any] = {"type": kind}
    for key, chart_key in (
        ("annotations", "annotations"),
        ("load_balancer_source_ranges", "loadBalancerSourceRanges"),
        ("external_traffic_policy", "externalTrafficPolicy"),
    ):
        if service.get(key):
            values[chart_key] = service[key]  # type: ignore[literal-required]
    return values


def license_values(edition: str, license_secret: SecretRefArgs | None, files: Files) -> dict[str, Any]:
    """Enterprise switch and licence.

    Both releases need it: with the environment variable the chart sets, a control plane doesn't pass the licence
    on, and a data plane without one skips Enterprise plugins and lets requests pass (Kong docs, "Enterprise
    licenses").

    Raises:
        InputError: Enterprise without a licence Secret, or a licence Secret without Enterprise.
    """
    choice(edition, EDITIONS, "edition")
    if edition == "oss":
        if license_secret is not None:
            raise InputError("license_secret: edition 'oss' reads no licence; leave it out or use edition 'enterprise'")
        return {}
    if license_secret is None:
        raise InputError(
            "license_secret: edition 'enterprise' needs one; without it Enterprise plugins are skipped and requests "
            "pass unauthenticated. Give the licence, or use edition 'oss'"
        )
    files.note(license_secret, "license")
    return {"enabled": True, "license_secret": license_secret["name"]}


def cluster_env(cluster: ClusterLinkArgs, files: Files) -> dict[str, pulumi.Input[str]]:
    """Environment of either end of the cluster link (Kong docs, "Hybrid mode", ``cluster_*`` settings).

    Raises:
        InputError: pki without trust, or shared mode with it.
    """
    mode = choice(cluster.get("mtls") or "shared", CLUSTER_MODES, "cluster.mtls")
    name = files.secret(cluster["certificate"], "cluster-cert")
    env: dict[str, pulumi.Input[str]] = {
        "cluster_mtls": mode,
        "cluster_cert": names.secret_path(name, "tls.crt"),
        "cluster_cert_key": names.secret_path(name, "tls.key"),
    }
    trust = cluster.get("trust")
    if mode == "shared":
        if trust is not None:
            raise InputError("cluster.trust: shared mode trusts the one certificate; trust is for pki and pki_check_cn")
    elif trust is None:
        raise InputError(f"cluster.trust: cluster.mtls {mode!r} needs the CA certificates that the other end is under")
    else:
        env["cluster_ca_cert"] = files.trust(trust, "cluster")
    depth = cluster.get("verify_depth")
    if depth is not None:
        env["lua_ssl_verify_depth"] = str(depth)
    return env


def cluster_mode(cluster: ClusterLinkArgs) -> str:
    """The mode, `shared` when not given."""
    return cluster.get("mtls") or "shared"


PROTECTED: Mapping[str, str] = {
    "nameOverride": "names of Services and host names are computed from the release's name",
    "fullnameOverride": "names of Services and host names are computed from the release's name",
    "namespace": "the namespace is the component's `namespace`",
    "deployment.kong.enabled": "the release would run no gateway",
    "image.repository": "set `image`",
    "image.tag": "set `image`",
    "image.unifiedRepoTag": "set `image`",
    "env.role": "the role is what the component is for",
    "env.database": "the role decides it: a data plane has none, a control plane has Postgres",
    "env.cluster_mtls": "both ends must use one mode: set `cluster.mtls`",
    "env.cluster_cert": "the cluster link's certificate is `cluster.certificate`",
    "env.cluster_cert_key": "the cluster link's certificate is `cluster.certificate`",
    "env.cluster_ca_cert": "the cluster link's trust is `cluster.trust`",
    "env.lua_ssl_verify_depth": "set `cluster.verify_depth`",
    "enterprise.enabled": "set `edition`",
    "enterprise.license_secret": "set `license_secret`: a data plane without a licence lets requests pass",
    "certificates.enabled": "the chart's own certificates would take the place of the component's",
}
"""What the user's own values can't change on either release, and why."""
