"""How the gateway speaks TLS to one Service, as the annotations that the ingress controller reads.

Pure: typed settings in, annotations out; and in plain words why settings can't work. The controller fails open, with
an event at most (Kong/kubernetes-ingress-controller internal/dataplane/translator/ingressrules.go), so that what it
would drop is refused here.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

PREFIX = "konghq.com/"
DEAD_PREFIX = "configuration.konghq.com/"
"""Written by old guides; no controller since 1.0.0 reads it (Kong/kubernetes-ingress-controller CHANGELOG.md)."""

TLS_PROTOCOLS = ("https", "tls")
"""Protocols of a Kong service that take TLS settings (Kong/kong kong/db/schema/entities/services.lua)."""
ENTERPRISE_TLS_PROTOCOLS = (*TLS_PROTOCOLS, "grpcs", "wss")
"""Those of Kong Enterprise (Kong docs, "Breaking changes", 3.14, Gateway Services)."""
_WITHOUT_TLS = ("http", "grpc", "ws", "tcp", "udp", "tls_passthrough")

DEEPEST = 64
ENFORCED_FROM = (3, 14)
"""The gateway's version from which it refuses services that switch verification off, unless told otherwise
(Kong docs, "Breaking changes", 3.14, `tls_certificate_verify`)."""

# Each annotation of ours, and the field that sets it.
_FIELDS = {
    "protocol": "protocol",
    "client-cert": "client_certificate_secret",
    "tls-verify": "verify",
    "tls-verify-depth": "verify_depth",
    "ca-certificates-secrets": "ca_secrets",
    "ca-certificates-configmaps": "ca_config_maps",
    "host-header": "host_header",
}

_CA_LISTS = {"ca_secrets": "ca-certificates-secrets", "ca_config_maps": "ca-certificates-configmaps"}

_OBJECT = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_HOST = re.compile(r"[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?(:[0-9]{1,5})?")


class UpstreamServiceArgs(TypedDict):
    """A Service that the gateway speaks TLS to."""

    name: str
    """Its name."""
    namespace: str
    """Its namespace; what it refers to is there too: the controller reads no other."""
    patch: NotRequired[bool]
    """Default true: the Service exists and is patched. False: its annotations are put out, for you to merge into the
    Service that you make."""
    take_over: NotRequired[bool]
    """Take annotations over that somebody else set to another value. Removal doesn't bring theirs back. Default
    false: the conflict is an error."""
    protocol: NotRequired[str]
    """`https` (default), or `tls` for a TLS stream; with Enterprise also `grpcs` and `wss`."""
    verify: NotRequired[bool]
    """Check the Service's certificate and name; default true. Off, whoever answers is believed, and a warning says
    so."""
    verify_depth: NotRequired[int]
    """How many intermediate certificates its chain may have, 0 to 64; default the data plane's (nginx: 1)."""
    host_header: NotRequired[str]
    """The Host sent, and the name that its certificate must carry, where the route doesn't preserve the client's Host;
    default `<name>.<namespace>.svc`. Empty leaves it unset: then the pod's address is asked for."""
    client_certificate_secret: NotRequired[str]
    """A TLS Secret that exists in its namespace, to show instead of the common pair."""
    without_client_certificate: NotRequired[bool]
    """Show it no certificate by its annotations; default false. A pair of the data plane's own is shown all the
    same."""
    ca_secrets: NotRequired[Sequence[str]]
    """Labelled CA Secrets that exist in its namespace, instead of the common trust."""
    ca_config_maps: NotRequired[Sequence[str]]
    """Labelled CA ConfigMaps that exist in its namespace, instead of the common trust."""
    data_plane_trust: NotRequired[bool]
    """Verify against the CAs that the data plane itself trusts, instead of the common trust; default false."""
    annotations: NotRequired[Mapping[str, str]]
    """Further `konghq.com/` annotations, such as `konghq.com/read-timeout`."""


class Common(TypedDict):
    """What Services without settings of their own get; an output stands for what is only known later."""

    client_certificate_secret: pulumi.Input[str] | None
    """Name of the Secret with the common pair."""
    ca_secrets: pulumi.Input[str] | None
    """Names of the CA Secrets, with commas between them: the annotation's text, made once for all Services."""
    ca_config_maps: pulumi.Input[str] | None
    """Likewise of the CA ConfigMaps."""


