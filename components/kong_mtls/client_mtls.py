"""Client mTLS: routes that demand a certificate, and what they need for it."""

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from . import names
from .args import SecretRefArgs
from .claims import claim
from .client_ca import ClientCa, ClientCaArgs
from .client_ca import problems as ca_problems
from .client_consumers import ClientConsumers, ConsumerArgs, consumer_problems
from .client_plugin import (
    ACL,
    GATEWAY_VERSION,
    MTLS_AUTH,
    MtlsAuthArgs,
    acl_config,
    mtls_auth_config,
    parse_version,
    plugin_problems,
)
from .custom_object import CustomObject
from .errors import InputError
from .inputs import check_inputs
from .kong_crds import global_plugin, kong_plugin
from .kong_objects import INGRESS_CLASS
from .objects import make_secret
from .outputs import digest
from .pki.signing import SignerArgs
from .resources import child_options
from .routes import Attachment, ProtectedRouteArgs, route_problems
from .values.pods import EDITIONS

ENFORCEMENTS = ("plugin", "listener")
TRUST_KEY = "ca.crt"
OF_PLUGIN = (
    "ca_ids",
    "plugin",
    "plugin_name",
    "plugin_namespaces",
    "global_plugin",
    "allow_groups",
    "deny_groups",
    "consumers",
)
"""Arguments that only enforcement `plugin` knows."""


class ClientMtlsArgs(TypedDict):
    """Who may call which routes. CAs come from `ca`, `ca_ids` or both."""

    namespace: str
    """Where CAs and consumers are made, and where routes are that name no namespace of their own."""
    ca: NotRequired[ClientCaArgs]
    """CAs made or published here, in `namespace` unless it names another."""
    ca_ids: NotRequired[pulumi.Input[Sequence[pulumi.Input[str]]]]
    """Ids of CAs that are published elsewhere, such as a `ClientCa`'s `ids`."""
    routes: NotRequired[Sequence[ProtectedRouteArgs]]
    """The routes."""
    consumers: NotRequired[Sequence[ConsumerArgs]]
    """Who calls. Kong knows consumers for all routes: make each in one place."""
    allow_groups: NotRequired[Sequence[str]]
    """Let only members of these groups pass (ACL plugin); with `plugin.skip_consumer_lookup` a certificate's group is
    its common name."""
    deny_groups: NotRequired[Sequence[str]]
    """Let everyone pass but members of these groups."""
    plugin: NotRequired[MtlsAuthArgs]
    """How certificates are judged."""
    plugin_name: NotRequired[str]
    """Name of the KongPlugins; default the component's name."""
    plugin_namespaces: NotRequired[Sequence[str]]
    """Further namespaces that get the plugin, for routes that others annotate."""
    global_plugin: NotRequired[bool]
    """Demand a certificate on every route of the gateway, with one KongClusterPlugin; default false: on `routes`."""
    enforcement: NotRequired[str]
    """`plugin` (default): Kong's mtls-auth plugin judges, route by route; Enterprise. `listener`: a data plane does,
    for everything that it serves, in any edition: give its `client_verification` the `trust` put out here."""
    trust_namespace: NotRequired[pulumi.Input[str]]
    """`listener`: the data plane's namespace, where a Secret with the CAs is made for it to mount."""
    ingress_class: NotRequired[str]
    """The class that the ingress controller serves; default `kong`."""
    edition: NotRequired[str]
    """The gateway's: `enterprise` (default) or `oss`."""
    gateway_version: NotRequired[str]
    """The oldest gateway's version; default `3.10`. Fields that it doesn't know are refused."""


