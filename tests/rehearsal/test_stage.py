"""A program runs unchanged, as the engine would run it, and leaves the process as it was."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pulumi
import pytest

from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.stage import NotStaged, ProgramFailed, perform
from kong_mtls.rehearsal.state import State

from .conftest import NOW, Program

KEY_AND_SECRET = """
    key = tls.PrivateKey("key", algorithm="ECDSA", ecdsa_curve="P256")
    k8s.core.v1.Secret("pair", metadata={"name": "pair"}, string_data={"tls.key": key.private_key_pem})
    pulumi.export("public", key.public_key_pem)
    pulumi.export("private", key.private_key_pem)
"""


def test_exports_keep_their_secretness(program: Program) -> None:
    """A secret export stays secret, a public one does not become it."""
    exports = program.write(KEY_AND_SECRET).run().exports
    assert isinstance(exports["private"], wire.Secret)
    assert exports["public"].startswith("-----BEGIN PUBLIC KEY-----")


def test_second_run_changes_nothing(program: Program) -> None:
    """Keys and names are remembered: all resources are the same, and so is the state's text."""
    first = program.write(KEY_AND_SECRET).run()
    second = program.run()
    assert [step.op for step in first.steps] == ["create", "create"]
    assert [step.op for step in second.steps] == ["same", "same"]
    assert not second.changed
    assert second.state.dump() == first.state.dump()


def test_urns_carry_all_parents_types(program: Program) -> None:
    """Parents' types stand before the resource's own, but never the stack's."""
    done = program.write("""
        class Outer(pulumi.ComponentResource):
            def __init__(self, name):
                super().__init__("demo:index:Outer", name)
                self.inner = Inner("inner", pulumi.ResourceOptions(parent=self))
        class Inner(pulumi.ComponentResource):
            def __init__(self, name, opts):
                super().__init__("demo:index:Inner", name, {}, opts)
                random.RandomUuid("id", opts=pulumi.ResourceOptions(parent=self))
        Outer("outer")
    """).run()
    assert [resource.urn for resource in done.resources if resource.custom] == [
        "urn:pulumi:dev::demo::demo:index:Outer$demo:index:Inner$random:index/randomUuid:RandomUuid::id"
    ]


def test_options_are_kept(program: Program) -> None:
    """Dependencies, protection, aliases and the rest of the options reach the performance."""
    done = program.write("""
        one = random.RandomUuid("one", keepers={"a": "1"})
        two = random.RandomUuid("two", keepers={"b": one.result}, opts=pulumi.ResourceOptions(
            depends_on=[one], protect=True, ignore_changes=["keepers.c"], replace_on_changes=["keepers.b"],
            delete_before_replace=True, aliases=[pulumi.Alias(name="second")]))
    """).run()
    two = next(resource for resource in done.resources if resource.name == "two")
    one = "urn:pulumi:dev::demo::random:index/randomUuid:RandomUuid::one"
    assert two.dependencies == (one,)
    assert two.property_dependencies == {"keepers": (one,)}
    assert two.protect
    assert two.ignore_changes == ("keepers.c",)
    assert two.replace_on_changes == ("keepers.b",)
    assert two.delete_before_replace is True
    assert two.aliases == ("urn:pulumi:dev::demo::random:index/randomUuid:RandomUuid::second",)


def test_the_process_is_as_before(program: Program) -> None:
    """Folder, import path, arguments, modules and the SDK's settings survive a run that fails."""
    program.write("import settings\nraise ValueError('no')", settings_py="x = 1")
    before = (Path.cwd(), list(sys.path), list(sys.argv), set(sys.modules), dict(os.environ))
    with pytest.raises(ValueError, match="no"):
        program.run()
    assert (Path.cwd(), list(sys.path), list(sys.argv), set(sys.modules), dict(os.environ)) == before
    assert pulumi.runtime.get_root_resource() is None


def test_modules_beside_the_program_are_read_anew(program: Program) -> None:
    """What a program imports from its folder is never that of an earlier run, nor another program's."""
    before = sys.modules.get("settings")
    program.write("import settings\npulumi.export('x', settings.X)", settings_py="X = 1")
    assert program.run().exports == {"x": 1}
    program.write("import settings\npulumi.export('x', settings.X)", settings_py="X = 2")
    assert program.run().exports == {"x": 2}
    assert sys.modules.get("settings") is before


