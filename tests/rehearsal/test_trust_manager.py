"""What trust-manager makes of Bundles: which sources it reads, what it refuses, and where its ConfigMaps are."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes

from kong_mtls.rehearsal import mint
from kong_mtls.rehearsal.stage import Performance, ProgramFailed

from .certificates import HELPERS, chain, leaf, objects
from .conftest import NOW, Program

ROOT = '{"secret": {"name": "root", "key": "tls.crt"}}'
HERE = 'namespaceSelector={"matchLabels": {"kubernetes.io/metadata.name": "cert-manager"}}'


def pem(name: str) -> str:
    """A CA's certificate."""
    return mint.issue(name, not_before=NOW, not_after=NOW.replace(year=2036), ca=True).cert_pem.decode()


def bundles(done: Performance) -> dict[str, str]:
    """The content of the ConfigMaps of the Bundle `trust`, by namespace."""
    return {
        item["metadata"]["namespace"]: item["data"]["ca.crt"]
        for item in objects(done).values()
        if item["kind"] == "ConfigMap" and item["metadata"]["name"] == "trust"
    }


def reason(program: Program, text: str) -> str:
    """Why the one thing that waits does."""
    [found] = program.write(HELPERS + text).run().waiting.values()
    return found


def test_bundle_of_a_ca(program: Program) -> None:
    """The root of a Secret is exported to a ConfigMap of the Bundle's name, which the program can read."""
    text = (
        f'trust = bundle("trust", [{ROOT}], {HERE})\nroot()\n'
        'read = k8s.core.v1.ConfigMap.get("read", trust.id.apply(lambda name: f"cert-manager/{name}"))\n'
        'pulumi.export("ca", read.data["ca.crt"])\n'
    )
    waiting = HELPERS.replace('"Bundle", name, None, {', '"Bundle", name, None, annotations=SYNCED, spec={').replace(
        '"target": target}, "trust', '"target": target}, group="trust'
    )
    done = program.write(waiting + 'SYNCED = {"pulumi.com/waitFor": "condition=Synced"}\n' + text).run()
    assert done.exports["ca"] == bundles(done)["cert-manager"]
    assert chain(done.exports["ca"]) == [leaf(done, "root", "cert-manager")]
    assert list(bundles(done)) == ["cert-manager"]
    item = objects(done)["ConfigMap/cert-manager/trust"]
    assert item["metadata"]["labels"] == {"trust.cert-manager.io/bundle": "trust"}
    assert set(item["metadata"]["annotations"]) == {"trust.cert-manager.io/hash"}
    assert "PRIVATE" not in str(item)
    again = program.run()
    assert not again.changed
    assert again.state.dump() == done.state.dump()


def test_duplicates_and_order(program: Program) -> None:
    """Each certificate is there once, in the order of the hashes, whatever the order of the sources."""
    one, two, three = pem("one"), pem("two"), pem("three")
    text = f"bundle('trust', [{{'inLine': {one + two!r}}}, {{'inLine': {three + one!r}}}])\n"
    home = 'k8s.core.v1.Namespace("apps", metadata={"name": "apps"})\n'
    done = program.write(HELPERS + home + text).run()
    found = chain(bundles(done)["apps"])
    assert len(found) == 3
    assert found == sorted(found, key=lambda one: one.fingerprint(hashes.SHA256()))
    turned = program.write(
        HELPERS + home + f"bundle('trust', [{{'inLine': {three!r}}}, {{'inLine': {two + one!r}}}])\n"
    ).run()
    assert bundles(turned) == bundles(done)


def test_comments_go(program: Program) -> None:
    """Only the certificates of a source are kept; there is no line break at the end."""
    text = f"# whose CA this is\n{pem('one')}\nafterwards"
    done = program.write(
        HELPERS
        + 'k8s.core.v1.Namespace("apps", metadata={"name": "apps"})\n'
        + f"bundle('trust', [{{'inLine': {text!r}}}])\n"
    ).run()
    content = bundles(done)["apps"]
    assert content.startswith("-----BEGIN CERTIFICATE-----\n")
    assert content.endswith("\n-----END CERTIFICATE-----")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("KEY", "only CERTIFICATE blocks are permitted but found 'EC PRIVATE KEY'"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "invalid PEM certificate"),
        (
            "-----BEGIN CERTIFICATE-----\nProc-Type: 4\n\nAAAA\n-----END CERTIFICATE-----\n",
            "blocks are not permitted to have PEM headers",
        ),
    ],
)
def test_anything_else_fails_the_whole_bundle(program: Program, content: str, message: str) -> None:
    """A private key cannot leak through a Bundle: nothing is exported then."""
    text = pem("good") + (mint.key_pem(mint.new_key()).decode() if content == "KEY" else content)
    found = reason(program, f"bundle('trust', [{{'inLine': {text!r}}}])\n")
    assert found.startswith("SourceBuildError: Failed to build bundle sources: inline source contains invalid PEM data")
    assert message in found
    assert "PRIVATE KEY-----" not in found