class ClientMtls(pulumi.ComponentResource):
    """Routes that demand a client certificate, on any Kong with the ingress controller.

    A route is made or annotated after its plugin and the CAs, and goes before them: the controller leaves out a plugin
    that isn't there, and the route is open then. Source: Kong docs, "mTLS" of the ingress controller and "Mutual TLS
    Authentication".

    Raises:
        InputError: what can't work, by name, before any resource is created.
    """

    ca_ids: pulumi.Output[Sequence[str]]
    """Ids of the CAs."""
    trust_pem: pulumi.Output[str]
    """Certificates of the CAs in `ca`. Public."""
    plugin_name: pulumi.Output[str]
    """Name of the plugin, known once it is there in every namespace; empty with enforcement `listener`."""
    trust_secret_name: pulumi.Output[str]
    """`listener`: the Secret with the CAs in `trust_namespace`; else empty."""

    def __init__(self, name: str, args: ClientMtlsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make CAs, then plugins, then routes."""
        super().__init__("kong-mtls:index:ClientMtls", name, {}, opts)
        self._where = f'ClientMtls "{name}"'
        check_inputs(ClientMtlsArgs, args, self._where)
        found = problems(args, name)
        if found:
            raise InputError.of(found, f"{self._where}: the arguments can't be used:")
        self._name, self._args, self._options = name, args, child_options(self, opts)
        self._class = args.get("ingress_class") or INGRESS_CLASS
        self._listener = args.get("enforcement") == "listener"
        self._plugin = args.get("plugin_name") or name
        self.ca = self._make_ca()
        self.signer: SignerArgs | None = self.ca.signer if self.ca else None
        self.ca_ids = self._ids()
        self.trust_pem = self.ca.trust_pem if self.ca else pulumi.Output.from_input("")
        self.trust: SecretRefArgs | None = self._make_trust()
        self._made: list[pulumi.Output[str]] = []
        self._consumers()
        self._routes()
        plugin = "" if self._listener else self._plugin
        self.plugin_name = pulumi.Output.all(*self._made).apply(lambda _: plugin)
        self.trust_secret_name = pulumi.Output.from_input(self.trust["name"] if self.trust else "")
        self.register_outputs(
            {
                "ca_ids": self.ca_ids,
                "trust_pem": self.trust_pem,
                "plugin_name": self.plugin_name,
                "trust_secret_name": self.trust_secret_name,
            }
        )

    def _make_ca(self) -> ClientCa | None:
        given = self._args.get("ca")
        if given is None:
            return None
        return ClientCa(self._name, _ca(self._args, given), self._options)

    def _ids(self) -> pulumi.Output[Sequence[str]]:
        own: Any = self.ca.ids if self.ca else []
        return pulumi.Output.all(own, self._args.get("ca_ids") or []).apply(
            lambda both: sorted({str(one) for ids in both for one in ids})
        )

    def _make_trust(self) -> SecretRefArgs | None:
        namespace = self._args.get("trust_namespace")
        if namespace is None:
            return None
        pem = self.trust_pem
        secret = make_secret(
            f"{self._name}-trust",
            namespace=namespace,
            data={TRUST_KEY: pem},
            fixed_name=None,
            what=self._where,
            opts=self._options,
        )
        name: pulumi.Output[str] = secret.metadata.apply(lambda metadata: str(metadata.name))
        return {"name": name, "checksum": digest(pem)}

    def _consumers(self) -> None:
        consumers = self._args.get("consumers")
        if consumers:
            ClientConsumers(
                self._name,
                {"namespace": self._args["namespace"], "consumers": consumers, "ingress_class": self._class},
                self._options,
            )

    def _configs(self) -> dict[str, dict[str, Any]]:
        """The plugins, each with its config."""
        allow, deny = self._args.get("allow_groups") or (), self._args.get("deny_groups") or ()
        configs = {MTLS_AUTH: mtls_auth_config(self._args.get("plugin") or {}, self.ca_ids)}
        return configs | ({ACL: acl_config(allow, deny)} if allow or deny else {})

    def _routes(self) -> None:
        routes = self._args.get("routes") or ()
        if self._listener:
            attachment = Attachment(self, self._name, self._where, self._class, self._options)
            for route in routes:
                attachment.attach(route, self._args["namespace"], [])
            return
        everywhere = self._global() if self._args.get("global_plugin") else []
        after = pulumi.ResourceOptions.merge(self._options, pulumi.ResourceOptions(depends_on=everywhere))
        attachment = Attachment(self, self._name, self._where, self._class, after)
        plugins = {} if everywhere else self._namespaced()
        for route in routes:
            namespace = route.get("namespace") or self._args["namespace"]
            attachment.attach(route, self._args["namespace"], plugins.get(namespace, []))

    def _global(self) -> list[CustomObject]:
        made: list[CustomObject] = []
        for plugin, config in self._configs().items():
            claim(
                f"the global {plugin} plugin of class {self._class!r}",
                self._where,
                "of two the controller drops both, and every route is open",
            )
            # A name of its own for all programs: the API server refuses the second one, and so does the engine.
            name = f"{plugin}-{self._class}"
            manifest = global_plugin(plugin, name=name, ingress_class=self._class, config=config)
            made.append(CustomObject(name, manifest, self._options))
            self._made.append(made[-1].object_name)
        return made

    def _namespaced(self) -> dict[str, list[pulumi.Input[str]]]:
        """Names of the plugins in each namespace that needs them; whoever takes one waits for the plugin."""
        plugins: dict[str, list[pulumi.Input[str]]] = {}
        for namespace in plugin_namespaces(self._args):
            plugins[namespace] = []
            for plugin, config in self._configs().items():
                name = self._plugin if plugin == MTLS_AUTH else f"{self._plugin}-{plugin}"
                manifest = kong_plugin(plugin, name=name, namespace=namespace, config=config)
                made = CustomObject(f"{self._name}-{plugin}-{namespace}", manifest, self._options)
                plugins[namespace].append(made.object_name)
                self._made.append(made.object_name)
        return plugins


def _ca(args: ClientMtlsArgs, given: ClientCaArgs) -> ClientCaArgs:
    """The CAs' arguments with what is the component's; no Secrets are made where a data plane verifies."""
    arguments: ClientCaArgs = {"ingress_class": args.get("ingress_class") or INGRESS_CLASS, **given}
    if args.get("enforcement") != "listener":
        arguments.setdefault("namespace", args["namespace"])
    return arguments


def plugin_namespaces(args: ClientMtlsArgs) -> list[str]:
    """Namespaces with a route, and those named."""
    own = [route.get("namespace") or args["namespace"] for route in args.get("routes") or ()]
    return sorted({*own, *(args.get("plugin_namespaces") or ())})


def enforcement_problems(enforcement: str, edition: str) -> list[str]:
    """Whether the gateway's edition can enforce so."""
    found = []
    if enforcement not in ENFORCEMENTS:
        found.append(f"enforcement: {enforcement!r} is not known; allowed: {', '.join(ENFORCEMENTS)}")
    if edition not in EDITIONS:
        found.append(f"edition: {edition!r} is not known; allowed: {', '.join(EDITIONS)}")
    if enforcement == "plugin" and edition == "oss":
        found.append(
            "enforcement: 'plugin' needs edition 'enterprise': the open-source gateway has no mtls-auth plugin, and "
            "routes would be open. Use enforcement 'listener', which verifies for a whole data plane"
        )
    return found


def problems(args: ClientMtlsArgs, name: str) -> list[str]:
    """What can be judged before the first resource is made, each naming the argument, its value and what is allowed."""
    enforcement = args.get("enforcement") or ENFORCEMENTS[0]
    found = enforcement_problems(enforcement, args.get("edition") or EDITIONS[0])
    found += _label(args["namespace"], "namespace")
    given = args.get("ca")
    if given is not None:
        found += [f"ca: {problem}" for problem in ca_problems(_ca(args, given))]
    found += consumer_problems(args.get("consumers") or [])
    found += route_problems(args.get("routes") or [], args["namespace"])
    found += _listener(args) if enforcement == "listener" else _plugin(args, name)
    return list(dict.fromkeys(found))


def _label(value: str, what: str) -> list[str]:
    try:
        names.check_label(value, what)
    except InputError as error:
        return [str(error)]
    return []


def _listener(args: ClientMtlsArgs) -> list[str]:
    found = [
        f"{key} is not used with enforcement 'listener', which knows no consumers and no plugin"
        for key in OF_PLUGIN
        if args.get(key)
    ]
    if args.get("trust_namespace") is not None and args.get("ca") is None:
        found.append("trust_namespace: there is nothing to trust there without ca")
    ca: Mapping[str, Any] = args.get("ca") or {}
    if ca.get("existing"):
        found.append("ca.existing: a Secret that is never read can't be given to a data plane; give the certificates")
    return found


def _plugin(args: ClientMtlsArgs, name: str) -> list[str]:
    found = []
    if args.get("ca") is None and args.get("ca_ids") is None:
        found.append("ca or ca_ids is needed: without a CA nobody could call")
    ids = args.get("ca_ids")
    if isinstance(ids, Sequence) and not ids and args.get("ca") is None:
        found.append("ca_ids: is empty: Kong refuses a plugin without a CA, and the routes would be open")
    if args.get("trust_namespace") is not None:
        found.append("trust_namespace is only used with enforcement 'listener'")
    found += _label(args.get("plugin_name") or name, "plugin_name")
    for namespace in args.get("plugin_namespaces") or ():
        found += _label(namespace, "plugin_namespaces")
    if args.get("allow_groups") and args.get("deny_groups"):
        found.append("allow_groups and deny_groups exclude each other")
    if args.get("global_plugin") and (args.get("plugin_namespaces") or args.get("plugin_name")):
        found.append("global_plugin: is one, of a name of its own; plugin_name and plugin_namespaces are not used")
    if not (args.get("routes") or args.get("plugin_namespaces") or args.get("global_plugin")):
        found.append("routes, plugin_namespaces or global_plugin is needed: nothing would be protected")
    try:
        gateway = parse_version(args.get("gateway_version") or GATEWAY_VERSION, "gateway_version")
    except InputError as error:
        return [*found, str(error)]
    return found + plugin_problems(args.get("plugin") or {}, gateway)
