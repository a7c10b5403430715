"""Everything about a deployment's arguments that can be judged before the first resource is made."""

from collections.abc import Callable
from functools import partial
from typing import Any

from . import names, postgres
from .args import ChartArgs, ClusterLinkArgs, ImageArgs, SecretRefArgs
from .cluster_checks import authority_problems, cluster_problems
from .errors import InputError
from .hybrid_args import (
    HybridClientVerificationArgs,
    HybridClusterArgs,
    HybridControlPlaneArgs,
    HybridDataPlaneArgs,
    KongHybridArgs,
)
from .hybrid_clients import server_name_problems
from .network_policies import cidr_problems
from .pki.cert_manager.args import issuance_problems
from .pki.cert_manager.separation import issuers_problems, separation_problems
from .release import chart_problems
from .upstream_defaults import CommonUpstreamArgs, common_problems, planned
from .values import pods
from .values.control_plane import control_plane_values
from .values.data_plane import data_plane_values
from .values.database import DatabaseLinkArgs, check_development, database_env
from .values.ingress_controller import IngressControllerArgs
from .values.keys import unknown_keys
from .values.listener import ClientVerificationArgs
from .values.upstream import defaults_problems, is_enforced

# Stand for what is only known while the program runs; names and paths of the same form.
_SECRET: SecretRefArgs = {"name": "secret"}
_DATABASE: DatabaseLinkArgs = {"host": "database", "password_secret": {"name": "secret"}}


def release_name(plane: HybridDataPlaneArgs) -> str:
    """The Helm release of a data plane."""
    return plane.get("release_name") or f"kong-{plane['name']}"


def data_planes(args: KongHybridArgs) -> list[HybridDataPlaneArgs]:
    """The data planes, with the default of one."""
    return list(args.get("data_planes") or [{"name": "dp"}])


def cluster_args(args: KongHybridArgs) -> HybridClusterArgs:
    """The cluster link's arguments, with its mode: what cert-manager makes, namespaces can't share."""
    given: HybridClusterArgs = {**(args.get("cluster") or {})}
    if args.get("cert_manager") is not None:
        given.setdefault("mtls", "pki")
    return given


def server_names(args: KongHybridArgs) -> list[str]:
    """Every name by which data planes in the same cluster reach the control plane."""
    plane: HybridControlPlaneArgs = args.get("control_plane") or {}
    release, namespace = plane.get("release_name") or "kong-cp", plane.get("namespace") or "kong"
    blocks = ("cluster", "clustertelemetry")
    return [str(name) for block in blocks for name in names.service_dns_names(names.service(release, block), namespace)]


def problems(args: KongHybridArgs) -> list[str]:
    """All problems, each naming the argument, its value and what is allowed; empty when there is none."""
    found: list[str] = []
    edition = args.get("edition") or "enterprise"
    if edition not in pods.EDITIONS:
        return [f"edition: {edition!r} is not known; allowed: {', '.join(pods.EDITIONS)}"]
    found += _license(edition, args)
    cluster = cluster_args(args)
    found += cluster_problems(cluster, edition, [plane["name"] for plane in data_planes(args)])
    found += _issuance(args, cluster)
    found += _database(args)
    found += _admin(args)
    found += chart_problems(args.get("chart") or {})
    cidrs = (args.get("network_policies") or {}).get("remote_data_plane_cidrs") or []
    found += [f"network_policies.{problem}" for problem in cidr_problems(cidrs)]
    found += _upstream(args, edition)
    found += _distinct(args)
    plane: HybridControlPlaneArgs = args.get("control_plane") or {}
    found += _release(args, plane, "control_plane", plane.get("release_name") or "kong-cp", edition)
    for index, data_plane in enumerate(data_planes(args)):
        found += _release(args, data_plane, f"data_planes[{index}]", release_name(data_plane), edition)
        names_of = server_name_problems(data_plane, args.get("server_certificates"))
        found += [f"data_planes[{index}].{problem}" for problem in names_of]
    return list(dict.fromkeys(found))


def _try(found: list[str], where: str, action: Callable[[], Any]) -> Any:
    try:
        return action()
    except InputError as error:
        found.append(f"{where}{error}")
        return None


