"""Who issues what and who reads it, as a Mermaid graph: what is new or changed stands out."""

from collections.abc import Sequence

from scripts.pull_request.markdown import one_line
from scripts.pull_request.model import Certificate

_LONGEST_LABEL = 60
# Mermaid draws no more by default than 500 edges (`maxEdges`) and 50,000 characters (`maxTextSize`).
MOST_EDGES, MOST_CHARACTERS = 480, 45_000
_STYLES = {
    "new": "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
    "changed": "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
    "gone": "fill:#ffebe9,stroke:#cf222e,color:#1f2328,stroke-dasharray: 4",
}


def draw(certificates: Sequence[Certificate], most: int) -> tuple[list[str], int]:
    """The graph's lines, and how many certificates are left out of it.

    Args:
        certificates: all of them, those that change first.
        most: how many to draw at most.
    """
    shown = list(certificates[:most])
    lines = _lines(shown)
    while shown and (len(lines) > MOST_EDGES or sum(map(len, lines)) > MOST_CHARACTERS):
        shown = shown[: len(shown) * 2 // 3]
        lines = _lines(shown)
    return (lines if shown else []), len(certificates) - len(shown)


def _lines(certificates: Sequence[Certificate]) -> list[str]:
    names: dict[str, str] = {}
    drawn = {one.id for one in certificates}

    def node(key: str) -> str:
        return names.setdefault(key, f"n{len(names)}")

    lines = ["graph LR"]
    for one in certificates:
        words = label(one.name) + ("" if one.fate == "gone" else f"<br/>until {label(one.until[:10])}")
        shape = f'(["{words}"])' if one.ca else f'["{words}"]'
        lines.append(f"  {node(one.id)}{shape}{'' if one.fate == 'same' else f':::{one.fate}'}")
    for one in certificates:
        if one.issued_by in drawn and one.issued_by != one.id:
            lines.append(f"  {node(one.issued_by)} -->|issues| {node(one.id)}")
        for reader in one.used_by:
            verb = "trusted by" if one.ca else "read by"
            lines.append(f'  {node(one.id)} -.->|{verb}| {node("reader " + reader)}["{label(reader)}"]')
    fates = {one.fate for one in certificates}
    lines += [f"  classDef {fate} {style}" for fate, style in _STYLES.items() if fate in fates]
    return lines


def label(text: str) -> str:
    """Untrusted text within a label's quotes: what isn't plain becomes one of Mermaid's entity codes."""
    cut = one_line(text, _LONGEST_LABEL)
    return "".join(each if each.isalnum() or each in " .,/-=" else f"#{ord(each)};" for each in cut)
