"""A certificate for a person: from which CA, in what file, for whom."""

import json
import os
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from typer.testing import CliRunner, Result

from kong_mtls.cli import app
from kong_mtls.client_ca import ClientCa
from kong_mtls.client_export import from_state, write_private
from kong_mtls.errors import InputError
from kong_mtls.pki.x509 import facts, signed_by
from kong_mtls.rehearsal import wire
from kong_mtls.rehearsal.mint import Minted, issue, new_key
from kong_mtls.rehearsal.stage import Performance
from tests.client.conftest import Stage

PASSWORD = "correct horse"
SECRET = "4dabf18193072939515e22adb298388d"
NOW = datetime.now(timezone.utc)  # the command asks the clock

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def ca() -> Minted:
    """One that is valid today, whatever day it is."""
    return issue("own ca", ca=True, key=new_key("P-384"), not_before=NOW, not_after=NOW.replace(year=NOW.year + 1))


@pytest.fixture
def command(tmp_path: Path, ca: Minted, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs it in a folder with ``ca.pem`` (certificate and key), ``ca.crt``, ``ca.key`` and ``password``."""
    (tmp_path / "ca.pem").write_bytes(ca.cert_pem + ca.key_pem)
    (tmp_path / "ca.crt").write_bytes(ca.cert_pem)
    (tmp_path / "ca.key").write_bytes(ca.key_pem)
    (tmp_path / "password").write_text(f"{PASSWORD}\nnot this line\n")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, stdin: str | None = None, password: bool = True) -> Result:
        options = ["--password-file", "password"] if password else []
        return CliRunner().invoke(app, ["client-certificate", *arguments, *options], input=stdin)

    return run


def test_pkcs12_with_a_password_for_its_owner_alone(command: Command, ca: Minted) -> None:
    """clientAuth under the CA, 0600 from the first moment on; nothing opens it but the password."""
    result = command("alice", "--ca", "ca.pem")
    assert result.exit_code == 0, result.output
    file = Path("alice.p12")
    assert file.stat().st_mode & 0o777 == 0o600
    key, certificate, _ = pkcs12.load_key_and_certificates(file.read_bytes(), PASSWORD.encode())
    assert certificate is not None
    assert key is not None
    assert key.public_key() == certificate.public_key()
    made = facts(certificate)
    assert signed_by(made, facts(ca.cert))
    assert (made.common_name, made.extended_usages) == ("alice", frozenset({"client_auth"}))
    assert not made.is_ca
    with pytest.raises(ValueError, match="password"):
        pkcs12.load_key_and_certificates(file.read_bytes(), b"guess")


def test_pem_with_an_encrypted_key(command: Command) -> None:
    """For curl: certificate and key in one file, the key of no use without the password."""
    assert (
        command("alice", "--ca", "ca.crt", "--ca-key", "ca.key", "--format", "pem", "--key", "RSA-2048").exit_code == 0
    )
    text = Path("alice.pem").read_bytes()
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in text
    key = serialization.load_pem_private_key(text, PASSWORD.encode())
    assert key.public_key() == x509.load_pem_x509_certificate(text).public_key()


def test_names_and_days(command: Command) -> None:
    """Alternative names, and a lifetime within the CA's."""
    command(
        "alice", "--ca", "ca.pem", "--dns-name", "a.example.com", "--dns-name", "b", "--days", "3", "--format", "pem"
    )
    made = facts(x509.load_pem_x509_certificate(Path("alice.pem").read_bytes()))
    assert made.dns_names == ("a.example.com", "b")
    assert 2 < (made.not_after - NOW).total_seconds() / 86400 < 4


def test_a_file_is_not_replaced_unasked(command: Command) -> None:
    """And when asked, as a whole."""
    assert command("alice", "--ca", "ca.pem").exit_code == 0
    before = Path("alice.p12").read_bytes()
    result = command("alice", "--ca", "ca.pem")
    assert result.exit_code == 1
    assert "--force" in result.stderr
    assert Path("alice.p12").read_bytes() == before
    assert command("alice", "--ca", "ca.pem", "--force").exit_code == 0
    assert Path("alice.p12").read_bytes() != before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ca", "ca.crt"], "holds no private key; give it with --ca-key"),
        (["--ca", "ca.key"], "holds neither a PEM certificate nor an exported state"),
        (["--ca", "nowhere"], "No such file"),
        (["--ca", "ca.pem", "--days", "400"], "allowed: at most"),
        (["--ca", "ca.pem", "--days", "0"], "0 is no lifetime"),
        (["--ca", "ca.pem", "--key", "DSA"], "'DSA' is not known"),
        (["--ca", "ca.pem", "--out", "no/where/a.p12"], "No such file"),
    ],
)
def test_what_cannot_be(command: Command, arguments: list[str], message: str) -> None:
    """One clear line, no traceback, nothing of a key, no file."""
    result = command("alice", *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert "BEGIN" not in result.output
    assert not list(Path().glob("alice*"))


def test_a_name_that_makes_no_file_needs_one(command: Command) -> None:
    """Nothing is written anywhere else than where one looks for it."""
    result = command("../alice", "--ca", "ca.pem")
    assert result.exit_code == 1
    assert "--out: needed" in result.stderr
    assert command("../alice", "--ca", "ca.pem", "--out", "a.p12").exit_code == 0


def test_without_a_password_there_is_no_file(command: Command) -> None:
    """Neither where nobody can be asked, nor with an empty one."""
    result = command("alice", "--ca", "ca.pem", password=False)
    assert result.exit_code == 1
    assert "nobody can be asked" in result.stderr
    Path("password").write_text("\n")
    assert "the password is empty" in command("alice", "--ca", "ca.pem").stderr
    assert not list(Path().glob("alice*"))


def exported(done: Performance, shown: bool = True) -> str:
    """The run's state as `pulumi stack export` writes it."""

    def value(item: Any) -> Any:
        if isinstance(item, wire.Secret):
            text = json.dumps(wire.plain(item))
            return {
                SECRET: "1b47061264138c4ac30d75fd1eb44270",
                **({"plaintext": text} if shown else {"ciphertext": "v1"}),
            }
        return {key: value(part) for key, part in item.items()} if isinstance(item, dict) else item

    resources = [
        {"urn": it.urn, "type": it.type, "outputs": {key: value(item) for key, item in it.outputs.items()}}
        for it in done.resources
    ]
    return json.dumps({"version": 3, "deployment": {"resources": resources}})


@pytest.fixture(scope="module")
def state(stage: Stage) -> Callable[..., Performance]:
    """A stack with CAs of those names, two generations each."""

    def run(*names: str, intermediate: bool = False) -> Performance:
        generate: Any = {"common_name": "c", "generations": ["g1", "g2"], "issuing": "g2", "intermediate": intermediate}

        def program() -> None:
            for name in names:
                ClientCa(name, {"generate": generate})

        return stage(program, at=NOW)

    return run


@pytest.mark.parametrize("intermediate", [False, True], ids=["root", "intermediate"])
def test_the_stacks_own_ca(command: Command, state: Callable[..., Performance], intermediate: bool) -> None:
    """From its exported state on standard input: the generation that issues, with what must go along."""
    text = exported(state("callers", intermediate=intermediate))
    result = command("alice", "--ca", "-", "--format", "pem", stdin=text)
    assert result.exit_code == 0, result.output
    chain = x509.load_pem_x509_certificates(Path("alice.pem").read_bytes())
    issuer = "c intermediate g2" if intermediate else "c g2"
    assert chain[0].issuer.rfc4514_string() == f"CN={issuer}"
    assert len(chain) == (2 if intermediate else 1)


def test_another_generation_can_be_named(state: Callable[..., Performance]) -> None:
    """For a caller who is to stay with the old one."""
    found = from_state(exported(state("callers")), None, "g1")
    assert facts(x509.load_pem_x509_certificate(found.certificate_pem.encode())).common_name == "c g1"
    assert "PRIVATE KEY" not in repr(found)


def test_states_that_do_not_do(state: Callable[..., Performance]) -> None:
    """No CA, several, one that isn't there, hidden secrets, no state at all."""
    one, two = exported(state("a")), exported(state("a", "b"))
    for text, authority, generation, message in (
        (exported(state()), None, None, "has no ClientCa"),
        (two, None, None, "several, a, b; which one"),
        (two, "c", None, "'c' is not in the stack; allowed: a, b"),
        (one, None, "g9", "'g9' is not in the stack; allowed: g1, g2"),
        (exported(state("a"), shown=False), None, None, "secrets are not shown"),
        ("{}", None, None, "is no exported state"),
    ):
        with pytest.raises(InputError, match=message):
            from_state(text, authority, generation)


def test_a_file_is_private_before_anything_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the umask; and half a file is never left."""
    before = os.umask(0)
    try:
        write_private(tmp_path / "it", b"secret")
    finally:
        os.umask(before)
    assert (tmp_path / "it").stat().st_mode & 0o777 == 0o600

    def fail(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(InputError, match="No space left"):
        write_private(tmp_path / "other", b"secret")
    assert [path.name for path in tmp_path.iterdir()] == ["it"]