def test_a_module_of_the_same_name_is_put_back(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's own module of that name neither disturbs the program nor is lost."""
    mine = type(sys)("settings")
    monkeypatch.setitem(sys.modules, "settings", mine)
    program.write("import settings\npulumi.export('x', settings.X)", settings_py="X = 1")
    assert program.run().exports == {"x": 1}
    assert sys.modules["settings"] is mine


def test_the_program_runs_in_its_own_folder(program: Program) -> None:
    """Relative paths mean the program's folder, as with the engine."""
    program.write("from pathlib import Path\npulumi.export('text', Path('note.txt').read_text())", note_txt="here")
    assert program.run().exports == {"text": "here"}


def test_two_stacks_have_nothing_in_common(program: Program) -> None:
    """Each stack has keys, names and a state of its own."""
    program.write(KEY_AND_SECRET).stack("prod", "config: {}")
    dev = program.run("dev", state=State("demo", "dev"))
    prod = program.run("prod", state=State("demo", "prod"))
    assert dev.exports["public"] != prod.exports["public"]
    assert {resource.urn.split("::")[0] for resource in prod.resources} == {"urn:pulumi:prod"}


def test_log_messages_are_captured_without_secrets(program: Program) -> None:
    """Warnings of the program are kept in order, once each; a secret in one is masked."""
    done = (
        program.stack("dev", "config: {'demo:word': {secure: c2VjcmV0}}")
        .write("""
        word = pulumi.Config().require_secret("word")
        pulumi.log.warn("careful")
        pulumi.log.warn("careful")
        pulumi.log.info("by the way")
        word.apply(lambda text: pulumi.log.error("it is " + text))
        pulumi.export("word", word)
    """)
        .run()
    )
    assert [(m.severity, m.text) for m in done.messages] == [
        ("warning", "careful"),
        ("info", "by the way"),
        ("error", "it is (masked)"),
    ]


def test_run_error_is_one_message(program: Program) -> None:
    """What a program refuses with RunError comes out as its message alone."""
    program.write("raise pulumi.RunError('host: missing')")
    with pytest.raises(ProgramFailed, match=r"^host: missing$"):
        program.run()


def test_run_error_inside_apply_is_one_message(program: Program) -> None:
    """The same from inside an output, where checks of provider-made values sit."""
    program.write("""
        def check(value):
            raise pulumi.RunError("not good")
        pulumi.export("x", random.RandomUuid("id").result.apply(check))
    """)
    with pytest.raises(ProgramFailed, match=r"^not good$"):
        program.run()


def test_bugs_keep_their_type(program: Program) -> None:
    """Any other exception of the program comes through as it is."""
    program.write("pulumi.export('x', random.RandomUuid('id').result.apply(lambda value: value.nonsense))")
    with pytest.raises(AttributeError):
        program.run()


def test_missing_module_is_named(program: Program) -> None:
    """A program that imports what is not installed gets the module's name, not a traceback."""
    program.write("import surely_not_installed")
    with pytest.raises(ProgramFailed, match="imports surely_not_installed, which is not installed"):
        program.run()


def test_duplicate_names_are_refused(program: Program) -> None:
    """Two resources of one type and name: the engine's refusal."""
    program.write("random.RandomUuid('id')\nrandom.RandomUuid('id')")
    with pytest.raises(ProgramFailed, match=r"duplicate resource URN.*try giving it a unique name"):
        program.run()


def test_keyboard_interrupt_passes_through(program: Program) -> None:
    """Ctrl-C in the middle ends the run at once; the process is as before."""
    program.write("random.RandomUuid('id')\nraise KeyboardInterrupt")
    path = list(sys.path)
    with pytest.raises(KeyboardInterrupt):
        program.run()
    assert sys.path == path
    assert program.write("pulumi.export('x', 1)").run().exports == {"x": 1}


UNSTAGED = """
    import pulumi
    class Bucket(pulumi.CustomResource):
        def __init__(self, name):
            super().__init__("aws:s3/bucket:Bucket", name, {"acl": "private", "arn": None})
    bucket = Bucket("store")
    uuid = random.RandomUuid("id")
    k8s.core.v1.PersistentVolume("disk", spec={"capacity": {"storage": "1Gi"}})
    pulumi.export("acl", bucket.acl)
    pulumi.export("arn", bucket.arn)
"""


def test_types_without_stand_in_are_all_named(program: Program) -> None:
    """One error lists every resource that cannot be staged, by type and name, and what can be done."""
    with pytest.raises(NotStaged) as caught:
        program.write(UNSTAGED).run()
    assert sorted(caught.value.unstaged.values()) == ["aws:s3/bucket:Bucket", "kubernetes:core/v1:PersistentVolume"]
    message = str(caught.value)
    assert "2 of the program's resources cannot be staged" in message
    assert "aws:s3/bucket:Bucket  store" in message
    assert "kubernetes:core/v1:PersistentVolume  disk" in message
    assert "--unstaged pass" in message


def test_types_without_stand_in_can_pass(program: Program) -> None:
    """Passed through, they give their inputs back, are listed, and are not remembered."""
    done = program.write(UNSTAGED).run(pass_unstaged=True)
    assert done.exports == {"acl": "private"}
    assert sorted(done.unstaged.values()) == ["aws:s3/bucket:Bucket", "kubernetes:core/v1:PersistentVolume"]
    assert [record.type for record in done.state.resources.values()] == ["random:index/randomUuid:RandomUuid"]
    assert [step.name for step in done.steps] == ["id"]


def test_functions_of_providers_are_named(program: Program) -> None:
    """A call of a provider's function has no stand-in either; what then breaks is said with it."""
    program.write("pulumi.export('n', pulumi.runtime.invoke('aws:index/getRegion:getRegion', {}).value['name'])")
    with pytest.raises(NotStaged, match=r"aws:index/getRegion:getRegion(.|\n)*then stopped"):
        program.run()


def test_config_is_the_stacks(program: Program) -> None:
    """The program sees the stack's values and that it is rehearsed; the environment's do not leak in."""
    program.stack("dev", "config: {demo:size: 3, 'other:flag': true}").write("""
        pulumi.export("size", pulumi.Config().require_int("size"))
        pulumi.export("flag", pulumi.Config("other").require_bool("flag"))
        pulumi.export("rehearsal", pulumi.Config().get_bool("rehearsal"))
        pulumi.export("where", [pulumi.get_project(), pulumi.get_stack(), pulumi.get_organization()])
    """)
    exports = program.run().exports
    assert exports == {"size": 3, "flag": True, "rehearsal": True, "where": ["demo", "dev", "organization"]}


def test_required_secret_becomes_a_placeholder(program: Program) -> None:
    """A secret that the program insists on and the stack lacks is placed, and said; a plain value is an error."""
    done = program.write("""
        pulumi.export("a", pulumi.Config().require_secret("password"))
        pulumi.export("b", pulumi.Config().require_secret("license"))
    """).run()
    assert done.placeholders == ("demo:license", "demo:password")
    program.write("pulumi.Config().require('size')")
    with pytest.raises(ProgramFailed, match="Missing required configuration variable 'demo:size'"):
        program.run()


def test_state_is_read_from_the_programs_folder(program: Program) -> None:
    """Without a state given, the recorded one is used; another project's is refused."""
    program.write(KEY_AND_SECRET)
    first = perform(program.folder, "dev", at=NOW)
    (program.folder / ".rehearsal").mkdir()
    (program.folder / ".rehearsal" / "dev.json").write_text(first.state.dump())
    assert not perform(program.folder, "dev", at=NOW).changed


def test_many_runs_are_alike(program: Program) -> None:
    """However the SDK schedules its work, the outcome is the same."""
    program.write("""
        keys = [random.RandomUuid(f"id-{i}") for i in range(30)]
        for i, key in enumerate(keys):
            data = {"id": key.result, "before": keys[i - 1].result}
            k8s.core.v1.ConfigMap(f"map-{i}", metadata={"name": f"map-{i}"}, data=data)
    """)
    texts = {program.run().state.dump() for _ in range(5)}
    assert len(texts) == 1
