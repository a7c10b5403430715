"""Everything about the arguments of upstream mTLS that can be judged before the first resource is made."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from . import names
from .cluster_checks import authority_problems
from .errors import InputError
from .inputs import choice
from .kong_objects import KINDS, check_authority
from .pki.checks import authority
from .pki.x509 import certificates
from .service_annotations import (
    Common,
    UpstreamServiceArgs,
    key_of,
    object_name_problems,
    service_annotations,
    service_problems,
    uses_common_pair,
    uses_common_trust,
)
from .upstream_args import ClientPairArgs, UpstreamMtlsArgs, UpstreamRouteArgs, UpstreamTrustArgs
from .upstream_certificate import server_problems
from .values.pods import EDITIONS

ROUTE_KINDS = ("Ingress", "HTTPRoute")

_VERSION = re.compile(r"(\d+)\.(\d+)([.-].*)?")

# Stand for what all Services share and is only named when it is made.
_COMMON: Common = {
    "client_certificate_secret": "(the common pair)",
    "ca_secrets": "(the common trust)",
    "ca_config_maps": "(the common trust)",
}


def problems(args: UpstreamMtlsArgs) -> list[str]:
    """All problems, each naming the argument, its value and what is allowed; empty when there is none."""
    found: list[str] = []
    edition = args.get("edition") or "enterprise"
    if edition not in EDITIONS:
        found.append(f"edition: {edition!r} is not known; allowed: {', '.join(EDITIONS)}")
    gateway = _gateway(args.get("gateway_version"), found)
    services = args["services"]
    for service in services:
        where = f"services: {key_of(service)}"
        found += _label_problems(service, where)
        found += [f"{where}: {problem}" for problem in service_problems(service, edition, gateway)]
    found += _twice(services)
    found += _pair(args)
    found += _trust(args)
    found += _server_certificates(args)
    for route in args.get("routes") or []:
        found += _route(route, services)
    found += _routes_twice(args.get("routes") or [])
    return list(dict.fromkeys(found))


def _gateway(version: str | None, found: list[str]) -> tuple[int, int] | None:
    if version is None:
        return None
    parsed = _VERSION.fullmatch(version)
    if parsed is None:
        found.append(f"gateway_version: {version!r} is no version; allowed: one such as 3.10 or 3.10.0.2")
        return None
    return int(parsed[1]), int(parsed[2])


def _label_problems(given: UpstreamServiceArgs | UpstreamRouteArgs, where: str) -> list[str]:
    found = []
    for value, what in ((given["namespace"], "namespace"), (given["name"], "name")):
        try:
            names.check_label(value, f"{where}: {what}")
        except InputError as error:
            found.append(str(error))
    return found


def _twice(services: Sequence[UpstreamServiceArgs]) -> list[str]:
    seen: dict[str, Mapping[str, Any]] = {}
    found = []
    for service in services:
        key, this = key_of(service), {**service}
        first = seen.get(key)
        if first is None:
            seen[key] = this
            continue
        differing = sorted(field for field in {*first, *this} if first.get(field) != this.get(field))
        with_what = f" with different {', '.join(differing)}" if differing else ""
        found.append(f"services: {key} is listed twice{with_what}; list it once, with what it needs")
    return found


def _pair(args: UpstreamMtlsArgs) -> list[str]:
    given: ClientPairArgs = args.get("client_certificate") or {}
    without = args.get("without_client_certificate")
    if without:
        found = ["client_certificate and without_client_certificate exclude each other"] if given else []
        return [*found, *_secret_name(given)]
    pem = [field for field in ("certificate_pem", "private_key_pem") if given.get(field) is not None]
    sources = [*(["issue"] if given.get("issue") is not None else []), *pem[:1]]
    sources += ["existing_secret"] if given.get("existing_secret") else []
    found = []
    if len(pem) == 1:
        found.append(f"client_certificate: {pem[0]} alone is half a pair; give certificate_pem and private_key_pem")
    if len(sources) > 1:
        found.append(f"client_certificate: {' and '.join(sources)} exclude each other")
    issue = given.get("issue") or {}
    found += authority_problems(issue.get("authority") or {}, issue.get("leaf") or {}, "client_certificate.issue")
    if given.get("trust_pem") is not None and sources in ([], ["issue"]):
        found.append("client_certificate.trust_pem: not used with a pair that is issued here, whose CA is known")
    elif isinstance(given.get("trust_pem"), str):
        found += _trusted_by_workloads(str(given["trust_pem"]))
    if given.get("existing_secret"):
        found += object_name_problems(given["existing_secret"], "client_certificate.existing_secret", "every Service")
        if given.get("secret_name"):
            found.append("client_certificate: secret_name names what is made; with existing_secret nothing is")
    return [*found, *_secret_name(given)]


def _trusted_by_workloads(pem: str) -> list[str]:
    try:
        authorities = certificates(pem, "client_certificate.trust_pem")
    except InputError as error:
        return [str(error)]
    return [
        f"client_certificate.trust_pem: {one.subject!r} {problem}" for one in authorities for problem in authority(one)
    ]


def _secret_name(given: ClientPairArgs) -> list[str]:
    name = given.get("secret_name")
    return [] if name is None else object_name_problems(name, "client_certificate.secret_name", "every Service")


def _trust(args: UpstreamMtlsArgs) -> list[str]:
    trust: UpstreamTrustArgs = args.get("trust") or {}
    found = []
    sources = [field for field in ("authorities", "bundle_pem", "secrets", "config_maps") if trust.get(field)]
    verified = [key_of(service) for service in args["services"] if uses_common_trust(service)]
    if verified and not sources and not args.get("server_certificates"):
        found.append(
            f"trust: {_some(verified)} would be verified against nobody: give trust, or server_certificates to issue "
            "them here; or for a Service ca_secrets, ca_config_maps or data_plane_trust"
        )
    for field in ("secrets", "config_maps"):
        for name in trust.get(field) or ():  # type: ignore[attr-defined]
            found += object_name_problems(name, f"trust.{field}", "every Service")
    try:
        choice(trust.get("kind", KINDS[0]), KINDS, "trust.kind")
    except InputError as error:
        found.append(str(error))
    return [*found, *_authorities(trust)]


def _authorities(trust: UpstreamTrustArgs) -> list[str]:
    found = []
    seen: dict[str, str] = {}
    try:
        given = plain_authorities(trust)
    except InputError as error:
        return [str(error)]
    for key, pem in given.items():
        try:
            names.check_label(key, "trust.authorities: key", 32)
            check_authority(pem, f"trust.{key}")
            digest = certificates(pem, key)[0].fingerprint
        except InputError as error:
            found.append(str(error))
            continue
        if digest in seen:
            found.append(f"trust: {seen[digest]} and {key} are the same certificate; Kong takes it once")
        seen.setdefault(digest, key)
    return found


def plain_authorities(trust: UpstreamTrustArgs) -> dict[str, str]:
    """The CA certificates that are known already, by key; those of a bundle have one made from their content.

    Raises:
        InputError: a bundle that holds something else than certificates.
    """
    given = {key: pem for key, pem in (trust.get("authorities") or {}).items() if isinstance(pem, str)}
    bundle = trust.get("bundle_pem")
    if not bundle:
        return given
    found = certificates(bundle, "trust.bundle_pem")
    # The content makes the key, so that the order of the bundle means nothing. A repeated one stays to be found.
    keys = [authority.fingerprint[:8] for authority in found]
    repeated = [
        f"trust.bundle_pem: {found[at].subject!r} is in it twice" for at, key in enumerate(keys) if key in keys[:at]
    ]
    if repeated:
        raise InputError("; ".join(repeated))
    return given | {key: authority.pem for key, authority in zip(keys, found, strict=True)}


def _server_certificates(args: UpstreamMtlsArgs) -> list[str]:
    given = args.get("server_certificates")
    if given is None:
        return []
    lifetimes = authority_problems(given.get("authority") or {}, given.get("leaf") or {}, "server_certificates")
    return [*(f"server_certificates: {problem}" for problem in server_problems(given["services"])), *lifetimes]


def _route(route: UpstreamRouteArgs, services: Sequence[UpstreamServiceArgs]) -> list[str]:
    where = f"routes: {route['namespace']}/{route['name']}"
    found = _label_problems(route, where)
    if route.get("kind", "Ingress") not in ROUTE_KINDS:
        found.append(f"{where}: kind {route.get('kind')!r} is not known; allowed: {', '.join(ROUTE_KINDS)}")
    by_key = {key_of(service): service for service in services}
    keys = [name if "/" in name else f"{route['namespace']}/{name}" for name in route.get("backends") or ()]
    missing = [key for key in keys if key not in by_key]
    if missing:
        found.append(
            f"{where}: {', '.join(missing)}: is none of the services, so that its annotations would differ from "
            "those of the others behind the route, which the controller then drops; list it among the services"
        )
    return [*found, *_inconsistent(where, [by_key[key] for key in keys if key in by_key])]


def _inconsistent(where: str, behind: Sequence[UpstreamServiceArgs]) -> list[str]:
    """Annotations that differ among Services behind one rule of a route: the controller then drops it."""
    given = {key_of(service): service_annotations(service, _COMMON) for service in behind}
    found = []
    for annotation in sorted({annotation for one in given.values() for annotation in one}):
        values = {key: one.get(annotation, "(unset)") for key, one in given.items()}
        if len(set(map(str, values.values()))) > 1:
            shown = ", ".join(f"{value} on {key}" for key, value in values.items())
            found.append(
                f"{where}: {annotation} differs among the Services behind it ({shown}): the controller would drop the "
                "route; give them the same settings, host_header included"
            )
    return found


def _routes_twice(routes: Sequence[UpstreamRouteArgs]) -> list[str]:
    keys = [f"{it.get('kind', 'Ingress')} {it['namespace']}/{it['name']}" for it in routes]
    return [
        f"routes: {key} is listed twice; list it once" for key in sorted({key for key in keys if keys.count(key) > 1})
    ]


def _some(keys: Sequence[str], most: int = 5) -> str:
    """The keys, the first few of many."""
    more = f" and {len(keys) - most} more" if len(keys) > most else ""
    return f"{', '.join(keys[:most])}{more}"


def unverified(services: Sequence[UpstreamServiceArgs]) -> str | None:
    """A warning of the Services whose certificate isn't checked; None when there is none."""
    keys = [key_of(service) for service in services if not service.get("verify", True)]
    if not keys:
        return None
    return (
        f"verification is off for {_some(keys)}: whoever answers in its place is believed, reads the requests and is "
        "shown the gateway's certificate"
    )


def namespaces_of(services: Sequence[UpstreamServiceArgs]) -> tuple[list[str], list[str]]:
    """Namespaces that need the common pair, and those that need the common trust."""
    pairs = {service["namespace"] for service in services if uses_common_pair(service)}
    trusts = {service["namespace"] for service in services if uses_common_trust(service)}
    return sorted(pairs), sorted(trusts)
