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
"""Path of an empty file, without which an installed package `sandbox` would be imported instead."""
TOOLS_MODULE = f"{INNER_INSIDE}/process/tools_module.py"
"""Module whose source programs import, under a name that the user chooses."""
_STREAM = "/inner/stream/"
"""Part of the paths of modules that serve a host behind a byte stream."""
_UNCHECKED = 1
"""Flags of bytecode that isn't checked against its source (PEP 552), as both files are read-only."""


def inner_files(version: tuple[int, int]) -> dict[str, bytes]:
    """Return the files by their path inside, for any interpreter of a version of Python."""
    sources, codes = _sources(), _bytecode()
    compiled = {_cached(path): code for path, code in codes.items()}
    return sources | compiled if version == sys.version_info[:2] else sources


def files_of_one_machine(version: tuple[int, int]) -> dict[str, bytes]:
    """Return the files for CPython in a sandbox on this machine, not behind a byte stream.

    Each file adds 0.1 ms to a sandbox's start, so a source with bytecode is left out.
    """
    sources = {path: content for path, content in _sources().items() if _STREAM not in path}
    if version != sys.version_info[:2]:
        return sources
    codes = {path: code for path, code in _bytecode().items() if _STREAM not in path}
    return {path: sources[path] for path in sources if path not in codes or path == TOOLS_MODULE} | {
        f"{path}c": code for path, code in codes.items()
    }


@functools.cache
def _sources() -> dict[str, bytes]:
    sources = {PACKAGE_INSIDE: b""}
    for path in sorted(INNER.rglob("*")):
        if path.suffix in (".py", ".bpf") and path.name != "__init__.py":
            sources[_inside(path)] = path.read_bytes()  # rooms below the package are namespace packages
    return sources


@functools.cache
def _bytecode() -> dict[str, bytes]:
    """Return the bytecode of each module by the path of its source."""
    compiled = {PACKAGE_INSIDE: bytecode(compile(b"", PACKAGE_INSIDE, "exec"), PACKAGE_INSIDE)}
    for path in sorted(INNER.rglob("*.py")):
        if path.name != "__init__.py":
            code = SourceFileLoader(path.stem, str(path)).get_code(path.stem)  # from Python's cache, if there
            assert code is not None
            compiled[_inside(path)] = bytecode(code, _inside(path))
    return compiled


def _inside(path: Path) -> str:
    return f"{INNER_INSIDE}/{path.relative_to(INNER).as_posix()}"


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
