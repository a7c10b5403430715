"""All benchmarks, ``bench/*_bench.py``, one table each: ``python bench [--json] [name ...]``."""

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Rows with their columns under one another; a value that a row doesn't have is left out."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [columns, *([str(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    return "\n".join(
        # What is measured to the left, numbers to the right.
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])])
        for line in cells
    )


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks, or all."""
    as_json, wanted = "--json" in arguments, {name for name in arguments if not name.startswith("-")}
    known = sorted(path.stem.removesuffix("_bench") for path in Path(__file__).parent.glob("*_bench.py"))
    unknown = sorted(wanted - set(known))
    if unknown:
        sys.stderr.write(f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(known)}\n")
        return 2
    results: dict[str, list[dict[str, Any]]] = {}
    for name in known:
        if wanted and name not in wanted:
            continue
        sys.stderr.write(f"{name} ...\n")
        results[name] = importlib.import_module(f"{name}_bench").bench()
        if not as_json:
            sys.stdout.write(f"{table(results[name])}\n\n")
            sys.stdout.flush()
    if as_json:
        sys.stdout.write(json.dumps(results) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
