"""The upstream link: what Kong shows Services and takes from them, and what a change of a file does to it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from kong_mtls.rehearsal.links import prove, upstream
from kong_mtls.rehearsal.links.model import Link
from kong_mtls.rehearsal.links.upstream_settings import EffectiveUpstream, effective
from kong_mtls.rehearsal.mint import Minted, issue
from tests.links.gateway_world import (
    AT,
    DAY,
    HOST,
    Manifest,
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

Change = Callable[[World], World]

OWN = {
    "protocol": "https",
    "client-cert": "gw-client",
    "tls-verify": "true",
    "tls-verify-depth": "2",
    "ca-certificates-secrets": "up-ca",
    "host-header": "echo.app.svc",
}
NAMES = ("echo", "echo.app", "echo.app.svc")

WITH_PAIR = {
    "right pair": "accept",
    "no pair": "refuse",
    "another CA's pair": "refuse",
    "expired pair": "refuse",
    "upstream that demands no certificate": "accept",
}
VERIFIED = {
    "wrong name": "refuse",
    "untrusted upstream": "refuse",
    "expired upstream": "refuse",
    "chain longer than the depth": "refuse",
    "depth enough": "accept",
}


def up_ca(ca: Minted | None = None, **rest: object) -> Manifest:
    return kic.ca_secret("up-ca", kic.OTHER_ID, (ca or authority("Upstreams")).cert_pem.decode(), **rest)


def annotated(**changes: str | None) -> dict[str, str]:
    merged = OWN | {key.replace("_", "-"): value for key, value in changes.items()}
    return {key: value for key, value in merged.items() if value is not None}


def own(**changes: str | None) -> World:
    """A Service with settings of its own; nothing global."""
    return world().plus(
        route=route({"preserve-host": "false"}),
        service=kic.service(annotations=annotated(**changes)),
        upca=up_ca(),
        gwclient=tls("gw-client", certificate("gateway", "Gateways")),
        gwca=kic.secret("gw-ca", {"ca.crt": authority("Gateways").cert_pem.decode()}),
    )


GLOBAL = {
    "nginx_proxy_proxy_ssl_verify": "on",
    "nginx_proxy_proxy_ssl_verify_depth": "2",
    "nginx_proxy_proxy_ssl_trusted_certificate": "/etc/secrets/trust/ca.crt",
    "nginx_proxy_proxy_ssl_certificate": "/etc/secrets/gateway-client/tls.crt",
    "nginx_proxy_proxy_ssl_certificate_key": "/etc/secrets/gateway-client/tls.key",
}


def in_dp(name: str, data: dict[str, str]) -> Manifest:
    return kic.secret(name, data, namespace="kong-dp")


def globally(annotations: dict[str, str] | None = None, **env: Any) -> World:
    """A data plane with settings for all Services."""
    given = {"protocol": "https", "host-header": "echo.app.svc"} | (annotations or {})
    return (
        world()
        .plus(
            route=route({"preserve-host": "false"}),
            service=kic.service(annotations=given),
            trust=kic.secret("trust", {"ca.crt": authority("Upstreams").cert_pem.decode()}, namespace="kong-dp"),
            pair=tls("gateway-client", certificate("gateway", "Gateways"), namespace="kong-dp"),
            gwca=kic.secret("gw-ca", {"ca.crt": authority("Gateways").cert_pem.decode()}),
        )
        .values(**(GLOBAL | env))
    )


def rows(of: World) -> list[Link]:
    return upstream.prove(of.read(), AT)


def observed(of: World) -> dict[str, str]:
    found = rows(of)
    assert bad(found) == unproved(found) == set()
    return {case: row.observed for case, row in by_case(found, "echo").items()}


def one(of: World) -> EffectiveUpstream:
    (found,) = effective(of.read(), AT)
    return found


# --- cases


def test_a_service_with_settings_of_its_own() -> None:
    """Every case comes out as expected, and two more show that its own settings win over opposite ones."""
    assert observed(own()) == WITH_PAIR | VERIFIED | {
        "own verification over none": "refuse",
        "own pair over another": "accept",
    }


def test_a_service_that_goes_by_the_data_planes_settings() -> None:
    """The same cases with global trust and pair."""
    assert observed(globally()) == WITH_PAIR | VERIFIED


def test_verification_without_a_pair() -> None:
    """Then no upstream demands one."""
    found = observed(own(client_cert=None))
    assert (
        found == {"upstream that demands no certificate": "accept", "own verification over none": "refuse"} | VERIFIED
    )


def test_verification_switched_off_warns() -> None:
    """Any upstream is believed, as asked; the reason begins with a warning."""
    of = own(tls_verify="false", ca_certificates_secrets=None, tls_verify_depth=None)
    assert observed(of) == WITH_PAIR | {
        "verification off": "accept",
        "own verification off over on": "accept",
        "own pair over another": "accept",
    }
    found = by_case(rows(of), "echo")
    assert found["verification off"].reason.startswith("warning: any upstream is believed")
    plain = by_case(rows(globally(nginx_proxy_proxy_ssl_verify=None)), "echo")
    assert plain["verification off"].ok


def test_https_without_any_setting() -> None:
    """Kong verifies nothing by default."""
    of = own(client_cert=None, tls_verify=None, ca_certificates_secrets=None, tls_verify_depth=None)
    assert set(observed(of)) == {"upstream that demands no certificate", "verification off"}


def test_own_settings_win_over_global_ones_in_both_directions() -> None:
    """On over off, off over on, own pair over the data plane's."""
    off_over_on = globally({"tls-verify": "false"})
    assert observed(off_over_on)["own verification off over on"] == "accept"
    assert one(off_over_on).verify is False
    on_over_off = globally({"tls-verify": "true"}, nginx_proxy_proxy_ssl_verify="off")
    assert observed(on_over_off)["own verification over none"] == "refuse"
    assert one(on_over_off).verify is True
    mine = globally({"client-cert": "gw-client"}).plus(
        mine=tls("gw-client", certificate("another-gateway", "Gateways 2")),
        ca2=kic.secret("ca2", {"ca.crt": authority("Gateways 2").cert_pem.decode()}),
    )
    assert observed(mine)["own pair over another"] == "accept"
    assert one(mine).source("client certificate") == "konghq.com/client-cert on Service/app/echo"


