"""The Enterprise licence, as the Secret that the chart reads."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import pulumi
from typing_extensions import NotRequired

from . import names
from .args import SecretRefArgs
from .errors import InputError
from .inputs import check_inputs
from .objects import change_marker, make_secret
from .outputs import checked
from .resources import child_options


class LicenseArgs(TypedDict):
    """Exactly one of `data`, `file` and `existing_secret`."""

    namespaces: Mapping[str, pulumi.Input[str]]
    """Where it is needed: the control plane's namespace and every data plane's. The keys are yours; they go into the
    names of resources, so that adding a namespace leaves the others alone."""
    data: NotRequired[pulumi.Input[str]]
    """The licence, a JSON document. It is secret from here on, whether given so or not."""
    file: NotRequired[str]
    """A file with the licence."""
    existing_secret: NotRequired[str]
    """A Secret of this name, with key `license`, that exists in every one of the namespaces. It is never read."""
    secret_name: NotRequired[str]
    """A fixed name for the Secrets; default: named by Pulumi."""


class License(pulumi.ComponentResource):
    """The Enterprise licence in every namespace that runs a gateway.

    Source: Kong/charts, charts/kong/README.md, "Kong Enterprise License": key `license` of
    `enterprise.license_secret`. A data plane without a licence skips Enterprise plugins and lets requests pass.

    Raises:
        InputError: none or several sources, an unreadable file, or a licence that is no JSON document.
    """

    secret_names: pulumi.Output[Mapping[str, str]]
    """Name of the Secret in each namespace, under the keys of `namespaces`."""

    def __init__(self, name: str, args: LicenseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Make the Secrets, or refer to the existing ones."""
        super().__init__("kong-mtls:index:License", name, {}, opts)
        where = f'License "{name}"'
        check_inputs(LicenseArgs, args, where)
        sources = [key for key in ("data", "file", "existing_secret") if args.get(key)]
        if len(sources) != 1:
            given = ", ".join(sources) or "none"
            raise InputError(f"{where}: exactly one of data, file and existing_secret is needed; given: {given}")
        self.refs: dict[str, SecretRefArgs] = {}
        existing = args.get("existing_secret")
        if existing:
            names.check_label(existing, f"{where}: existing_secret")
            self.refs = {key: {"name": existing} for key in args["namespaces"]}
        else:
            self._make(name, args, where, child_options(self, opts))
        self.secret_names = pulumi.Output.all(**{key: ref["name"] for key, ref in self.refs.items()})
        self.register_outputs({"secret_names": self.secret_names})

    def _make(self, name: str, args: LicenseArgs, where: str, child: pulumi.ResourceOptions) -> None:
        data = args.get("data") or read_license(args["file"], where)
        if isinstance(data, str):
            check_license(data, where)
        content = checked(pulumi.Output.secret(data), lambda text: check_license(text, where))
        marker = change_marker(f"{name}-marker", content, child)
        for key, namespace in args["namespaces"].items():
            secret = make_secret(
                f"{name}-{key}",
                namespace=namespace,
                data={names.LICENSE_KEY: content},
                fixed_name=args.get("secret_name"),
                what=f"{where}: secret_name",
                opts=child,
            )
            self.refs[key] = {"name": secret.metadata.name, "checksum": marker}


def read_license(file: str, where: str) -> str:
    """The text of a licence file.

    Raises:
        InputError: naming the file and the reason, never its content.
    """
    try:
        text = Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is no UTF-8 text"
        raise InputError(f"{where}: licence file {file!r}: {reason}") from None
    check_license(text, f"{where}: licence file {file!r}")
    return text


def check_license(text: str, where: str) -> None:
    """Refuse what is no JSON object; the message shows none of it.

    Raises:
        InputError: naming where the licence came from.
    """
    try:
        document = json.loads(text)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise InputError(f'{where}: the licence is no JSON document; needed: the file from Kong, {{"license": ...}}')
