"""Plugins as they reach Kong: how a name is looked up, how a configuration is put together, what is dropped.

Sources: Kong/kubernetes-ingress-controller internal/dataplane/kongstate/{plugin,kongstate}.go; the custom
resource's own rules from its CRD (config with configFrom, configFrom with configPatches).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from kong_mtls.reader.kic import annotation as ann
from kong_mtls.reader.kic import mtls_auth
from kong_mtls.reader.kic.model import ACL, MTLS_AUTH, KongPlugin
from kong_mtls.reader.kic.store import Store
from kong_mtls.reader.manifests import ident, labels_of, secret_data

GROUP = "configuration.konghq.com"

NO_CONSUMER = frozenset({MTLS_AUTH, ACL})
"""Plugins whose schema forbids a consumer (typedefs.no_consumer)."""


class _Invalid(Exception):  # noqa: N818 - a verdict on a configuration
    pass


class _Masked(Exception):  # noqa: N818 - not an error: a value that wasn't handed to us
    pass


@dataclass(frozen=True)
class Relation:
    """One object's wish for a plugin.

    Attributes:
        referrer: the object that bears the reference; its group and kind decide on grants.
        group: the referrer's API group.
        route, service, consumer: what in Kong the plugin would be bound to; one of them is set.
    """

    referrer: Mapping[str, Any]
    group: str
    route: str | None = None
    service: str | None = None
    consumer: str | None = None


def _secret_value(store: Store, namespace: str, reference: Mapping[str, Any]) -> str:
    name, key = str(reference.get("name") or ""), str(reference.get("key") or "")
    secret = store.objects.get("Secret", namespace, name)
    if secret is None:
        raise _Invalid(f"Secret {namespace}/{name} is not there")
    data = secret_data(secret)
    if key not in data:
        raise _Invalid(f"Secret {namespace}/{name} has no key {key!r}")
    value = data[key]
    if value is None:
        raise _Masked
    return value.decode(errors="replace")


def _put(document: Any, path: str, value: Any) -> Any:
    """JSON patch "add" (RFC 6902), parents made where missing, as the controller's patch library does."""
    if path == "":
        return value
    *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in path.lstrip("/").split("/"))
    node = document
    for part in parents:
        if isinstance(node, list):
            node = node[int(part)]
        else:
            if not isinstance(node.get(part), dict | list):
                node[part] = {}
            node = node[part]
    if isinstance(node, list):
        node.insert(len(node) if last == "-" else int(last), value)
    else:
        node[last] = value
    return document


def _config(store: Store, obj: Mapping[str, Any]) -> dict[str, Any]:
    own = str((obj.get("metadata") or {}).get("namespace") or "default")
    config, source, patches = obj.get("config"), obj.get("configFrom"), obj.get("configPatches") or ()
    if config is not None and not isinstance(config, dict):
        raise _Invalid("config is no object")
    if source and config:
        raise _Invalid("both config and configFrom are set")
    if source and patches:
        raise _Invalid("both configFrom and configPatches are set")

    def value_of(holder: Mapping[str, Any]) -> str:
        reference = holder.get("secretKeyRef") or {}
        clusterwide = obj.get("kind") == "KongClusterPlugin"
        namespace = str(reference.get("namespace") or "") if clusterwide else own
        return _secret_value(store, namespace, reference)

    if source:
        text = value_of(source)
        try:
            found = yaml.safe_load(text)  # JSON is tried first by the controller; it is YAML as well
        except yaml.YAMLError:
            raise _Invalid("configFrom holds neither JSON nor YAML") from None
        if not isinstance(found, dict):
            raise _Invalid("configFrom holds no object")
        return found
    result: Any = json.loads(json.dumps(config or {}))
    for patch in patches:
        path = str(patch.get("path") or "")
        try:
            result = _put(result, path, json.loads(value_of(patch.get("valueFrom") or {})))
        except json.JSONDecodeError:
            raise _Invalid(f"the value for configPatches path {path} is no JSON") from None
        except (ValueError, IndexError, AttributeError):
            raise _Invalid(f"configPatches path {path} can't be applied") from None
    if not isinstance(result, dict):
        raise _Invalid("the patched config is no object")
    return result


def _refusal(name: str, config: Mapping[str, Any]) -> str:
    """Why Kong's schema refuses a configuration, for the plugins that decide who gets in."""
    if name == MTLS_AUTH:
        return mtls_auth.refusal(config)
    if name == ACL and bool(config.get("allow")) == bool(config.get("deny")):
        # only_one_of and at_least_one_of in Kong/kong kong/plugins/acl/schema.lua
        return "one of allow and deny must be given, and only one"
    return ""


