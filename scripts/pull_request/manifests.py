"""What differs between the files of two rehearsals, without what is new with every key.

The files are masked, so no secret is in them. Certificates, digests of them and names made from their content say
nothing that a reviewer could judge: they stand for themselves in the diff, and the certificates have a table.
"""

import difflib
import re
from collections.abc import Mapping

from scripts.pull_request.model import Fate, File

_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_PEM_IN_BASE64 = re.compile(r"LS0tLS1CRUdJ[A-Za-z0-9+/=]{20,}")
# Pod annotations that make pods roll when what they read is renewed.
_CHECKSUM = re.compile(r"""^([ \t]*["']?checksum/[\w.-]+["']?:[ \t]+).+$""", re.MULTILINE)
# A name to which the provider, or the digest of a content, has appended eight hexadecimal digits.
_GENERATED = re.compile(r"(?<![A-Za-z0-9.-])([a-z0-9][a-z0-9.-]*)-[0-9a-f]{8}(?![A-Za-z0-9-])")
_KIND = re.compile(r"^kind: (\S+)$", re.MULTILINE)
_NAME = re.compile(r"^metadata:\n(?: .*\n)*?  name: (\S+)$", re.MULTILINE)
_NAMESPACE = re.compile(r"^metadata:\n(?: .*\n)*?  namespace: (\S+)$", re.MULTILINE)
CONTEXT_LINES = 3


def renamed(base: Mapping[str, str], head: Mapping[str, str]) -> dict[str, str]:
    """Names that were generated anew, old to new."""
    return {was: now for _, was, now in _pairs(base, head).values()}


def with_names(text: str, names: Mapping[str, str]) -> str:
    """`text` of the base with the names of the head, from :func:`renamed`."""
    return _GENERATED.sub(lambda match: names.get(match[0], match[0]), text) if names else text


def compare(base: Mapping[str, str], head: Mapping[str, str]) -> tuple[tuple[File, ...], int]:
    """The files that differ, by path, and how many differ in generated matter alone.

    Args:
        base: path to text, as `kong-mtls rehearse` wrote them, Secrets masked.
        head: the same of the other side.
    """
    pairs, names = _pairs(base, head), renamed(base, head)
    old = {pairs[path][0] if path in pairs else path: text for path, text in base.items()}
    found: list[File] = []
    generated = 0
    for path in sorted({*old, *head}):
        before, after = old.get(path), head.get(path)
        if before == after:
            continue
        diff = _diff(with_names(_settled(before or ""), names), _settled(after or ""))
        if before is None or after is None:
            fate: Fate = "new" if before is None else "gone"
            found.append(File(path, fate, diff))
        elif diff:
            found.append(File(path, "changed", diff))
        else:
            generated += 1
    return tuple(found), generated


def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=CONTEXT_LINES, lineterm="")
    return "\n".join(list(lines)[2:])


def _settled(text: str) -> str:
    """`text` with what is generated standing for itself."""
    text = _PEM.sub(lambda match: f"({match[1].lower()})", text)
    text = _PEM_IN_BASE64.sub("(pem)", text)
    return _CHECKSUM.sub(r"\1(digest)", text)


def _pairs(base: Mapping[str, str], head: Mapping[str, str]) -> dict[str, tuple[str, str, str]]:
    """Objects whose name alone was generated anew: the old file, to the new one, the old name and the new one.

    Only where it is clear which took the place of which: one of that stem went, and one came.
    """
    gone = _stems({path: text for path, text in base.items() if path not in head})
    come = _stems({path: text for path, text in head.items() if path not in base})
    found = {}
    for stem, here in gone.items():
        there = come.get(stem, [])
        if len(here) == len(there) == 1:
            (path, was), (new_path, now) = here[0], there[0]
            found[path] = (new_path, was, now)
    return found


def _stems(files: Mapping[str, str]) -> dict[tuple[str, ...], list[tuple[str, str]]]:
    """Kind, namespace and stem of objects with a generated name, to their files and names."""
    found: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for path, text in files.items():
        kind, name, namespace = _KIND.search(text), _NAME.search(text), _NAMESPACE.search(text)
        generated = _GENERATED.fullmatch(name[1].strip("'\"")) if name else None
        if kind and generated:
            key = (kind[1], namespace[1] if namespace else "", generated[1])
            found.setdefault(key, []).append((path, generated[0]))
    return found
