"""The client link: who gets in at a protected route, and what happens to it when a file is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from kong_mtls.rehearsal.links import client, client_play, handshake, prove
from kong_mtls.rehearsal.links.client_gateways import gateways
from kong_mtls.rehearsal.links.handshake import exchange
from kong_mtls.rehearsal.links.model import Link
from tests.links.gateway_world import (
    AT,
    DAY,
    HOST,
    World,
    authority,
    bad,
    by_case,
    certificate,
    route,
    tls,
    unproved,
    world,
)
from tests.reader import kic_world as kic

STATUS = {
    "no certificate": "401",
    "valid certificate": "200",
    "another CA's certificate": "401",
    "expired certificate": "401",
    "certificate not yet valid": "401",
    "server certificate (no clientAuth)": "200",
    "certificate issued by a leaf": "401",
    "the CA's own pair": "401",
    "right CA, unknown consumer": "401",
    "known consumer": "200",
    "plain HTTP": "426",
    "another server name, no certificate": "404",
}


def rows(of: World, at: datetime = AT) -> list[Link]:
    return client.prove(of.read(), at)


@pytest.mark.parametrize("keys", [False, True])
def test_a_route_with_consumer_lookup(keys: bool) -> None:
    """Every case comes out as expected, whether the CA's key is in the files or a stand-in signs."""
    found = rows(world(keys=keys))
    assert bad(found) == unproved(found) == set()
    assert {case: row.observed for case, row in by_case(found).items()} == STATUS
    note = "signed by the CA itself" if keys else "stand-in for the CA"
    assert note in by_case(found)["expired certificate"].reason


def test_a_route_like_the_guides() -> None:
    """Without consumer lookup any certificate of the CA passes, the CA's own pair too."""
    found = by_case(rows(world(lookup=False, revocation_check_mode="SKIP")))
    changed = {"the CA's own pair": "200"}
    gone = {"right CA, unknown consumer", "known consumer"}
    assert {case: row.observed for case, row in found.items()} == {
        case: status for case, status in (STATUS | changed).items() if case not in gone
    }
    assert all(row.ok for row in found.values())


def test_messages_are_kongs() -> None:
    """The two texts of the plugin's documentation, and the router's."""
    found = by_case(rows(world()))
    assert "401 No required TLS certificate was sent" in found["no certificate"].reason
    for case in ("another CA's certificate", "expired certificate", "right CA, unknown consumer"):
        assert "401 TLS certificate failed verification" in found[case].reason
    assert "no Route matched with those values" in found["another server name, no certificate"].reason
    assert "Please use HTTPS protocol" in found["plain HTTP"].reason
    assert "X-Consumer-Username: alice" in found["known consumer"].reason
    assert found["server certificate (no clientAuth)"].reason.startswith("warning: ")


def test_reasons_name_the_one_property() -> None:
    """Each bad certificate is refused for what is wrong with it, and nothing else."""
    found = by_case(rows(world()))
    assert "certificate has expired" in found["expired certificate"].reason
    assert "not yet valid" in found["certificate not yet valid"].reason
    assert "invalid CA certificate" in found["certificate issued by a leaf"].reason
    assert "unable to get local issuer" in found["another CA's certificate"].reason
    assert "no consumer for" in found["right CA, unknown consumer"].reason


def test_the_gateways_own_certificate() -> None:
    """The right one is accepted by a verifying client; wrong CA, wrong name and Kong's default aren't."""
    found = by_case(rows(world()), f"host {HOST}")
    assert {case: row.observed for case, row in found.items()} == {
        "the gateway's certificate": "accept",
        "client trusts another CA": "refuse",
        "client asks for another host name": "refuse",
        "gateway shows Kong's self-signed default": "refuse",
    }
    assert "host name mismatch" in found["client asks for another host name"].reason


