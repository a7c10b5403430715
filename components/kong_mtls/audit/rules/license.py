"""The Enterprise licence, without which mtls-auth is skipped."""

from __future__ import annotations

import json
from collections.abc import Iterator

from kong_mtls.reader.kic import MTLS_AUTH
from kong_mtls.reader.manifests import MASKED

from ..context import Context
from ..gateways import Gateway
from ..model import Hit, rule
from .plugins import kong_plugins

_LICENSE = "https://developer.konghq.com/gateway/entities/license/"
_SKIPPED = "Enterprise plugins such as mtls-auth are skipped and requests pass: every protected route is open"


def _asked(context: Context) -> bool:
    """Whether something in the set asks for mtls-auth."""
    return any(plugin.get("plugin") == MTLS_AUTH for plugin in kong_plugins(context))


def _guarding(context: Context) -> list[Gateway]:
    """The proxies that are to run mtls-auth; none where nothing in the set asks for it."""
    return context.proxies if _asked(context) else []


@rule(
    "client-license-missing",
    "error",
    "mtls-auth, and a data plane without a licence",
    effect=f"The control plane doesn't pass on a licence it has from its environment; without one of its "
    f"own {_SKIPPED}.",
    fix="Set enterprise.license_secret on the data plane's release too, and create the Secret (key `license`) in its "
    "namespace.",
    source=_LICENSE,
)
def _missing(context: Context) -> Iterator[Hit]:
    if context.objects.all("KongLicense"):
        return  # through the Admin API it is in the database, and data planes get it with the configuration
    for gateway in _guarding(context):
        if gateway.enterprise is not False and not gateway.licensed:
            yield Hit(gateway.object, "neither enterprise.license_secret nor license_data is set")


@rule(
    "client-license-control-plane",
    "warning",
    "mtls-auth, and a control plane without a licence",
    effect="The Admin API of an unlicensed control plane doesn't take Enterprise plugins: the controller's "
    "configuration is refused, or stays that of yesterday.",
    fix="Set enterprise.license_secret on the control plane's release too.",
    source=_LICENSE,
)
def _control_plane(context: Context) -> Iterator[Hit]:
    if context.objects.all("KongLicense") or not _asked(context):
        return
    for gateway in context.gateways:
        if gateway.role == "control_plane" and gateway.enterprise and not gateway.licensed:
            yield Hit(gateway.object, "neither enterprise.license_secret nor license_data is set")


@rule(
    "client-license-edition",
    "error",
    "mtls-auth on a Kong of the open-source edition",
    effect="The plugin isn't part of it: Kong refuses the configuration that names it, and the routes have no "
    "protection.",
    fix="Use kong/kong-gateway with a licence; or verify clients on the listener: env.nginx_proxy_ssl_verify_client "
    "and nginx_proxy_ssl_client_certificate.",
    source="https://developer.konghq.com/plugins/mtls-auth/",
)
def _edition(context: Context) -> Iterator[Hit]:
    for gateway in context.gateways if _asked(context) else ():
        if gateway.enterprise is False:
            yield Hit(gateway.object, f"its image is {gateway.image}")


@rule(
    "client-license-invalid",
    "error",
    "A licence isn't JSON",
    effect=f"Kong can't read it. {_SKIPPED[0].upper()}{_SKIPPED[1:]}.",
    fix="Put the licence as Kong sent it, a JSON document, under the key `license`.",
    source=_LICENSE,
)
def _invalid(context: Context) -> Iterator[Hit]:
    seen: set[str] = set()
    for gateway in context.gateways:
        content = gateway.content("license_data")
        if content is None or content.text is None or MASKED in content.text:
            continue
        release = gateway.release
        name = release.license_secret if release else None
        where = f"Secret/{gateway.namespace}/{name}" if name else gateway.object
        if where not in seen and not _is_license(content.text):
            seen.add(where)
            yield Hit(where, f"what {gateway.object} is to take for its licence is no JSON object")


def _is_license(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except json.JSONDecodeError:
        return False
