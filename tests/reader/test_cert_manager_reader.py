"""cert-manager's and trust-manager's objects, read as their controllers read them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from kong_mtls.reader.cert_manager import CertManager, IssuerRef, go_duration
from kong_mtls.reader.manifests import Objects, read_texts

HOUR = timedelta(hours=1)


def of(*documents: dict[str, Any]) -> Objects:
    return read_texts({f"{number}.json": json.dumps(each) for number, each in enumerate(documents)})


def obj(
    kind: str, name: str, namespace: str | None = None, api: str = "cert-manager.io/v1", **spec: Any
) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def certificate(
    name: str, namespace: str = "kong", issuer: str = "ca", kind: str = "ClusterIssuer", **spec: Any
) -> Any:
    given = {"secretName": name, "issuerRef": {"name": issuer, "kind": kind}, **spec}
    return obj("Certificate", name, namespace, **given)


def ca(name: str, namespace: str = "cert-manager", issuer: str = "roots", **spec: Any) -> Any:
    return certificate(name, namespace, issuer, isCA=True, **spec)


def issuer(name: str, secret: str, namespace: str | None = None) -> Any:
    return obj("Issuer" if namespace else "ClusterIssuer", name, namespace, ca={"secretName": secret})


def release(chart: str, namespace: str, /, **values: Any) -> dict[str, Any]:
    return {"chart": chart, "release": chart, "namespace": namespace, "values": values}


def only(**spec: Any) -> Any:
    (found,) = CertManager(of(certificate("it", **spec))).certificates
    return found


ROOTS = obj("ClusterIssuer", "roots", selfSigned={})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2160h", 2160 * HOUR),
        ("2160h0m0s", 2160 * HOUR),
        ("1h30m", 1.5 * HOUR),
        ("0.5h", HOUR / 2),
        ("300s", HOUR / 12),
        ("90d", None),
        ("2160", None),
        ("", None),
        (" 1h", None),
        (2160, None),
        (None, None),
        ("9" * 30 + "h", None),
    ],
)
def test_durations_are_gos(text: object, expected: timedelta | None) -> None:
    """Hours, minutes, seconds and parts of them; no days, no bare numbers."""
    assert go_duration(text) == expected


@pytest.mark.parametrize(
    ("spec", "before"),
    [
        ({}, 720 * HOUR),
        ({"duration": "300h"}, 100 * HOUR),
        ({"duration": "300h", "renewBefore": "10h"}, 10 * HOUR),
        ({"duration": "300h", "renewBeforePercentage": 25}, 75 * HOUR),
        ({"duration": "300h", "renewBefore": "400h"}, 100 * HOUR),
        ({"duration": "300h", "renewal": {"policy": "Disabled"}}, None),
        ({"duration": "300h", "renewal": {"policy": "RenewBefore"}, "renewBefore": "10h"}, 10 * HOUR),
        ({"duration": "300d"}, None),
    ],
)
def test_when_it_is_renewed(spec: dict[str, Any], before: timedelta | None) -> None:
    """As said, by time or by percentage; else a third of the duration, which is 90 days; never where it is disabled."""
    assert only(**spec).renew_before == before


@pytest.mark.parametrize(
    ("usages", "server", "client"),
    [
        ([], True, True),
        (["digital signature"], True, True),
        (["digital signature", "server auth"], True, False),
        (["client auth"], False, True),
        (["server auth", "client auth"], True, True),
        (["any"], True, True),
        (["code signing"], False, False),
    ],
)
def test_which_role_usages_allow(usages: list[str], server: bool, client: bool) -> None:
    """A certificate without extended key usage is good for both."""
    found = only(usages=usages)
    assert (found.serves_as("server"), found.serves_as("client")) == (server, client)


def test_an_issuer_without_kind_is_an_issuer() -> None:
    """kind and group have defaults; only an Issuer has a namespace."""
    assert only(issuerRef={"name": "x"}).issuer == IssuerRef("Issuer", "kong", "x", "cert-manager.io")
    assert only(issuerRef={"name": "x", "kind": "ClusterIssuer"}).issuer == IssuerRef("ClusterIssuer", "", "x")
    external = {"name": "x", "kind": "AWSPCAClusterIssuer", "group": "awspca.cert-manager.io"}
    assert only(issuerRef=external).issuer.for_all


def test_other_projects_have_certificates_too() -> None:
    """Only cert-manager's own group is read, and no object of which there is only a patch."""
    foreign = obj("Certificate", "it", "kong", "cert.gardener.cloud/v1alpha1", secretName="it")
    assert CertManager(of(foreign)).certificates == []
    patch = read_texts({"patch-it.json": json.dumps(certificate("it"))})
    assert CertManager(patch).certificates == []


