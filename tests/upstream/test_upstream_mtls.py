"""What upstream mTLS deploys, and what a change changes, read back by the ingress controller's own rules."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import hypothesis
import pulumi
import pytest
from hypothesis import strategies

from kong_mtls import UpstreamMtls
from kong_mtls.pki.ids import ca_id
from kong_mtls.pki.x509 import certificates
from kong_mtls.reader.kic import translate
from kong_mtls.reader.manifests import Objects, ident, secret_data
from kong_mtls.rehearsal.stage import Performance
from tests.upstream.conftest import Mint, Stage

Read = Callable[[Performance], Objects]

SERVICES = [
    {"name": "echo", "namespace": "apps"},
    {"name": "cart", "namespace": "shop", "verify_depth": 2},
]
OUTPUTS = ("annotations", "client_secret_names", "server_secret_names", "gateway_trust_names", "authorities")
ISSUED = {"services": [{"name": "echo", "namespace": "apps", "dns_names": ["echo.example.com"]}]}


def program(**given: Any) -> Callable[[], UpstreamMtls]:
    """A program with Services in two namespaces, a server certificate issued here, and a route."""
    args: Any = {
        "services": SERVICES,
        "server_certificates": ISSUED,
        "routes": [{"name": "echo", "namespace": "apps"}],
        **given,
    }

    def run() -> UpstreamMtls:
        made = UpstreamMtls("upstream", args)
        for output in (
            "annotations",
            "client_secret_names",
            "server_secret_names",
            "gateway_trust_names",
            "authorities",
        ):
            pulumi.export(output, getattr(made, output))
        return made

    return run


def changed(performance: Performance) -> dict[str, str]:
    """What happens to resources that are not left alone."""
    return {f"{step.type.rpartition(':')[2]} {step.name}": step.op for step in performance.steps if step.op != "same"}


@pytest.fixture(scope="module")
def first(stage: Stage) -> Performance:
    """The program as it stands."""
    return stage(program())


def annotations(objects: Objects, kind: str, namespace: str, name: str) -> Mapping[str, str]:
    found = objects.get(kind, namespace, name)
    assert found is not None
    result: Mapping[str, str] = found["metadata"]["annotations"]
    return result


def test_services_in_every_namespace_are_annotated_alike(first: Performance, read: Read) -> None:
    """One pair and one CA, under the same names, in each namespace; each Service by its own name."""
    objects = read(first)
    echo, cart = (annotations(objects, "Service", *place) for place in (("apps", "echo"), ("shop", "cart")))
    assert echo["konghq.com/host-header"] == "echo.apps.svc"
    assert cart["konghq.com/host-header"] == "cart.shop.svc"
    assert cart["konghq.com/tls-verify-depth"] == "2"
    for key in ("client-cert", "ca-certificates-configmaps", "protocol", "tls-verify"):
        assert echo[f"konghq.com/{key}"] == cart[f"konghq.com/{key}"]
    pairs = [
        secret_data(objects.get("Secret", namespace, echo["konghq.com/client-cert"]) or {})
        for namespace in ("apps", "shop")
    ]
    assert pairs[0] == pairs[1]
    assert annotations(objects, "Ingress", "apps", "echo") == {
        "konghq.com/preserve-host": "false",
        "pulumi.com/skipAwait": "true",
    }


def test_the_controller_resolves_everything_and_reports_only_copies(
    first: Performance, read: Read, today: datetime
) -> None:
    """The same CA in a second namespace has the same id and PEM; the controller says so and uses the first."""
    config = translate(read(first), today)
    by_object = {service.object: service for service in config.services}
    assert by_object.keys() == {"Service/apps/echo", "Service/shop/cart"}
    for service in config.services:
        assert service.tls_verify is True
        assert service.client_certificate is not None
        assert service.ca_certificates is not None
        assert [config.ca(each) is not None for each in service.ca_certificates] == [True]
    codes = {failure.code for failure in config.failures}
    # The Ingress is only patched here, so what it routes is not in these files.
    assert codes <= {"ca-object-duplicate-id", "ingress-no-class"}, config.failures


def test_a_ca_has_one_id_made_from_its_certificate(first: Performance, read: Read) -> None:
    """In both namespaces, with label and class, and nothing else in the object."""
    found = [cm for cm in read(first).all("ConfigMap") if "id" in cm["data"]]
    assert [ident(cm).rpartition("/")[0] for cm in found] == ["ConfigMap/apps", "ConfigMap/shop"]
    for config_map in found:
        (authority,) = certificates(config_map["data"]["cert"], "ca")
        assert config_map["data"]["id"] == ca_id(authority)
        assert config_map["metadata"]["labels"] == {"konghq.com/ca-cert": "true"}
        assert config_map["metadata"]["annotations"] == {"kubernetes.io/ingress.class": "kong"}
        assert config_map["metadata"]["name"] == f"upstream-ca-{authority.fingerprint[:8]}"


def test_certificates_are_for_one_side_each(first: Performance, read: Read) -> None:
    """The gateway's for clients, a workload's for servers with the Service's four names; under different CAs."""
    objects = read(first)
    client_name = annotations(objects, "Service", "apps", "echo")["konghq.com/client-cert"]
    server_name = first.exports["server_secret_names"]["apps/echo"]
    client, server = (
        certificates((secret_data(objects.get("Secret", "apps", name) or {})["tls.crt"] or b"").decode(), name)[0]
        for name in (client_name, server_name)
    )
    assert (set(client.extended_usages or ()), client.common_name) == ({"client_auth"}, "kong-gateway")
    assert set(server.extended_usages or ()) == {"server_auth"}
    assert server.dns_names == (
        "echo",
        "echo.apps",
        "echo.apps.svc",
        "echo.apps.svc.cluster.local",
        "echo.example.com",
    )
    assert client.issuer == "CN=kong gateway client g1"
    assert server.issuer == "CN=kong upstreams g1"
    assert not client.is_ca
    assert not server.is_ca


