"""Draw docstrings and assigned names by chance, to be read aloud: python -m tools.draw_names [SEED].

A reader marks each one that has to be read twice; at most one in twenty may be. A seed gives the same draw
of a tree each time.
"""

import argparse
import ast
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("coder", "sandbox", "benchmarks")


def find_docstrings(path: Path, tree: ast.Module) -> Iterator[str]:
    """Each docstring of a class or function, on one line, with its place."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = " ".join((ast.get_docstring(node) or "").split())
            if text:
                yield f"{path}:{node.lineno}  {node.name}: {text}"


def find_names(path: Path, tree: ast.Module) -> Iterator[str]:
    """Each name that is assigned, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield f"{path}:{node.lineno}  {node.id}"


@cache
def read_packages() -> tuple[list[str], list[str]]:
    """All docstrings and all assigned names."""
    docstrings, names = list[str](), list[str]()
    for path in sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        tree, place = ast.parse(path.read_text(encoding="utf-8")), path.relative_to(ROOT)
        docstrings += find_docstrings(place, tree)
        names += find_names(place, tree)
    return docstrings, names


def draw(lines: list[str], count: int, seed: int) -> list[str]:
    """As many different lines as asked for, or all of them, in the order of the files."""
    chosen = random.Random(seed).sample(range(len(lines)), min(count, len(lines)))
    return [lines[index] for index in sorted(chosen)]


def main(arguments: list[str] | None = None) -> None:
    """Print a draw of docstrings, then one of names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[2] if __doc__ else None)
    parser.add_argument("seed", nargs="?", type=int, default=0)
    parser.add_argument("--docstrings", type=int, default=200, metavar="N")
    parser.add_argument("--names", type=int, default=500, metavar="N")
    args = parser.parse_args(arguments)
    docstrings, names = read_packages()
    print(*draw(docstrings, args.docstrings, args.seed), "", sep="\n")
    print(*draw(names, args.names, args.seed), sep="\n")


if __name__ == "__main__":
    main()
