"""``python -m scripts.reference`` writes docs/reference/; it is what ``make reference`` runs."""

from . import PAGES, ROOT


def main() -> None:
    """Write every page."""
    folder = ROOT / "docs" / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