def test_workloads_get_the_gateways_ca_where_they_are(first: Performance, read: Read) -> None:
    """A ConfigMap in each namespace, to mount and demand the gateway's certificate by."""
    objects = read(first)
    for namespace, name in first.exports["gateway_trust_names"].items():
        config_map = objects.get("ConfigMap", namespace, name)
        assert config_map is not None
        assert certificates(config_map["data"]["ca.crt"], name)[0].common_name == "kong gateway client g1"


def test_a_second_run_changes_nothing(stage: Stage, first: Performance) -> None:
    """Names come from contents, and contents stay."""
    assert changed(stage(program(), after=first)) == {}


def test_a_preview_shows_everything_that_will_be_made(stage: Stage, first: Performance) -> None:
    """Though names that come from contents are not known yet: no resource hangs on what only the engine knows."""
    planned = stage(program(), preview=True)
    assert changed(planned) == changed(first)


def test_secrets_are_secret_and_nothing_else_is(first: Performance) -> None:
    """No key in what the run puts out or says."""
    assert "PRIVATE KEY" not in repr(first.exports)
    assert not [message for message in first.messages if "PRIVATE KEY" in message.text]


def test_a_new_key_reaches_every_namespace_before_the_old_pair_goes(stage: Stage, first: Performance) -> None:
    """Secrets under new names, Services move over, then the old ones go; CAs and servers stay as they are."""
    issue = {"leaf": {"key_generation": "2"}}
    after = stage(program(client_certificate={"issue": issue}), after=first)
    assert changed(after) == {
        "PrivateKey upstream-gateway-key-2": "create",
        "PrivateKey upstream-gateway-key-1": "delete",
        "CertRequest upstream-gateway-request": "replace",
        "LocallySignedCert upstream-gateway": "replace",
        "Secret upstream-apps": "replace",
        "Secret upstream-shop": "replace",
        "ServicePatch upstream-apps.echo": "update",
        "ServicePatch upstream-shop.cart": "update",
    }
    assert not [step for step in after.steps if step.op == "replace" and step.delete_first]


def test_a_pair_is_renewed_inside_its_window_and_not_before(stage: Stage, first: Performance, today: datetime) -> None:
    """90 days, 30 of them in advance; the server's likewise, and what mounts it takes the new name."""
    assert changed(stage(program(), after=first, at=today + timedelta(days=59))) == {}
    renewed = changed(stage(program(), after=first, at=today + timedelta(days=61)))
    assert renewed["LocallySignedCert upstream-gateway"] == "replace"
    assert renewed["LocallySignedCert upstream-servers-apps.echo"] == "replace"
    assert renewed["Secret upstream-servers-apps.echo"] == "replace"
    assert renewed["ServicePatch upstream-shop.cart"] == "update"
    assert not [step for step in renewed if step.startswith("PrivateKey")]


def test_another_service_leaves_the_others_alone(stage: Stage, first: Performance) -> None:
    """In a namespace that has all it needs, one patch is all; in a new one the copies come with it."""
    beside = [{"name": "mail", "namespace": "apps"}, *SERVICES]
    assert changed(stage(program(services=beside), after=first)) == {"ServicePatch upstream-apps.mail": "create"}
    elsewhere = [*SERVICES, {"name": "mail", "namespace": "post"}]
    assert changed(stage(program(services=elsewhere), after=first)) == {
        "ConfigMap upstream-post.servers.g1": "create",
        "ConfigMap upstream-post-gateway-ca": "create",
        "Secret upstream-post": "create",
        "ServicePatch upstream-post.mail": "create",
    }
    assert changed(stage(program(services=SERVICES[:1]), after=first)) == {
        "ConfigMap upstream-shop.servers.g1": "delete",
        "ConfigMap upstream-shop-gateway-ca": "delete",
        "Secret upstream-shop": "delete",
        "ServicePatch upstream-shop.cart": "delete",
    }