def test_broken_later(program: Program) -> None:
    """What was exported before stays as it was."""
    home = 'k8s.core.v1.Namespace("apps", metadata={"name": "apps"})\n'
    done = program.write(HELPERS + home + f"bundle('trust', [{{'inLine': {pem('one')!r}}}])\n").run()
    late = program.write(HELPERS + home + 'bundle("trust", [{"secret": {"name": "gone", "key": "x"}}])\n').run()
    assert bundles(late) == bundles(done)
    assert late.waiting


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            '{"secret": {"name": "gone", "key": "x"}}',
            'failed to get Secret cert-manager/gone: secrets "gone" not found',
        ),
        ('{"configMap": {"name": "gone", "key": "x"}}', 'failed to get ConfigMap cert-manager/gone: configmaps "gone"'),
        ('{"secret": {"name": "root", "key": "x"}}', 'no data found in Secret cert-manager/root at key "x"'),
        ('{"secret": {"name": "leaf", "key": "ca.crt"}}', "failed to get Secret cert-manager/leaf"),
        (
            '{"secret": {"selector": {"matchLabels": {"no": "one"}}, "key": "x"}}',
            "couldn't find any valid certificates",
        ),
        ('{"inLine": "nothing"}', "couldn't find any valid certificates in bundle"),
    ],
)
def test_missing_sources(program: Program, source: str, message: str) -> None:
    """Sources are read from trust-manager's own namespace and from nowhere else."""
    found = reason(program, f'root()\ncertificate("leaf", "root", "apps")\nbundle("trust", [{source}])\n')
    assert found.startswith("SourceNotFound: Bundle source was not found: ")
    assert message in found


def test_tls_secret_with_all_keys(program: Program) -> None:
    """It would take the private key along."""
    source = '{"secret": {"name": "root", "includeAllKeys": True}}'
    assert "includeAllKeys is not supported for TLS Secrets such as cert-manager/root" in reason(
        program, f'root()\nbundle("trust", [{source}])\n'
    )


def test_config_maps_and_selectors(program: Program) -> None:
    """ConfigMaps are sources as well, by name or by labels, with one key or all."""
    one, two, three = pem("one"), pem("two"), pem("three")
    text = f"""
def given(name, **data):
    meta = {{"name": name, "namespace": "cert-manager", "labels": {{"ca": name}}}}
    k8s.core.v1.ConfigMap(name, metadata=meta, data=data)
given("a", x={one!r}, y={two!r})
given("b", x={three!r})
k8s.core.v1.Secret("s", metadata={{"name": "s", "namespace": "cert-manager", "labels": {{"ca": "s"}}}},
    string_data={{"x": {three!r}}})
bundle("trust", [
    {{"configMap": {{"name": "a", "includeAllKeys": True}}}},
    {{"configMap": {{"selector": {{"matchExpressions": [{{"key": "ca", "operator": "In", "values": ["b", "c"]}}]}},
                   "key": "x"}}}},
    {{"secret": {{"selector": {{"matchExpressions": [{{"key": "ca", "operator": "Exists"}}, {{"key": "no",
        "operator": "DoesNotExist"}}, {{"key": "ca", "operator": "NotIn", "values": ["t"]}}]}}, "key": "x"}}}}],
    {HERE})
"""
    done = program.write(HELPERS + text).run()
    assert {one.subject.rfc4514_string() for one in chain(bundles(done)["cert-manager"])} == {
        "CN=one",
        "CN=two",
        "CN=three",
    }


