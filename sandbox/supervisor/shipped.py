"""Our files to put into a sandbox, with bytecode."""

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
"""Flags of a bytecode file with an unchecked source (PEP 552), as both are read-only."""


def inner_files(version: tuple[int, int]) -> dict[str, bytes]:
    """Files by their path inside, for this version of Python."""
    sources, compiled = _contents()
    return sources | compiled if version == sys.version_info[:2] else sources


@functools.cache
def _contents() -> tuple[dict[str, bytes], dict[str, bytes]]:
    sources, compiled = {}, {}
    for path in sorted(INNER.rglob("*")):
        inside = f"{INNER_INSIDE}/{path.relative_to(INNER).as_posix()}"
        if path.name == "__init__.py":  # inside, rooms are namespace packages
            continue
        if path.suffix in (".py", ".bpf"):
            sources[inside] = path.read_bytes()
        if path.suffix == ".py":
            name = f"__pycache__/{path.stem}.{sys.implementation.cache_tag}.pyc"
            compiled[f"{os.path.dirname(inside)}/{name}"] = _bytecode(path, inside)
    return sources, compiled


def _bytecode(path: Path, inside: str) -> bytes:
    """Compile a source, or read Python's cache of it."""
    code = SourceFileLoader(path.stem, str(path)).get_code(path.stem)
    assert code is not None
    flags = _UNCHECKED.to_bytes(4, "little")
    moved = _move(code, inside)
    return importlib.util.MAGIC_NUMBER + flags + bytes(8) + marshal.dumps(moved)


def _move(code: types.CodeType, filename: str) -> types.CodeType:
    """Replace the file name in a code object, to hide the host's paths from programs."""
    constants = tuple(
        _move(constant, filename) if isinstance(constant, types.CodeType) else constant
        for constant in code.co_consts
    )
    return code.replace(co_filename=filename, co_consts=constants)
