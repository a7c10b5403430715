"""Plugins that protect routes: references, configurations, grants, and what stays without effect."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kong_mtls.reader.kic import MTLS_AUTH, Failure, KongConfig, KongPlugin, KongRoute
from kong_mtls.reader.manifests import ident, key_of

from ..context import Context
from ..existing import Presence
from ..failures import KIC, failure_rule
from ..model import Hit, rule

_KONGSTATE = KIC + "internal/dataplane/kongstate/kongstate.go"
_PLUGIN = KIC + "internal/dataplane/kongstate/plugin.go"
_SCHEMA = "https://developer.konghq.com/plugins/mtls-auth/reference/"
_OPEN = "The controller fails open: the route goes live without the plugin, and everybody may call it"


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


def given_twice(plugin: Mapping[str, Any]) -> bool:
    """Whether a configuration comes from two places that exclude each other."""
    source = plugin.get("configFrom")
    return bool(source and (plugin.get("config") or plugin.get("configPatches")))


def _its_own_fault(context: Context, failure: Failure) -> bool:
    plugin = context.by_ident[failure.object]
    if given_twice(plugin):
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
        if given_twice(plugin):
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
