"""Upstream mTLS: the gateway proves itself to the Services behind it, and they to it."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes

from . import names
from .args import TrustRefArgs
from .claims import claim
from .errors import InputError
from .inputs import check_inputs
from .issued import issued_secret
from .kong_objects import INGRESS_CLASS, ca_object, check_authority
from .objects import check_name, pair_secret
from .outputs import checked, digest, mapped, public, together
from .patches import Patches
from .pki.authority import bundle
from .pki.cert_manager.args import with_issuance
from .pki.issue import KeyPair
from .pki.signing import args_of
from .resources import child_options
from .service_annotations import PREFIX, Common, key_of, service_annotations
from .trust import KEY
from .upstream_args import ClientPairArgs, UpstreamMtlsArgs, UpstreamTrustArgs
from .upstream_certificate import GatewayCertificate, GatewayCertificateArgs, UpstreamCertificates
from .upstream_checks import namespaces_of, plain_authorities, problems, unverified
from .upstream_defaults import IssuedPairArgs
from .upstream_pair import given_client_pair

GATEWAY_TRUST = "kong-gateway-ca"

_LONGEST_NAME = 32


class UpstreamMtls(pulumi.ComponentResource):
    """Annotates Services so that the gateway speaks TLS to them, proves itself, and checks who answers.

    It works with any Kong whose ingress controller reads annotations of Services (3.4 or later for verification), made
    by this library or not.

    Raises:
        InputError: arguments that can't work, by name, before any resource is created.
    """

    annotations: pulumi.Output[Mapping[str, Mapping[str, str]]]
    """Annotations of the Services with `patch` false, by `namespace/name`."""
    client_secret_names: pulumi.Output[Mapping[str, str]]
    """Name of the Secret with the common pair, by namespace."""
    client_certificate_pem: pulumi.Output[str]
    """The certificate that the gateway shows. Public; empty for an existing Secret or none."""
    not_after: pulumi.Output[str]
    """End of its validity, RFC 3339; empty for an existing Secret or none."""
    gateway_trust_pem: pulumi.Output[str]
    """What workloads trust the gateway by: its CA, when that is made here or given; else empty. Public."""
    gateway_trust_names: pulumi.Output[Mapping[str, str]]
    """ConfigMap with it under `ca.crt`, by namespace."""
    server_secret_names: pulumi.Output[Mapping[str, str]]
    """TLS Secret of each workload that is issued a certificate here, by `namespace/name`."""
    trust_pem: pulumi.Output[str]
    """The CAs that Services are verified against, as far as they are given or made here. Public."""
    authorities: pulumi.Output[Mapping[str, Any]]
    """`{"gateway": {"generations": [...], "issuing": ...}, "servers": ...}` of the CAs made here: what the next step of
    a rotation needs to know."""

    def __init__(self, name: str, args: UpstreamMtlsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make what Services refer to, then annotate them."""
        super().__init__("kong-mtls:index:UpstreamMtls", name, {}, opts)
        self._where = f'UpstreamMtls "{name}"'
        check_inputs(UpstreamMtlsArgs, args, self._where)
        found = problems(args)
        if found:
            raise InputError.of(found, f"{self._where}: the arguments can't be used:")
        names.check_label(name, f"{self._where}: its own name, from which it names objects", _LONGEST_NAME)
        self._prefix, self._args, self._options = name, args, child_options(self, opts)
        warning = unverified(args["services"])
        if warning is not None:
            pulumi.log.warn(f"{self._where}: {warning}", self)
        self._authorities: dict[str, pulumi.Output[Mapping[str, Any]]] = {}
        pair_namespaces, trust_namespaces = namespaces_of(args["services"])
        self._gateway: GatewayCertificate | None = None
        self.pair = self._pair()
        self.issued_pair = self._issued_pair()
        self._servers = self._server_certificates()
        client = self._client_secrets(pair_namespaces)
        trust = self._trust_objects(trust_namespaces)
        self.gateway_trust_refs = self._gateway_trust(pair_namespaces)
        self.server_refs = self._servers.refs if self._servers is not None else {}
        self._annotate(client, trust)
        self._export(client)
        del self._args  # of a thousand Services; nobody needs them any more

    def _pair(self) -> KeyPair | None:
        """The common pair; None for an existing Secret, or none at all."""
        given: ClientPairArgs = self._args.get("client_certificate") or {}
        existing = given.get("existing_secret")
        if existing:
            pulumi.log.warn(f"{self._where}: Secret {existing!r} is never read: nothing about it is checked", self)
        if existing or self._args.get("without_client_certificate"):
            return None
        if given.get("certificate_pem") is not None:
            return given_client_pair(
                given["certificate_pem"], given["private_key_pem"], f"{self._where}: client_certificate"
            )
        issue = with_issuance(given.get("issue"), self._args.get("cert_manager"))
        self._gateway = GatewayCertificate(f"{self._prefix}-gateway", issue, self._options)
        self._note("gateway", self._gateway)
        return self._gateway.pair

    def _issued_pair(self) -> IssuedPairArgs | None:
        """How a data plane gets a pair of its own, where the common one is no pair but a CA in the cluster."""
        if self._gateway is None or self._gateway.pair is not None:
            return None
        issue: GatewayCertificateArgs = (self._args.get("client_certificate") or {}).get("issue") or {}
        asked: IssuedPairArgs = {
            "authority": args_of(self._gateway.signer),
            "common_name": self._gateway.leaf.common_name,
            "dns_names": [str(name) for name in self._gateway.leaf.dns_names],
        }
        if issue.get("leaf"):
            asked["leaf"] = issue["leaf"]
        return asked

    def _server_certificates(self) -> UpstreamCertificates | None:
        given = self._args.get("server_certificates")
        if given is None:
            return None
        arguments = with_issuance(given, self._args.get("cert_manager"))
        made = UpstreamCertificates(f"{self._prefix}-servers", arguments, self._options)
        self._note("servers", made)
        return made

    def _note(self, side: str, made: GatewayCertificate | UpstreamCertificates) -> None:
        self._authorities[side] = made.applied

    def _client_secrets(self, namespaces: list[str]) -> dict[str, pulumi.Input[str]]:
        """The Secret with the common pair in each namespace."""
        given: ClientPairArgs = self._args.get("client_certificate") or {}
        if given.get("existing_secret"):
            return dict.fromkeys(namespaces, given["existing_secret"])
        if self.pair is None:
            return {} if self._gateway is None else self._client_certificates(self._gateway, namespaces)
        return {
            namespace: pair_secret(
                f"{self._prefix}-{namespace}",
                namespace=namespace,
                pair=self.pair,
                stem=self._prefix,
                fixed_name=given.get("secret_name"),
                what=f"{self._where}: client_certificate.secret_name",
                opts=self._options,
            )["name"]
            for namespace in namespaces
        }

    def _client_certificates(self, gateway: GatewayCertificate, namespaces: list[str]) -> dict[str, pulumi.Input[str]]:
        """A pair for each namespace, where the CA signs in the cluster: keys are never copied."""
        given: ClientPairArgs = self._args.get("client_certificate") or {}
        return {
            namespace: issued_secret(
                f"{self._prefix}-{namespace}",
                gateway.leaf,
                gateway.signer,
                namespace=namespace,
                fixed_name=given.get("secret_name"),
                what=f"{self._where}: client_certificate.secret_name",
                stem=self._prefix,
                opts=self._options,
            ).ref["name"]
            for namespace in namespaces
        }

    def _trust_objects(self, namespaces: list[str]) -> dict[str, tuple[Any, Any]]:
        """Texts of the annotations that list CA Secrets and CA ConfigMaps, for each namespace."""
        trust: UpstreamTrustArgs = self._args.get("trust") or {}
        where, kind = self._where, trust.get("kind", "ConfigMap")
        known = plain_authorities(trust)
        pems: dict[str, pulumi.Input[str]] = {**known}
        for key, pem in (trust.get("authorities") or {}).items():
            if key not in known:
                pems[key] = public(checked(pem, partial(check_authority, what=f"{where}: trust.authorities.{key}")))
        if self._servers is not None:
            # The dot keeps them apart from the user's keys, which have none.
            pems |= {f"servers.{generation}": pem for generation, pem in self._servers.roots.items()}
        self.trust_pem = pulumi.Output.all(*pems.values()).apply(bundle)
        listed = {}
        for namespace in namespaces:
            made = [
                ca_object(
                    f"{self._prefix}-{namespace}.{key}",
                    namespace=namespace,
                    pem=pem,
                    stem=f"{self._prefix}-ca",
                    what=f"{where}: trust.{key}",
                    kind=kind,
                    ingress_class=self._args.get("ingress_class") or INGRESS_CLASS,
                    opts=self._options,
                )
                for key, pem in pems.items()
            ]
            ours = {"ConfigMap": "config_maps", "Secret": "secrets"}[kind]
            listed[namespace] = (
                _comma_list([*trust.get("secrets", ()), *(made if ours == "secrets" else ())]),
                _comma_list([*trust.get("config_maps", ()), *(made if ours == "config_maps" else ())]),
            )
        return listed

    def _gateway_pem(self) -> pulumi.Input[str] | None:
        """The CA that the gateway's certificate is under, as far as it is known here."""
        if self._gateway is not None:
            return self._gateway.trust_pem
        given: ClientPairArgs = self._args.get("client_certificate") or {}
        pem = given.get("trust_pem")
        return None if pem is None else public(pem)

    def _gateway_trust(self, namespaces: list[str]) -> dict[str, TrustRefArgs]:
        """The gateway's CA for the workloads of each namespace, which demand its certificate."""
        pem = self._gateway_pem()
        if pem is None:
            return {}
        fixed = GATEWAY_TRUST if self._args.get("fixed_trust_names") else None
        checksum = digest(pem)
        name: Any = fixed or mapped(checksum, lambda value: f"{GATEWAY_TRUST}-{value[:8]}")
        if fixed is not None and namespaces:
            check_name("ConfigMap", fixed, fixed, self._where, self._options)
        refs: dict[str, TrustRefArgs] = {}
        for namespace in namespaces:
            made = kubernetes.core.v1.ConfigMap(
                f"{self._prefix}-{namespace}-gateway-ca",
                metadata={"name": name, "namespace": namespace},
                data={KEY: pem},
                opts=self._options,
            )
            refs[namespace] = {"name": made.metadata.name, "key": KEY, "checksum": checksum}
        return refs

    def _annotate(self, client: Mapping[str, pulumi.Input[str]], trust: Mapping[str, tuple[Any, Any]]) -> None:
        patches = Patches(self, self._where, self._options)
        # Routes first: a Service that is verified while its route still preserves the client's Host is asked for a name
        # that its certificate doesn't have. On the way out the Service's annotations go first.
        routes = [
            patches.annotate(
                f"{self._prefix}-{route['namespace']}.{route['name']}",
                route.get("kind", "Ingress"),
                namespace=route["namespace"],
                name=route["name"],
                annotations={f"{PREFIX}preserve-host": "false"},
                take_over=route.get("take_over", False),
            )
            for route in self._args.get("routes") or []
            if route.get("patch", True)
        ]
        self.unpatched: dict[str, dict[str, pulumi.Input[str]]] = {}
        for service in self._args["services"]:
            namespace, name = service["namespace"], service["name"]
            claim(f"upstream TLS of Service {key_of(service)}", self._where, "put its settings into one of them")
            secrets, config_maps = trust.get(namespace, (None, None))
            common: Common = {
                "client_certificate_secret": client.get(namespace),
                "ca_secrets": secrets,
                "ca_config_maps": config_maps,
            }
            annotations = service_annotations(service, common)
            if not service.get("patch", True):
                self.unpatched[key_of(service)] = annotations
                continue
            patches.annotate(
                # With a dot, which neither name has, no two Services have the same.
                f"{self._prefix}-{namespace}.{name}",
                "Service",
                namespace=namespace,
                name=name,
                annotations=annotations,
                take_over=service.get("take_over", False),
                after=routes,
            )

    def _export(self, client: Mapping[str, pulumi.Input[str]]) -> None:
        pair, servers, gateway_pem = self.pair, self._servers, self._gateway_pem()
        empty = pulumi.Output.from_input("")
        self.annotations = together({key: together(annotations) for key, annotations in self.unpatched.items()})
        self.client_secret_names = together(client)
        self.client_certificate_pem = pair.certificate_pem if pair is not None else empty
        self.not_after = pair.not_after if pair is not None else empty
        self.gateway_trust_pem = pulumi.Output.from_input(gateway_pem if gateway_pem is not None else "")
        self.gateway_trust_names = together({key: ref["name"] for key, ref in self.gateway_trust_refs.items()})
        self.server_secret_names = servers.secret_names if servers is not None else together({})
        self.authorities = together(self._authorities)
        self.register_outputs(
            {
                "annotations": self.annotations,
                "client_secret_names": self.client_secret_names,
                "client_certificate_pem": self.client_certificate_pem,
                "not_after": self.not_after,
                "gateway_trust_pem": self.gateway_trust_pem,
                "gateway_trust_names": self.gateway_trust_names,
                "server_secret_names": self.server_secret_names,
                "trust_pem": self.trust_pem,
                "authorities": self.authorities,
            }
        )


def _comma_list(listed: list[pulumi.Input[str]]) -> Any:
    """The text of an annotation that lists names, sorted: their order means nothing. None for none."""
    if not listed:
        return None
    if all(isinstance(name, str) for name in listed):
        return ",".join(sorted(str(name) for name in listed))
    return pulumi.Output.all(*listed).apply(lambda names: ",".join(sorted(names)))
