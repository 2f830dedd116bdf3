"""Load a candidate's module in its own process, and describe what its code returns and raises."""

from __future__ import annotations

import ast
import linecache
import os
import sys
from contextlib import suppress
from opcode import opmap
from types import ModuleType

from sandbox.inner.bridge.foreign import type_of

_WHERE_LINES = 5
_RAISE = opmap["RAISE_VARARGS"]
_OF_FILES = ("__file__", "multiprocessing", "ProcessPoolExecutor", "subprocess", "runpy", "getfile")
"""Words of code that may read its own file, or run it in another program.

Only these get a file: the process that clones candidates isn't used again after one wrote a file.
"""

_TYPE_OF = "@type"
"""Name that no source can contain."""


def load_module(name: str, source: str) -> ModuleType:
    """Make a module from source, as if its file lay in the current folder. Raises what the source raises."""
    path = os.path.join(os.getcwd(), f"{name}.py")
    content = source.encode("utf-8", "surrogatepass")
    if any(word in source for word in _OF_FILES):
        _write(path, content)
    linecache.cache[path] = (len(content), None, source.splitlines(keepends=True), path)
    module = sys.modules[name] = ModuleType(name)
    module.__file__ = path
    vars(module)[_TYPE_OF] = type_of
    try:
        # Not the bytes: a comment naming an encoding could give them another meaning than the judge read.
        exec(compile(_asking_for_types(source), path, "exec", dont_inherit=True), vars(module))
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return sys.modules.get(name, module)


def _asking_for_types(source: str) -> str | ast.Module:
    """Replace calls of `type` with one argument by calls of `type_of` in a source."""
    if "type(" not in source:
        return source
    tree = ast.parse(source)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.args) == 1]
    is_redefined = any(
        (isinstance(node, ast.Name) and node.id == "type" and not isinstance(node.ctx, ast.Load))
        or (isinstance(node, ast.arg) and node.arg == "type")
        or getattr(node, "name", "") == "type"
        for node in ast.walk(tree)
    )
    for call in calls if not is_redefined else ():
        if isinstance(call.func, ast.Name) and call.func.id == "type" and not call.keywords:
            call.func.id = _TYPE_OF
    return tree


def truth_of(value: object) -> bool | None:
    """Return the truth value of an object; None if it has none."""
    try:
        return bool(value)
    except Exception:  # noqa: BLE001 - then it has none
        return None


def text_of(error: BaseException) -> str:
    """Return the text of an exception; empty if its __str__ fails."""
    try:
        return str(error)
    except BaseException:  # noqa: BLE001 - the candidate's own __str__ failed
        return ""


def last_frames(error: BaseException) -> tuple[tuple[str, int, str], ...]:
    """Return file, line and function of the candidate's last frames, innermost last."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename.startswith(os.getcwd()):
            frames.append((os.path.relpath(code.co_filename), trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return tuple(frames[-_WHERE_LINES:])


def origin_of(error: BaseException) -> str:
    """Return the nearest builtin class of an exception, after `raise` if a statement raised it."""
    name = next(cls.__name__ for cls in type(error).__mro__ if cls.__module__ == "builtins")
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    is_raised = trace is not None and trace.tb_frame.f_code.co_code[trace.tb_lasti] == _RAISE
    return f"raise {name}" if is_raised else name


def _write(path: str, content: bytes) -> None:
    """Write the module's file; make programs that it starts import the module instead of this program."""
    with suppress(OSError), open(path, "xb") as file:
        file.write(content)
    sys.modules["__main__"] = ModuleType("__main__")
