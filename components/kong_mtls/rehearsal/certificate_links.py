"""Which links a certificate is for, by what reads the object that holds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kong_mtls.reader.chart import kong_releases
from kong_mtls.reader.container import Container
from kong_mtls.reader.manifests import Objects, ident

# Settings that name files, by their beginnings; the longer one counts. Source: kong.conf.default of Kong/kong, and
# docs of the ingress controller ("CLI arguments"). What every connection of a gateway trusts
# (lua_ssl_trusted_certificate) says nothing of its link: such a CA is known by what it issued.
_SETTINGS = {
    "KONG_CLUSTER_": "cluster",
    "KONG_ADMIN_": "admin",
    "KONG_NGINX_ADMIN_": "admin",
    "CONTROLLER_KONG_ADMIN_": "admin",
    "KONG_PG_": "database",
    "KONG_SSL_": "client",
    "KONG_NGINX_PROXY_SSL_": "client",
    "KONG_CLIENT_SSL_": "upstream",
    "KONG_NGINX_PROXY_PROXY_SSL_": "upstream",
}
_BY_LENGTH = sorted(_SETTINGS, key=len, reverse=True)
_CA_LABEL = "konghq.com/ca-cert"

Rows = Sequence[Mapping[str, Any]]


def with_links(certificates: Rows, objects: Objects, rows: Rows) -> list[dict[str, Any]]:
    """The certificates, each with its ``links``.

    A certificate that nothing in the files reads is for what its CA is for; a CA also for what it issued.

    Args:
        certificates: as they stand in the report.
        objects: the files that hold them.
        rows: cases of the links, whose servers tell a database's workload from an upstream's.
    """
    of_places = dict(_by_settings(objects))
    databases = {row["server"] for row in rows if row["link"] == "database"}
    own: dict[str, set[str]] = {}
    for one in certificates:
        found = {link for place in one["places"] for link in of_places.get(place, ())}
        found |= {link for reader in one["used_by"] for link in _by_reader(reader, databases)}
        own[one["fingerprint_sha256"]] = found or set(_by_label(one["places"], objects))
    issuers = {one["fingerprint_sha256"]: one["issued_by"] for one in certificates}
    for fingerprint, issuer in issuers.items():  # what is read tells what its CA is for
        for above in _above(issuer, issuers):
            own[above] |= own[fingerprint]
    for fingerprint, issuer in issuers.items():
        own[fingerprint] = own[fingerprint] or own.get(issuer or "", set())
    return [{**one, "links": sorted(own[one["fingerprint_sha256"]])} for one in certificates]


def _above(issuer: str | None, issuers: Mapping[str, str | None]) -> Iterator[str]:
    """An issuer, its own issuer, and so on."""
    seen: set[str] = set()
    while issuer in issuers and issuer not in seen:
        assert issuer is not None
        seen.add(issuer)
        yield issuer
        issuer = issuers[issuer]


def _by_settings(objects: Objects) -> Iterable[tuple[str, set[str]]]:
    """Objects whose files the settings of a gateway or its controller name."""
    found: dict[str, set[str]] = {}
    for release in kong_releases(objects):
        controller = release.ingress_controller
        for container in (release.container, *([controller.container] if controller else [])):
            for link, path in _files(container):
                mount = container.mount_at(path)
                for source in mount.sources if mount else ():
                    found.setdefault(f"{source.kind}/{release.namespace}/{source.name}", set()).add(link)
    return found.items()


def _files(container: Container) -> Iterator[tuple[str, str]]:
    for key, value in container.env.items():
        beginning = next((each for each in _BY_LENGTH if key.startswith(each)), None)
        if beginning is not None and isinstance(value, str):
            yield from ((_SETTINGS[beginning], path.strip()) for path in value.split(",") if path.strip()[:1] == "/")


def _by_reader(reader: str, databases: set[str]) -> Iterator[str]:
    kind = reader.split("/", maxsplit=1)[0]
    if kind == "Ingress":
        yield "client"
    elif kind != "Release":
        yield "database" if reader in databases else "upstream"


def _by_label(places: Iterable[str], objects: Objects) -> Iterator[str]:
    """A CA object that no Service names is a plugin's."""
    for place in places:
        kind, namespace, name = place.split("/")
        obj = objects.get(kind, namespace, name) or {}
        if _CA_LABEL in ((obj.get("metadata") or {}).get("labels") or {}) and place == ident(obj):
            yield "client"