def test_a_certificate_of_the_files_is_used() -> None:
    """A client's Secret is shown as it is; one that no consumer matches isn't taken for valid."""
    alice = tls("alice", certificate("alice@example.com"))
    row = by_case(rows(world().plus(alice=alice)))["valid certificate"]
    assert row.ok
    assert "client certificate of Secret/app/alice" in row.reason
    bob = tls("bob", certificate("bob@example.com"))
    assert "stand-in" in by_case(rows(world().plus(bob=bob)))["valid certificate"].reason


def test_a_certificate_of_the_files_that_has_expired() -> None:
    """Looking ahead, the caller's certificate is judged as of that day."""
    alice = tls("alice", certificate("alice@example.com", after=AT + 10 * DAY))
    of = world().plus(alice=alice)
    assert bad(rows(of)) == set()
    assert bad(rows(of, AT + 20 * DAY)) == {"valid certificate"}


def set_data(manifest: dict[str, object], **data: str) -> dict[str, object]:
    return manifest | {"stringData": manifest["stringData"] | data}  # type: ignore[operator]


OPEN = {"no certificate", "another CA's certificate"}
ALL_REFUSALS = {case for case, status in STATUS.items() if status == "401"}
CLASS = {"kubernetes.io/ingress.class": "kong"}
Change = Callable[[World], World]


def changed_plugin(**config: object) -> Change:
    return lambda w: w.plus(plugin=w.files["plugin"] | {"config": w.files["plugin"]["config"] | config})