def test_a_rotation_of_the_servers_ca_is_three_steps_that_never_replace_a_ca(
    stage: Stage, first: Performance, read: Read, today: datetime
) -> None:
    """Add: both trusted. Issue from the new one: certificates change. Drop: the old CA object goes last."""

    def step(after: Performance, **authority: Any) -> Performance:
        return stage(program(server_certificates={**ISSUED, "authority": authority}), after=after)

    added = step(first, generations=["g1", "g2"])
    both = annotations(read(added), "Service", "apps", "echo")["konghq.com/ca-certificates-configmaps"].split(",")
    assert len(both) == 2
    assert set(changed(added).values()) == {"create", "update"}
    issuing = step(added, generations=["g1", "g2"], issuing="g2")
    assert "ServicePatch upstream-apps.echo" not in changed(issuing)
    assert changed(issuing)["Secret upstream-servers-apps.echo"] == "replace"
    dropped = step(issuing, generations=["g2"])
    assert {name for name, op in changed(dropped).items() if op == "delete"} == {
        "ConfigMap upstream-apps.servers.g1",
        "ConfigMap upstream-shop.servers.g1",
        "PrivateKey upstream-servers-ca-g1-key",
        "SelfSignedCert upstream-servers-ca-g1",
    }
    left = annotations(read(dropped), "Service", "apps", "echo")["konghq.com/ca-certificates-configmaps"]
    assert left in both
    for performance in (added, issuing, dropped):
        config = translate(read(performance), today)
        known = {ca.id for ca in config.ca_certificates}
        assert all(set(service.ca_certificates or ()) <= known for service in config.services)


def test_a_rotation_of_the_gateways_ca_tells_workloads_first(stage: Stage, first: Performance, read: Read) -> None:
    """Adding a generation changes what workloads trust, and not what the gateway shows."""
    issue = {"authority": {"generations": ["g1", "g2"]}}
    added = stage(program(client_certificate={"issue": issue}), after=first)
    assert "Secret upstream-apps" not in changed(added)
    objects = read(added)
    for namespace, name in added.exports["gateway_trust_names"].items():
        pem = (objects.get("ConfigMap", namespace, name) or {})["data"]["ca.crt"]
        common_names = [one.common_name for one in certificates(pem, name)]
        assert common_names == ["kong gateway client g1", "kong gateway client g2"]
    gateway = added.exports["authorities"]["gateway"]
    assert (gateway["generations"], gateway["issuing"]) == (["g1", "g2"], "g1")
    assert sorted(gateway["keys"]) == ["g1", "g2"]
    assert gateway["keys"]["g1"] == first.exports["authorities"]["gateway"]["keys"]["g1"]


def test_a_jump_over_a_step_of_a_rotation_is_refused(stage: Stage, first: Performance) -> None:
    """What the stack last put out shows it."""
    last = first.exports["authorities"]["servers"]
    jump = {"generations": ["g2"], "last_applied": last}
    with pytest.raises(Exception, match="drops 'g1', whose certificates running peers still show"):
        stage(program(server_certificates={**ISSUED, "authority": jump}), after=first)


def test_annotations_of_services_to_come_are_put_out(stage: Stage, read: Read) -> None:
    """Nothing is patched; what they refer to is there."""
    to_come = [{"name": "echo", "namespace": "apps", "patch": False}]
    performance = stage(program(services=to_come, routes=[{"name": "echo", "namespace": "apps", "patch": False}]))
    objects = read(performance)
    given = performance.exports["annotations"]["apps/echo"]
    assert given["konghq.com/host-header"] == "echo.apps.svc"
    assert objects.get("Secret", "apps", given["konghq.com/client-cert"]) is not None
    assert objects.get("ConfigMap", "apps", given["konghq.com/ca-certificates-configmaps"]) is not None
    assert objects.all("Service") == []
    assert objects.all("Ingress") == []


def test_existing_objects_are_named_and_nothing_is_made(stage: Stage, read: Read) -> None:
    """A Secret is never read, which is said; the trust may be of both kinds."""
    performance = stage(
        program(
            client_certificate={"existing_secret": "gateway.pair"},
            trust={"secrets": ["ca-s"], "config_maps": ["ca-c"]},
            server_certificates=None,
            routes=[],
        )
    )
    objects = read(performance)
    assert objects.all("Secret") == []
    assert objects.all("ConfigMap") == []
    given = annotations(objects, "Service", "shop", "cart")
    assert given["konghq.com/client-cert"] == "gateway.pair"
    assert given["konghq.com/ca-certificates-secrets"] == "ca-s"
    assert given["konghq.com/ca-certificates-configmaps"] == "ca-c"
    assert ["Secret 'gateway.pair' is never read" in message.text for message in performance.messages] == [True]