NOTHING: Common = {"client_certificate_secret": None, "ca_secrets": None, "ca_config_maps": None}


def key_of(service: UpstreamServiceArgs) -> str:
    """``namespace/name``."""
    return f"{service['namespace']}/{service['name']}"


def default_host(name: str, namespace: str) -> str:
    """The shortest name of a Service that is the same from every namespace of its cluster."""
    return f"{name}.{namespace}.svc"


def verifies(service: UpstreamServiceArgs) -> bool:
    """Whether the Service's certificate is checked."""
    return service.get("verify", True)


def has_own_trust(service: UpstreamServiceArgs) -> bool:
    """Whether the Service names its CAs itself, or leaves them to the data plane."""
    return bool(service.get("ca_secrets") or service.get("ca_config_maps") or service.get("data_plane_trust"))


def uses_common_trust(service: UpstreamServiceArgs) -> bool:
    """Whether the Service is verified against the common CAs."""
    return verifies(service) and not has_own_trust(service)


def uses_common_pair(service: UpstreamServiceArgs) -> bool:
    """Whether the Service is shown the common client certificate."""
    return not (service.get("client_certificate_secret") or service.get("without_client_certificate"))


def service_annotations(service: UpstreamServiceArgs, common: Common = NOTHING) -> dict[str, pulumi.Input[str]]:
    """The annotations of a Service.

    Args:
        service: its settings; those that ``service_problems`` finds nothing wrong with.
        common: what it gets where it has nothing of its own.
    """
    own: Mapping[str, Any] = {**service}
    shared: Mapping[str, Any] = {**common}
    annotations: dict[str, pulumi.Input[str]] = {
        **own.get("annotations", {}),
        f"{PREFIX}protocol": own.get("protocol", "https"),
        f"{PREFIX}tls-verify": "true" if verifies(service) else "false",
    }
    pair = (shared if uses_common_pair(service) else own).get("client_certificate_secret")
    if pair is not None:
        annotations[f"{PREFIX}client-cert"] = pair
    if own.get("verify_depth") is not None:
        annotations[f"{PREFIX}tls-verify-depth"] = str(own["verify_depth"])
    if verifies(service):
        for field, annotation in _CA_LISTS.items():
            # Sorted: Services behind one route must have the same text, and the order means nothing.
            listed = (",".join(sorted(own.get(field) or ())) or None) if has_own_trust(service) else shared[field]
            if listed is not None:
                annotations[f"{PREFIX}{annotation}"] = listed
    host = own.get("host_header", default_host(own["name"], own["namespace"]))
    if host:
        annotations[f"{PREFIX}host-header"] = host
    return annotations


def service_problems(
    service: UpstreamServiceArgs, edition: str = "enterprise", gateway: tuple[int, int] | None = None
) -> list[str]:
    """Why the settings can't work, each naming the field, its value and what is allowed.

    Args:
        service: the settings.
        edition: `enterprise` or `oss`.
        gateway: major and minor version of the gateway, where it is known.
    """
    own: Mapping[str, Any] = {**service}
    return [
        *_protocol(own.get("protocol", "https"), edition),
        *depth_problem(own.get("verify_depth"), "verify_depth"),
        *_names(own),
        *_contradictions(own),
        *_further(own.get("annotations") or {}),
        *(_enforced(gateway) if gateway is not None and not verifies(service) else ()),
    ]


def _protocol(protocol: str, edition: str) -> list[str]:
    known = ENTERPRISE_TLS_PROTOCOLS if edition == "enterprise" else TLS_PROTOCOLS
    if protocol in known:
        return []
    allowed = f"allowed: {', '.join(known)}"
    if protocol.lower() in known:
        return [f"protocol: {protocol!r} is not known to the controller, which reads lower case only; {allowed}"]
    if protocol in _WITHOUT_TLS:
        return [
            f"protocol: {protocol!r} carries no TLS of the gateway's: the controller would drop the certificates, and "
            f"Kong refuses a service with TLS settings and such a protocol; {allowed}"
        ]
    if protocol in ENTERPRISE_TLS_PROTOCOLS:
        return [
            f"protocol: with {protocol!r} open-source Kong takes no TLS settings of a single service; {allowed}. Use "
            "the data plane's own for it (its `upstream`, form `client_ssl`)"
        ]
    return [f"protocol: {protocol!r} is not known; {allowed}"]


