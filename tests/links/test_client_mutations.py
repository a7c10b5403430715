"""Take anything away from files that are right, and a link or a failure of the controller says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from kong_mtls.reader.kic import translate
from kong_mtls.rehearsal.links import client, upstream
from tests.links.gateway_world import AT, HOST, World, certificate, route, tls
from tests.links.test_upstream import own, with_workload
from tests.reader import kic_world as kic

Path = tuple[str | int, ...]


def protected() -> World:
    """Client mTLS with consumer and ACL, a certificate by host, upstream mTLS with a workload."""
    of = with_workload(own())
    own_tls = tls("own", certificate("own", "Servers", server=True, dns=(HOST,)))
    annotations = {"plugins": "mtls,acl", "preserve-host": "false"}
    return of.plus(
        own=own_tls,
        route=route(annotations, tls=[{"hosts": [HOST], "secretName": "own"}]),
        acl=kic.plugin("acl", plugin="acl", config={"allow": ["staff"]}),
        consumer=kic.consumer(credentials=["alice-mtls", "alice-acl"]),
        group=kic.credential("alice-acl", {"group": "staff"}, labels={"konghq.com/credential": "acl"}),
    )


def paths(node: Any, above: Path = ()) -> Iterator[Path]:
    """Where something stands that can be taken away: keys of mappings, elements of lists."""
    entries: Any = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in entries:
        yield (*above, key)
        yield from paths(value, (*above, key))


def taken(of: World, name: str, path: Path) -> World:
    """The files without one thing."""
    if not path:
        return of.without(name)
    manifest = json.loads(json.dumps(of.files[name]))
    node = manifest
    for key in path[:-1]:
        node = node[key]
    del node[path[-1]]
    return of.plus(**{name: manifest})


# What may go without a trace in these links, by the beginning of its path, and why that is right.
HARMLESS: dict[str, str] = {
    "release version": "the chart's version decides nothing here",
    "release values env cluster_control_plane": "the cluster link's",
    "release values env database": "a listener doesn't need one: the cluster link's",
    "release values env role": "a traditional gateway proxies as well: the cluster link's",
    "release values image tag": "nothing configured here came with a later version",
    "release values ingressController": "a controller more or less, of the same class: audit",
    "release values secretVolumes 1": "the data plane's own trust, which this Service goes without",
    "release values secretVolumes 2": "the data plane's own pair, likewise",
    "gateway": "ssl_cert: the Ingress has a certificate of its own; a Secret out of sight is no Secret missing",
    "own type": "kept for people: the keys count",
    "gwclient type": "likewise",
    "echotls type": "likewise",
    "gwca": "a stand-in then signs a copy of the pair, and the reason says so",
    "servers metadata namespace": "whom clients trust is no object of Kong's",
    "ca metadata namespace": "a plugin finds a CA by its id, wherever the object is",
    "route metadata annotations konghq.com/plugins": "a route that nobody meant to protect: audit",
    "route metadata annotations konghq.com/protocols": "http is taken then, and the plugin answers it with 401: audit",
    "route metadata annotations konghq.com/snis": "a certificate is asked for on every handshake then: audit",
    "route spec rules": "less of a route, or none at all: nothing is open that was closed",
    "route spec tls": "ssl_cert is good for the host as well",
    "plugin config skip_consumer_lookup": "false is the default",
    "service metadata annotations konghq.com/tls-verify-depth": "nginx's default is enough for this chain",
    "service spec selector": "the workload isn't found then: an upstream is made in its place",
    "service spec ports 0 targetPort": "likewise",
    "deployment": "likewise",
    "echoconf": "whether the workload demands a certificate isn't known then: both are played",
}
# One file alone would be no deployment any more: what is left is proved by itself.
WHOLE = {"release", "route", "service metadata annotations", "release values env"}
# What makes a document readable at all.
NEEDED: set[Path] = {("chart",), ("release",), ("kind",), ("apiVersion",), ("metadata",), ("metadata", "name")}


def mutations(of: World) -> Iterator[tuple[str, Path]]:
    """Every file, then everything in them but what makes them readable at all."""
    for name, manifest in of.files.items():
        yield name, ()
        yield from ((name, path) for path in paths(manifest) if path not in NEEDED)


def is_sound(of: World) -> bool:
    """Whether every row is ok and the controller drops nothing."""
    objects = of.read()
    if translate(objects, AT).failures:
        return False
    links = (client.prove, upstream.prove)
    return all(row.ok for link in links for row in link(objects, AT))


def survivors(of: World) -> set[str]:
    """What can be taken away without any trouble."""
    found = [(name, *path) for name, path in mutations(of) if is_sound(taken(of, name, path))]
    return {" ".join(str(each) for each in path) for path in found}


def test_nothing_can_be_taken_away_unnoticed() -> None:
    """Each env key, volume, annotation, label, Secret key and file bears on a row or a failure, or has a reason."""
    of = protected()
    assert is_sound(of)
    found = survivors(of)
    unexplained = {each for each in found - WHOLE if not any(f"{each} ".startswith(f"{h} ") for h in HARMLESS)}
    assert unexplained == set()
    unneeded = {h for h in HARMLESS if not any(f"{each} ".startswith(f"{h} ") for each in found)}
    assert unneeded == set(), "an exception that no mutation needs would hide a hole"
