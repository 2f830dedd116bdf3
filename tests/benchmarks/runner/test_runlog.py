"""The log of a benchmark: what a start keeps in memory, and what it reads again."""

import asyncio
import gc
from collections.abc import Callable
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.executors.pool import InProcess, NodePool
from benchmarks.harbor.kept_steps import KeptSteps
from benchmarks.harbor.twin import OwnWork
from benchmarks.harbor.verifier import Judged
from benchmarks.report import SampleUsage
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.runlog import BenchCut, BenchJudged, BenchStarted, BenchStep, RunLog
from benchmarks.runner.runner import run_jobs
from benchmarks.runner.sample_job import SampleJob, SampleOutcome, give_up
from benchmarks.verdict import Outcome, Verdict
from tests.benchmarks.judge.cases import case
from tests.memory_log import MemoryLog

STARTED = BenchStarted(suite="s", digests={}, parameters={})


def passed(id: str, sample: int) -> Verdict:
    return Verdict(id=id, sample=sample, verdict="passed", strength="strong")


def step(id: str, sample: int, cost_usd: float) -> BenchStep:
    judged = Judged(outcome="passed", strength="apart", own=OwnWork(files=frozenset({"/app/a"})))
    usage = SampleUsage(
        id=id, sample=sample, calls=1, input_tokens=1, output_tokens=1, cost_usd=cost_usd, seconds=1.0
    )
    return BenchStep(id=id, sample=sample, kept=KeptSteps(verdicts=(judged,), files="0" * 64), usage=usage)


@pytest.mark.parametrize("files", ["../../.bashrc", "/etc/hosts", "0" * 64 + "\n"])
def test_a_log_that_names_another_file_as_kept_is_refused(files: str) -> None:
    with pytest.raises(ValueError, match="should match pattern"):
        KeptSteps(verdicts=(), files=files)


class Passes:
    """Worker by whom every answer passes."""

    async def do(self, job: SampleJob, on_slow: Callable[[], None]) -> SampleOutcome:
        return SampleOutcome(job.case, job.sample, CaseAttempt(), passed(job.case.id, job.sample))


@pytest.mark.slow
@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 300)), unique=True, max_size=30))
def test_a_log_that_is_read_again_knows_exactly_the_samples_that_it_has(done: list[tuple[str, int]]) -> None:
    async def read_again() -> RunLog:
        log = MemoryLog()
        async with log.lease("bench_1") as token:
            record = RunLog("bench_1", log, token=token)
            await record.begin(STARTED)
            for id, sample in done:
                await record.judge(BenchJudged(verdict=passed(id, sample)))
            await record.flush()
            again = RunLog("bench_1", log, token=token)
            await again.load()
        return again

    again = asyncio.run(read_again())

    assert {(id, n) for id in "abc" for n in range(320) if again.is_done(id, n)} == {*done}
    assert (again.judged, again.passed) == (len(done), len(done))


@pytest.mark.parametrize("text", ["def f(x): ...", None])
async def test_a_sample_without_a_verdict_is_judged_again_and_its_last_verdict_and_all_costs_count(
    text: str | None,
) -> None:
    log = MemoryLog()
    asked: list[tuple[str, CaseAttempt | None]] = []

    def judged(outcome: Outcome, cost: float | None, text: str | None = None) -> BenchJudged:
        usage = None if cost is None else SampleUsage(id="f", sample=0, calls=1, cost_usd=cost)
        verdict = Verdict(id="f", sample=0, verdict=outcome, strength="strong")
        return BenchJudged(verdict=verdict, usage=usage, text=text)

    class Seeing(Passes):
        async def do(self, job: SampleJob, on_slow: Callable[[], None]) -> SampleOutcome:
            asked.append((job.key, job.answer))
            return await super().do(job, on_slow)

    for cost, is_first in ((1.0, True), (2.0, False)):
        async with log.lease("bench_1") as token:
            record = RunLog("bench_1", log, token=token)
            await (record.begin(STARTED) if is_first else record.load())
            await record.judge(judged("infrastructure", cost, text))
            await record.flush()
    one = case("assert candidate(1) == 1", "def f(x):\n    return x\n", id="f")
    async with log.lease("bench_1") as token:
        record = RunLog("bench_1", log, token=token)
        await record.load()
        assert (record.judged, record.cost_usd) == (0, 3.0)
        async with NodePool([InProcess(Seeing(), 1)], give_up) as pool:
            await run_jobs([SampleJob(one, 0)], pool, record)
        verdicts, usage = await record.results()
        again = RunLog("bench_1", log, token=token)
        await again.load()

    assert asked == [("f\0" + "0", None if text is None else CaseAttempt(text=text))]
    assert [verdict.verdict for verdict in verdicts] == ["passed"]
    assert [one.cost_usd for one in usage] == [3.0]
    assert (again.judged, again.passed, again.cost_usd, again.is_done("f", 0)) == (1, 1, 3.0, True)


