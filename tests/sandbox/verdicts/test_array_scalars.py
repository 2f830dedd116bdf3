"""Scalars of NumPy in a package that is checked: compared as numbers, with their own attributes."""

import sys
from pathlib import Path

import pytest

from sandbox import Policy, open_sandbox
from tests.sandbox.verdicts.pairs import Pair

SOURCE = """
import numpy as np
class Table:
    def __init__(self, *values): self.values = values
    @property
    def mean(self): return np.mean(self.values)
    @property
    def is_positive(self): return np.all(np.array(self.values) > 0)
"""
COMPARISONS = """
table = Table(2, 5)
assert table.mean == 3.5 and 3.5 == table.mean and table.mean != 3
assert 3 < table.mean < 4 and abs(table.mean - 3.5) < 1e-9 and 7 - table.mean == 3.5
assert [table.mean] == [3.5] and {3.5: 1}[table.mean] == 1
assert table.is_positive == True and table.is_positive
assert table.mean.dtype.kind == "f" and table.mean.round() == 4
"""


@pytest.mark.slow
async def test_an_attribute_that_is_a_scalar_of_numpy_compares_as_its_number() -> None:
    policy = Policy(python=Path(sys.executable))
    async with open_sandbox(policy) as candidate, open_sandbox(policy) as checker:
        pair = Pair(candidate, checker)

        right = await pair.check(SOURCE, COMPARISONS)
        wrong = await pair.check(SOURCE.replace("np.mean", "np.median").replace("> 0", "> 2"), COMPARISONS)

    assert right.passed, right.results
    assert not wrong.passed
