"""Find files that programs import or require, by Python's imports and relative paths in other sources."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from coder.source.python_names import parse_source

_RELATIVE = re.compile(r"""["'](\.{1,2}/[^"'\n]{1,300})["']""")
"""A relative path in quotes, as in `require("./lib")`, `import "./lib.js"` and `. "./lib.sh"`."""
_ENDINGS = ("", ".js", ".mjs", ".cjs", ".ts", ".json", ".sh", ".rb", "/index.js")
_MAX_BYTES = 1 << 20
MAX_FILES = 2_000


def imported_files(files: Iterable[Path], root: Path) -> set[Path]:
    """Return the files below a folder that `files` import, directly or indirectly, except `files` themselves.

    Python modules are looked up in the root, the file's folder and the folders between. Imports whose names
    are computed at run time aren't found.
    """
    start = {file.resolve() for file in files}
    pending, known_paths = [*start], set(start)
    while pending and len(known_paths) <= MAX_FILES + len(start):
        for path in _imports(pending.pop(), root.resolve()):
            if path not in known_paths:
                known_paths.add(path)
                pending.append(path)
    return known_paths - start


def _imports(file: Path, root: Path) -> Iterator[Path]:
    try:
        if file.stat().st_size > _MAX_BYTES:
            return
        text = file.read_text("utf-8")
    except (OSError, ValueError):
        return
    python = _python(text) if _is_python(file, text) else None
    if python is None:
        names = (match[1] for match in _RELATIVE.finditer(text))
        yield from _existing((f"{file.parent}/{name}{ending}" for name in names for ending in _ENDINGS), root)
        return
    for level, name in python:
        folders = _folders(file.parent, root) if level == 0 else _above(file.parent, level - 1)
        parts = name.split(".") if name else []
        for folder in folders:
            stems = [folder.joinpath(*parts[:count]) for count in range(0 if level else 1, len(parts) + 1)]
            modules = (f"{stem}{ending}" for stem in stems for ending in (".py", "/__init__.py"))
            yield from _existing(modules, root)


def _is_python(file: Path, text: str) -> bool:
    return file.suffix in (".py", ".pyw") or (text.startswith("#!") and "python" in text.partition("\n")[0])


def _python(text: str) -> list[tuple[int, str]] | None:
    """Return level and name of each module that a source may import; None if it can't be parsed."""
    tree = parse_source(text)
    if tree is None:
        return None
    rows: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            rows += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            rows += [(node.level, f"{module}.{alias.name}".lstrip(".")) for alias in node.names]
    return rows


def _folders(folder: Path, root: Path) -> list[Path]:
    """Return a folder and its parents up to the root."""
    above = [folder, *folder.parents]
    return [each for each in above if each.is_relative_to(root)]


def _above(folder: Path, level: int) -> list[Path]:
    return [[folder, *folder.parents][level]] if level <= len(folder.parents) else []


def _existing(places: Iterable[str], root: Path) -> Iterator[Path]:
    for place in places:
        try:
            path = Path(place).resolve()
            if path.is_relative_to(root) and path.is_file():
                yield path
        except (OSError, ValueError):  # too long, or with a NUL
            continue