def _license(edition: str, args: KongHybridArgs) -> list[str]:
    given = args.get("license") or {}
    sources = [key for key in ("data", "file", "existing_secret") if given.get(key)]
    if edition == "oss" and sources:
        return ["license: edition 'oss' reads none; leave it out, or use edition 'enterprise'"]
    if edition == "enterprise" and len(sources) != 1:
        return [
            "license: edition 'enterprise' needs exactly one of data, file and existing_secret (given: "
            f"{', '.join(sources) or 'none'}); without a licence use edition 'oss'"
        ]
    found: list[str] = []
    if given.get("existing_secret"):
        _try(found, "", partial(names.check_label, given["existing_secret"], "license.existing_secret"))
    return found


def _issuance(args: KongHybridArgs, cluster: HybridClusterArgs) -> list[str]:
    """What cert-manager can't make, and what it could only be asked for carelessly."""
    given = args.get("cert_manager")
    authorities = {
        "cluster": cluster.get("authority") or {},
        "admin": (args.get("admin") or {}).get("authority") or {},
        "database.development": (args["database"].get("development") or {}).get("authority") or {},
    }
    if given is None:
        return [
            f"{where}.authority.issuers: they are cert-manager's, and need cert_manager"
            for where, authority in authorities.items()
            if authority.get("issuers")
        ]
    found = issuance_problems(given, "cert_manager")
    found += separation_problems(authorities)
    for where, authority in authorities.items():
        found += issuers_problems(authority.get("issuers") or {}, f"{where}.authority")
    own = any(cluster.get(key) for key in ("certificate_pem", "existing_secret"))
    if cluster.get("mtls") == "shared" and not own:
        found.append(
            "cluster: mtls 'shared' needs one pair in every namespace, and what cert-manager makes never leaves its "
            "own; use 'pki', or give a pair of your own (certificate_pem, existing_secret)"
        )
    if cluster.get("migration") and not own:
        found.append("cluster: migration from a shared pair made here needs that pair: migrate first, then switch")
    return found


def _admin(args: KongHybridArgs) -> list[str]:
    given = args.get("admin") or {}
    return authority_problems(given.get("authority") or {}, given.get("leaf") or {}, "admin")


def _database(args: KongHybridArgs) -> list[str]:
    given: dict[str, Any] = {**args["database"]}
    found: list[str] = []
    development = given.pop("development", None)
    if development is not None:
        image, storage = development.get("image") or postgres.IMAGE, development.get("storage") or postgres.STORAGE
        _try(found, "", partial(check_development, image, storage, "database.development."))
        found += [f"database: development excludes {', '.join(sorted(given))}"] if given else []
        authority, leaf = _part(development, "authority"), _part(development, "leaf")
        return [*found, *authority_problems(authority, leaf, "database.development")]
    if not given.get("host"):
        return ["database: needs host, or development for a small Postgres of its own"]
    password, existing = given.pop("password", None), given.pop("password_secret", None)
    if (password is None) == (existing is None):
        found.append("database: needs exactly one of password and password_secret")
    if given.pop("without_tls", False) and given.get("tls") is not None:
        found.append("database: tls and without_tls exclude each other")
    link: Any = {**given, "password_secret": existing or _SECRET}
    _try(found, "", lambda: database_env(link, pods.Files()))
    return found


def _distinct(args: KongHybridArgs) -> list[str]:
    """Names and releases that two planes would share."""
    found: list[str] = []
    seen_names: set[str] = set()
    releases = {(args.get("control_plane") or {}).get("release_name") or "kong-cp"}
    for plane in data_planes(args):
        _try(found, "", partial(names.check_label, plane["name"], "data_planes: name"))
        if plane["name"] in seen_names:
            found.append(f"data_planes: two have the name {plane['name']!r}; each needs its own")
        elif release_name(plane) in releases:
            found.append(f"data_planes: another release has the name {release_name(plane)!r}; each needs its own")
        seen_names.add(plane["name"])
        releases.add(release_name(plane))
    return found


def _part(plane: Any, key: str) -> Any:
    """A nested argument, empty when absent."""
    return plane.get(key) or {}


