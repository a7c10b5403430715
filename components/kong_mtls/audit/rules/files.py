"""What Kong's pods mount and read: Secrets that aren't there, paths that nothing mounts, files nobody reloads."""

from __future__ import annotations

import re
from collections.abc import Iterator

from kong_mtls.reader.chart import KongRelease
from kong_mtls.reader.container import Container, KeyRef, Kind
from kong_mtls.reader.pods import dicts

from ..context import Context
from ..existing import Presence
from ..gateways import Gateway
from ..model import Hit, rule
from ..reloader import asks
from ..unknown import holds_unknown, known

_VOLUMES = "Kong/charts charts/kong/templates/_helpers.tpl (kong.volumes, kong.volumeMounts)"
_PODS = "https://kubernetes.io/docs/concepts/configuration/secret/"

# Settings that take a file, or PEM, or base64 of it.
FILES = (
    "cluster_cert",
    "cluster_cert_key",
    "cluster_ca_cert",
    "lua_ssl_trusted_certificate",
    "ssl_cert",
    "ssl_cert_key",
    "admin_ssl_cert",
    "admin_ssl_cert_key",
    "nginx_admin_ssl_client_certificate",
    "nginx_proxy_ssl_client_certificate",
    "nginx_proxy_proxy_ssl_trusted_certificate",
    "nginx_proxy_proxy_ssl_certificate",
    "nginx_proxy_proxy_ssl_certificate_key",
    "client_ssl_cert",
    "client_ssl_cert_key",
    "pg_ssl_cert",
    "pg_ssl_cert_key",
)
_CONTROLLER_FILES = (
    "CONTROLLER_KONG_ADMIN_CA_CERT_FILE",
    "CONTROLLER_KONG_ADMIN_TLS_CLIENT_CERT_FILE",
    "CONTROLLER_KONG_ADMIN_TLS_CLIENT_KEY_FILE",
)

# A name that changes with the content, so that pods roll by themselves: an autonamed or hashed one.
_NAMED_BY_CONTENT = re.compile(r".+-(?=[0-9a-f]*\d)[0-9a-f]{7,}")


def _containers(gateway: Gateway) -> Iterator[tuple[Container, KongRelease | Container]]:
    source = gateway.source
    if isinstance(source, KongRelease):
        yield source.container, source
        if source.ingress_controller:
            yield source.ingress_controller.container, source.ingress_controller.container
    else:
        yield source, source


def _made_by_chart(gateway: Gateway, name: str) -> bool:
    """Whether the chart itself creates the object (or asks cert-manager for it) when it is installed."""
    release = gateway.release
    if release is None:
        return False
    chosen = (
        release.values.text("ingressController.admissionWebhook.certificate.secretName"),
        release.values.text("ingressController.adminApi.tls.client.secretName"),
        *release.values.get("secretVolumes", ()),
    )
    own = name.startswith(f"{release.fullname}-") or name == f"{release.name}-postgresql"
    return own and name not in chosen


def _objects_named(gateway: Gateway) -> Iterator[tuple[Kind, str, str]]:
    """Kind, name and purpose of each Secret and ConfigMap that a pod can't start without."""
    for container, _ in _containers(gateway):
        for mount in container.mounts:
            for source in mount.sources:
                if not source.optional:
                    yield source.kind, source.name, f"mounted at {mount.path}"
        for variable, value in container.env.items():
            if isinstance(value, KeyRef) and not value.optional:
                yield value.kind, value.name, f"for {variable}"
        for each in container.env_from:
            if not each.optional:
                yield each.kind, each.name, "for envFrom"


def named(context: Context) -> Iterator[tuple[Gateway, Kind, str, str, Presence]]:
    """What the gateways' pods can't start without, with what is known of it."""
    for gateway in context.gateways:
        declared = context.declared_by(gateway.object)
        seen: set[tuple[str, str]] = set()
        for kind, name, purpose in _objects_named(gateway):
            if (kind, name) in seen or not known(name) or _made_by_chart(gateway, name):
                continue
            seen.add((kind, name))
            presence = context.inventory.presence(kind, gateway.namespace, name, declared, fails_open=False)
            yield gateway, kind, name, purpose, presence


@rule(
    "trust-volume-missing",
    "error",
    "A Secret or ConfigMap that Kong's pods need isn't there",
    effect="The kubelet can't mount it or set the variable: the pods stay in ContainerCreating or "
    "CreateContainerConfigError.",
    fix="Create it in the release's namespace, correct the name, or declare it with kong-mtls.io/existing-secrets in "
    "deploymentAnnotations when it is made elsewhere.",
    source=_PODS,
)
def _volume_missing(context: Context) -> Iterator[Hit]:
    for gateway, kind, name, purpose, presence in named(context):
        if presence is Presence.MISSING:
            maker = context.inventory.elsewhere(kind, name)
            hint = f"; {maker} makes one of that name elsewhere" if maker else ""
            yield Hit(gateway.object, f"{kind} {gateway.namespace}/{name} ({purpose}) is not in the set{hint}")


