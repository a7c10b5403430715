"""Arguments of upstream mTLS."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from .pki.cert_manager.args import IssuanceArgs
from .service_annotations import UpstreamServiceArgs
from .upstream_certificate import GatewayCertificateArgs, UpstreamCertificatesArgs


class ClientPairArgs(TypedDict):
    """The pair that the gateway shows to upstreams: one of `issue`, a pair in PEM, and `existing_secret`."""

    issue: NotRequired[GatewayCertificateArgs]
    """Issue it from a CA made here. The default, and how."""
    certificate_pem: NotRequired[pulumi.Input[str]]
    """A certificate of your own, followed by its intermediates, in PEM."""
    private_key_pem: NotRequired[pulumi.Input[str]]
    """Its private key, in PEM without passphrase. Secret."""
    existing_secret: NotRequired[str]
    """A TLS Secret of this name that exists in the namespace of every Service. It is never read."""
    trust_pem: NotRequired[pulumi.Input[str]]
    """Of a pair that isn't issued here: the CA certificates that it is under, to be put where workloads mount them."""
    secret_name: NotRequired[str]
    """A fixed name for the Secrets made from the pair; default one from the content, which is safe under any
    provider."""


class UpstreamTrustArgs(TypedDict):
    """Whom the gateway believes to be a Service: the CAs that the Services' certificates are under."""

    authorities: NotRequired[Mapping[str, pulumi.Input[str]]]
    """CA certificates in PEM, one each. The keys are yours; they go into the names of resources, so that adding one
    leaves the others alone."""
    bundle_pem: NotRequired[str]
    """Several CA certificates in one PEM text."""
    secrets: NotRequired[Sequence[str]]
    """Labelled CA Secrets of these names that exist in the namespace of every Service."""
    config_maps: NotRequired[Sequence[str]]
    """Labelled CA ConfigMaps of these names that exist in the namespace of every Service."""
    kind: NotRequired[str]
    """What CA objects are made as: `ConfigMap` (default) or `Secret`."""


class UpstreamRouteArgs(TypedDict):
    """An Ingress or HTTPRoute that leads to the Services."""

    name: str
    """Its name."""
    namespace: str
    """Its namespace."""
    kind: NotRequired[str]
    """`Ingress` (default) or `HTTPRoute`."""
    backends: NotRequired[Sequence[str]]
    """Services that share one rule of it, as `name` or `namespace/name`: they must be annotated alike, or the
    controller drops the route."""
    patch: NotRequired[bool]
    """Default true: it exists, and `konghq.com/preserve-host: "false"` is set on it, so that `host_header` is the name
    asked of the Service. False: it is left as it is."""
    take_over: NotRequired[bool]
    """Take the annotation over from whoever set it to another value; default false."""


class UpstreamMtlsArgs(TypedDict):
    """Services that the gateway proves itself to, and they to it."""

    services: Sequence[UpstreamServiceArgs]
    """The Services, each once."""
    client_certificate: NotRequired[ClientPairArgs]
    """What the gateway shows them; default: issued from a CA made here."""
    without_client_certificate: NotRequired[bool]
    """Show none of them a certificate; default false. Then only they prove themselves."""
    trust: NotRequired[UpstreamTrustArgs]
    """The CAs that the Services' certificates are under."""
    server_certificates: NotRequired[UpstreamCertificatesArgs]
    """Issue certificates for workloads from a CA made here, which is then trusted besides `trust`."""
    routes: NotRequired[Sequence[UpstreamRouteArgs]]
    """Ingresses and HTTPRoutes that lead to the Services."""
    cert_manager: NotRequired[IssuanceArgs]
    """Have cert-manager make the CAs and certificates that are made here; default: in the stack's state."""
    ingress_class: NotRequired[str]
    """The class that the ingress controller serves; default `kong`."""
    edition: NotRequired[str]
    """The gateway's: `enterprise` (default) or `oss`."""
    gateway_version: NotRequired[str]
    """The gateway's version, such as `3.10`, where settings depend on it: from 3.14 it refuses unverified Services."""
    fixed_trust_names: NotRequired[bool]
    """Name the ConfigMaps with the gateway's CA, which workloads mount, `kong-gateway-ca` everywhere; default false:
    a name from the content, which is safe under any provider."""
