"""Kong's settings as a gateway reads them from its environment and files.

Sources: Kong/kong ``kong/conf_loader/parse.lua`` (``parse_value``; a certificate setting is a path, PEM, or base64
of PEM) and ``kong/templates/kong_defaults.lua``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...reader.chart import KongRelease
from ...reader.container import Container, Content, decode_base64
from ...reader.manifests import Objects
from .handshake import load_chain


class Broken(Exception):  # noqa: N818 - a state of the configuration, told as a row of the table
    """The link can't work; ``str`` says what is missing or does not fit."""


class Unproved(Exception):  # noqa: N818 - likewise
    """The files don't tell; ``str`` says what isn't in them."""


@dataclass(frozen=True)
class Settings:
    """The settings of one gateway."""

    release: KongRelease
    objects: Objects

    def text(self, key: str, default: str | None = None) -> str | None:
        """A setting such as ``cluster_mtls``; `default` when it isn't set or is empty.

        Raises:
            Broken: it refers to a key that isn't there.
            Unproved: its value isn't in the files.
        """
        name = f"KONG_{key.upper()}"
        content = self.release.env_content(name, self.objects)
        if content is None:
            return default
        value = required(content, name)
        if "{vault://" in value:
            raise Unproved(f"{name} of {self.release.title} is a reference into a vault")
        return value.strip() or default

    def flag(self, key: str, default: str = "off") -> bool:
        """A boolean setting: ``on`` and ``true`` are true, anything else is false."""
        return (self.text(key, default) or "") in ("on", "true")

    def words(self, key: str) -> list[str]:
        """A comma-separated setting."""
        return [word.strip() for word in (self.text(key) or "").split(",") if word.strip()]

    def number(self, key: str, default: int) -> int:
        """A whole-number setting.

        Raises:
            Broken: it is none.
        """
        value = self.text(key, str(default)) or ""
        if not re.fullmatch(r"\d+", value):
            raise Broken(f"KONG_{key.upper()} of {self.release.title} is no whole number: {value!r}")
        return int(value)

    def pem(self, key: str) -> bytes:
        """A certificate or key setting, followed to its bytes.

        Raises:
            Broken: it isn't set, or nothing is where it points.
            Unproved: what it points to isn't in the files.
        """
        value = self.text(key)
        if value is None:
            raise Broken(f"KONG_{key.upper()} of {self.release.title} is not set")
        return self.content_of(f"KONG_{key.upper()}", value)

    def first_pem(self, key: str) -> bytes:
        """The first of a comma-separated list of certificate or key settings; errors as for `pem`."""
        value = self.text(key)
        if value is not None and value.startswith("/"):
            return self.content_of(f"KONG_{key.upper()}", value.split(",")[0].strip())
        return self.pem(key)

    def trusted_certificates(self) -> list[bytes]:
        """What ``lua_ssl_trusted_certificate`` lists, but for ``system``: the image's bundle is in no file.

        Raises:
            Broken: one of them isn't there.
            Unproved: one of them isn't in the files.
            UnusableEnd: one of them is no certificate.
        """
        name = "KONG_LUA_SSL_TRUSTED_CERTIFICATE"
        listed = [each for each in self.words("lua_ssl_trusted_certificate") if each != "system"]
        found = [self.content_of(name, each) for each in listed]
        for pem in found:
            load_chain(pem, "trust")
        return found

    @property
    def trusts_system(self) -> bool:
        """Whether ``lua_ssl_trusted_certificate`` lists the image's CA bundle, as it does by default."""
        return "system" in (self.words("lua_ssl_trusted_certificate") or ["system"])

    def content_of(self, name: str, value: str) -> bytes:
        """What a path, PEM text or base64 of it stands for."""
        if "-----BEGIN" in value:
            return value.encode()
        if not value.startswith("/"):
            decoded = decode_base64(value)
            if decoded is None or b"-----BEGIN" not in decoded:
                raise Broken(f"{name} of {self.release.title} is no absolute path, no PEM and no base64 of PEM")
            return decoded
        content = self.release.file_content(value, self.objects)
        if content.data is None:
            raise (Broken if content.known else Unproved)(f"{name}: {content.origin}")
        return content.data


def required(content: Content, name: str) -> str:
    """The text of a variable or file that must be there.

    Raises:
        Broken: it isn't.
        Unproved: it isn't in the files.
    """
    if content.text is None:
        raise (Broken if content.known else Unproved)(f"{name}: {content.origin}")
    return content.text


def container_file(container: Container, path: str, what: str, objects: Objects) -> bytes:
    """A file that a container must find.

    Raises:
        Broken: nothing is there.
        Unproved: it isn't in the files.
    """
    content = container.file_content(path, objects)
    if content.data is None:
        raise (Broken if content.known else Unproved)(f"{what}: {content.origin}")
    return content.data


def default_verify_depth(release: KongRelease) -> int:
    """``lua_ssl_verify_depth`` when it isn't set: 1, and 5 in the newest patch releases of Enterprise.

    Source: Kong Gateway changelog (3.10.0.15, 3.12.0.9, 3.13.0.7, 3.14.0.7, 3.15.0.1). A tag without the fourth
    number may be any patch release, so it counts as one before.
    """
    match = re.match(r"(\d+)\.(\d+)\.(\d+)\.(\d+)", release.image.tag)
    if not release.enterprise or not match:
        return 1
    major, minor, *patch = (int(part) for part in match.groups())
    first = {(3, 10): [0, 15], (3, 12): [0, 9], (3, 13): [0, 7], (3, 14): [0, 7], (3, 15): [0, 1]}
    since = first.get((major, minor))
    return 5 if (major, minor) > (3, 15) or (since is not None and patch >= since) else 1
