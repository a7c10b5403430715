"""The reference in docs/reference/, generated from docstrings, the configuration's models, the Makefile and the CLI."""

from collections.abc import Callable, Mapping
from typing import Final

from . import commands, components, configuration
from .docstrings import ROOT

__all__ = ["PAGES", "ROOT"]

PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "commands.md": commands.page,
    "components.md": components.page,
    "configuration.md": configuration.page,
}
"""Files of docs/reference/, and what makes each."""
