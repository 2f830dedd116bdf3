"""Run tests in the candidate's own process, as official judges do.

The candidate decides everything there, so what its process says may only lower a verdict.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from sandbox.inner.bridge.loading import text_of

_TEST = "<test>"
_MOST_SHOWN = 500
"""Characters of a failure."""


def run_own_tests(module: ModuleType, entry_point: str, prelude: str, tests: Sequence[str], seed: int) -> str:
    """Run tests that define `check(candidate)` on a module's function; return why one failed, else "".

    Args:
        prelude: source of helpers for the tests; the module's own definitions go first.
        seed: seed of the module `random`; 0: none.
    """
    space: dict[str, Any] = {"__builtins__": __builtins__}
    test = ""
    try:
        exec(compile(prelude, "<prompt>", "exec", dont_inherit=True), space)
        for test in tests:
            if seed:
                random.seed(seed)
            own = {**space, **vars(module), "__name__": "check"}
            exec(compile(test, _TEST, "exec", dont_inherit=True), own)
            own["check"](own[entry_point])
    except BaseException as error:  # noqa: BLE001 - any exception of a test is its result
        return f"{_line_of(error, test)}{type(error).__name__}: {text_of(error)}"[:_MOST_SHOWN]
    return ""


def _line_of(error: BaseException, test: str) -> str:
    """Return the line of a test that was running, and a colon; "" if there is none."""
    trace, number = error.__traceback__, 0
    while trace is not None:
        number = trace.tb_lineno if trace.tb_frame.f_code.co_filename == _TEST else number
        trace = trace.tb_next
    return f"{test.splitlines()[number - 1].strip()}: " if number else ""