def test_given_certificates_are_taken_as_they_are(stage: Stage, read: Read, mint: Mint, today: datetime) -> None:
    """A pair and CAs of the user's own, as Secrets on request; a bundle becomes one object each."""
    authority, other = mint("ca", ca=True), mint("other", ca=True)
    pair = mint("gateway", issuer=mint("gateways", ca=True), client=True)
    performance = stage(
        program(
            client_certificate={
                "certificate_pem": pair.cert_pem.decode(),
                "private_key_pem": pair.key_pem.decode(),
                "secret_name": "gateway",
            },
            trust={"bundle_pem": (authority.cert_pem + other.cert_pem).decode(), "kind": "Secret"},
            server_certificates=None,
        ),
        config={"kubernetes:enableSecretMutable": "true"},
    )
    config = translate(read(performance), today)
    assert {ca.id for ca in config.ca_certificates} == {
        ca_id(certificates(each.cert_pem.decode(), "ca")[0]) for each in (authority, other)
    }
    for service in config.services:
        assert service.client_certificate is not None
        assert service.client_certificate.cert_pem == pair.cert_pem
    assert performance.exports["client_secret_names"] == {"apps": "gateway", "shop": "gateway"}


def test_a_fixed_name_is_warned_of_where_it_would_leave_a_gap(stage: Stage) -> None:
    """Unless the provider updates Secrets in place."""
    fixed = program(client_certificate={"secret_name": "gateway"})
    warned = [message.text for message in stage(fixed).messages]
    assert [text for text in warned if "deletes the Secret before it makes the new one" in text]
    assert stage(fixed, config={"kubernetes:enableSecretMutable": "true"}).messages == ()


def test_an_unverified_service_is_warned_of(stage: Stage) -> None:
    """On every run."""
    performance = stage(program(services=[{"name": "echo", "namespace": "apps", "verify": False}]))
    assert [message.severity for message in performance.messages] == ["warning"]
    assert "verification is off for apps/echo" in performance.messages[0].text


def test_without_a_client_certificate_only_services_prove_themselves(stage: Stage, read: Read) -> None:
    """TLS that is verified, and no pair anywhere."""
    performance = stage(program(without_client_certificate=True))
    assert "konghq.com/client-cert" not in annotations(read(performance), "Service", "apps", "echo")
    assert performance.exports["client_secret_names"] == {}
    assert performance.exports["gateway_trust_names"] == {}


NAMES = strategies.sampled_from(["a", "b", "c", "a-b", "b-c"])


@hypothesis.settings(max_examples=15)
@hypothesis.given(
    places=strategies.lists(strategies.tuples(NAMES, NAMES), unique=True, min_size=1, max_size=8),
    generations=strategies.lists(strategies.sampled_from(["g1", "g2", "g3"]), unique=True, min_size=1),
    data=strategies.data(),
)
def test_any_set_of_services_and_cas_resolves_whatever_its_order(  # noqa: PLR0917
    stage: Stage,
    read: Read,
    mint: Mint,
    today: datetime,
    places: list[tuple[str, str]],
    generations: list[str],
    data: strategies.DataObject,
) -> None:
    """Every reference is there in the Service's own namespace, every id in Kong; reordering changes nothing."""
    pems = {name: mint(name, ca=True).cert_pem.decode() for name in generations}
    pair = mint("gateway", issuer=mint("gateways", ca=True), client=True)
    given = {"certificate_pem": pair.cert_pem.decode(), "private_key_pem": pair.key_pem.decode()}

    def run(order: list[tuple[str, str]], names: list[str], after: Performance | None = None) -> Performance:
        return stage(
            program(
                services=[{"namespace": namespace, "name": name} for namespace, name in order],
                trust={"authorities": {name: pems[name] for name in names}},
                client_certificate=given,
                server_certificates=None,
                routes=[],
            ),
            after=after,
        )

    performance = run(places, generations)
    objects = read(performance)
    config = translate(objects, today)
    assert {service.object for service in config.services} == {f"Service/{ns}/{name}" for ns, name in places}
    known = {ca.id for ca in config.ca_certificates}
    for service in config.services:
        assert service.client_certificate is not None
        assert set(service.ca_certificates or ()) == known
    assert {failure.code for failure in config.failures} <= {"ca-object-duplicate-id"}
    other_places = data.draw(strategies.permutations(places))
    other_generations = data.draw(strategies.permutations(generations))
    assert changed(run(other_places, other_generations, performance)) == {}
