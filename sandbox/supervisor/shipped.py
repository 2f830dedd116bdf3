"""The product's files that each sandbox gets, with bytecode."""

import functools
import importlib.util
import marshal
import os
import sys
import types
from importlib.machinery import SourceFileLoader
from pathlib import Path

INNER = Path(__file__).parents[1] / "inner"
INNER_INSIDE = "/opt/lib/sandbox/inner"
_UNCHECKED = 1
"""Flags of bytecode that isn't checked against its source (PEP 552), as both files are read-only."""


def inner_files(version: tuple[int, int]) -> dict[str, bytes]:
    """Return the files by their path inside, for a version of Python."""
    sources, compiled = _contents()
    return sources | compiled if version == sys.version_info[:2] else sources


@functools.cache
def _contents() -> tuple[dict[str, bytes], dict[str, bytes]]:
    sources, compiled = {}, {}
    for path in sorted(INNER.rglob("*")):
        path_inside = f"{INNER_INSIDE}/{path.relative_to(INNER).as_posix()}"
        if path.name == "__init__.py":  # inside, rooms are namespace packages
            continue
        if path.suffix in (".py", ".bpf"):
            sources[path_inside] = path.read_bytes()
        if path.suffix == ".py":
            name = f"__pycache__/{path.stem}.{sys.implementation.cache_tag}.pyc"
            compiled[f"{os.path.dirname(path_inside)}/{name}"] = _bytecode(path, path_inside)
    return sources, compiled


def _bytecode(path: Path, path_inside: str) -> bytes:
    """Return the bytecode of a source, from Python's cache if it is there."""
    code = SourceFileLoader(path.stem, str(path)).get_code(path.stem)
    assert code is not None
    flags = _UNCHECKED.to_bytes(4, "little")
    constants_inside = _replace_filename(code, path_inside)
    return importlib.util.MAGIC_NUMBER + flags + bytes(8) + marshal.dumps(constants_inside)


def _replace_filename(code: types.CodeType, filename: str) -> types.CodeType:
    """Replace the file name in a code object, so that programs don't see the host's paths."""
    constants = tuple(
        _replace_filename(constant, filename) if isinstance(constant, types.CodeType) else constant
        for constant in code.co_consts
    )
    return code.replace(co_filename=filename, co_consts=constants)
