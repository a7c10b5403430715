"""Environment of the link from the control plane to Postgres."""

import re
from typing import Any, TypedDict

import pulumi
from typing_extensions import NotRequired

from .. import names
from ..args import SecretRefArgs, TrustRefArgs
from ..errors import InputError
from ..inputs import check_pinned
from .pods import Files

_SIZE = re.compile(r"[1-9][0-9]*(\.[0-9]+)?([kMGTPE]|[KMGTPE]i)?")


class DatabaseTlsArgs(TypedDict):
    """TLS to Postgres."""

    verify: NotRequired[bool]
    """Check the server's certificate; default true."""
    trust: NotRequired[TrustRefArgs]
    """CA certificates that the server's certificate is under; default the system's."""
    client_certificate: NotRequired[SecretRefArgs]
    """TLS Secret (tls.crt, tls.key) to show to the server."""


class PasswordSecretArgs(TypedDict):
    """A Secret with a password."""

    name: pulumi.Input[str]
    """Its name, in the control plane's namespace."""
    key: NotRequired[str]
    """The key with the password; default `password`."""
    checksum: NotRequired[pulumi.Input[str]]
    """Changes when the password changes, so that the control plane rolls."""


class DatabaseLinkArgs(TypedDict):
    """A Postgres database, as the control plane reaches it."""

    host: pulumi.Input[str]
    """Host name or address."""
    port: NotRequired[pulumi.Input[int]]
    """Default 5432."""
    user: NotRequired[pulumi.Input[str]]
    """Default `kong`."""
    database: NotRequired[pulumi.Input[str]]
    """Default `kong`."""
    password_secret: PasswordSecretArgs
    """Where the password is."""
    tls: NotRequired[DatabaseTlsArgs]
    """TLS; left out, the link is in clear."""


def database_env(database: DatabaseLinkArgs, files: Files) -> dict[str, Any]:
    """``pg_*`` settings (Kong docs, "Configuration reference", Postgres settings).

    Raises:
        InputError: a port out of range.
    """
    password = database["password_secret"]
    files.note({"name": password["name"], **_checksum(password)}, "database-password")
    port = database.get("port", names.POSTGRES_PORT)
    if isinstance(port, int) and not 1 <= port <= 65535:
        raise InputError(f"database.port: {port} is no port; allowed: 1 to 65535")
    env: dict[str, Any] = {
        "database": "postgres",
        "pg_host": database["host"],
        "pg_port": port.apply(str) if isinstance(port, pulumi.Output) else str(port),
        "pg_user": database.get("user") or "kong",
        "pg_database": database.get("database") or "kong",
        "pg_password": {
            "valueFrom": {"secretKeyRef": {"name": password["name"], "key": password.get("key") or "password"}}
        },
    }
    tls = database.get("tls")
    if tls is None:
        env["pg_ssl"] = "off"
        return env
    verify = tls.get("verify", True)
    env |= {"pg_ssl": "on", "pg_ssl_required": "on", "pg_ssl_verify": "on" if verify else "off"}
    # pg_ssl_verify checks against lua_ssl_trusted_certificate, which nothing else sets on a control plane.
    env["lua_ssl_trusted_certificate"] = files.trust(tls["trust"], "database") if tls.get("trust") else "system"
    client = tls.get("client_certificate")
    if client is not None:
        name = files.secret(client, "database-client-cert")
        env["pg_ssl_cert"] = names.secret_path(name, "tls.crt")
        env["pg_ssl_cert_key"] = names.secret_path(name, "tls.key")
    return env


def check_development(image: str, storage: str, what: str) -> None:
    """Refuse what would be another Postgres every day, and a volume that the API server would refuse.

    Raises:
        InputError: an image without a version, or a size that is none.
    """
    check_pinned(image, "postgres:17.6", f"{what}image")
    if not _SIZE.fullmatch(storage):
        raise InputError(f"{what}storage: {storage!r} is no size; allowed: a number with Mi, Gi or Ti, such as '1Gi'")


def _checksum(password: PasswordSecretArgs) -> SecretRefArgs:
    if password.get("checksum") is None:
        return {}  # type: ignore[typeddict-item]  # merged into a complete one
    return {"checksum": password["checksum"]}  # type: ignore[typeddict-item]
