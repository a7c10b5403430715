"""Plugins that are there and don't protect: disabled, unused, global in vain, or open by their own settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kong_mtls.reader.kic import ACL, MTLS_AUTH
from kong_mtls.reader.manifests import ident, key_of, labels_of

from ..context import Context
from ..failures import KIC, failure_rule
from ..model import Hit, rule
from ..unknown import known
from .plugins import given_twice, protected

_KONGSTATE = KIC + "internal/dataplane/kongstate/kongstate.go"
_SCHEMA = "https://developer.konghq.com/plugins/mtls-auth/reference/"
_REFERRERS = ("Ingress", "HTTPRoute", "Service", "KongConsumer", "KongServiceFacade")
_ROUTE_KINDS = ("Ingress", "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "TCPIngress", "UDPIngress")


@rule(
    "client-plugin-disabled",
    "error",
    "A plugin that is asked for is disabled",
    effect="Kong skips a disabled plugin: the route is open. A disabled global one leaves every route open.",
    fix="Remove `disabled: true`, or the reference (the label global) and with it the appearance of protection.",
    source="Kong/kong kong/runloop/plugins_iterator.lua",
)
def _disabled(context: Context) -> Iterator[Hit]:
    for failure in context.failures("plugin-disabled"):
        yield Hit(failure.object, failure.message)
    for config in context.configs:
        for plugin in config.plugins:
            if plugin.is_global and not plugin.enabled:
                yield Hit(plugin.object, "it is disabled, though it is global")


@rule(
    "client-plugin-unused",
    "error",
    "mtls-auth is configured, and nothing refers to it",
    effect="A KongPlugin does nothing by itself: the routes it was meant for are open.",
    fix="Name it in konghq.com/plugins of the Ingress, HTTPRoute or Service in its namespace (one comma list in "
    "all), or remove it.",
    source="https://developer.konghq.com/kubernetes-ingress-controller/reference/annotations/#konghq-com-plugins",
)
def _unused(context: Context) -> Iterator[Hit]:
    if any(context.objects.all(kind) for kind in _ROUTE_KINDS) and context.all_judged(*_REFERRERS):
        for plugin in _without_effect(context):
            yield Hit(ident(plugin), "no Ingress, HTTPRoute, Service or consumer of the set refers to it")


@rule(
    "client-plugin-without-routes",
    "warning",
    "mtls-auth is configured, and no route is in the set",
    effect="Whether something refers to the plugin can't be seen from these files; if nothing does, it protects "
    "nothing.",
    fix="Audit it together with the Ingress or HTTPRoute objects that are to use it.",
    source="https://developer.konghq.com/kubernetes-ingress-controller/reference/annotations/#konghq-com-plugins",
)
def _without_routes(context: Context) -> Iterator[Hit]:
    if not any(context.objects.all(kind) for kind in _ROUTE_KINDS):
        for plugin in _without_effect(context):
            yield Hit(ident(plugin), "nothing of the set refers to it, and there is no route in the set")


def _without_effect(context: Context) -> Iterator[dict[str, Any]]:
    used = {plugin.object for config in context.configs for plugin in config.plugins}
    used |= {failure.object for failure in context.failed if failure.code.startswith("plugin-")}
    named = {failure.subject for failure in context.failures("plugin-not-granted")}
    for plugin in context.objects.all("KongPlugin"):
        _, namespace, name = key_of(plugin)
        if (
            plugin.get("plugin") == MTLS_AUTH
            and ident(plugin) not in used
            and f"{namespace}:{name}" not in named
            and not given_twice(plugin)
        ):
            yield plugin


failure_rule(
    "client-global-class",
    "error",
    "A KongClusterPlugin lacks the ingress class annotation",
    codes=("cluster-plugin-no-class",),
    effect="The controller never reads it, and says nothing: what it was to protect is open.",
    fix="Annotate it kubernetes.io/ingress.class: <the controller's class>.",
    source=KIC + "internal/store/store.go",
    scope="object",
)


@rule(
    "client-global-label",
    "error",
    'A KongClusterPlugin with mtls-auth is neither labelled global: "true" nor referred to',
    effect="Without the label it is no global plugin, and nothing names it: it protects nothing.",
    fix='Label it global: "true" (a string), or name it in konghq.com/plugins of what it is to protect.',
    source=KIC + "internal/store/store.go (ListGlobalKongClusterPlugins)",
)
def _no_label(context: Context) -> Iterator[Hit]:
    if not context.all_judged(*_REFERRERS):
        return
    used = {plugin.object for config in context.configs for plugin in config.plugins}
    used |= {f.object for f in context.failed if f.code.startswith(("plugin-", "cluster-plugin-"))}
    for plugin in context.objects.all("KongClusterPlugin"):
        label = labels_of(plugin).get("global")
        if plugin.get("plugin") == MTLS_AUTH and ident(plugin) not in used and str(label) != "true":
            said = f"its label global is {label!r}" if label is not None else "it has no label global"
            yield Hit(ident(plugin), f'{said} (wanted: "true"), and nothing refers to it by name')


failure_rule(
    "client-global-twice",
    "error",
    "Two global plugins are of the same type",
    codes=("global-plugin-duplicate",),
    effect="The controller drops both, with a line in its log and no event: every route is open.",
    fix="Keep one; bind the others to the Ingress objects or Services they are meant for.",
    source=_KONGSTATE + " (globalKongClusterPlugins)",
)


@rule(
    "client-any-certificate",
    "warning",
    "Any certificate of the CA is accepted, though consumers are there",
    effect="With skip_consumer_lookup Kong doesn't look for the consumer of a certificate: everyone the CA ever "
    "issued a certificate to gets through, and upstreams see no X-Consumer headers.",
    fix="Drop skip_consumer_lookup; or restrict with the acl plugin on the certificate's group.",
    source=_SCHEMA,
)
def _any_certificate(context: Context) -> Iterator[Hit]:
    for config, route, plugin in protected(context):
        if not any(consumer.subject_names for consumer in config.consumers):
            continue
        if plugin.config is None or not plugin.config.get("skip_consumer_lookup"):
            continue
        if known(plugin.config) and config.plugin(ACL, route) is None:
            yield Hit(plugin.object, "skip_consumer_lookup is on, consumers with mtls-auth credentials are in the set")


@rule(
    "client-no-consumers",
    "warning",
    "mtls-auth looks for consumers, and there are none",
    effect="A certificate that belongs to no consumer gets 401, however valid: nobody passes.",
    fix="Create KongConsumer objects (by username, custom_id or an mtls-auth credential), or set skip_consumer_lookup.",
    source=_SCHEMA,
)
def _no_consumers(context: Context) -> Iterator[Hit]:
    if not context.all_judged("KongConsumer"):
        return
    for config, _, plugin in protected(context):
        if config.consumers or plugin.config is None or not known(plugin.config):
            continue
        if not any(plugin.config.get(key) for key in ("skip_consumer_lookup", "anonymous", "default_consumer")):
            yield Hit(plugin.object, "skip_consumer_lookup is off, and the set has no KongConsumer")


@rule(
    "client-anonymous",
    "warning",
    "Callers without a certificate pass as an anonymous consumer",
    effect="With `anonymous` a request that fails mtls-auth goes on as that consumer: the route is open unless "
    "another plugin stops it.",
    fix="Remove `anonymous`, or put request-termination or acl on the anonymous consumer.",
    source=_SCHEMA,
)
def _anonymous(context: Context) -> Iterator[Hit]:
    stopped = {plugin.consumer for config in context.configs for plugin in config.plugins if plugin.consumer}
    for config, route, plugin in protected(context):
        name = (plugin.config or {}).get("anonymous")
        if name and known(name) and name not in stopped and config.plugin(ACL, route) is None:
            yield Hit(plugin.object, "anonymous is set, and neither acl nor a plugin of that consumer stops it")
