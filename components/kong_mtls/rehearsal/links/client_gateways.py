"""The gateways that clients reach: what each listens with, and what its ingress controller told it.

Sources: Kong/kong kong/templates/nginx_kong.lua (listener, ``nginx_proxy_*``), kong/conf_loader; for where a
licence may come from, Kong/developer.konghq.com app/_gateway_entities/license.md. A data plane belongs to the
control plane whose cluster Service it dials; the controller sits in that release.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Literal

from kong_mtls.reader.chart import ControllerSidecar, KongRelease, kong_releases
from kong_mtls.reader.container import Content
from kong_mtls.reader.kic import DEFAULT_INGRESS_CLASS, KongConfig, translate
from kong_mtls.reader.manifests import Objects

from .settings import Broken, Settings, Unproved

Known = Literal["yes", "no", "unknown"]
Verify = Literal["off", "optional", "optional_no_ca", "on"]


@dataclass(frozen=True)
class Listening:
    """How the proxy listener enforces client certificates, apart from any plugin.

    Attributes:
        verify: nginx's ``ssl_verify_client``.
        ca_pem: ``ssl_client_certificate``; None when there is none or it can't be known.
        depth: ``ssl_verify_depth``, 1 by default.
        problem: why nginx won't start with it; empty when it will.
        unknown: what can't be seen in the files; empty when all can.
    """

    verify: Verify = "off"
    ca_pem: bytes | None = field(default=None, repr=False)
    depth: int = 1
    problem: str = ""
    unknown: str = ""


@dataclass(frozen=True)
class Gateway:
    """A data plane (or a traditional gateway) as its clients meet it.

    Attributes:
        name: ``namespace/release``; for a gateway that isn't in the files, a description.
        config: what its controller configures.
        version: the gateway's; None when it can't be told.
        plugins_run: whether Enterprise plugins run: the image has them and there is a licence.
        plugins_why: one line on that.
        certificate: chain and key shown when no certificate is configured for the server name; None is
            Kong's own self-signed one (or unknown, see ``certificate_unknown``).
        certificate_problem: why ``ssl_cert`` can't be used; empty when it can.
        certificate_unknown: what of it can't be seen in the files; empty when all can.
        plain_http: whether a listener without TLS is open.
        listening: enforcement by the listener itself.
        release: the release it is; None for a gateway taken for granted because manifests alone were given.
    """

    name: str
    config: KongConfig
    version: tuple[int, int, int] | None = None
    plugins_run: Known = "yes"
    plugins_why: str = ""
    certificate: tuple[bytes, bytes] | None = field(default=None, repr=False)
    certificate_problem: str = ""
    certificate_unknown: str = ""
    plain_http: bool = True
    listening: Listening = Listening()
    release: KongRelease | None = field(default=None, repr=False)

    @property
    def is_in_files(self) -> bool:
        """Whether its release is among the files."""
        return self.release is not None


def is_enterprise(release: KongRelease) -> bool:
    """Whether the image has Enterprise plugins: ``kong`` is the open-source one, ``kong-gateway`` is not."""
    last = release.image.repository.rstrip("/").rsplit("/", 1)[-1]
    return False if last == "kong" else last == "kong-gateway" or release.enterprise


def _licence(release: KongRelease, objects: Objects) -> tuple[Known, str]:
    if not is_enterprise(release):
        return "no", f"image {release.image.repository} has no Enterprise plugins: mtls-auth can't be made"
    content = release.env_content("KONG_LICENSE_DATA", objects)
    path = release.env_content("KONG_LICENSE_PATH", objects)
    if content is None and path is not None and path.text:
        content = release.file_content(path.text, objects)
    if content is None:
        if objects.all("KongLicense"):
            return "yes", "a KongLicense reaches it through the control plane"
        return "no", "it has no licence: Enterprise plugins are skipped, and requests pass without them"
    if content.text is None:
        if content.known:
            return "no", f"its licence isn't there ({content.origin}): Enterprise plugins are skipped"
        return "unknown", f"its licence can't be seen ({content.origin}); without one the plugin is skipped"
    if not content.text.strip().startswith("{"):
        return "no", "its licence is no JSON: Enterprise plugins are skipped, and requests pass without them"
    return "yes", ""


def _certificate(release: KongRelease, objects: Objects) -> dict[str, object]:
    kong = Settings(release, objects)
    found: list[bytes] = []
    try:
        given = [kong.words("ssl_cert"), kong.words("ssl_cert_key")]
        if not any(given):
            return {}
        for key, values in zip(("KONG_SSL_CERT", "KONG_SSL_CERT_KEY"), given, strict=True):
            if not values:
                return {"certificate_problem": f"{key} of {release.title} isn't set, though its other half is"}
            # Of several pairs (RSA and EC, say) the first is shown to clients that take both.
            found.append(kong.content_of(key, values[0]))
    except Broken as e:
        return {"certificate_problem": str(e)}
    except Unproved as e:
        return {"certificate_unknown": str(e)}
    return {"certificate": tuple(found)}


def directive(release: KongRelease, name: str, objects: Objects) -> Content | None:
    """An nginx directive injected into the proxy server block, or into the http block around it.

    ``KONG_NGINX_PROXY_<X>`` and ``KONG_NGINX_HTTP_<X>`` both become ``<x>`` (Kong/kong kong.conf.default,
    "Nginx injected directives"); the inner one wins.
    """
    for prefix in ("KONG_NGINX_PROXY_", "KONG_NGINX_HTTP_"):
        found = release.env_content(prefix + name.upper(), objects)
        if found is not None:
            return found
    return None


def _listening(release: KongRelease, objects: Objects) -> Listening:
    said = directive(release, "ssl_verify_client", objects)
    mode = said.text if said else "off"
    if mode is None:
        return Listening(unknown=f"ssl_verify_client: {said.origin}" if said else "")
    if mode not in ("off", "on", "optional", "optional_no_ca"):
        return Listening("on", problem=f"ssl_verify_client {mode!r} is none of on, off, optional, optional_no_ca")
    if mode == "off":
        return Listening()
    depth_text = directive(release, "ssl_verify_depth", objects)
    text = (depth_text.text if depth_text else None) or ""
    depth = int(text) if text.isdigit() else 1
    path = directive(release, "ssl_client_certificate", objects)
    if path is None:
        if mode == "optional_no_ca":
            return Listening("optional_no_ca", None, depth)
        # nginx, ngx_http_ssl_merge_srv_conf in src/http/modules/ngx_http_ssl_module.c
        return Listening("on", None, depth, "no ssl_client_certificate for ssl_verify_client: nginx won't start")
    content = release.file_content(path.text, objects) if path.text else path
    if content.data is None:
        message = f"ssl_client_certificate: {content.origin}"
        return Listening("on", None, depth, message if content.known else "", "" if content.known else message)
    return Listening(mode, content.data, depth)  # type: ignore[arg-type]


def _controller(release: KongRelease, releases: list[KongRelease], objects: Objects) -> ControllerSidecar | None:
    if release.ingress_controller is not None:
        return release.ingress_controller
    target = (release.env_value("KONG_CLUSTER_CONTROL_PLANE", objects) or "").rsplit(":", 1)[0]
    for other in releases:
        service = other.services.get("cluster")
        if service and other.ingress_controller:
            name = f"{service.name}.{service.namespace}"
            if target == name or target.startswith(f"{name}."):
                return other.ingress_controller
    # A controller in a release of its own (Gateway Discovery) serves whatever gateways there are.
    found = [other.ingress_controller for other in releases if other.ingress_controller]
    return found[0] if len(found) == 1 else None


@lru_cache(maxsize=1)  # the client and the upstream link ask for the same ones, one after the other
def gateways(objects: Objects, at: datetime) -> tuple[Gateway, ...]:
    """Every gateway that proxies requests; one that is taken for granted when no release is in the files.

    Args:
        objects: all that is known.
        at: the moment at which certificates are judged; timezone-aware.
    """
    releases = kong_releases(objects)
    configs: dict[tuple[str, tuple[str, ...]], KongConfig] = {}

    def config_of(controller: ControllerSidecar | None) -> KongConfig:
        ingress_class = controller.ingress_class if controller else DEFAULT_INGRESS_CLASS
        watched = controller.watch_namespaces if controller else ()
        key = (ingress_class or DEFAULT_INGRESS_CLASS, watched)
        if key not in configs:
            configs[key] = translate(objects, at, key[0], watched)
        return configs[key]

    result: list[Gateway] = []
    for release in releases:
        if not release.gateway or release.role == "control_plane":
            continue
        run, why = _licence(release, objects)
        listeners = release.listeners("KONG_PROXY_LISTEN", objects)
        certificate: Mapping[str, object] = _certificate(release, objects)
        result.append(
            Gateway(
                name=release.title,
                config=config_of(_controller(release, releases, objects)),
                version=release.image.version,
                plugins_run=run,
                plugins_why=why,
                plain_http=listeners is None or any(not each.tls for each in listeners),
                listening=_listening(release, objects),
                release=release,
                **certificate,  # type: ignore[arg-type]
            )
        )
    if not result:
        why = "the gateway isn't in these files: taken for an Enterprise one with a licence"
        found = [release.ingress_controller for release in releases if release.ingress_controller]
        config = config_of(found[0] if found else None)
        result.append(Gateway("a gateway outside these files", config, plugins_why=why))
    return tuple(result)
