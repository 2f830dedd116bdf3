"""Patches that tell a test from its twins by a habit, such as that numbers in tests are round."""

import pytest

from benchmarks.judge.judge import Judge
from tests.benchmarks.judge.habits import case_of, habits

pytestmark = pytest.mark.asyncio(loop_scope="session")

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


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


@pytest.mark.slow
@pytest.mark.parametrize("heading", TRIED)
async def test_a_patch_that_knows_how_tests_look_does_not_pass(judge: Judge, heading: str) -> None:
    case, patch = HABITS[heading]

    verdict = await judge.judge(case, patch)

    assert (verdict.strength, verdict.verdict in ("failed", "tampered", "suspicious")) == ("decoyed", True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["parse", "named"])
async def test_the_own_patch_of_a_case_passes_every_judgement(judge: Judge, name: str) -> None:
    """Each case above is `decoyed`, so that its own patch has passed one judgement."""
    case = case_of(name)

    verdict = await judge.judge(case, case.gold_patch or "")

    assert (verdict.verdict, verdict.detail) == ("passed", "")
