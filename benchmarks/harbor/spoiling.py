"""Spoil a file of code: it runs as before, but returns no results to its users.

Its side effects, such as ending the tests or writing their reward, stay.
"""

import posixpath
import re

MAX_BYTES = 1 << 20
"""Larger files are not spoiled."""
_PYTHON = re.compile(rb"#!.*\bpython[\d.]*\s*$")
_SHELL = re.compile(rb"#!.*\b(?:ba|da|k|z)?sh\b")
_SILENT_PYTHON = b"""\
if __name__ == "__main__":
    import os as _os
    _os.dup2(_os.open(_os.devnull, _os.O_WRONLY), 1)
"""
_SILENT_SHELL = b"exec > /dev/null\n"
_NO_RESULTS = b"""

def _spoil(names):
    import functools, sys, types

    def spoiled(function):
        def call(*positional, **named):
            result = function(*positional, **named)
            if sys._getframe(1).f_globals is names or hasattr(type(result).__eq__, "__globals__"):
                return result
            raise RuntimeError("spoiled: no result")

        try:
            return functools.wraps(function)(call)
        except AttributeError:
            return call

    for name, value in list(names.items()):
        if name.startswith("__") or isinstance(value, types.ModuleType):
            continue
        if not isinstance(value, type):
            names[name] = spoiled(value) if callable(value) else value
        elif value.__module__ == __name__:
            for method, function in list(vars(value).items()):
                if isinstance(function, types.FunctionType) and not method.startswith("__"):
                    setattr(value, method, spoiled(function))


_spoil(globals())
"""


def spoil(path: str, content: bytes) -> bytes | None:
    """Return the spoiled content of a file; None if it isn't Python or shell.

    For callers in other modules, Python functions and methods raise after they ran, unless the result's class
    defines `__eq__` in Python. Python and shell scripts print nothing.
    """
    first = content.partition(b"\n")[0]
    if path.endswith((".py", ".pyw")) or (not posixpath.splitext(path)[1] and _PYTHON.match(first)):
        silent = b"" if b"from __future__" in content else _SILENT_PYTHON
        return _insert(content, silent) + _NO_RESULTS
    if path.endswith((".sh", ".bash")) or _SHELL.match(first):
        return _insert(content, _SILENT_SHELL)
    return None


def _insert(content: bytes, lines: bytes) -> bytes:
    """Insert lines after the comments that a file begins with, such as its interpreter and encoding."""
    end = 0
    for line in content.splitlines(keepends=True):
        if not line.startswith(b"#"):
            break
        end += len(line)
    start = content[:end]
    return start + (b"" if not start or start.endswith(b"\n") else b"\n") + lines + content[end:]