class Plugins:
    """Collects the references of a translation, then makes the plugins."""

    def __init__(self, store: Store) -> None:
        """Nothing is asked for yet."""
        self._store = store
        self._wanted: dict[tuple[str, str], list[Relation]] = {}
        self._made: dict[str, KongPlugin | None] = {}

    def ask(self, relation: Relation, text: str) -> tuple[list[str], dict[str, str]]:
        """Note the references of one annotation's text.

        Returns:
            All references as written; and those that don't come to run, each with the type of plugin it would
            have been, "" where that can't be told. The latter are failures as well.
        """
        store, referrer = self._store, relation.referrer
        own = str((referrer.get("metadata") or {}).get("namespace") or "default")
        found, skipped = ann.plugin_references(text)
        for part in skipped:
            self._fail("plugin-reference-invalid", referrer, f"plugin reference {part!r} is skipped", part)
        written, dropped = [*skipped], dict.fromkeys(skipped, "")
        for namespace, name in found:
            label = f"{namespace}:{name}" if namespace else name
            written.append(label)
            # A namespace that is written out needs a grant even when it is the referrer's own.
            target = (GROUP, "KongPlugin", namespace, name)
            if namespace and not store.granted((relation.group, str(referrer.get("kind")), own), target):
                self._fail(
                    "plugin-not-granted",
                    referrer,
                    f"no ReferenceGrant in {namespace} lets its kind in {own} use KongPlugin {name}, "
                    "so it goes without",
                    label,
                )
                dropped[label] = self._type(namespace, name)
                continue
            obj = self._find(namespace or own, name)
            if obj is None:
                dropped[label] = self._type(namespace or own, name)
                cluster = store.objects.get("KongClusterPlugin", None, name)
                self._fail(
                    "plugin-missing",
                    referrer,
                    f"plugin {label} is neither a KongPlugin in {namespace or own} nor a KongClusterPlugin"
                    + (f" with class {store.ingress_class}" if cluster else ""),
                    label,
                )
                continue
            self._wanted.setdefault((namespace or own, name), []).append(relation)
            made = self._make(obj)
            if made is None or made.refused or not made.enabled:
                dropped[label] = str(obj.get("plugin") or "")
            if made is not None and not made.enabled:
                message = f"it is disabled, though {ident(referrer)} asks for it"
                self._fail("plugin-disabled", obj, message, "disabled")
        return written, dropped

    def _fail(self, code: str, obj: Mapping[str, Any], message: str, subject: str) -> None:
        self._store.failures.add(code, ident(obj), message, subject)

    def _find(self, namespace: str, name: str) -> dict[str, Any] | None:
        plugin = self._store.objects.get("KongPlugin", namespace, name)
        if plugin is not None:
            return plugin
        cluster = self._store.objects.get("KongClusterPlugin", None, name)
        return cluster if cluster is not None and self._store.has_class(cluster) else None

    def _type(self, namespace: str, name: str) -> str:
        """What a reference that isn't allowed or isn't read would have led to, if that is in the files."""
        store = self._store.objects
        found = store.get("KongPlugin", namespace, name) or store.get("KongClusterPlugin", None, name)
        return str((found or {}).get("plugin") or "")

    def _make(self, obj: dict[str, Any]) -> KongPlugin | None:
        """The plugin of an object, without what it is bound to; None when it can't be made."""
        key = ident(obj)
        if key not in self._made:
            self._made[key] = self._build(obj)
        return self._made[key]

    def _build(self, obj: Mapping[str, Any]) -> KongPlugin | None:
        name = str(obj.get("plugin") or "")
        if not name:
            self._fail("plugin-config-invalid", obj, "it names no plugin", "plugin")
            return None
        config: Mapping[str, Any] | None
        try:
            config = _config(self._store, obj)
        except _Masked:
            config = None
        except _Invalid as e:
            self._fail("plugin-config-invalid", obj, f"{e}: the controller leaves the plugin out", "config")
            return None
        refused = _refusal(name, config) if config is not None else ""
        if refused:
            self._fail("plugin-config-refused", obj, f"Kong refuses its config: {refused}", "config")
        protocols = tuple(str(each) for each in obj.get("protocols") or ())
        enabled = not obj.get("disabled")
        return KongPlugin(name, ident(obj), config, enabled, protocols, refused=refused)

    def _globals(self) -> Iterable[KongPlugin]:
        by_name: dict[str, list[dict[str, Any]]] = {}
        for obj in self._store.objects.all("KongClusterPlugin"):
            if not self._store.has_class(obj):
                self._fail(
                    "cluster-plugin-no-class",
                    obj,
                    f"without the annotation {ann.CLASS}: {self._store.ingress_class} it is never read",
                    ann.CLASS,
                )
            elif str(labels_of(obj).get("global")) == "true" and obj.get("plugin"):
                by_name.setdefault(str(obj["plugin"]), []).append(obj)
        for name, objects in by_name.items():
            if len(objects) > 1:
                why = f"{len(objects)} global plugins are of type {name}: the controller drops all of them"
                for obj in objects:
                    self._fail("global-plugin-duplicate", obj, why, "global")
                    dropped = self._make(obj)
                    if dropped is not None:
                        yield replace(dropped, refused=dropped.refused or why)
                continue
            made = self._make(objects[0])
            if made is not None:
                yield made

    def make(self) -> tuple[KongPlugin, ...]:
        """Every plugin instance, the global ones last."""
        result: list[KongPlugin] = []
        for (namespace, name), relations in sorted(self._wanted.items()):
            obj = self._find(namespace, name)
            base = self._make(obj) if obj is not None else None
            if base is None or obj is None:
                continue
            consumers = sorted({r.consumer for r in relations if r.consumer})
            if consumers and base.name in NO_CONSUMER:
                # One consumer's reference turns every instance into a consumer's (rels.GetCombinations).
                why = f"a consumer refers to it, and Kong refuses {base.name} bound to a consumer, everywhere"
                self._fail("plugin-consumer-refused", obj, why, "plugin")
                base, consumers = replace(base, refused=base.refused or why), []
            bound = dict.fromkeys((r.route, r.service) for r in relations if r.route or r.service)
            for consumer in (*consumers,) or (None,):
                for route, service in bound or ({(None, None): None} if consumer else {}):
                    result.append(replace(base, route=route, service=service, consumer=consumer))
        return (*result, *self._globals())
