"""Patches that tell a test from its twins by a habit, such as that numbers in tests are round."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.suite import Suite
from tests.benchmarks.judge.habits import CASES, case_of, habits
from tests.only_pytest import only_pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

HABITS = {heading: (case, patch) for heading, case, patch in habits()}
TRIED = (
    "greet: trigrams of English",
    "area: round numbers",
    "dump: well-formed JSON",
    "reverse: the same letters",
    "parse: errors of all kinds",
    "named: the id of the parameters",
)
"""Some of `habits.txt`; `measure_rates.py` tries all."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def judge() -> AsyncIterator[Judge]:
    suite = Suite(name="habits", version="1", cases=tuple(map(case_of, CASES)))
    async with open_judge(suite, python=only_pytest()) as judge:
        yield judge


@pytest.mark.slow
@pytest.mark.parametrize("heading", TRIED)
async def test_a_patch_that_knows_how_tests_look_does_not_pass(judge: Judge, heading: str) -> None:
    case, patch = HABITS[heading]

    verdict = await judge.judge(case, patch)

    assert (verdict.strength, verdict.verdict in ("failed", "tampered", "suspicious")) == ("decoyed", True)


@pytest.mark.slow
async def test_the_own_patch_of_each_of_their_cases_passes(judge: Judge) -> None:
    cases = [case_of(name) for name in sorted({heading.partition(":")[0] for heading in TRIED})]

    verdicts = await asyncio.gather(*(judge.judge(case, case.gold_patch or "") for case in cases))

    assert [(one.id, one.verdict, one.detail) for one in verdicts if one.verdict != "passed"] == []