FOR_ANOTHER_HOST = certificate("gw", "Servers", server=True, dns=("x.org",))
CHANGES: dict[str, tuple[Change, set[str]]] = {
    "no plugin": (lambda w: w.without("plugin"), OPEN),
    "plugin in another namespace": (lambda w: w.plus(plugin=kic.plugin(namespace="other")), OPEN),
    "plugin disabled": (lambda w: w.plus(plugin=w.files["plugin"] | {"disabled": True}), OPEN | ALL_REFUSALS),
    "plugin for a consumer": (
        lambda w: w.plus(consumer=kic.consumer(annotations=CLASS | {"konghq.com/plugins": "mtls"})),
        ALL_REFUSALS,
    ),
    "no licence": (lambda w: w.top(enterprise={"enabled": True}), ALL_REFUSALS),
    "licence without the key": (lambda w: w.plus(licence=set_data(w.files["licence"], license="")), ALL_REFUSALS),
    "open-source image": (lambda w: w.top(image={"repository": "kong", "tag": "3.9"}), ALL_REFUSALS),
    "a field of a later version": (changed_plugin(ssl_verify=True), ALL_REFUSALS),
    "a field that isn't one": (changed_plugin(verify="always"), OPEN),
    "no CA": (
        lambda w: w.without("ca"),
        set(STATUS) - {"no certificate", "plain HTTP", "another server name, no certificate"},
    ),
    "CA without label": (
        lambda w: w.plus(ca=kic.ca_secret(cert=authority().cert_pem.decode(), labels={})),
        {"valid certificate", "known consumer", "expired certificate"},
    ),
    "no consumer": (lambda w: w.without("consumer"), {"valid certificate", "server certificate (no clientAuth)"}),
    "consumer without class": (
        lambda w: w.plus(consumer=kic.consumer(annotations={})),
        {"valid certificate", "server certificate (no clientAuth)"},
    ),
    "another host's SNI": (
        lambda w: w.plus(route=route({"snis": "other.example.com"})),
        {"valid certificate", "known consumer", "no certificate"},
    ),
    "gateway's pair doesn't match": (
        lambda w: w.plus(gateway=set_data(w.files["gateway"], **{"tls.key": authority("x").key_pem.decode()})),
        {"the gateway's certificate", "valid certificate"},
    ),
    "no gateway certificate mounted": (
        lambda w: w.top(secretVolumes=[]),
        {"the gateway's certificate", "valid certificate"},
    ),
    "Kong's default certificate": (
        lambda w: w.values(ssl_cert=None, ssl_cert_key=None),
        {"the gateway's certificate"},
    ),
    "gateway certificate for another host": (
        lambda w: w.plus(gateway=tls("gateway-tls", FOR_ANOTHER_HOST, namespace="kong-dp")),
        {"the gateway's certificate"},
    ),
    "only half of the pair set": (
        lambda w: w.values(ssl_cert_key=None),
        {"the gateway's certificate", "valid certificate"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_for_the_worse_shows(name: str) -> None:
    """Whatever fails open, or refuses everybody, turns at least the named cases bad."""
    change, expected = CHANGES[name]
    assert expected <= bad(rows(change(world())))


def test_a_consumer_may_be_found_by_its_username() -> None:
    """Without a credential the certificate's name is compared with username and custom_id."""
    found = by_case(rows(world().without("credential")))
    assert found["known consumer"].ok
    assert "username alice" in found["known consumer"].reason
    off = rows(world(consumer_by=[]).without("credential"))
    assert "valid certificate" in bad(off)


def test_plain_http_on_a_route_that_takes_it() -> None:
    """The plugin answers 401 there: no certificate can come over plain HTTP."""
    row = by_case(rows(world().plus(route=route({"protocols": "http,https"}))))["plain HTTP"]
    assert (row.observed, row.ok) == ("401", True)
    assert "No required TLS certificate was sent" in row.reason


@pytest.mark.parametrize(("code", "status"), [("301", "301"), ("308", "308"), ("426", "426")])
def test_redirects(code: str, status: str) -> None:
    """An https-only route sends plain HTTP away with its code."""
    row = by_case(rows(world().plus(route=route({"https-redirect-status-code": code}))))["plain HTTP"]
    assert (row.observed, row.ok) == (status, True)


def test_no_listener_for_plain_http() -> None:
    """Then there is nobody to answer."""
    row = by_case(rows(world().top(proxy={"http": {"enabled": False}})))["plain HTTP"]
    assert (row.observed, row.ok) == ("refuse", True)


def test_a_plugin_limited_to_http_leaves_https_open() -> None:
    """protocols of the plugin itself are a way to lose it."""
    limited = rows(world().plus(plugin=world().files["plugin"] | {"protocols": ["http"]}))
    assert bad(limited) >= OPEN


def test_without_snis_every_handshake_is_asked() -> None:
    """Another server name then leads to the same route, and to a 401."""
    row = by_case(rows(world().plus(route=route({"snis": "-"}))))["another server name, no certificate"]
    assert (row.observed, row.ok) == ("401", True)


def test_the_gateway_asks_only_where_it_must() -> None:
    """SNIs of all routes with the plugin are known; one route without makes it ask everywhere."""
    gateway = gateways(world().read(), AT)[0]
    found = client_play.asking(gateway)
    assert found.asks(HOST)
    assert not found.asks("other.example.com")
    other = kic.ingress("other", annotations={"plugins": "mtls"})
    everywhere = client_play.asking(gateways(world().plus(other=other).read(), AT)[0])
    assert everywhere.asks("other.example.com")
    unlicensed = gateways(world().top(enterprise={"enabled": True}).read(), AT)[0]
    assert not client_play.asking(unlicensed).asks(HOST)


def test_anonymous_lets_everybody_in_as_that_consumer() -> None:
    """What was asked for is what is expected: 200 with the anonymous header."""
    found = by_case(rows(world(anonymous="alice")))
    assert found["no certificate"].observed == "200"
    assert found["no certificate"].ok
    assert "X-Anonymous-Consumer: true" in found["no certificate"].reason
    missing = by_case(rows(world(anonymous="nobody")))
    assert missing["no certificate"].observed == "500"
    assert not missing["no certificate"].ok


def test_a_default_consumer_takes_in_unknown_ones() -> None:
    """Only certificates of the CA: a stranger's is still refused."""
    found = by_case(rows(world(default_consumer="alice")))
    assert found["right CA, unknown consumer"].observed == "200"
    assert found["the CA's own pair"].observed == "200"
    assert found["another CA's certificate"].observed == "401"
    assert all(row.ok for row in found.values())


def with_acl(of: World, **config: object) -> World:
    acl = kic.plugin("acl", plugin="acl", config=config)
    return of.plus(acl=acl, route=route({"plugins": "mtls,acl"}))


@pytest.mark.parametrize(("by", "group"), [("CN", "partner"), ("DN", "CN=partner,O=Example")])
def test_groups_by_the_certificates_name(by: str, group: str) -> None:
    """With consumer lookup off the ACL restricts by common name or distinguished name."""
    found = by_case(rows(with_acl(world(lookup=False, authenticated_group_by=by), allow=[group])))
    assert all(row.ok for row in found.values())
    assert found["valid certificate"].observed == "200"
    assert found["right CA, group not let in"].observed == "403"
    assert "You cannot consume this service" in found["right CA, group not let in"].reason
    assert found["the CA's own pair"].observed == "403"


def test_groups_of_consumers() -> None:
    """A known consumer outside the group gets 403, one inside 200."""
    staff = kic.credential("alice-acl", {"group": "staff"}, labels={"konghq.com/credential": "acl"})
    of = with_acl(world(), allow=["staff"]).plus(
        staff=staff,
        consumer=kic.consumer(credentials=["alice-mtls", "alice-acl"]),
        bob=kic.consumer("bob", credentials=[]),
    )
    found = by_case(rows(of))
    assert all(row.ok for row in found.values())
    assert found["known consumer"].observed == "200"
    assert found["right CA, group not let in"].observed == "403"
    alone = rows(with_acl(world(), allow=["staff"]))
    assert "valid certificate" in bad(alone)


def test_strict_revocation_needs_a_server_to_ask() -> None:
    """A made certificate names none, so what should pass can't be proved; what should not is."""
    found = rows(world(revocation_check_mode="STRICT"))
    assert bad(found) == set()
    assert "valid certificate" in unproved(found)
    assert by_case(found)["no certificate"].ok


def two_authorities() -> World:
    new = kic.ca_secret("new-ca", kic.OTHER_ID, authority("Clients 2").cert_pem.decode())
    return world(ca_certificates=[kic.CA_ID, kic.OTHER_ID]).plus(new=new)


def test_two_cas_side_by_side() -> None:
    """Callers of both pass while both are trusted, one row each."""
    found = by_case(rows(two_authorities()))
    assert found["valid certificate of CN=Clients"].observed == "200"
    assert found["valid certificate of CN=Clients 2"].observed == "200"
    assert all(row.ok for row in found.values())


def test_each_step_of_a_rotation() -> None:
    """Old alone, both, new alone: no step refuses its own callers; the old CA's are refused at the end."""
    old = tls("old-caller", certificate("alice@example.com", "Clients"))
    both = two_authorities().plus(old=old)
    assert bad(rows(world().plus(old=old))) == bad(rows(both)) == set()
    last = world(ca_certificates=[kic.OTHER_ID]).plus(ca=both.files["new"], old=old)
    assert bad(rows(last)) == set()
    assert "Secret/app/old-caller" not in by_case(rows(last))["valid certificate"].reason


def test_an_intermediate_alone_needs_allow_partial_chain() -> None:
    """A CA that isn't self-signed verifies nothing by itself, unless the plugin is told so."""
    from kong_mtls.rehearsal.mint import issue

    middle = issue("Middle", issuer=authority(), ca=True, not_before=AT - DAY, not_after=AT + 90 * DAY)
    only = kic.ca_secret(cert=middle.cert_pem.decode())
    assert "valid certificate" in bad(rows(world().plus(ca=only)))
    assert bad(rows(world(allow_partial_chain=True).plus(ca=only))) == set()
    root = kic.ca_secret("root", kic.OTHER_ID, authority().cert_pem.decode())
    both = world(ca_certificates=[kic.CA_ID, kic.OTHER_ID]).plus(ca=only, root=root)
    assert bad(rows(both)) == set()


def listener(of: World, **env: str | None) -> World:
    given = {
        "nginx_proxy_ssl_verify_client": "on",
        "nginx_proxy_ssl_client_certificate": "/etc/secrets/trust/ca.crt",
    } | env
    trust = kic.secret("trust", {"ca.crt": authority().cert_pem.decode()}, namespace="kong-dp")
    return of.without("plugin").plus(trust=trust, route=route({"plugins": "-"})).values(**given)


def test_enforcement_by_the_listener() -> None:
    """Any edition: nginx answers 400, and looks at the purpose as well."""
    open_source = listener(world()).top(image={"repository": "kong", "tag": "3.9"}, enterprise={"enabled": False})
    found = by_case(rows(open_source), "every route")
    assert {case: row.observed for case, row in found.items()} == {
        "no certificate": "400",
        "valid certificate": "200",
        "another CA's certificate": "400",
        "expired certificate": "400",
        "certificate not yet valid": "400",
        "server certificate (no clientAuth)": "400",
        "certificate issued by a leaf": "400",
        "the CA's own pair": "400",
        "plain HTTP": "426",
        "another server name, no certificate": "400",
    }
    assert all(row.ok for row in found.values())
    assert "No required SSL certificate was sent" in found["no certificate"].reason
    assert "The SSL certificate error" in found["another CA's certificate"].reason


def test_the_guides_ca_may_be_shown_to_the_listener() -> None:
    """A CA made by openssl req has no key usage, so its own pair passes as a client's."""
    cert, key = kic.pem("guide")
    of = listener(world()).plus(trust=kic.secret("trust", {"ca.crt": cert}, namespace="kong-dp"))
    row = by_case(rows(of), "every route")["the CA's own pair"]
    assert (row.observed, row.ok) == ("200", True)
    pair = by_case(rows(of.plus(pair=kic.tls_secret("guide", (cert, key)))), "every route")["the CA's own pair"]
    assert pair.ok
    assert "signed by the CA itself" in pair.reason


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda w: w.plus(route=route({"plugins": "-", "protocols": "http,https"})), {"plain HTTP"}),
        (lambda w: w.values(nginx_proxy_ssl_verify_client="optional"), {"no certificate"}),
        (lambda w: w.values(nginx_proxy_ssl_client_certificate=None), {"valid certificate"}),
        (lambda w: w.values(nginx_proxy_ssl_verify_client="yes"), {"valid certificate"}),
        (lambda w: w.plus(trust=kic.secret("trust", {"other": "x"}, namespace="kong-dp")), {"valid certificate"}),
    ],
)
def test_gaps_in_the_listeners_enforcement(change: Change, expected: set[str]) -> None:
    """Plain HTTP passes a listener by; optional isn't on; without a CA nginx doesn't start."""
    assert expected <= bad(rows(change(listener(world()))))