def test_trust_namespace(program: Program) -> None:
    """It is where trust-manager's release in the program says."""
    text = (
        'tm = k8s.helm.v3.Release("tm", chart="trust-manager", namespace="cert-manager", values={"app": {"trust": '
        '{"namespace": "cas"}}, "crds": {"enabled": False}})\n'
        f'k8s.core.v1.ConfigMap("a", metadata={{"name": "a", "namespace": "cas"}}, data={{"x": {pem("one")!r}}})\n'
        'bundle("trust", [{"configMap": {"name": "a", "key": "x"}}])\n'
    )
    assert sorted(bundles(program.write(HELPERS + text).run())) == ["cas", "cert-manager"]


def test_namespaces(program: Program) -> None:
    """The selector looks at labels of namespaces, their own name among them; one that leaves it loses the copy."""
    text = """
for name in ("one", "two"):
    k8s.core.v1.Namespace(name, metadata={{"name": name, "labels": {{"mtls": "{}" if name == "one" else "yes"}}}})
k8s.core.v1.ConfigMap("other", metadata={{"name": "other", "namespace": "three"}})
bundle("trust", [{{"inLine": CA}}], {})
"""
    head = HELPERS + f"CA = {pem('one')!r}\n"
    labelled = 'namespaceSelector={"matchLabels": {"mtls": "yes"}}'
    done = program.write(head + text.format("yes", labelled)).run()
    assert sorted(bundles(done)) == ["one", "two"]
    done = program.write(head + text.format("no", labelled)).run()
    assert sorted(bundles(done)) == ["two"]
    assert done.state.remains == ()
    done = program.write(head + text.format("no", "")).run()
    assert sorted(bundles(done)) == ["one", "three", "two"]


def test_deleting_a_bundle(program: Program) -> None:
    """Its ConfigMaps go with it."""
    done = program.write(HELPERS + f"root()\nbundle('trust', [{ROOT}])\n").run()
    assert bundles(done)
    done = program.write(HELPERS + "root()\n").run()
    assert not bundles(done)
    assert done.state.remains == ()


def test_labels_and_key(program: Program) -> None:
    """The target says under which key, and with which labels and annotations."""
    text = (
        f'root()\nbundle("trust", [{ROOT}], configMap={{"key": "cert", "metadata": {{"labels": '
        '{"konghq.com/ca-cert": "true"}, "annotations": {"kubernetes.io/ingress.class": "kong"}}})\n'
    )
    item = objects(program.write(HELPERS + text).run())["ConfigMap/cert-manager/trust"]
    assert list(item["data"]) == ["cert"]
    assert item["metadata"]["labels"]["konghq.com/ca-cert"] == "true"
    assert item["metadata"]["annotations"]["kubernetes.io/ingress.class"] == "kong"
    digest = hashlib.sha256(item["data"]["cert"].encode()).hexdigest()
    assert item["metadata"]["annotations"]["trust.cert-manager.io/hash"] == digest


def test_renewed_ca(program: Program) -> None:
    """The Bundle follows at once: the old CA is no longer in it."""
    text = HELPERS + f'root(duration="2160h")\nbundle("trust", [{ROOT}], {HERE})\n'
    before = program.write(text).run()
    after = program.run(at=NOW.replace(year=2027))
    assert bundles(after) != bundles(before)
    assert chain(bundles(after)["cert-manager"]) == [leaf(after, "root", "cert-manager")]


def test_default_cas(program: Program) -> None:
    """A CA of the rehearsal's own plays the public ones, which the report says; there may be no package at all."""
    text = f'root()\nbundle("trust", [{{"useDefaultCAs": True}}, {ROOT}])\n'
    done = program.write(HELPERS + text).run()
    names = {one.subject.rfc4514_string() for one in chain(bundles(done)["cert-manager"])}
    assert names == {"CN=rehearsal: public CAs", "CN=root"}
    [message] = done.messages
    assert "a CA of the rehearsal's own plays the public ones" in message.text
    assert bundles(program.run()) == bundles(done)
    off = (
        'k8s.helm.v3.Release("tm", chart="trust-manager", namespace="tm", values={"crds": {"enabled": False}, '
        '"defaultPackage": {"enabled": False}})\n'
    )
    assert "no default package was specified" in reason(program, off + text)


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ("{}", {"CN=old", "CN=leaf", "CN=new"}),
        ('{"filterExpiredCertificates": {"enabled": True}}', {"CN=leaf", "CN=new"}),
        ('{"filterNonCACerts": {"enabled": True}}', {"CN=old", "CN=new"}),
    ],
)
def test_filters(program: Program, values: str, names: set[str]) -> None:
    """trust-manager's release may leave out what has expired, and what is no CA."""
    old = mint.issue("old", not_before=NOW.replace(year=2020), not_after=NOW.replace(year=2025), ca=True)
    leaf_ = mint.issue("leaf", not_before=NOW, not_after=NOW.replace(year=2027))
    text = (old.cert_pem + leaf_.cert_pem).decode() + pem("new")
    release = f'values={{"crds": {{"enabled": False}}, **{values}}}'
    done = program.write(
        HELPERS + f'k8s.helm.v3.Release("tm", chart="trust-manager", namespace="tm", {release})\n'
        f"bundle('trust', [{{'inLine': {text!r}}}])\n"
    ).run()
    assert {one.subject.rfc4514_string() for one in chain(bundles(done)["tm"])} == names