@pytest.mark.parametrize("depth", ["0", "1", "3"])
def test_depth_counts_intermediates(depth: str) -> None:
    """A chain of exactly so many passes, one more doesn't; 1 is nginx's default."""
    found = by_case(rows(own(tls_verify_depth=depth)), "echo")
    assert f"{depth} intermediates, depth {depth}" in found["depth enough"].reason
    assert "certificate chain too long" in found["chain longer than the depth"].reason
    assert all(row.ok for row in found.values())
    assert one(own(tls_verify_depth=None)).depth == 1


def test_reasons_name_the_one_property() -> None:
    """Who refused, why, and whose setting it was."""
    found = by_case(rows(own()), "echo")
    assert "400 No required SSL certificate was sent" in found["no pair"].reason
    assert "certificate has expired" in found["expired pair"].reason
    assert "host name mismatch: echo.app.svc" in found["wrong name"].reason
    assert "unable to get local issuer" in found["untrusted upstream"].reason
    assert "konghq.com/tls-verify on Service/app/echo" in found["untrusted upstream"].reason


# --- the workload of the files

CONF = """
server {
    listen 8443 ssl;
    # ssl_verify_client off;
    ssl_certificate     /tls/tls.crt;
    ssl_certificate_key /tls/tls.key;
    ssl_verify_client   on;
    ssl_client_certificate /clients/ca.crt;
}
"""


def workload(
    *, conf: str | None = CONF, names: tuple[str, ...] = NAMES, client_ca: str = "Gateways", ca: str = "Upstreams"
) -> dict[str, Manifest]:
    volumes = [{"name": "tls", "secret": {"secretName": "echo-tls"}}]
    mounts = [{"name": "tls", "mountPath": "/tls"}]
    volumes += [{"name": "clients", "secret": {"secretName": "echo-clients"}}]
    mounts += [{"name": "clients", "mountPath": "/clients"}]
    files = {
        "echotls": tls("echo-tls", certificate("echo", ca, server=True, dns=names)),
        "echoclients": kic.secret("echo-clients", {"ca.crt": authority(client_ca).cert_pem.decode()}),
    }
    if conf is not None:
        volumes.append({"name": "conf", "configMap": {"name": "echo-conf"}})
        mounts.append({"name": "conf", "mountPath": "/etc/nginx/conf.d"})
        files["echoconf"] = kic.made("ConfigMap", "echo-conf", data={"default.conf": conf})
    container = {"name": "nginx", "ports": [{"containerPort": 8443}], "volumeMounts": mounts}
    pod = {"metadata": {"labels": {"app": "echo"}}, "spec": {"containers": [container], "volumes": volumes}}
    files["deployment"] = kic.made("Deployment", "echo", "apps/v1", spec={"template": pod})
    return files