def test_what_cannot_be_seen_is_unproved() -> None:
    """An existing Secret never read, a masked value: null, with the reason, and never a refusal claimed."""
    for of in (
        listener(world()).without("trust"),
        world().without("licence"),
        world().plus(plugin=masked_plugin(), conf=kic.secret("conf", {"mtls": "(masked)"})),
    ):
        found = rows(of)
        assert unproved(found)
        assert bad(found) == set()
    no_server_ca = rows(world().without("servers"))
    assert unproved(no_server_ca) == {"the gateway's certificate"}
    assert bad(no_server_ca) == set()


def masked_plugin() -> dict[str, object]:
    source = {"secretKeyRef": {"name": "conf", "key": "mtls"}}
    return kic.plugin(config=None, configFrom=source)


def test_manifests_alone_are_enough() -> None:
    """On a Kong that a team already runs, the gateway is taken for granted."""
    found = rows(world().without("release", "gateway", "licence"))
    assert bad(found) == set()
    assert "a gateway outside these files" in found[0].server
    assert by_case(found)["valid certificate"].ok
    assert unproved(found) == {"the gateway's certificate"}


def test_a_certificate_of_the_ingress_is_shown_by_name() -> None:
    """The tls entry goes before ssl_cert; a masked one can't be shown."""
    own = tls("own", certificate("own", "Servers", server=True, dns=(HOST,)))
    of = world().plus(own=own, route=route(tls=[{"hosts": [HOST], "secretName": "own"}]))
    row = by_case(rows(of), f"host {HOST}")["the gateway's certificate"]
    assert row.ok
    assert "Secret/app/own" in row.reason
    masked = of.plus(own=kic.secret("own", {"tls.crt": "(masked)", "tls.key": "(masked)"}))
    assert unproved(rows(masked)) == {"the gateway's certificate"}


