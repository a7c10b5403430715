"""A stack reads the exports of another one's last rehearsal, and its own last ones."""

from __future__ import annotations

import pytest

from kong_mtls.reader.manifests import UnreadableInput
from kong_mtls.rehearsal import state as states
from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.stage import ProgramFailed
from kong_mtls.rehearsal.state import State

from .conftest import Program

READER = """
    other = pulumi.StackReference({name!r})
    pulumi.export("host", other.get_output("host"))
    pulumi.export("password", other.require_output("password"))
    pulumi.export("all", other.outputs)
"""


def rehearsed(program: Program, name: str) -> None:
    """Leaves the state of a stack `name` with a public and a secret export."""
    state = State("demo", name, exports={"host": "kong.example", "password": wire.Secret("hunter2")})
    states.save(state, states.path_of(program.folder, name))


@pytest.mark.parametrize("name", ["cp", "demo/cp", "organization/demo/cp"])
@pytest.mark.parametrize("preview", [False, True])
def test_exports_of_another_stack(program: Program, name: str, preview: bool) -> None:
    """All outputs are read, known in a preview too, and secret ones stay secret."""
    rehearsed(program, "cp")
    done = program.write(READER.format(name=name)).run(preview=preview)
    assert done.exports["host"] == "kong.example"
    assert done.exports["password"] == wire.Secret("hunter2")
    assert wire.plain(done.exports["all"]) == {"host": "kong.example", "password": "hunter2"}
    assert isinstance(done.exports["all"], wire.Secret)
    assert [step.op for step in done.steps] == ["read"]
    assert not done.changed
    assert not done.state.resources


def test_own_last_exports(program: Program) -> None:
    """A reference to itself gives what the last run exported; nothing on the first run."""
    program.write("""
        before = pulumi.StackReference("demo/dev").get_output("count")
        pulumi.export("count", before.apply(lambda n: int(n or 0) + 1))
    """)
    assert program.run().exports == {"count": 1}
    assert program.run().exports == {"count": 2}


def test_stack_that_was_not_rehearsed(program: Program) -> None:
    """The error names the stack, the file and the stacks that exist."""
    program.stack("cp", "config: {}").write(READER.format(name="cp"))
    with pytest.raises(ProgramFailed, match=r"StackReference \"cp\": stack 'cp' has not been rehearsed yet.*cp, dev"):
        program.run()


def test_stack_of_another_project(program: Program) -> None:
    """Other projects are elsewhere; said plainly."""
    program.write(READER.format(name="organization/network/prod"))
    with pytest.raises(ProgramFailed, match="a stack of project 'network'; only stacks of 'demo'"):
        program.run()


def test_damaged_state_of_the_other_stack(program: Program) -> None:
    """A damaged file is named, whoever reads it."""
    rehearsed(program, "cp")
    states.path_of(program.folder, "cp").write_text("{")
    with pytest.raises(UnreadableInput, match=r"cp\.json: the rehearsal's state is damaged"):
        program.write(READER.format(name="cp")).run()