def with_workload(of: World, **how: object) -> World:
    selected = {"selector": {"app": "echo"}, "ports": [{"port": 80, "targetPort": 8443}]}
    service = json.loads(json.dumps(of.files["service"]))
    service["spec"] |= selected
    return of.plus(service=service, **workload(**how))  # type: ignore[arg-type]


def test_the_workload_of_the_files_is_the_other_end() -> None:
    """Its certificate and its demand are those of its nginx configuration."""
    of = with_workload(own())
    found = observed(of)
    assert "upstream that demands no certificate" not in found
    assert found["right pair"] == "accept"
    assert "demanded by Deployment/app/echo" in by_case(rows(of), "echo")["right pair"].reason


WORKLOADS: dict[str, tuple[dict[str, object], set[str]]] = {
    "another CA for clients": ({"client_ca": "Others"}, {"right pair", "own pair over another"}),
    "another CA's certificate": ({"ca": "Others"}, {"right pair", "own pair over another"}),
    "another name": ({"names": ("other.app.svc",)}, {"right pair", "own pair over another"}),
    "a path that isn't mounted": ({"conf": CONF.replace("/clients/", "/nowhere/")}, {"right pair"}),
    "no key": ({"conf": CONF.replace("ssl_certificate_key /tls/tls.key;", "")}, {"right pair"}),
}


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_workload_that_doesnt_fit_shows(name: str) -> None:
    """The right pair is refused, by either end."""
    how, expected = WORKLOADS[name]
    assert bad(rows(with_workload(own(), **how))) == expected


def test_a_workload_that_demands_more_than_the_gateway_has() -> None:
    """No client certificate is configured, the workload wants one."""
    assert "right pair" in bad(rows(with_workload(own(client_cert=None))))


def test_a_mounted_secret_alone_says_nothing_of_demands() -> None:
    """Then both kinds of upstream are played, with the real certificate."""
    found = observed(with_workload(own(), conf=None))
    assert found["right pair"] == found["upstream that demands no certificate"] == "accept"
    assert bad(rows(with_workload(own(), conf=None, names=("other",)))) >= {"right pair"}


def test_a_secret_that_nobody_sees_leaves_it_unproved() -> None:
    """A workload mounts a Secret that isn't in the files."""
    found = rows(with_workload(own()).without("echotls"))
    assert unproved(found) == {"right pair"}
    assert bad(found) == set()


# --- what is changed for the worse


def service(**changes: str | None) -> Change:
    return lambda w: w.plus(service=kic.service(annotations=annotated(**changes)))