def test_target_namespaces(program: Program) -> None:
    """trust-manager's release may be held to some namespaces."""
    release = 'values={"crds": {"enabled": False}, "app": {"targetNamespaces": ["two"]}}'
    done = program.write(
        HELPERS + f'k8s.helm.v3.Release("tm", chart="trust-manager", namespace="one", {release})\n'
        'k8s.core.v1.Namespace("two", metadata={"name": "two"})\n'
        f"bundle('trust', [{{'inLine': {pem('one')!r}}}])\n"
    ).run()
    assert list(bundles(done)) == ["two"]


def test_named_namespace(program: Program) -> None:
    """One that the selector names is taken to be there."""
    text = f"bundle('trust', [{{'inLine': {pem('one')!r}}}], {HERE})\n"
    assert list(bundles(program.write(HELPERS + text).run())) == ["cert-manager"]


@pytest.mark.parametrize("on", [False, True])
def test_secret_targets(program: Program, on: bool) -> None:
    """They are made where trust-manager's release allows them."""
    text = (
        'k8s.helm.v3.Release("tm", chart="trust-manager", namespace="tm", values={"crds": {"enabled": False}, '
        f'"secretTargets": {{"enabled": {on}}}}})\nroot()\nbundle("trust", [{ROOT}], secret={{"key": "ca.crt"}})\n'
    )
    if not on:
        assert reason(program, text).startswith("SecretTargetsDisabled: ")
        return
    done = program.write(HELPERS + text).run()
    assert {"Secret/cert-manager/trust", "ConfigMap/cert-manager/trust"} <= set(objects(done))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ('{"sources": []}', "spec.sources: Forbidden: must define at least one source"),
        (
            '{"sources": [{}]}',
            "spec.sources[0]: Forbidden: must define exactly one source type for each item but found 0",
        ),
        ('{"sources": [{"inLine": "x", "useDefaultCAs": True}]}', "but found 2 defined types"),
        ('{"sources": [{"secret": {"key": "x"}}]}', "must validate one and only one schema (oneOf): [name, selector]"),
        ('{"sources": [{"secret": {"name": "x", "selector": {}, "key": "x"}}]}', "Found both set"),
        ('{"sources": [{"configMap": {"name": "x"}}]}', "source configMap key must be defined when includeAllKeys is"),
        (
            '{"sources": [{"configMap": {"name": "x", "key": "y", "includeAllKeys": True}}]}',
            "source configMap key cannot be defined when includeAllKeys is true",
        ),
        ('{"sources": [{"useDefaultCAs": True}] * 2}', "must request default CAs either once or not at all but got 2"),
        (
            '{"sources": [{"inLine": "x"}], "target": {}}',
            "at least one of the fields in [configMap secret] must be set",
        ),
        (
            '{"sources": [{"inLine": "x"}], "target": {"configMap": {"key": "x", "metadata": {"labels": '
            '{"trust.cert-manager.io/x": "y"}}}}}',
            "trust.cert-manager.io/* labels are not allowed",
        ),
        ('{"sources": [{"inLine": "x"}], "target": {"configMap": {}}}', "spec.target.configMap.key: Required value"),
    ],
)
def test_refused(program: Program, spec: str, message: str) -> None:
    """What the definition and the webhook refuse."""
    with pytest.raises(ProgramFailed) as failed:
        program.write(HELPERS + f'made("Bundle", "trust", None, {spec}, "trust.cert-manager.io/v1alpha1")\n').run()
    assert message in str(failed.value)
