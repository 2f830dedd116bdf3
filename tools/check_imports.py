"""Check that this environment has each module that source files import, within functions too.

python tools/check_imports.py PATH…

The exit code is 1 where a module is missing.
"""

import ast
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]


def imported_names(source: str) -> set[str]:
    """Return the top-level names of the modules that a source file imports anywhere."""
    names = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def main() -> int:
    """Print each file with the modules that it imports and that are missing."""
    sys.path.insert(0, str(ROOT))
    status = 0
    for place in map(Path, sys.argv[1:]):
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            missing = sorted(name for name in imported_names(path.read_text()) if find_spec(name) is None)
            if missing:
                print(f"{path}: no module {', '.join(missing)}")
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