OF_ITS_OWN: dict[str, tuple[Change, set[str]]] = {
    "no client-cert Secret": (lambda w: w.without("gwclient"), {"right pair"}),
    "client-cert of another namespace": (service(client_cert="other/gw-client"), {"right pair"}),
    "pair doesn't match": (
        lambda w: w.plus(gwclient=kic.tls_secret("gw-client", (kic.pem("a")[0], kic.pem("b")[1]))),
        {"right pair"},
    ),
    "pair for servers only": (
        lambda w: w.plus(gwclient=tls("gw-client", certificate("gateway", "Gateways", server=True))),
        {"right pair", "own pair over another"},
    ),
    "pair has expired": (
        lambda w: w.plus(gwclient=tls("gw-client", certificate("gateway", "Gateways", after=AT - DAY))),
        {"right pair", "own pair over another"},
    ),
    "protocol http": (service(protocol="http"), {"right pair"}),
    "no protocol": (service(protocol=None), {"right pair"}),
    "protocol in capitals": (service(protocol="HTTPS"), {"right pair"}),
    "tls-verify yes": (service(tls_verify="yes"), {"untrusted upstream", "wrong name"}),
    "no tls-verify": (service(tls_verify=None), {"untrusted upstream", "wrong name"}),
    "depth 65": (service(tls_verify_depth="65"), {"right pair"}),
    "depth -1": (service(tls_verify_depth="-1"), {"right pair"}),
    "no CA Secret": (lambda w: w.without("upca"), {"right pair", "upstream that demands no certificate"}),
    "CA without label": (
        lambda w: w.plus(upca=up_ca(labels={})),
        {"right pair"},
    ),
    "CA has expired": (
        lambda w: w.plus(upca=up_ca(authority("Old", AT - 9 * DAY, AT - DAY))),
        {"right pair"},
    ),
    "no host-header": (service(host_header=None), {"right pair", "upstream that demands no certificate"}),
    "old prefix": (
        lambda w: w.plus(service=kic.service(annotations={f"configuration.konghq.com/{k}": v for k, v in OWN.items()})),
        set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_ITS_OWN)
def test_a_change_of_a_services_own_settings_shows(name: str) -> None:
    """Whatever the controller drops or Kong refuses turns at least the named cases bad."""
    change, expected = OF_ITS_OWN[name]
    found = rows(change(own()))
    assert expected <= bad(found)
    if not expected:  # nobody reads it: not a Service over TLS at all, and the controller's failures say so
        assert found == []


OF_ALL: dict[str, tuple[Change, set[str]]] = {
    "no trust": (lambda w: w.values(nginx_proxy_proxy_ssl_trusted_certificate=None), {"right pair"}),
    "trust not mounted": (lambda w: w.top(secretVolumes=["gateway-tls", "gateway-client"]), {"right pair"}),
    "trust without the key": (lambda w: w.plus(trust=in_dp("trust", {"x": "y"})), {"right pair"}),
    "depth on": (lambda w: w.values(nginx_proxy_proxy_ssl_verify_depth="on"), {"right pair"}),
    "verify yes": (lambda w: w.values(nginx_proxy_proxy_ssl_verify="yes"), {"right pair"}),
    "certificate without key": (lambda w: w.values(nginx_proxy_proxy_ssl_certificate_key=None), {"right pair"}),
    "pair not mounted": (lambda w: w.top(secretVolumes=["gateway-tls", "trust"]), {"right pair"}),
    "pair doesn't match": (
        lambda w: w.plus(pair=in_dp("gateway-client", {"tls.crt": kic.pem("a")[0], "tls.key": kic.pem("b")[1]})),
        {"right pair"},
    ),
    "no host name to verify": (
        lambda w: w.plus(service=kic.service(annotations={"protocol": "https"})),
        {"right pair", "upstream that demands no certificate"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OF_ALL)
def test_a_change_of_the_data_planes_settings_shows(name: str) -> None:
    """nginx doesn't start, or refuses everybody."""
    change, expected = OF_ALL[name]
    assert expected <= bad(rows(change(globally())))


def test_a_dropped_ca_is_told_from_global_trust() -> None:
    """Verification goes on with the data plane's trust: an upstream of the Service's own CA is refused."""
    of = globally({"tls-verify": "true", "ca-certificates-secrets": "nowhere"})
    found = by_case(rows(of), "echo")
    assert bad(found.values()) == {"upstream of the Service's own CA"}
    assert "its CA certificates were dropped" in found["right pair"].reason


def test_what_cannot_be_seen_is_unproved() -> None:
    """A masked pair, trust in a Secret that isn't in the files."""
    masked = own().plus(gwclient=kic.secret("gw-client", {"tls.crt": "(masked)", "tls.key": "(masked)"}))
    for of in (masked, globally().without("trust"), globally().without("pair")):
        found = rows(of)
        assert unproved(found) == {"right pair"} or unproved(found) == {"upstream that demands no certificate"}
        assert bad(found) == set()


# --- effective settings


def test_each_setting_has_its_source() -> None:
    """Own ones name the annotation, global ones the directive, the rest is nginx's."""
    mine, common, none = (
        one(own()),
        one(globally()),
        one(own(client_cert=None, tls_verify=None, ca_certificates_secrets=None)),
    )
    assert {s.name: s.value for s in mine.settings} == {
        "protocol": "https",
        "verify": "on",
        "depth": "2",
        "trust": "CN=Upstreams",
        "client certificate": "CN=gateway",
        "name": "echo.app.svc",
    }
    assert mine.source("depth") == "konghq.com/tls-verify-depth on Service/app/echo"
    assert common.source("verify") == "proxy_ssl_verify of kong-dp/dp"
    assert common.source("trust").startswith("proxy_ssl_trusted_certificate of kong-dp/dp (Secret kong-dp/trust")
    assert none.source("client certificate") == none.source("trust") == "nginx's default"


def test_the_http_block_is_the_outer_one() -> None:
    """nginx_http_ directives count where the server block has none."""
    outer = globally(nginx_proxy_proxy_ssl_verify=None, nginx_http_proxy_ssl_verify="on")
    assert one(outer).verify is True
    inner = globally(nginx_proxy_proxy_ssl_verify="off", nginx_http_proxy_ssl_verify="on")
    assert one(inner).verify is False


def test_client_ssl_wins_and_covers_grpc() -> None:
    """It is written into each location; the injected pair is not sent to gRPC upstreams."""
    forms: dict[str, Any] = {
        "client_ssl": "on",
        "client_ssl_cert": "/etc/secrets/gateway-client/tls.crt",
        "client_ssl_cert_key": "/etc/secrets/gateway-client/tls.key",
        "nginx_proxy_proxy_ssl_certificate": None,
        "nginx_proxy_proxy_ssl_certificate_key": None,
    }
    assert one(globally(**forms)).source("client certificate") == "client_ssl of kong-dp/dp"
    grpc = {"protocol": "grpcs", "host-header": "echo.app.svc"}
    assert one(globally(grpc, **forms)).pair is not None
    assert one(globally(grpc)).pair is None
    assert one(globally(grpc)).verify is False
    without = globally(**forms).plus(pair=in_dp("gateway-client", {}))
    assert "right pair" in bad(rows(without))


@pytest.mark.parametrize(
    ("annotations", "spec", "hosts", "names"),
    [
        ({"preserve-host": "true"}, {}, "api.example.com", (HOST,)),
        ({}, {}, "api.example.com", (HOST,)),
        ({"preserve-host": "false"}, {}, "api.example.com", ("echo.app.svc",)),
    ],
)
def test_which_name_is_verified(
    annotations: dict[str, str], spec: dict[str, object], hosts: str, names: tuple[str, ...]
) -> None:
    """The client's Host unless the route gives it up, then host-header."""
    of = own().plus(route=route(annotations, **spec))
    assert one(of).names == names
    assert observed(of)["right pair"] == "accept"


def test_without_a_host_name_the_pods_address_is_verified() -> None:
    """No certificate has it, so verification refuses everything; the reason says which name it was."""
    found = by_case(rows(own(host_header=None)), "echo")
    assert not found["right pair"].ok
    assert "the address of a pod" in found["right pair"].reason
    upstream_of_itself = own(host_header=None).plus(
        service=kic.service(
            annotations=annotated(host_header=None) | {"ingress.kubernetes.io/service-upstream": "true"}
        )
    )
    assert bad(rows(upstream_of_itself)) == set()


def test_two_routes_that_verify_different_names() -> None:
    """Each name has a row."""
    other = kic.ingress("other", annotations={"protocols": "https"}, spec={})
    of = own().plus(other=other)
    assert set(one(of).names) == {"echo.app.svc", HOST}
    found = by_case(rows(of), "echo")
    assert sum(case.startswith("as ") for case in found) == 1
    assert all(row.ok for row in found.values())
    real = with_workload(of)
    assert {case for case in bad(rows(real)) if case.startswith("as ") or case == "right pair"}


def version(tag: str) -> Change:
    return lambda w: w.top(image={"repository": "kong/kong-gateway", "tag": tag})


@pytest.mark.parametrize(
    ("tag", "env", "refused"),
    [
        ("3.13", {}, False),
        ("3.14", {}, True),
        ("3.14", {"tls_certificate_verify": "off"}, False),
        ("3.13", {"tls_certificate_verify": "on"}, True),
        ("3.10", {"tls_certificate_verify": "on"}, False),
    ],
)
def test_from_3_14_on_a_service_may_not_switch_verification_off(tag: str, env: dict[str, str], refused: bool) -> None:
    """One that does takes the whole configuration of a data plane down."""
    of = version(tag)(globally({"tls-verify": "false"}, **env))
    innocent = of.plus(
        second=kic.service("second", annotations={"protocol": "https", "host-header": "second.app.svc"}),
        route2=kic.ingress(
            "second", annotations={"preserve-host": "false"}, spec={"defaultBackend": kic.backend("second")}
        ),
    )
    found = rows(innocent)
    assert bool(bad(found)) is refused
    if refused:
        assert {row.server for row in found if row.ok is False} == {"Service/app/echo", "Service/app/second"}
        assert "tls_certificate_verify" in found[0].reason


def test_grpcs_settings_are_refused_by_open_source_kong_only() -> None:
    """Enterprise takes them."""
    of = own(protocol="grpcs")
    assert bad(rows(of)) == set()
    oss = of.top(image={"repository": "kong", "tag": "3.9"}, enterprise={"enabled": False})
    assert "right pair" in bad(rows(oss))


def test_services_without_a_release_are_proved_over_nginx_defaults() -> None:
    """On a Kong that a team already runs."""
    of = own().without("release", "gateway", "licence")
    assert "own pair over another" in observed(of)
    assert "isn't in these files" in one(own(client_cert=None).without("release", "licence")).source(
        "client certificate"
    )


def test_a_patched_service_without_its_route_is_proved() -> None:
    """Of somebody else's Service our annotations are enough."""
    of = own().without("route", "plugin", "service")
    objects_ = of.plus(**{"patch-service": kic.service(annotations=annotated(), spec={"ports": None})}).read()
    found = upstream.prove(objects_, AT)
    assert bad(found) == set()
    assert by_case(found, "echo")["right pair"].ok


def test_a_pair_whose_ca_is_not_in_the_files() -> None:
    """A stand-in signs a copy, and the reason says so."""
    of = own().without("gwca")
    assert set(observed(of)) >= set(WITH_PAIR)
    assert "a stand-in signed a copy" in by_case(rows(of), "echo")["right pair"].reason


def test_a_pair_with_an_intermediate() -> None:
    """It is sent along and found."""
    middle = issue("Middle", issuer=authority("Gateways"), ca=True, not_before=AT - DAY, not_after=AT + 90 * DAY)
    leaf = issue("gateway", issuer=middle, client=True, not_before=AT - DAY, not_after=AT + 30 * DAY)
    assert observed(own().plus(gwclient=tls("gw-client", leaf)))["right pair"] == "accept"


def many(number: int) -> World:
    files: dict[str, Manifest] = {}
    for i in range(number):
        name = f"s{i}"
        backend = {"path": f"/{name}", "pathType": "Prefix", "backend": kic.backend(name)}
        files[f"route{i}"] = kic.ingress(
            name, annotations={"preserve-host": "false"}, spec={"rules": [{"http": {"paths": [backend]}}]}
        )
        files[f"service{i}"] = kic.service(name, annotations=annotated(host_header=f"{name}.app.svc"))
    return own().without("route", "service", "plugin").plus(**files)


def test_many_services_share_what_does_not_depend_on_names() -> None:
    """Every Service has every row, each with its own name verified."""
    found = rows(many(12))
    assert bad(found) == unproved(found) == set()
    cases = {row.case for row in found if row.server == "Service/app/s0"}
    for i in range(12):
        mine = {row.case: row for row in found if row.server == f"Service/app/s{i}"}
        assert set(mine) == cases
        assert f"host name mismatch: s{i}.app.svc" in mine["wrong name"].reason
    shared = [row for row in found if row.server == "Service/app/s11" and "as for Service/app/s0" in row.reason]
    assert {row.case for row in shared} >= {"another CA's pair", "depth enough", "untrusted upstream"}


def test_a_service_that_differs_is_not_taken_for_another() -> None:
    """Rows are shared only for the same settings and the same certificates."""
    of = many(3)
    worse = kic.service("s2", annotations=annotated(host_header="s2.app.svc", client_cert="nowhere"))
    found = rows(of.plus(service2=worse))
    assert {row.server for row in found if row.ok is False} == {"Service/app/s2"}


def test_cost_grows_with_the_number_of_services() -> None:
    """Twice as many take about twice as long, and one takes a few milliseconds."""
    took = {}
    for size in (100, 200):
        objects_ = many(size).read()
        begin = time.process_time()
        found = upstream.prove(objects_, AT)
        took[size] = time.process_time() - begin
        assert len({row.server for row in found}) == size
    assert took[200] < 3 * took[100] + 0.5
    assert took[200] / 200 < 0.02


def test_nothing_secret_stands_in_a_row() -> None:
    """Reasons quote names and statuses only; settings show subjects."""
    for of in (own(), globally()):
        text = repr(rows(of)) + repr(effective(of.read(), AT))
        assert "PRIVATE" not in text
        assert "BEGIN" not in text


def test_the_link_is_part_of_all_proofs() -> None:
    """prove() plays it too; rows are unique by client, server and case."""
    found = [row for row in prove(own().read(), AT) if row.link == "upstream"]
    assert {row.case for row in found} == {row.case for row in rows(own())}
    keys = [(row.client, row.server, row.case) for row in found]
    assert len(keys) == len(set(keys))
