"""Compare a candidate with a reference, input by input. Pasted into tests; runs in a sandbox."""

import math
from copy import deepcopy
from typing import Any, Callable, List  # noqa: UP035 - any interpreter from 3.8 on

inf, nan = math.inf, math.nan  # as inputs are written


def compare_all(
    candidate: Callable[..., Any],
    reference: Callable[..., Any],
    inputs: List[Any],  # noqa: UP006
    tolerance: float,
    special: str,
) -> None:
    """Raise AssertionError at the first input on which the two disagree."""
    for arguments in inputs:
        expected = reference(*deepcopy(arguments))
        got = candidate(*deepcopy(arguments))
        if special == "find_zero":
            assert abs(sum(c * math.pow(got, i) for i, c in enumerate(arguments[0]))) <= tolerance
            continue
        if special == "not_none":
            expected = expected is not None
            got = got if isinstance(got, bool) else got is not None
        same = set(got) == set(expected) if special == "sets" else got == expected
        same = same or _also_right(got, arguments, tolerance, special)
        if tolerance == 0 and _floats(expected):
            tolerance = 1e-6
        if not same and tolerance != 0:
            same = type(got) is type(expected) and _close(got, expected, tolerance)
        if not same:
            raise AssertionError(f"{arguments!r:.300}: expected {expected!r:.300}, got {got!r:.300}")


def _also_right(got: object, arguments: Any, tolerance: float, special: str) -> bool:
    """Answers that the task's wording allows beside the canonical one."""
    if special == "are_equivalent":
        return True
    if special == "sum_div":
        return bool(got == 0)
    if special == "surface_Area":
        base, height = arguments
        area = base**2 + 2 * base * math.sqrt((base / 2) ** 2 + height**2)
        return bool(abs(got - round(area)) <= tolerance)
    if special == "digit_distance_nums":
        one, two = (str(number) for number in arguments)
        width = max(len(one), len(two))
        digits = zip(one.zfill(width), two.zfill(width))  # noqa: B905
        return bool(got == sum(abs(int(a) - int(b)) for a, b in digits))
    return False


def _floats(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(one, float) for one in value)
    return isinstance(value, float)


def _close(got: Any, expected: Any, tolerance: float) -> bool:
    """numpy's allclose with rtol 1e-7, over nested lists."""
    if isinstance(expected, (list, tuple)):
        return (
            isinstance(got, (list, tuple))
            and len(got) == len(expected)
            and all(_close(a, b, tolerance) for a, b in zip(got, expected))  # noqa: B905
        )
    numbers = (int, float, complex)
    if not isinstance(got, numbers) or not isinstance(expected, numbers):
        return False
    return bool(got == expected or abs(got - expected) <= tolerance + 1e-7 * abs(expected) < inf)
