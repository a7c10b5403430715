"""An external Postgres, as a control plane reaches it."""

from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from .errors import InputError
from .inputs import check_inputs
from .objects import change_marker, make_secret
from .resources import child_options
from .values.database import DatabaseLinkArgs, DatabaseTlsArgs, PasswordSecretArgs


class ExternalDatabaseArgs(TypedDict):
    """Where it is, and who connects. One of `password` and `password_secret`."""

    namespace: pulumi.Input[str]
    """The control plane's namespace."""
    host: pulumi.Input[str]
    """Host name or address."""
    port: NotRequired[pulumi.Input[int]]
    """Default 5432."""
    user: NotRequired[pulumi.Input[str]]
    """Default `kong`."""
    database: NotRequired[pulumi.Input[str]]
    """Default `kong`."""
    password: NotRequired[pulumi.Input[str]]
    """The password; secret from here on."""
    password_secret: NotRequired[PasswordSecretArgs]
    """An existing Secret with the password, in the same namespace. It is never read."""
    secret_name: NotRequired[str]
    """A fixed name for the Secret made from `password`; default: named by Pulumi."""
    tls: NotRequired[DatabaseTlsArgs]
    """TLS, verified unless said otherwise; default: verified against the system's CAs."""
    without_tls: NotRequired[bool]
    """Connect in clear; default false."""


class ExternalDatabase(pulumi.ComponentResource):
    """A Postgres database that exists already.

    Source: Kong docs, "Configuration reference", Postgres settings.

    Raises:
        InputError: no password or two, TLS settings with TLS off.
    """

    password_secret_name: pulumi.Output[str]
    """Secret with the password."""

    def __init__(self, name: str, args: ExternalDatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the password's Secret, or refer to the existing one."""
        super().__init__("kong-mtls:index:ExternalDatabase", name, {}, opts)
        where = f'ExternalDatabase "{name}"'
        check_inputs(ExternalDatabaseArgs, args, where)
        password, existing = args.get("password"), args.get("password_secret")
        if (password is None) == (existing is None):
            raise InputError(f"{where}: exactly one of password and password_secret is needed")
        if args.get("without_tls") and args.get("tls") is not None:
            raise InputError(f"{where}: tls and without_tls exclude each other")
        if existing is None:
            child = child_options(self, opts)
            secret = make_secret(
                f"{name}-password",
                namespace=args["namespace"],
                data={"password": password},  # type: ignore[dict-item]  # one of the two is there
                fixed_name=args.get("secret_name"),
                what=f"{where}: secret_name",
                opts=child,
            )
            marker = change_marker(f"{name}-marker", password, child)  # type: ignore[arg-type]
            existing = {"name": secret.metadata.name, "checksum": marker}
        self.link: DatabaseLinkArgs = {"host": args["host"], "password_secret": existing}
        for key in ("port", "user", "database"):
            if args.get(key) is not None:
                self.link[key] = args[key]
        if not args.get("without_tls"):
            self.link["tls"] = args.get("tls") or {}
        self.password_secret_name = pulumi.Output.from_input(existing["name"])
        self.register_outputs({"password_secret_name": self.password_secret_name})
