"""Correct p-values of several tests."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values as in Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure"."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    result = [0.0] * len(p_values)
    minimum = 0.0
    for rank, place in enumerate(order):
        minimum = max(minimum, min(1.0, (len(p_values) - rank) * p_values[place]))
        result[place] = minimum
    return result
