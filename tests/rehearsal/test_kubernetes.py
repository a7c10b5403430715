"""Kubernetes objects are named, changed, replaced and refused as the provider and the API server do it."""

from __future__ import annotations

import base64
import ipaddress
import re

import pytest

from kong_mtls.rehearsal import standins
from kong_mtls.rehearsal.stage import ProgramFailed
from kong_mtls.rehearsal.state import State

from .conftest import Program

MUTABLE = "config: {'kubernetes:enableSecretMutable': 'true', 'kubernetes:enableConfigMapMutable': 'true'}"


def name_of(program: Program, resource: str) -> str:
    assert program.state is not None
    record = next(r for urn, r in program.state.resources.items() if urn.endswith(f"::{resource}"))
    name: str = record.outputs["metadata"]["name"]
    return name


def test_autonaming(program: Program) -> None:
    """Without a name an object gets its logical name and eight hex digits, and keeps them."""
    program.write("k8s.core.v1.ConfigMap('trust', data={'a': '1'})").run()
    first = name_of(program, "trust")
    assert re.fullmatch(r"trust-[0-9a-f]{8}", first)
    program.run()
    assert name_of(program, "trust") == first


def test_autonamed_object_is_replaced_under_a_new_name(program: Program) -> None:
    """New data, new name: the old object stays until its readers have moved, so there is no gap."""
    program.write("k8s.core.v1.Secret('pair', string_data={'a': '1'})").run()
    first = name_of(program, "pair")
    done = program.write("k8s.core.v1.Secret('pair', string_data={'a': '2'})").run()
    step = done.steps[0]
    assert (step.op, step.delete_first) == ("replace", False)
    assert name_of(program, "pair") != first


def test_autonamed_object_keeps_its_name_when_updated(program: Program) -> None:
    """With mutable Secrets the object is updated in place."""
    program.stack("dev", MUTABLE).write("k8s.core.v1.Secret('pair', string_data={'a': '1'})").run()
    first = name_of(program, "pair")
    assert program.write("k8s.core.v1.Secret('pair', string_data={'a': '2'})").run().op("pair") == "update"
    assert name_of(program, "pair") == first


@pytest.mark.parametrize(
    ("kind", "field", "config", "op"),
    [
        ("Secret", "string_data", "config: {}", "replace"),
        ("Secret", "string_data", "config: {'kubernetes:enableSecretMutable': true}", "update"),
        ("Secret", "string_data", "config: {'kubernetes:enableConfigMapMutable': true}", "replace"),
        ("Secret", "data", "config: {}", "replace"),
        ("Secret", "type", MUTABLE, "replace"),
        ("ConfigMap", "data", "config: {}", "replace"),
        ("ConfigMap", "data", "config: {'kubernetes:enableConfigMapMutable': true}", "update"),
        ("ConfigMap", "data", "config: {'kubernetes:enableSecretMutable': true}", "replace"),
    ],
)
def test_data_of_fixed_names(program: Program, kind: str, field: str, config: str, op: str) -> None:
    """A Secret or ConfigMap with a fixed name is replaced, the old one first, unless the provider may change it."""
    text = "k8s.core.v1.{}('it', metadata={{'name': 'it'}}, {}={})"
    program.stack("dev", config)
    values = ("'a'", "'b'") if field == "type" else ("{'k': 'YQ=='}", "{'k': 'Yg=='}")
    program.write(text.format(kind, field, values[0])).run()
    step = program.write(text.format(kind, field, values[1])).run().steps[0]
    assert (step.op, step.delete_first) == (op, op == "replace")


def test_immutable_secret_is_replaced_all_the_same(program: Program) -> None:
    """`immutable: true` wins over the provider's setting, as the API server refuses the update."""
    text = "k8s.core.v1.Secret('it', metadata={'name': 'it'}, immutable=True, string_data={'k': '%s'})"
    program.stack("dev", MUTABLE).write(text % 1).run()
    assert program.write(text % 2).run().op("it") == "replace"


def test_explicit_provider_has_settings_of_its_own(program: Program) -> None:
    """The stack's config is for the default provider; an explicit one says itself what it may change."""
    text = """
        provider = k8s.Provider("own", enable_secret_mutable=%s, namespace="apps")
        k8s.core.v1.Secret("it", metadata={"name": "it"}, string_data={"k": "%s"},
            opts=pulumi.ResourceOptions(provider=provider))
    """
    program.stack("dev", MUTABLE)
    program.write(text % (False, 1)).run()
    assert program.write(text % (False, 2)).run().op("it") == "replace"
    program.write(text % (True, 2)).run()
    assert program.write(text % (True, 3)).run().op("it") == "update"
    assert program.state is not None
    assert next(iter(r.id for urn, r in program.state.resources.items() if urn.endswith("::it"))) == "apps/it"