def test_two_global_plugins_leave_every_route_open() -> None:
    """The controller drops both; the proof says what that means."""
    marks = {"labels": {"global": "true"}, "annotations": {"kubernetes.io/ingress.class": "kong"}}
    of = world().without("plugin").plus(route=route({"plugins": "-"}))
    config = world().files["plugin"]["config"]
    one = kic.plugin("one", "KongClusterPlugin", config=config, **marks)
    assert bad(rows(of.plus(one=one))) == set()
    two = kic.plugin("two", "KongClusterPlugin", config=config, **marks)
    assert bad(rows(of.plus(one=one, two=two))) >= OPEN


def test_a_refused_route_serves_nobody() -> None:
    """What Kong's schema refuses isn't there."""
    of = world().plus(route=route({"protocols": "HTTPS"}))
    row = by_case(rows(of))["valid certificate"]
    assert (row.observed, row.ok) == ("refuse", False)
    assert "Kong refuses the route" in row.reason


def test_other_routes_are_none_of_this_link() -> None:
    """Without a plugin, and none meant, there are only rows about the gateway's certificate."""
    found = rows(world().plus(route=route({"plugins": "-"})))
    assert all("host" in row.server for row in found)


def test_at_least_sixty_handshakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cases of five worlds are real handshakes, each of them."""
    counted = []
    real = exchange
    monkeypatch.setattr(client_play, "exchange", lambda *args: counted.append(args) or real(*args))  # type: ignore[func-returns-value]
    worlds = [world(), world(lookup=False), two_authorities(), listener(world()), world(anonymous="alice")]
    found = [row for each in worlds for row in rows(each)]
    assert bad(found) == set()
    assert len(counted) >= 60
    shown = [args[0].cert_chain_pem is not None for args in counted]
    assert shown.count(True) >= 35


def test_routes_guarded_alike_share_what_does_not_depend_on_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """More routes behind one certificate take no more handshakes; every route has all rows."""
    counted = []
    real = handshake._play
    monkeypatch.setattr(handshake, "_play", lambda *args: counted.append(args) or real(*args))  # type: ignore[func-returns-value]

    def many(number: int) -> World:
        routes = {}
        for i in range(number):
            host = f"r{i}.example.com"
            rule = {"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": kic.backend()}]}}
            annotations = {"plugins": "mtls", "protocols": "https", "snis": host}
            routes[f"route{i}"] = kic.ingress(f"r{i}", annotations, spec={"rules": [rule]})
        return world().without("route").plus(**routes)

    numbers = []
    for size in (1, 11, 21):
        counted.clear()
        found = rows(many(size))
        assert bad(found) == set()
        assert len([row for row in found if "route" in row.server]) == size * len(STATUS)
        numbers.append(len(counted))
    assert numbers[2] == numbers[1] <= numbers[0] + 3


def test_nothing_secret_stands_in_a_row() -> None:
    """Reasons quote names and statuses only."""
    for row in rows(world(keys=True)):
        assert "PRIVATE" not in repr(row)
        assert "BEGIN" not in repr(row)
        assert "\n" not in row.reason


def test_the_link_is_part_of_all_proofs() -> None:
    """prove() plays it too; the same files give the same rows."""
    objects = world().read()
    found = [row for row in prove(objects, AT) if row.link == "client"]
    again = client.prove(objects, AT)
    assert [replace(row, reason="") for row in found] == [replace(row, reason="") for row in again]
    assert found
