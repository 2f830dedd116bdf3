"""Proof that work grows with its input and not with the square of it, on a machine of any speed.

Seconds would measure the machine. `count_calls` counts the work that Python does. Where regular expressions
and other code in C do it, `assert_linear` compares the processor time for a unit of input at two sizes.
"""

import sys
from collections.abc import Callable
from time import thread_time
from types import FrameType
from typing import TypeVar

Input = TypeVar("Input")
TIMES = 32
"""Ratio of the two sizes, and of the times for a unit of input where work grows with the square."""
MOST = 6.0
"""How many times as long a unit may take at the larger size; caches and other programs make less."""
_TRIES = 4


def assert_linear(work: Callable[[Input], object], inputs: Callable[[int], Input], *, size: int) -> None:
    """Fail if work for an input of `size` takes far more for each unit than work for a small one.

    It fails only if each of several tries says so.

    Args:
        inputs: makes an input of a size; what it takes doesn't count.
    """
    small = size // TIMES
    sizes = [small, small + small // 8, small + small // 4]  # distinct, so that no cache has the answer
    work(inputs(small // 2))  # for what only the first call does
    unit_s = large_unit_s = float("inf")
    for _ in range(_TRIES):
        unit_s = min(unit_s, *(_unit_s(work, inputs, each) for each in sizes))
        large_unit_s = min(large_unit_s, _unit_s(work, inputs, size))
        if large_unit_s <= MOST * unit_s:
            return
    raise AssertionError(
        f"{TIMES} times the input took {TIMES * large_unit_s / unit_s:.0f} times the processor time; "
        f"work that grows with the square takes {TIMES**2} times."
    )


def _unit_s(work: Callable[[Input], object], inputs: Callable[[int], Input], size: int) -> float:
    """Return the processor time for a unit of input."""
    made = inputs(size)
    began = thread_time()
    work(made)
    return (thread_time() - began) / size


def count_calls(work: Callable[[], object]) -> int:
    """Return how many functions were called, Python's own ones, too: the same number on each machine."""
    count = 0

    def note(frame: FrameType, event: str, value: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count