@pytest.mark.parametrize(
    ("make", "before", "after", "op"),
    [
        ("k8s.core.v1.Service", "spec={'ports': [{'port': 1}]}", "spec={'ports': [{'port': 2}]}", "update"),
        ("k8s.core.v1.Service", "metadata={'name': 'a'}", "metadata={'name': 'b'}", "replace"),
        ("k8s.core.v1.Service", "metadata={'name': 'a', 'namespace': 'x'}", "metadata={'name': 'a'}", "replace"),
        ("k8s.batch.v1.Job", "spec={'template': {'spec': {}}}", "spec={'template': {'spec': {'x': 1}}}", "replace"),
        ("k8s.batch.v1.Job", "spec={'backoffLimit': 1}", "spec={'backoffLimit': 2}", "update"),
        (
            "k8s.apps.v1.StatefulSet",
            "spec={'volumeClaimTemplates': [{'metadata': {'name': 'a'}}]}",
            "spec={'volumeClaimTemplates': [{'metadata': {'name': 'b'}}]}",
            "replace",
        ),
        (
            "k8s.apps.v1.Deployment",
            "spec={'selector': {'matchLabels': {'a': '1'}}}",
            "spec={'selector': {'matchLabels': {'a': '2'}}}",
            "replace",
        ),
        (
            "k8s.apps.v1.Deployment",
            "spec={'template': {'metadata': {'annotations': {'a': '1'}}}}",
            "spec={'template': {'metadata': {'annotations': {'a': '2'}}}}",
            "update",
        ),
        (
            "k8s.rbac.v1.RoleBinding",
            "role_ref={'apiGroup': 'g', 'kind': 'Role', 'name': 'a'}",
            "role_ref={'apiGroup': 'g', 'kind': 'Role', 'name': 'b'}",
            "replace",
        ),
        (
            "k8s.core.v1.PersistentVolumeClaim",
            "spec={'accessModes': ['ReadWriteOnce']}",
            "spec={'accessModes': ['ReadOnlyMany']}",
            "replace",
        ),
        (
            "k8s.core.v1.Pod",
            "spec={'containers': [{'name': 'a', 'image': 'x:1'}]}",
            "spec={'containers': [{'name': 'a', 'image': 'x:2'}]}",
            "replace",
        ),
    ],
)
def test_fields_that_force_a_replacement(program: Program, make: str, before: str, after: str, op: str) -> None:
    """Immutable fields replace the object, the others update it."""
    program.write(f"{make}('it', {before})").run()
    assert program.write(f"{make}('it', {after})").run().op("it") == op


@pytest.mark.parametrize(
    "type_",
    [
        "kubernetes:core/v1:Namespace",
        "kubernetes:core/v1:ServicePatch",
        "kubernetes:core/v1:ConfigMapPatch",
        "kubernetes:networking.k8s.io/v1:IngressPatch",
        "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "kubernetes:policy/v1:PodDisruptionBudget",
        "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
        "kubernetes:configuration.konghq.com/v1:KongPlugin",
        "kubernetes:configuration.konghq.com/v1:KongPluginPatch",
        "kubernetes:cert-manager.io/v1:Certificate",
        "kubernetes:trust.cert-manager.io/v1alpha1:Bundle",
        "kubernetes:gateway.networking.k8s.io/v1:HTTPRoute",
        "kubernetes:helm.sh/v3:Release",
        "pulumi:providers:kubernetes",
    ],
)
def test_staged_types(type_: str) -> None:
    """The kinds of the components, patches of them, and custom resources of any group have a stand-in."""
    assert standins.find(type_) is not None


@pytest.mark.parametrize(
    "type_",
    [
        "kubernetes:core/v1:PersistentVolume",
        "kubernetes:helm.sh/v3:Chart",
        "kubernetes:yaml/v2:ConfigFile",
        "kubernetes:apps/v1beta1:Deployment",
        "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition",
        "kubernetes:core/v1",
        "aws:s3/bucket:Bucket",
        "tls:index/unheardOf:UnheardOf",
    ],
)
def test_other_types_have_no_stand_in(type_: str) -> None:
    """Everything else is not guessed at."""
    assert standins.find(type_) is None