def depth_problem(depth: Any, what: str) -> list[str]:
    """Why a verification depth can't be used; ``what`` names the input."""
    if depth is None or (isinstance(depth, int) and not isinstance(depth, bool) and 0 <= depth <= DEEPEST):
        return []
    allowed = f"allowed: an integer from 0 to {DEEPEST}"
    if isinstance(depth, bool | str):
        return [
            f"{what}: {depth!r} is no depth: it counts intermediate certificates. With 'on', which stands in guides, "
            "nginx doesn't start ('invalid number'), and the controller takes the annotation for not set; " + allowed
        ]
    return [f"{what}: {depth!r} is no depth; {allowed}"]


def _names(own: Mapping[str, Any]) -> list[str]:
    given = [("client_certificate_secret", own.get("client_certificate_secret"))]
    problems = []
    for field in _CA_LISTS:
        listed = list(own.get(field) or ())
        given += [(field, name) for name in listed]
        problems += [
            f"{field}: {name!r} is listed twice" for name in sorted({n for n in listed if listed.count(n) > 1})
        ]
    for field, name in given:
        if name is not None:
            problems += object_name_problems(name, field, f"the Service, {own['namespace']!r}")
    host = own.get("host_header")
    if host and not _HOST.fullmatch(host):
        problems.append(f"host_header: {host!r} is no host name; allowed: one such as echo.apps.svc")
    return problems


def object_name_problems(name: str, what: str, where: str) -> list[str]:
    """Why a Secret or ConfigMap can't be named so in an annotation.

    Args:
        name: the name.
        what: names the input.
        where: whose namespace it is looked for in.
    """
    if "/" in name:
        return [
            f"{what}: {name!r} names a namespace, which the controller doesn't understand: it would look for an "
            "object of that very name, not find it and go on without. Give the name alone, of one in the namespace "
            f"of {where}"
        ]
    if not _OBJECT.fullmatch(name):
        return [f"{what}: {name!r} is no object's name; allowed: lower-case letters, digits, '-' and '.'"]
    return []


def _contradictions(own: Mapping[str, Any]) -> list[str]:
    problems = []
    if own.get("client_certificate_secret") and own.get("without_client_certificate"):
        problems.append("client_certificate_secret and without_client_certificate exclude each other")
    cas = [field for field in _CA_LISTS if own.get(field)]
    if cas and own.get("data_plane_trust"):
        problems.append(f"{cas[0]} and data_plane_trust exclude each other")
    idle = [*cas, *(["verify_depth"] if own.get("verify_depth") is not None else [])]
    idle += ["data_plane_trust"] if own.get("data_plane_trust") else []
    if idle and not own.get("verify", True):
        problems.append(f"{', '.join(idle)}: not used with verify false: the controller drops it, or Kong ignores it")
    return problems


def _further(annotations: Mapping[str, str]) -> list[str]:
    problems = []
    for key in annotations:
        name = key.removeprefix(DEAD_PREFIX).removeprefix(PREFIX)
        field = _FIELDS.get(name)
        if key.startswith(DEAD_PREFIX):
            typed = f", here the field {field}" if field else ""
            problems.append(
                f"annotations: {key!r}: no supported controller reads the prefix {DEAD_PREFIX} of old guides: it would "
                f"be ignored without a word. The modern name is {PREFIX}{name}{typed}"
            )
        elif not key.startswith(PREFIX):
            problems.append(f"annotations: {key!r} is none of the controller's; allowed are those with {PREFIX}")
        elif field:
            problems.append(f"annotations: {key!r} is set by the field {field}; use that")
    return problems


def _enforced(gateway: tuple[int, int]) -> list[str]:
    if gateway < ENFORCED_FROM:
        return []
    return [
        f"verify: false is refused by gateway {gateway[0]}.{gateway[1]}: from 3.14 its `tls_certificate_verify` is on, "
        "and a data plane that is sent such a service takes no configuration at all. Verify the Service, or set "
        "tls_certificate_verify to off on control plane and data planes"
    ]