def test_the_line_of_issuers() -> None:
    """From a leaf over the intermediate to the root; a self-signed issuer is no authority."""
    manager = CertManager(
        of(
            ROOTS,
            ca("root"),
            issuer("root", "root"),
            ca("middle", issuer="root"),
            issuer("ca", "middle"),
            certificate("leaf"),
        )
    )
    leaf = next(each for each in manager.certificates if each.secret == "leaf")
    assert [each.name for each in manager.issuers_of(leaf)] == ["ca", "root"]
    assert [each.secret for each in manager.above(leaf)] == ["middle", "root"]


def test_a_circle_of_issuers_ends() -> None:
    """Two CAs that issue each other are walked once."""
    manager = CertManager(of(ca("a", issuer="b"), issuer("a", "a"), ca("b", issuer="a"), issuer("b", "b")))
    assert [each.name for each in manager.issuers_of(manager.certificates[0])] == ["b", "a"]


@pytest.mark.parametrize(
    ("shown", "namespaces"),
    [
        ([], set()),
        ([release("cert-manager", "security")], {"security"}),
        ([release("cert-manager", "security", clusterResourceNamespace="cas")], {"cas"}),
        ([release("cert-manager", "security", namespace="certs")], {"certs"}),
        ([release("oci://charts.example.com/mirror/cert-manager", "security")], {"security"}),
    ],
)
def test_where_cluster_issuers_read(shown: list[Any], namespaces: set[str]) -> None:
    """In cert-manager's own namespace, unless its release says another one."""
    assert CertManager(of(*shown)).resource_namespaces == namespaces


@pytest.mark.parametrize(("given", "expected"), [("$(POD_NAMESPACE)", "security"), ("cas", "cas")])
def test_where_cluster_issuers_read_in_a_dump(given: str, expected: str) -> None:
    """Without a release the controller's own argument tells."""
    container = {"name": "controller", "args": ["--v=2", f"--cluster-resource-namespace={given}"]}
    dump = obj("Deployment", "cert-manager", "security", "apps/v1", template={"spec": {"containers": [container]}})
    assert CertManager(of(dump)).resource_namespaces == {expected}


def test_a_cluster_issuer_signs_with_the_secret_of_that_namespace() -> None:
    """Of two CAs with one Secret's name the one in the cluster resource namespace counts; an Issuer takes its own."""
    objects = of(
        release("cert-manager", "cert-manager"),
        ca("ca"),
        ca("ca", "kong"),
        issuer("all", "ca"),
        issuer("own", "ca", "kong"),
    )
    manager = CertManager(objects)
    signs = {ref.name: manager.authority(ref) for ref in manager.issuers}
    assert {name: each.namespace for name, each in signs.items() if each} == {"all": "cert-manager", "own": "kong"}
    assert manager.authority(IssuerRef("ClusterIssuer", "", "nobody")) is None


def test_what_a_bundle_is_made_of() -> None:
    """Sources by name; those by label and in line have none. Sources are the trust namespace's."""
    sources = [
        {"secret": {"name": "ca", "key": "tls.crt"}},
        {"configMap": {"name": "old"}},
        {"inLine": "x"},
        {"secret": {"selector": {"matchLabels": {"a": "b"}}, "key": "ca.crt"}},
    ]
    target = {"configMap": {"key": "ca.crt", "metadata": {"labels": {"konghq.com/ca-cert": "true"}}}}
    bundle = obj("Bundle", "trust", None, "trust.cert-manager.io/v1alpha1", sources=sources, target=target)
    manager = CertManager(of(bundle, ca("ca"), ca("ca", "elsewhere"), release("trust-manager", "cert-manager")))
    (found,) = manager.bundles
    assert [(each.kind, each.name, each.key) for each in found.sources] == [
        ("Secret", "ca", "tls.crt"),
        ("ConfigMap", "old", ""),
    ]
    assert (found.kinds, found.selector, found.is_ca_object) == (("ConfigMap",), None, True)
    assert [each.object for each in manager.exported(found)] == ["Certificate/cert-manager/ca"]
