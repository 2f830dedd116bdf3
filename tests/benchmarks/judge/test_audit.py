"""Answers that know the tests by heart pass them, and an audit says so."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.judge.judge import Judge
from sandbox import nearby
from tests.benchmarks.judge.cases import case, verdict

CASE = case(
    "assert candidate([1, 2, 3]) == 6\nassert candidate([5, 5]) == 10\nassert candidate([]) == 0",
    "def f(xs):\n    return sum(xs)\n",
)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("code", "overfits"),
    [
        ("def f(xs):\n    return {6: 6, 10: 10}.get(sum(xs), 0)\n", True),
        ("def f(xs):\n    return {'[1, 2, 3]': 6, '[5, 5]': 10, '[]': 0}[str(xs)]\n", True),
        ("def f(xs):\n    total = 0\n    for x in xs:\n        total += x\n    return total\n", False),
    ],
)
async def test_an_audit_tells_what_holds_on_fresh_inputs(judge: Judge, code: str, overfits: bool) -> None:
    first = await verdict(judge, CASE, code)

    audited = await judge.audit(CASE, code, first)

    assert (first.verdict, audited.verdict, audited.overfits) == ("passed", "passed", overfits)
    assert ("fresh inputs differ: f(" in audited.detail) is overfits


@pytest.mark.asyncio(loop_scope="module")
async def test_an_answer_that_failed_is_not_looked_at_again(judge: Judge) -> None:
    first = await verdict(judge, CASE, "def f(xs): return 1\n")

    assert await judge.audit(CASE, "def f(xs): return 1\n", first) == first


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(value=values, seed=st.integers(0, 99))
def test_what_is_near_a_value_has_its_type(value: object, seed: int) -> None:
    assert type(nearby(value, random.Random(seed))) is type(value)