async def test_the_last_kept_step_of_each_sample_under_way_is_known_again_with_its_cost() -> None:
    log = MemoryLog()

    async with log.lease("bench_1") as token:
        record = RunLog("bench_1", log, token=token)
        await record.begin(STARTED)
        await asyncio.gather(*(record.keep(step(id, 0, cost)) for id, cost in {"a": 1.0, "b": 2.0}.items()))
        await record.keep(step("a", 0, 4.0))
        await record.judge(BenchJudged(verdict=passed("b", 0)))
        await record.flush()
        again = RunLog("bench_1", log, token=token)
        await again.load()

    assert again.steps == record.steps == {("a", 0): step("a", 0, 4.0)}
    assert again.kept_cost_usd == 4.0
    assert (again.judged, again.cost_usd) == (1, 0.0)


async def test_a_run_keeps_no_verdict_in_memory_and_its_log_has_all() -> None:
    log, kept = MemoryLog(), list[Callable[[], Verdict | None]]()
    one = case("assert candidate(1) == 1", "def f(x):\n    return x\n", id="f")
    jobs = (SampleJob(one, sample) for sample in range(300))

    async with log.lease("bench_1") as token:
        record = RunLog("bench_1", log, token=token)
        await record.begin(STARTED)
        async with NodePool([InProcess(Passes(), 4)], give_up) as pool:
            await run_jobs(jobs, pool, record, on_judged=lambda judged: kept.append(ref(judged.verdict)))
        gc.collect()
        in_memory = sum(verdict() is not None for verdict in kept)
        verdicts, _ = await record.results()

    assert (len(kept), in_memory) == (300, 0)
    assert sorted(verdict.sample for verdict in verdicts) == [*range(300)]


async def test_calls_of_a_cut_sample_count_once_before_and_after_it_is_judged() -> None:
    log = MemoryLog()
    used = SampleUsage(id="a", sample=0, calls=2, cost_usd=1.0)

    async with log.lease("bench_1") as token:
        record = RunLog("bench_1", log, token=token)
        await record.begin(STARTED)
        await record.begin_attempt("a", 0, "run_1")
        begun = await reread(log, token)
        await record.cut(BenchCut(id="a", sample=0, usage=used))
        cut = await reread(log, token)
        (_, of_cut) = await cut.results()
        await record.judge(BenchJudged(verdict=passed("a", 0), usage=used))
        judged = await reread(log, token)
        (_, of_both) = await judged.results()

    assert (begun.begun, cut.begun) == ({("a", 0): ["run_1"]}, {})
    assert [usage.calls for usage in (*of_cut, *of_both)] == [2, 4]
    assert (cut.cost_usd, judged.cost_usd, record.cost_usd) == (1.0, 2.0, 2.0)
    assert not cut.is_done("a", 0)


async def test_saved_steps_of_a_cut_sample_count_by_themselves() -> None:
    log = MemoryLog()

    async with log.lease("bench_1") as token:
        record = RunLog("bench_1", log, token=token)
        await record.begin(STARTED)
        await record.keep(step("a", 0, 4.0))
        used = SampleUsage(id="a", sample=0, calls=1, cost_usd=5.0)
        await record.cut(BenchCut(id="a", sample=0, usage=used), has_steps=True)
        again = await reread(log, token)

    assert (again.kept_cost_usd, again.cost_usd) == (4.0, 1.0)


async def reread(log: MemoryLog, token: int) -> RunLog:
    record = RunLog("bench_1", log, token=token)
    await record.load()
    return record


async def test_the_calls_of_a_step_and_of_a_killed_run_after_it_count_once() -> None:
    log = MemoryLog()

    async with log.lease("bench_1") as token:
        record = RunLog("bench_1", log, token=token)
        await record.begin(STARTED)
        await record.keep(step("a", 0, 4.0))
        await record.cut(
            BenchCut(id="a", sample=0, usage=SampleUsage(id="a", sample=0, calls=1, cost_usd=1.0))
        )
        again = await reread(log, token)
        _, (used,) = await again.results()
        again.drop_step("a", 0)
        _, (begun_anew,) = await again.results()

    assert (again.cost_usd, used.cost_usd, begun_anew.cost_usd) == (5.0, 5.0, 5.0)


async def test_a_step_of_a_sample_that_ended_without_a_verdict_counts_in_it() -> None:
    log = MemoryLog()
    unjudged = passed("a", 0).model_copy(update={"verdict": "infrastructure"})

    async with log.lease("bench_1") as token:
        record = RunLog("bench_1", log, token=token)
        await record.begin(STARTED)
        await record.keep(step("a", 0, 4.0))
        used = SampleUsage(id="a", sample=0, calls=3, cost_usd=5.0)
        await record.judge(BenchJudged(verdict=unjudged, usage=used))
        again = await reread(log, token)

    assert (again.cost_usd, again.kept_cost_usd) == (5.0, 0)
