"""Our files inside a sandbox, with their bytecode."""

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
"""Flag of a bytecode file whose source isn't checked (PEP 552): both are read-only."""


def inner_files(version: tuple[int, int]) -> dict[str, bytes]:
    """Content by the path inside, for a Python of this version."""
    sources, compiled = _contents()
    return sources | compiled if version == sys.version_info[:2] else sources


@functools.cache
def _contents() -> tuple[dict[str, bytes], dict[str, bytes]]:
    sources, compiled = {}, {}
    for path in sorted(INNER.rglob("*")):
        inside = f"{INNER_INSIDE}/{path.relative_to(INNER).as_posix()}"
        if path.name == "__init__.py":  # inside, each room is a namespace package
            continue
        if path.suffix in (".py", ".bpf"):
            sources[inside] = path.read_bytes()
        if path.suffix == ".py":
            name = f"__pycache__/{path.stem}.{sys.implementation.cache_tag}.pyc"
            compiled[f"{os.path.dirname(inside)}/{name}"] = _bytecode(path, inside)
    return sources, compiled


def _bytecode(path: Path, inside: str) -> bytes:
    """Bytecode of a source, from Python's cache if it is there."""
    code = SourceFileLoader(path.stem, str(path)).get_code(path.stem)
    assert code is not None
    flags = _UNCHECKED.to_bytes(4, "little")
    moved = _move(code, inside)
    return importlib.util.MAGIC_NUMBER + flags + bytes(8) + marshal.dumps(moved)


def _move(code: types.CodeType, filename: str) -> types.CodeType:
    """The code with another filename: programs don't see paths of the host."""
    constants = tuple(
        _move(constant, filename) if isinstance(constant, types.CodeType) else constant
        for constant in code.co_consts
    )
    return code.replace(co_filename=filename, co_consts=constants)
