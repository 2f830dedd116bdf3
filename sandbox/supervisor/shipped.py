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
PACKAGE_INSIDE = "/opt/lib/sandbox/__init__.py"
"""Empty. Without it, an installed package `sandbox` of the program's interpreter would go first."""
_UNCHECKED = 1
"""Flags of bytecode that isn't checked against its source (PEP 552), as both files are read-only."""


def inner_files(version: tuple[int, int]) -> dict[str, bytes]:
    """Return the files by their path inside, for a version of Python."""
    sources, compiled = _contents()
    return sources | compiled if version == sys.version_info[:2] else sources


@functools.cache
def _contents() -> tuple[dict[str, bytes], dict[str, bytes]]:
    sources, compiled = {PACKAGE_INSIDE: b""}, {}
    compiled[_cached(PACKAGE_INSIDE)] = bytecode(compile(b"", PACKAGE_INSIDE, "exec"), PACKAGE_INSIDE)
    for path in sorted(INNER.rglob("*")):
        path_inside = f"{INNER_INSIDE}/{path.relative_to(INNER).as_posix()}"
        if path.name == "__init__.py":  # inside, rooms below the package are namespace packages
            continue
        if path.suffix in (".py", ".bpf"):
            sources[path_inside] = path.read_bytes()
        if path.suffix == ".py":
            code = SourceFileLoader(path.stem, str(path)).get_code(path.stem)  # from Python's cache, if there
            assert code is not None
            compiled[_cached(path_inside)] = bytecode(code, path_inside)
    return sources, compiled


def _cached(path_inside: str) -> str:
    folder, name = os.path.split(path_inside)
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"


def bytecode(code: types.CodeType, path: str) -> bytes:
    """Return the content of a module's `.pyc`; programs see `path` as its file, and not the host's."""
    flags = _UNCHECKED.to_bytes(4, "little")
    return importlib.util.MAGIC_NUMBER + flags + bytes(8) + marshal.dumps(_replace_filename(code, path))


def _replace_filename(code: types.CodeType, path: str) -> types.CodeType:
    constants = tuple(
        _replace_filename(constant, path) if isinstance(constant, types.CodeType) else constant
        for constant in code.co_consts
    )
    return code.replace(co_filename=path, co_consts=constants)