def _release(
    args: KongHybridArgs,
    plane: Any,  # of a control plane or of a data plane: what they have in common is checked here
    key: str,
    release: str,
    edition: str,
) -> list[str]:
    found: list[str] = []
    where = f"{key}."
    image: ImageArgs = plane.get("image") or args.get("image") or {}
    in_image = where if plane.get("image") else ""
    _try(found, "", lambda: names.check_release(release, f"{where}release_name"))
    _try(found, "", lambda: names.check_label(plane.get("namespace") or "kong", f"{where}namespace"))
    _try(found, in_image, lambda: pods.image_values(edition, image))
    _try(found, where, lambda: pods.pods_values(_part(plane, "pods"), pods.Files()))
    for service in ("cluster_service", "telemetry_service"):
        given: Any = plane.get(service) or {}
        _try(found, f"{where}{service}: ", partial(pods.service_values, given, "ClusterIP"))
    proxy: Any = (plane.get("proxy") or {}).get("service") or {}
    _try(found, f"{where}proxy: ", lambda: pods.service_values(proxy, "LoadBalancer"))
    if not found:
        common = None if _upstream(args, edition) else args.get("upstream")
        values = _try(found, where, lambda: _values(plane, key, image, edition, common))
        chart: ChartArgs = args.get("chart") or {}
        if values is not None and not chart.get("path") and chart.get("version") in (None, names.CHART_VERSION):
            found += [f"{where}values: the chart has no {unknown}" for unknown in unknown_keys(values)]
    return found


def _upstream(args: KongHybridArgs, edition: str) -> list[str]:
    """What all data planes go by towards upstreams, judged by each gateway's version."""
    upstream = args.get("upstream")
    enforce = (upstream or {}).get("enforce")
    found = common_problems(upstream or {})
    planes: list[Any] = [args.get("control_plane") or {}, *data_planes(args)]
    for plane in planes:
        try:
            gateway = pods.gateway_version(edition, plane.get("image") or args.get("image") or {})
        except InputError:
            continue  # said of the image itself
        if upstream is not None and plane.get("upstream") is None:
            found += defaults_problems(planned(upstream), edition, gateway)
        unverified = (args["database"].get("tls") or {}).get("verify") is False
        if plane is planes[0] and unverified and is_enforced(enforce, edition, gateway):
            found.append(
                "database.tls.verify: false contradicts `tls_certificate_verify`, which is on in the control plane's "
                "gateway; verify, or set upstream.enforce to false, on purpose"
            )
    return list(dict.fromkeys(found))


def _values(
    plane: Any, key: str, image: ImageArgs, edition: str, upstream: CommonUpstreamArgs | None
) -> dict[str, Any]:
    """The values with stand-ins for what is not known yet: merging shows what the user's own would break."""
    license_secret = _SECRET if edition == "enterprise" else None
    cluster: ClusterLinkArgs = {"certificate": _SECRET}
    if key == "control_plane":
        controller: IngressControllerArgs = _part(plane, "ingress_controller")
        return control_plane_values(
            edition=edition,
            image=image,
            license_secret=license_secret,
            cluster=cluster,
            database=_DATABASE,
            ingress_controller=None if plane.get("without_ingress_controller") else controller,
            pods=_part(plane, "pods"),
            cluster_service=_part(plane, "cluster_service"),
            telemetry_service=_part(plane, "telemetry_service"),
            hooks=True,
            user_values=_part(plane, "values"),
            what="values",
            enforce_upstream_verification=(upstream or {}).get("enforce"),
        )
    return data_plane_values(
        edition=edition,
        image=image,
        license_secret=license_secret,
        cluster=cluster,
        control_plane={"cluster_host": "cluster", "telemetry_host": "telemetry"},
        server_certificate=plane.get("server_certificate"),
        proxy=_part(plane, "proxy"),
        pods=_part(plane, "pods"),
        user_values=_part(plane, "values"),
        what="values",
        upstream=plane.get("upstream") or (None if upstream is None else planned(upstream)),
        client_verification=_client_verification(plane.get("client_verification")),
    )


def _client_verification(given: HybridClientVerificationArgs | None) -> ClientVerificationArgs | None:
    if given is None:
        return None
    verification: ClientVerificationArgs = {"trust": {"name": _SECRET["name"]}}
    if given.get("verify_depth") is not None:
        verification["verify_depth"] = given["verify_depth"]
    return verification