def test_custom_resources(program: Program) -> None:
    """Any kind of a CRD's group goes through, with its spec untouched."""
    done = program.write("""
        k8s.apiextensions.CustomResource("p", api_version="configuration.konghq.com/v1", kind="KongPlugin",
            metadata={"name": "mtls", "namespace": "apps"}, spec={"x": {"some_snake": [1, 2.5, True, None]}})
    """).run()
    plugin = done.resources[0]
    assert plugin.type == "kubernetes:configuration.konghq.com/v1:KongPlugin"
    assert plugin.inputs["spec"] == {"x": {"some_snake": [1, 2.5, True, None]}}
    assert plugin.id == "apps/mtls"


def test_cluster_scoped_objects_have_no_namespace(program: Program) -> None:
    """Their id is the name alone; a namespaced object without a namespace is in `default`."""
    program.write("""
        k8s.core.v1.Namespace("kong", metadata={"name": "kong"})
        k8s.core.v1.ConfigMap("map", metadata={"name": "map"})
    """).run()
    assert program.state is not None
    assert sorted(record.id for record in program.state.resources.values()) == ["default/map", "kong"]


def test_two_objects_of_one_name(program: Program) -> None:
    """The second is refused as the API server refuses it, naming the first."""
    program.write("""
        k8s.core.v1.Secret("one", metadata={"name": "same", "namespace": "a"})
        k8s.core.v1.Secret("two", metadata={"name": "same", "namespace": "a"})
    """)
    with pytest.raises(
        ProgramFailed, match=r'Secret "(one|two)": secrets "same" already exists: it is .*Secret "(one|two)"'
    ):
        program.run()


def test_same_name_in_another_namespace_or_kind(program: Program) -> None:
    """One name may stand in several namespaces and kinds."""
    program.write("""
        k8s.core.v1.Secret("one", metadata={"name": "same", "namespace": "a"})
        k8s.core.v1.Secret("two", metadata={"name": "same", "namespace": "b"})
        k8s.core.v1.ConfigMap("three", metadata={"name": "same", "namespace": "a"})
    """)
    assert len(program.run().steps) == 3


def test_renaming_a_resource_needs_an_alias(program: Program) -> None:
    """A new logical name for an object of a fixed name collides with the old one; an alias makes them one."""
    program.write("k8s.core.v1.ConfigMap('old', metadata={'name': 'map'}, data={'a': '1'})").run()
    program.write("k8s.core.v1.ConfigMap('new', metadata={'name': 'map'}, data={'a': '1'})")
    with pytest.raises(ProgramFailed, match=r'configmaps "map" already exists.*give this one an alias'):
        program.run()
    done = program.write("""
        k8s.core.v1.ConfigMap("new", metadata={"name": "map"}, data={"a": "1"},
            opts=pulumi.ResourceOptions(aliases=[pulumi.Alias(name="old")]))
    """).run()
    assert [(step.name, step.op) for step in done.steps] == [("new", "same")]


def test_alias_of_a_component_covers_its_children(program: Program) -> None:
    """A renamed component brings its children along, also those that carry its name."""
    text = """
        class Pair(pulumi.ComponentResource):
            def __init__(self, name, opts=None):
                super().__init__("demo:index:Pair", name, {}, opts)
                child = pulumi.ResourceOptions(parent=self)
                random.RandomUuid(f"{name}-id", opts=child)
                k8s.core.v1.Secret("fixed", metadata={"name": "fixed"}, opts=child)
        Pair(%s)
    """
    program.write(text % "'one'").run()
    assert program.write(text % "'two'").run(preview=True, state=State("demo", "dev")).changed
    done = program.write(text % "'two', pulumi.ResourceOptions(aliases=[pulumi.Alias(name='one')])").run()
    assert {step.name: step.op for step in done.steps} == {"two-id": "same", "fixed": "same"}


def test_deletions_and_protection(program: Program) -> None:
    """What the program no longer declares is deleted, unless it is protected."""
    program.write("""
        random.RandomUuid("free")
        random.RandomUuid("kept", opts=pulumi.ResourceOptions(retain_on_delete=True))
    """).run()
    done = program.write("pass").run(preview=True)
    assert [(step.name, step.op) for step in done.steps] == [("free", "delete"), ("kept", "delete")]
    assert done.steps[1].reason == "kept in the cluster (retainOnDelete)"
    program.write("random.RandomUuid('safe', opts=pulumi.ResourceOptions(protect=True))").run()
    with pytest.raises(ProgramFailed, match='RandomUuid "safe" cannot be deleted because it is protected'):
        program.write("pass").run()


