"""``kong-mtls client-certificate``: a client certificate for a person."""

# ruff: noqa: PLC0415 - imports stand where they are used: the SDK takes half a second that `--help` need not wait for

import re
import sys
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Form(str, Enum):
    """How the file is written."""

    p12 = "p12"
    pem = "pem"


def client_certificate(  # noqa: PLR0917 - options, not arguments
    name: Annotated[str, typer.Argument(help="The person, as the certificate's common name: a consumer's username.")],
    ca: Annotated[
        str,
        typer.Option(
            "--ca",
            metavar="FILE",
            help="The CA: PEM with its certificate and key, or the output of `pulumi stack export --show-secrets`; "
            "- for standard input.",
        ),
    ],
    ca_key: Annotated[Path | None, typer.Option("--ca-key", help="The CA's key, where --ca holds none.")] = None,
    authority: Annotated[
        str | None, typer.Option("--authority", help="The ClientCa of the stack; needed where it has several.")
    ] = None,
    generation: Annotated[
        str | None, typer.Option("--generation", help="Its generation; default the one that issues.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file; default NAME.p12 or NAME.pem.")] = None,
    form: Annotated[Form, typer.Option("--format", help="p12 for browsers, pem for curl.")] = Form.p12,
    days: Annotated[int, typer.Option("--days", help="How long it is valid, within the CA's time.")] = 90,
    dns_names: Annotated[
        list[str] | None,
        typer.Option("--dns-name", help="An alternative name; consumers are then found by these alone."),
    ] = None,
    key: Annotated[str, typer.Option("--key", help="P-256, P-384, P-521, RSA-2048, RSA-3072 or RSA-4096.")] = "P-384",
    password_file: Annotated[
        Path | None, typer.Option("--password-file", help="The file's password, in its first line; default: asked.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Issue a client certificate to a person: a file with a password, which only its owner can read."""
    from .client_export import read_ca, write_private
    from .errors import InputError
    from .pki.personal import issue_personal

    target = out or Path(f"{name}.{form.value}")
    try:
        if out is None and not re.fullmatch(r"[\w@+][\w@+.-]*", name):
            raise InputError(f"--out: needed, since {name!r} makes no file's name")
        if target.exists() and not force:
            raise InputError(f"--out: {str(target)!r} is there; give another name, or --force to replace it")
        key_text = None if ca_key is None else _text(str(ca_key), "--ca-key")
        issuer = read_ca(_text(ca, "--ca"), key_text, authority, generation)
        now = datetime.now(timezone.utc)
        made = issue_personal(issuer, name, dns_names=dns_names or [], key=key, days=days, at=now)
        password = _password(password_file)
        write_private(target, made.pkcs12(password) if form is Form.p12 else made.pem(password))
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    end = made.certificate.not_valid_after_utc
    typer.echo(f"{target}: certificate for {name!r}, valid until {end:%Y-%m-%d}, readable by you alone")


def _text(file: str, option: str) -> str:
    from .errors import InputError

    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no UTF-8 text"
        raise InputError(f"{option}: {file!r}: {reason}") from None


def _password(file: Path | None) -> str:
    from .errors import InputError

    if file is not None:
        lines = _text(str(file), "--password-file").splitlines()
        password = lines[0] if lines else ""
    elif not sys.stderr.isatty():
        raise InputError("--password-file: needed where nobody can be asked for a password")
    else:
        password = typer.prompt("Password of the file", hide_input=True, confirmation_prompt=True, err=True)
    if not password:
        raise InputError("--password-file: the password is empty; without one, whoever gets the file can call")
    return str(password)