@rule(
    "trust-key-missing",
    "error",
    "A Secret that Kong's pods take a variable from lacks the key",
    effect="The kubelet can't set the variable: the pods stay in CreateContainerConfigError.",
    fix="Add the key to the Secret, or name the right one.",
    source=_PODS,
)
def _key_missing(context: Context) -> Iterator[Hit]:
    for gateway in context.gateways:
        for container, _ in _containers(gateway):
            for variable, value in container.env.items():
                if not isinstance(value, KeyRef) or value.optional:
                    continue
                obj = context.objects.get(value.kind, gateway.namespace, value.name)
                if obj is None or holds_unknown(obj):
                    continue
                content = container.env_content(variable, context.objects)
                if content is not None and content.data is None and content.known:
                    yield Hit(
                        f"{value.kind}/{gateway.namespace}/{value.name}",
                        f"{variable} of {gateway.object}: {content.origin}",
                    )


@rule(
    "trust-file-missing",
    "error",
    "A setting names a file that isn't in Kong's container",
    effect="Kong refuses to start, or starts and can't verify or prove itself on that link.",
    fix="Mount the Secret (secretVolumes: [NAME] gives /etc/secrets/NAME/<key>) and name a key it has.",
    source=_VOLUMES,
)
def _file_missing(context: Context) -> Iterator[Hit]:
    for gateway in context.gateways:
        wanted = [(f"KONG_{name.upper()}", gateway.source) for name in FILES]
        sidecar = gateway.release.ingress_controller if gateway.release else None
        if sidecar:
            wanted += [(variable, sidecar.container) for variable in _CONTROLLER_FILES]
        for variable, source in wanted:
            value = source.env_value(variable, context.objects)
            for path in (part.strip() for part in (value or "").split(",")):
                if not path.startswith("/") or not known(path):
                    continue
                content = source.file_content(path, context.objects)
                if content.data is None and content.known and not _waiting(context, content.origin):
                    yield Hit(gateway.object, f"{variable} is {path}: {content.origin}")


def _waiting(context: Context, origin: str) -> bool:
    """Whether the file's object is there and not wholly known yet."""
    match = re.match(r"(Secret|ConfigMap) ([^/\s]+)/(\S+?),? (?:key|has)", origin)
    return bool(match) and not context.judged("/".join(match.groups())) if match else False


@rule(
    "trust-volume-unmounted",
    "error",
    "A volume is defined that nothing mounts",
    effect="The Secret is in the pod's description and in none of its containers: what was to read it doesn't.",
    fix="Add it to deployment.userDefinedVolumeMounts (Kong) or ingressController.userDefinedVolumeMounts, or use "
    "secretVolumes, which mounts by itself.",
    source=_VOLUMES,
    scope="object",
)
def _unmounted(context: Context) -> Iterator[Hit]:
    for gateway in context.gateways:
        release = gateway.release
        if release is None:
            continue
        mounted = {mount.volume for container, _ in _containers(gateway) for mount in container.mounts}
        for path in ("deployment.sidecarContainers", "deployment.initContainers"):
            for container in dicts(release.values.get(path)):
                mounted |= {str(each.get("name")) for each in dicts(container.get("volumeMounts"))}
        for volume in dicts(release.values.get("deployment.userDefinedVolumes")):
            if (volume.get("secret") or volume.get("configMap")) and str(volume.get("name")) not in mounted:
                yield Hit(gateway.object, f"volume {volume.get('name')} has no mount")


@rule(
    "trust-mount-undefined",
    "error",
    "A mount names a volume that the pod doesn't have",
    effect="Kubernetes refuses the Deployment.",
    fix="Add it to deployment.userDefinedVolumes.",
    source=_VOLUMES,
    scope="object",
)
def _undefined(context: Context) -> Iterator[Hit]:
    for gateway in context.gateways:
        for container, _ in _containers(gateway):
            for mount in container.mounts:
                if not mount.declared and known(mount.volume):
                    yield Hit(gateway.object, f"{mount.path} is mounted from volume {mount.volume}, which isn't there")


def _reloads(gateway: Gateway, name: str) -> bool:
    """Whether Reloader is told to roll the pods when this Secret changes."""
    annotations = gateway.release.values.map("deploymentAnnotations") if gateway.release else {}
    return asks(annotations, "Secret", name, {})


def _certificate_secrets(gateway: Gateway) -> list[str]:
    """The Secrets that the settings for certificates lead to; Kong reads them when it starts."""
    names: dict[str, None] = {}
    for setting in FILES:
        for path in (gateway.setting(setting) or "").split(","):
            leading = [m for m in gateway.source.mounts if path.strip().startswith(m.path.rstrip("/") + "/")]
            for source in max(leading, key=lambda m: len(m.path)).sources if leading else ():
                if source.kind == "Secret" and not _made_by_chart(gateway, source.name):
                    names[source.name] = None
    return list(names)


@rule(
    "trust-not-rolled",
    "warning",
    "A changed certificate doesn't roll the pods that read it",
    effect="Kong reads these files when it starts. The chart makes no checksum of Secrets: after a change the running "
    "pods keep the old certificate, until it expires or they restart one by one into a mixed state.",
    fix="Put a hash of the Secret's content into podAnnotations (checksum/<name>), give it a name that changes with "
    "the content, or annotate the Deployment for Reloader.",
    source="Kong/charts charts/kong/templates/deployment.yaml",
)
def _not_rolled(context: Context) -> Iterator[Hit]:
    for gateway in context.gateways:
        release = gateway.release
        if release is None or any(key.startswith("checksum/") for key in release.pod_annotations):
            continue
        for name in _certificate_secrets(gateway):
            made = context.inventory.maker("Secret", gateway.namespace, name)
            if made is None and not _NAMED_BY_CONTENT.fullmatch(name) and not _reloads(gateway, name):
                yield Hit(gateway.object, f"nothing rolls its pods when Secret {name} changes")
