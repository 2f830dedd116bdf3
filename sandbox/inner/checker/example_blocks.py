"""Run examples of an interactive session: source and expected output (doctest's rules)."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import sys
import traceback
from typing import Any

from sandbox.inner.checker.asserts import Failed

_TRACEBACK = re.compile(r"\s*Traceback \((most recent call last|innermost last)\):\s*$", re.MULTILINE)


def run_example(source: str, want: str, space: dict[str, Any]) -> None:
    """Run one example in `space`. Raises Failed for other output, or its own unexpected exception."""
    code = compile(ast.Interactive(body=ast.parse(source).body), "<example>", "single")
    printed = io.StringIO()
    hook = sys.displayhook
    sys.displayhook = _display
    try:
        with contextlib.redirect_stdout(printed):
            exec(code, space)
    except Exception as error:
        expected = _expected_exception(want)
        if expected is None:
            raise
        got = traceback.format_exception_only(type(error), error)[-1]
        bare = f"{type(error).__name__}{got[got.index(':') :] if ':' in got else ''}"
        if not (_matches(expected, got) or _matches(expected, bare)):
            raise Failed(f">>> {source.strip()}", expected.strip(), got.strip()) from error
        return
    finally:
        sys.displayhook = hook
    got = printed.getvalue()
    if not _matches(want, got):
        raise Failed(
            f">>> {source.strip()}", want.strip() or "nothing printed", got.strip() or "nothing printed"
        )


def _display(value: object) -> None:
    if value is not None:
        print(repr(value))


def _expected_exception(want: str) -> str | None:
    if not _TRACEBACK.match(want):
        return None
    lines = [line for line in want.splitlines() if line and not line[0].isspace()]
    return lines[-1] if len(lines) > 1 else ""


def _matches(want: str, got: str) -> bool:
    """Whether output matches: white space is normalized, `...` stands for anything."""
    import doctest  # slow to import, and few checks are examples

    rules = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.DONT_ACCEPT_TRUE_FOR_1
    return doctest.OutputChecker().check_output(want, got, rules)