def test_protected_resource_is_not_replaced(program: Program) -> None:
    """Protection holds against a replacement too."""
    text = "random.RandomUuid('safe', keepers={'a': '%s'}, opts=pulumi.ResourceOptions(protect=True))"
    program.write(text % 1).run()
    with pytest.raises(ProgramFailed, match="cannot be replaced because it is protected"):
        program.write(text % 2).run()


def test_ignored_changes(program: Program) -> None:
    """`ignoreChanges` keeps the old value, and the resource stays the same."""
    text = """
        k8s.core.v1.ConfigMap("map", metadata={"name": "map", "labels": {"a": "%s"}}, data={"k": "%s"},
            opts=pulumi.ResourceOptions(ignore_changes=["data.k", 'metadata.labels["a"]']))
    """
    program.write(text % (1, 1)).run()
    done = program.write(text % (2, 2)).run()
    assert done.op("map") == "same"
    assert done.resources[0].inputs["data"] == {"k": "1"}


def test_replace_on_changes(program: Program) -> None:
    """`replaceOnChanges` turns an update into a replacement. The provider does not know, so a fixed name collides."""
    text = """
        k8s.core.v1.Service("web", metadata={%s}, spec={"ports": [{"port": %s}]},
            opts=pulumi.ResourceOptions(replace_on_changes=["spec.ports[*].port"]%s))
    """
    program.write(text % ("", 1, "")).run()
    assert program.write(text % ("", 2, "")).run().op("web") == "replace"
    program.write(text % ("'name': 'web'", 2, "")).run()
    with pytest.raises(ProgramFailed, match='services "web" already exists'):
        program.write(text % ("'name': 'web'", 3, "")).run()
    done = program.write(text % ("'name': 'web'", 3, ", delete_before_replace=True")).run()
    assert (done.op("web"), done.steps[0].delete_first) == ("replace", True)


def test_delete_first_takes_dependents_along(program: Program) -> None:
    """A namespace that goes before its successor comes takes what lives in it; what only reads it is left."""
    text = """
        ns = k8s.core.v1.Secret("first", metadata={"name": "first"}, string_data={"v": "%s"})
        k8s.core.v1.ConfigMap("named-after", metadata={"name": ns.metadata.name})
        k8s.helm.v3.Release("reads", name="reads", chart="x", values={"name": ns.metadata.name})
    """
    program.write(text % 1).run()
    done = program.write(text % 2).run()
    assert {step.name: step.op for step in done.steps} == {
        "first": "replace",
        "named-after": "replace",
        "reads": "same",
    }
    step = next(step for step in done.steps if step.name == "named-after")
    assert step.reason == 'depends on kubernetes:core/v1:Secret "first", which is deleted first'


def patch(name: str, annotations: str, options: str = "") -> str:
    return (
        f"k8s.core.v1.ServicePatch({name!r}, metadata={{'name': 'echo', 'namespace': 'apps', "
        f"'annotations': {annotations}}}{options})\n"
    )


def test_patch_of_what_the_run_does_not_make(program: Program) -> None:
    """The target is in the cluster already; the patch is a partial object."""
    done = program.write(patch("p", "{'konghq.com/protocol': 'https'}")).run()
    assert done.op("p") == "create"


def test_two_patches_with_different_fields(program: Program) -> None:
    """Owners of different fields get along; so do two that agree."""
    program.write(
        patch("a", "{'konghq.com/protocol': 'https', 'same': '1'}") + patch("b", "{'konghq.com/x': '1', 'same': '1'}")
    )
    assert len(program.run().steps) == 2


def test_two_patches_of_one_field_conflict(program: Program) -> None:
    """Two owners with different values are refused, naming field and other owner; by force the later one wins."""
    one, two = patch("a", "{'konghq.com/plugins': 'x'}"), patch("b", "{'konghq.com/plugins': 'y'}")
    with pytest.raises(
        ProgramFailed,
        match=r'apply failed with 1 conflict.*\.metadata\.annotations\["konghq\.com/plugins"\].*ServicePatch "(a|b)"',
    ):
        program.write(one + two).run()
    forced = (
        "first = "
        + one
        + patch(
            "b",
            "{'konghq.com/plugins': 'y', 'pulumi.com/patchForce': 'true'}",
            ", opts=pulumi.ResourceOptions(depends_on=[first])",
        )
    )
    assert len(program.write(forced).run().steps) == 2


