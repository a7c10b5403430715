"""Plugins that protect routes: references, configurations, grants, and what stays without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kong_mtls.reader.kic import ACL, MTLS_AUTH, Failure, KongConfig, KongPlugin, KongRoute
from kong_mtls.reader.manifests import ident, key_of, labels_of

from ..context import Context
from ..existing import Presence
from ..failures import KIC, failure_rule
from ..model import Hit, rule
from ..unknown import known

_KONGSTATE = KIC + "internal/dataplane/kongstate/kongstate.go"
_PLUGIN = KIC + "internal/dataplane/kongstate/plugin.go"
_SCHEMA = "https://developer.konghq.com/plugins/mtls-auth/reference/"
_OPEN = "The controller fails open: the route goes live without the plugin, and everybody may call it"
_REFERRERS = ("Ingress", "HTTPRoute", "Service", "KongConsumer", "KongServiceFacade")
_ROUTE_KINDS = ("Ingress", "HTTPRoute", "GRPCRoute", "TCPRoute", "TLSRoute", "TCPIngress", "UDPIngress")


def kong_plugins(context: Context) -> list[dict[str, Any]]:
    """Every KongPlugin and KongClusterPlugin."""
    return [*context.objects.all("KongPlugin"), *context.objects.all("KongClusterPlugin")]


def protected(context: Context) -> Iterator[tuple[KongConfig, KongRoute, KongPlugin]]:
    """Every route on which mtls-auth runs, with the configuration it stands in and the plugin's instance."""
    for config in context.configs:
        for route in config.routes:
            plugin = config.plugin(MTLS_AUTH, route)
            if plugin is not None:
                yield config, route, plugin


def secret_references(plugin: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Namespace and name of the Secrets that a plugin's configuration comes from."""
    holders = [plugin.get("configFrom") or {}]
    holders += [each.get("valueFrom") or {} for each in plugin.get("configPatches") or ()]
    found = []
    for holder in holders:
        reference = holder.get("secretKeyRef") or {}
        own = key_of(plugin)[1]
        namespace = str(reference.get("namespace") or "") if plugin["kind"] == "KongClusterPlugin" else own
        if reference.get("name"):
            found.append((namespace, str(reference["name"])))
    return found


def _given_twice(plugin: Mapping[str, Any]) -> bool:
    source = plugin.get("configFrom")
    return bool(source and (plugin.get("config") or plugin.get("configPatches")))


def _its_own_fault(context: Context, failure: Failure) -> bool:
    plugin = context.by_ident[failure.object]
    if _given_twice(plugin):
        return False  # a rule of its own
    declared = context.declared_by(failure.object)
    presence = [
        context.inventory.presence("Secret", namespace, name, declared) for namespace, name in secret_references(plugin)
    ]
    return all(each in (Presence.HERE, Presence.MISSING) for each in presence)


def _id_is_nowhere(context: Context, failure: Failure) -> bool:
    # A CA Secret that is declared to exist holds an id that isn't in the files.
    return not context.hidden_ids and not context.declared_in(failure.object)


failure_rule(
    "client-plugin-missing",
    "error",
    "A plugin is referred to and isn't there",
    codes=("plugin-missing",),
    only=lambda context, _: context.all_judged("KongPlugin", "KongClusterPlugin"),
    effect=f"{_OPEN}. The only trace is a Warning event on the object.",
    fix="Create the KongPlugin in the namespace of what refers to it, or correct the name in konghq.com/plugins.",
    source=_KONGSTATE,
)

failure_rule(
    "client-plugin-not-granted",
    "error",
    "A plugin of another namespace is referred to without a ReferenceGrant",
    codes=("plugin-not-granted",),
    effect=f"{_OPEN}.",
    fix="Create a ReferenceGrant in the plugin's namespace, from the referrer's group, kind and namespace to "
    "{configuration.konghq.com, KongPlugin}; or put a copy of the plugin beside the referrer.",
    source=_KONGSTATE + " (extractReferredPluginNamespaceIfAllowed)",
)

failure_rule(
    "client-plugin-reference",
    "error",
    "An entry of konghq.com/plugins is half a reference",
    codes=("plugin-reference-invalid",),
    effect=f"An entry `ns:` or `:name` is skipped without a word. {_OPEN}.",
    fix="Write `name`, or `namespace:name` with a ReferenceGrant.",
    source="Kong/kubernetes-configuration pkg/metadata/plugins.go",
    scope="object",
)


@rule(
    "client-plugin-config-twice",
    "error",
    "A plugin's configuration comes from two places",
    effect="The CRD refuses config with configFrom, and configFrom with configPatches; where it let the object "
    f"pass, the controller leaves the plugin out. {_OPEN}.",
    fix="Give config (with configPatches for what is secret), or configFrom alone.",
    source=_PLUGIN + "; the CRD's validation rules",
    scope="object",
)
def _config_twice(context: Context) -> Iterator[Hit]:
    for plugin in kong_plugins(context):
        if _given_twice(plugin):
            other = "config" if plugin.get("config") else "configPatches"
            yield Hit(ident(plugin), f"configFrom and {other} are both given; the plugin doesn't come to be")


failure_rule(
    "client-plugin-invalid",
    "error",
    "A plugin's configuration can't be put together",
    codes=("plugin-config-invalid",),
    only=_its_own_fault,
    effect="A Secret, a key or a JSON value that configFrom or configPatches counts on isn't there. " + _OPEN + ".",
    fix="Name a Secret of the plugin's namespace and a key in it; a patch's value has to be JSON, such as "
    '["<uuid>"] with quotes.',
    source=_PLUGIN,
)

failure_rule(
    "client-plugin-refused",
    "error",
    "Kong's schema refuses a plugin's configuration",
    codes=("plugin-config-refused",),
    effect="The Admin API refuses the plugin, in DB mode the whole synchronisation with it: the route is live "
    "without the plugin, or with the state of yesterday.",
    fix="Keep to the fields and values of the plugin's reference for the gateway's version.",
    source=_SCHEMA,
)

failure_rule(
    "client-plugin-on-consumer",
    "error",
    "A plugin that can't be a consumer's is bound to one",
    codes=("plugin-consumer-refused",),
    effect="One consumer's reference turns every instance of this plugin into a consumer's, which Kong refuses: "
    "the routes go without it.",
    fix="Take the plugin out of the KongConsumer's konghq.com/plugins; put it on the Ingress or Service.",
    source=_KONGSTATE + " (getPluginRelations)",
)

failure_rule(
    "client-plugin-unknown-ca",
    "error",
    "mtls-auth names a CA id that no CA object has",
    codes=("plugin-ca-dangling",),
    only=_id_is_nowhere,
    effect="Kong finds no such CA certificate, and answers every certificate with an error: nobody gets through.",
    fix="Create the CA object (label, id, cert), or correct the id in ca_certificates.",
    source=_SCHEMA,
)


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
            and not _given_twice(plugin)
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
