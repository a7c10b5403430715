"""What the files of a stack say, before any engine reads them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kong_mtls.reader.manifests import UnreadableInput
from kong_mtls.rehearsal import yaml12
from kong_mtls.rehearsal.project import Project, read_project

# What the CLI itself writes into a stack's file: how its secure values are encrypted.
ENCRYPTION_KEYS = ("secretsprovider", "encryptedkey", "encryptionsalt")


class Missing(Exception):  # noqa: N818 - it reads as what is missing
    """What the real engine needs and doesn't have: one line that says what it is and what to do."""


@dataclass(frozen=True)
class StackFile:
    """A stack as its file has it.

    Attributes:
        project: the project around it.
        name: the stack's name.
        document: the content of `Pulumi.<stack>.yaml`, as it is.
    """

    project: Project
    name: str
    document: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """`Pulumi.<stack>.yaml`; it is read only."""
        return self.project.stack_file(self.name)

    def value(self, key: str) -> Any:
        """A config value by its full key, else the project's default, else None."""
        namespace, _, name = key.partition(":")
        config = self.document.get("config") or {}
        for spelling in (key, name) if namespace == self.project.name else (key,):
            if config.get(spelling) is not None:
                return config[spelling]
        return self.project.schema.get(key, {}).get("default")

    @property
    def imports_environment(self) -> bool:
        """Whether values may also come from a Pulumi ESC environment, which only the engine can open."""
        return bool(self.document.get("environment"))

    @property
    def encryption(self) -> dict[str, Any]:
        """The keys that say how secure values are encrypted."""
        return {key: self.document[key] for key in ENCRYPTION_KEYS if self.document.get(key)}

    def check_license(self) -> None:
        """See that the gateway has a licence or needs none.

        Raises:
            Missing: edition `enterprise` without one.
        """
        section = f"{self.project.name}:license"
        if self.imports_environment or self.value(f"{self.project.name}:edition") == "oss" or self.value(section):
            return
        raise Missing(
            f"edition 'enterprise' has no licence: set {section} in {self.path.name} "
            f"(file, existingSecret, or data as a secret), or {self.project.name}:edition to oss"
        )


def read_stack_file(folder: Path, stack: str) -> StackFile:
    """Read the files of `stack` in the project in `folder`.

    Raises:
        UnreadableInput: a file is broken, or the stack has none; then the message lists those that have.
    """
    project = read_project(folder)
    known = project.stacks()
    if not re.fullmatch(r"[\w.-]+", stack) or stack not in known:
        there = f"there are {', '.join(known)}" if known else "the project has no stack files"
        raise UnreadableInput(f"STACK={stack}: no such stack: no file Pulumi.{stack}.yaml; {there}")
    path = project.stack_file(stack)
    document = yaml12.read(path)
    document = {} if document is None else document
    if not isinstance(document, dict) or not isinstance(document.get("config") or {}, dict):
        raise UnreadableInput(f"{path}: a mapping with config: and its keys is expected")
    return StackFile(project, stack, document)