def test_patch_against_the_objects_own_field(program: Program) -> None:
    """A patch may not contradict the object that the same run makes."""
    program.write(
        "web = k8s.core.v1.Service('web', metadata={'name': 'echo', 'namespace': 'apps', 'annotations': {'a': '1'}})\n"
        + patch("p", "{'a': '2'}", ", opts=pulumi.ResourceOptions(depends_on=[web])")
    )
    with pytest.raises(ProgramFailed, match='is set to another value by kubernetes:core/v1:Service "web"'):
        program.run()


def test_patch_needs_a_name(program: Program) -> None:
    """A patch of nothing in particular is refused as the provider does."""
    with pytest.raises(ProgramFailed, match=r"patch resources require the `.metadata.name` field"):
        program.write("k8s.core.v1.ServicePatch('p', metadata={'annotations': {'a': '1'}})").run()


def test_generate_name_is_refused(program: Program) -> None:
    """Server-side apply knows no generated names."""
    with pytest.raises(ProgramFailed, match=r"generateName` field is not supported"):
        program.write("k8s.core.v1.Secret('p', metadata={'generate_name': 'x-'})").run()


def test_reading_an_object_of_the_same_run(program: Program) -> None:
    """`get` finds what the run made; its Secret's data stays secret."""
    done = program.write("""
        secret = k8s.core.v1.Secret("made", metadata={"name": "made", "namespace": "a"}, string_data={"k": "v"})
        read = k8s.core.v1.Secret.get("read", secret.id)
        pulumi.export("k", read.data["k"])
        pulumi.export("type", secret.type)
        pulumi.export("kind", read.kind)
    """).run()
    assert done.exports["kind"] == "Secret"
    assert repr(done.exports["k"]) == "Secret()"
    assert base64.b64decode(done.exports["k"].value) == b"v"
    assert done.exports["type"] == "Opaque"
    assert done.op("read") == "read"


def test_services_have_an_address(program: Program) -> None:
    """A Service gets an address and keeps it; a headless one has none, a load balancer's is never there."""
    text = """
        web = k8s.core.v1.Service("web", metadata={"name": "web"}, spec={"ports": [{"port": %s}]})
        none = k8s.core.v1.Service("none", metadata={"name": "none"}, spec={"clusterIP": "None"})
        pulumi.export("ip", web.spec.cluster_ip)
        pulumi.export("none", none.spec.cluster_ip)
        pulumi.export("ingress", web.status.load_balancer.ingress)
    """
    first = program.write(text % 1).run().exports
    assert ipaddress.ip_address(first["ip"]) in ipaddress.ip_network("10.96.0.0/12")
    assert first["none"] == "None"
    assert "ingress" not in first
    changed = program.write(text % 2).run()
    assert changed.op("web") == "update"
    assert changed.exports["ip"] == first["ip"]


def test_reading_what_is_elsewhere_cannot_be_staged(program: Program) -> None:
    """There is no cluster to read from: the error names the object."""
    with pytest.raises(ProgramFailed, match=r"looked up in a cluster(?s:.*)apps/there"):
        program.write("k8s.core.v1.ConfigMap.get('there', 'apps/there')").run()


def test_release(program: Program) -> None:
    """A Release gives its status, counts revisions, keeps a made-up name, and is replaced under a new one."""
    text = """
        r = k8s.helm.v3.Release("web", chart="nginx", version="1.2.3", namespace="apps", values={"n": %s})
        pulumi.export("status", r.status)
        pulumi.export("name", r.name)
    """
    first = program.write(text % 1).run().exports
    assert re.fullmatch(r"web-[0-9a-f]{8}", first["name"])
    assert first["status"] == {
        "chart": "nginx",
        "name": first["name"],
        "namespace": "apps",
        "revision": 1,
        "status": "deployed",
        "version": "1.2.3",
    }
    changed = program.write(text % 2).run()
    assert changed.op("web") == "update"
    assert changed.exports["status"]["revision"] == 2
    assert changed.exports["name"] == first["name"]
    named = program.write(text.replace('chart="nginx"', 'chart="nginx", name="fixed"') % 2).run()
    assert named.op("web") == "replace"
    assert named.exports["status"]["revision"] == 1


def test_two_releases_of_one_name(program: Program) -> None:
    """Helm refuses a second release of a name in a namespace."""
    program.write("""
        k8s.helm.v3.Release("one", name="web", chart="x", namespace="a")
        k8s.helm.v3.Release("two", name="web", chart="x", namespace="a")
    """)
    with pytest.raises(ProgramFailed, match="cannot re-use a name that is still in use"):
        program.run()
