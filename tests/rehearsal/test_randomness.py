"""Random values obey their inputs, are remembered, and are drawn anew when a keeper changes."""

from __future__ import annotations

import base64
import string
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from kong_mtls.rehearsal.stage import ProgramFailed

from .conftest import Program

Made = Callable[..., dict[str, Any]]


def test_password(made: Made) -> None:
    """Length, character classes and minimums hold; the result is secret."""
    out = made("""
        pulumi.export("plain", random.RandomPassword("a", length=40, special=False).result)
        pulumi.export("only", random.RandomPassword("b", length=30, special=True, override_special="_-",
            upper=False, lower=False, numeric=False).result)
        pulumi.export("min", random.RandomPassword("c", length=8, min_upper=3, min_numeric=3).result)
    """)
    assert len(out["plain"]) == 40
    assert set(out["plain"]) <= set(string.ascii_letters + string.digits)
    assert set(out["only"]) <= {"_", "-"}
    assert sum(c.isupper() for c in out["min"]) >= 3
    assert sum(c.isdigit() for c in out["min"]) >= 3


def test_password_is_secret(program: Program) -> None:
    """Its readers' values are secret too."""
    done = program.write(
        "pulumi.export('x', pulumi.Output.concat('p:', random.RandomPassword('a', length=9).result))"
    ).run()
    assert repr(done.exports["x"]) == "Secret()"


@pytest.mark.parametrize(
    "arguments",
    ["length=0", "length=2, min_upper=3", "length=5, upper=False, lower=False, numeric=False, special=False"],
)
def test_impossible_password(made: Made, arguments: str) -> None:
    """A length that cannot hold what is asked is refused."""
    with pytest.raises(ProgramFailed, match='RandomPassword "a": length'):
        made(f'random.RandomPassword("a", {arguments})')


def test_ids(made: Made) -> None:
    """All forms of an id say the same bytes, after the prefix."""
    out = made("""
        i = random.RandomId("i", byte_length=8, prefix="p-")
        for name in ("hex", "dec", "b64_std", "b64_url"):
            pulumi.export(name, getattr(i, name))
    """)
    raw = bytes.fromhex(out["hex"].removeprefix("p-"))
    assert len(raw) == 8
    assert out["dec"] == f"p-{int.from_bytes(raw, 'big')}"
    assert base64.b64decode(out["b64_std"].removeprefix("p-")) == raw
    assert base64.urlsafe_b64decode(out["b64_url"].removeprefix("p-") + "=") == raw


def test_uuids(made: Made) -> None:
    """Each kind has its version."""
    out = made("""
        pulumi.export("a", random.RandomUuid("a").result)
        pulumi.export("b", random.RandomUuid4("b").result)
        pulumi.export("c", random.RandomUuid7("c").result)
    """)
    assert [uuid.UUID(out[key]).version for key in "abc"] == [4, 4, 7]
    assert uuid.UUID(out["c"]).variant == uuid.RFC_4122


def test_the_rest(made: Made) -> None:
    """Strings, bytes, integers and shuffles."""
    out = made("""
        pulumi.export("s", random.RandomString("s", length=12, special=False).result)
        pulumi.export("b", [random.RandomBytes("b", length=5).base64, random.RandomBytes("b2", length=5).hex])
        pulumi.export("i", random.RandomInteger("i", min=3, max=3).result)
        pulumi.export("f", random.RandomShuffle("f", inputs=["x", "y", "z"]).results)
        pulumi.export("g", random.RandomShuffle("g", inputs=["x"], result_count=2).results)
    """)
    assert len(out["s"]) == 12
    assert [len(base64.b64decode(out["b"][0])), len(out["b"][1])] == [5, 10]
    assert out["i"] == 3
    assert sorted(out["f"]) == ["x", "y", "z"]
    assert out["g"] == ["x", "x"]
    with pytest.raises(ProgramFailed, match="max 1 is less than min 2"):
        made("random.RandomInteger('j', min=2, max=1)")


def test_keepers(program: Program) -> None:
    """A changed keeper draws anew; anything else unchanged does not."""
    text = "pulumi.export('x', random.RandomUuid('a', keepers={'k': '%s'}).result)"
    first = program.write(text % 1).run().exports["x"]
    assert program.run().exports["x"] == first
    assert program.write(text % 2).run().exports["x"] != first
