"""The command ``kong-mtls``, also as ``python -m kong_mtls``."""

import sys
from importlib.util import find_spec
from typing import Final

# What the extra "rehearsal" of the package brings: the components need none of it.
_NEEDED: Final = ("OpenSSL", "jinja2", "rich", "typer", "yaml")


def main() -> None:
    """Runs the command; without the packages it needs, one message says how to get them, and the exit code is 2."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"error: {', '.join(missing)}: not installed in {sys.prefix}; the command needs more packages than the "
            "components do: pip install 'kong-mtls[rehearsal]'\n"
        )
        raise SystemExit(2)
    from kong_mtls.cli import app  # noqa: PLC0415 - it can be imported now

    app()


if __name__ == "__main__":
    main()
