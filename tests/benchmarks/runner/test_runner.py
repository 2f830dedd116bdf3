"""A run over a suite: budgets, faults, resuming; and nothing hidden in front of a solver."""

import errno
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio

from benchmarks.executors.executor import JobFailed, NodeLost
from benchmarks.judge.case_plan import CasePlan
from benchmarks.judge.judge import Judge, open_judge
from benchmarks.judge.verdicts import DraftVerdict
from benchmarks.report import SampleUsage
from benchmarks.runner.case_attempt import CaseAttempt, Solver, VisibleCase, visible_part
from benchmarks.runner.runlog import BenchStarted, RunLog
from benchmarks.runner.runner import MAX_FAILURES, run_jobs
from benchmarks.runner.sample_job import (
    Answering,
    SampleJob,
    SampleStepFailed,
    Step,
    give_up,
    on_this_machine,
)
from benchmarks.runner.solving import ModelSolver
from benchmarks.suite import Case, FunctionCase, RepositoryCase, ScriptCase, ScriptRun, Suite
from benchmarks.suites.patch import apply_patch
from benchmarks.suites.selection import Selection
from coder.base.errors import MachineError, ModelError, UsageError
from coder.models.scripted import Scripted
from coder.run.settings import Budget, Settings
from sandbox import Policy, open_sandbox
from sandbox.errors import BackendMissing
from tests.memory_log import MemoryLog

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "canary-5f0e1d"
SUITE = Suite(
    name="s",
    version="1",
    cases=(
        *(
            FunctionCase(
                id=f"f/{i}",
                prompt=f"def add{i}(a, b):\n    '''The sum of a and b.'''\n",
                entry_point=f"add{i}",
                test=f"# {CANARY}\ndef check(candidate):\n    assert candidate(2, 3) == 5\n",
                canonical_solution="    return a + b\n",
                visible=(f"assert add{i}(1, 1) == 2",),
            )
            for i in range(6)
        ),
        ScriptCase(
            id="s/0",
            prompt="Print the sum of two numbers on a line of standard input.",
            runs=(ScriptRun(stdin="2 3\n", stdout="5\n"), ScriptRun(stdin="1 1\n", stdout=f"2 {CANARY}\n")),
            visible=(ScriptRun(stdin="2 3\n", stdout="5\n"),),
        ),
    ),
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def judge() -> AsyncIterator[Judge]:
    async with open_judge(SUITE) as judge:
        yield judge


def right(case: VisibleCase) -> str:
    return f"def {case.entry_point}(a, b): return a + b\n"


def answering(text: Callable[[VisibleCase], str], *, cost: float = 0.0) -> Solver:
    async def solver(case: VisibleCase, *, sample: int, seed: int) -> CaseAttempt:
        return CaseAttempt(
            text=text(case), usage=SampleUsage(id=case.id, sample=sample, calls=1, cost_usd=cost)
        )

    return solver


def jobs(samples: int = 1) -> Iterator[SampleJob]:
    for case, sample in Selection(samples=samples, filter="f/*").attempts(SUITE):
        yield SampleJob(case, sample)


def by(solver: Solver, seen: list[str] | None = None) -> Answering:
    async def answer(case: Case, sample: int) -> CaseAttempt:
        if seen is not None:
            seen.append(f"{case.id} {sample}")
        return await solver(visible_part(case), sample=sample, seed=0)

    return answer


async def begun(log: MemoryLog, run: str, token: int) -> RunLog:
    record = RunLog(run, log, token=token)
    await record.begin(BenchStarted(suite="s", digests={}, parameters={}))
    return record


@pytest.mark.slow
async def test_every_sample_is_answered_judged_and_written_down(judge: Judge) -> None:
    log = MemoryLog()
    async with log.lease("bench_1") as token:
        record = await begun(log, "bench_1", token)

        async with on_this_machine(judge, 3, by(answering(right))) as executor:
            reason = await run_jobs(jobs(samples=2), executor, record)
        again = RunLog("bench_1", log, token=token)
        verdicts, _ = await again.results()

    assert reason == "done"
    assert {(one.id, one.sample) for one in verdicts} == {
        (f"f/{i}", sample) for i in range(6) for sample in range(2)
    }
    assert {one.verdict for one in verdicts} == {"passed"}


async def test_a_run_goes_on_where_it_was_cut_off(judge: Judge) -> None:
    log, first, second = MemoryLog(), [], []

    async def breaks(case: VisibleCase, *, sample: int, seed: int) -> CaseAttempt:
        if case.id != "f/0":
            raise MachineError("the disk is full")
        return CaseAttempt(text=right(case), usage=SampleUsage(id=case.id, sample=sample, calls=1))

    async with log.lease("bench_1") as token:
        record = await begun(log, "bench_1", token)
        async with on_this_machine(judge, 1, by(breaks, first)) as executor:
            with pytest.raises(MachineError, match="the disk is full"):
                await run_jobs(jobs(), executor, record)
    async with log.lease("bench_1") as token:
        record = RunLog("bench_1", log, token=token)
        await record.load()
        async with on_this_machine(judge, 1, by(answering(right), second)) as executor:
            await run_jobs(jobs(), executor, record)

    assert (first, second) == ([f"f/{i} 0" for i in range(6)], [f"f/{i} 0" for i in range(1, 6)])
    assert [one.id for one in (await record.results())[0]] == [f"f/{i}" for i in range(6)]


async def test_no_attempt_begins_once_the_cost_is_spent(judge: Judge) -> None:
    log, attempts = MemoryLog(), []
    async with log.lease("bench_1") as token:
        record = await begun(log, "bench_1", token)

        async with on_this_machine(judge, 1, by(answering(right, cost=0.4), attempts)) as executor:
            reason = await run_jobs(jobs(), executor, record, max_cost_usd=1.0)

    assert (reason, len(attempts)) == ("cost", 3)


async def test_a_model_that_fails_again_and_again_ends_the_run_and_costs_no_case_its_chance(
    judge: Judge,
) -> None:
    log = MemoryLog()

    async def dead(case: VisibleCase, *, sample: int, seed: int) -> CaseAttempt:
        return CaseAttempt(error="no such key", exit_code=4)

    async with log.lease("bench_1") as token:
        record = await begun(log, "bench_1", token)
        async with on_this_machine(judge, 2, by(dead)) as executor:
            with pytest.raises(
                ModelError, match=f"{MAX_FAILURES} attempts in a row failed. The last one: no such key"
            ):
                await run_jobs(jobs(), executor, record)

    assert (record.judged, (await record.results())[0]) == (0, [])


async def test_one_attempt_that_fails_is_one_case_without_an_answer(judge: Judge) -> None:
    log = MemoryLog()

    async def once(case: VisibleCase, *, sample: int, seed: int) -> CaseAttempt:
        if case.id == "f/2":
            return CaseAttempt(error="refused", exit_code=4)
        return CaseAttempt(text=right(case), usage=SampleUsage(id=case.id, sample=sample, calls=1))

    async with log.lease("bench_1") as token:
        record = await begun(log, "bench_1", token)
        async with on_this_machine(judge, 1, by(once)) as executor:
            await run_jobs(jobs(), executor, record)

    verdicts = {one.id: one for one in (await record.results())[0]}
    assert (verdicts["f/2"].verdict, verdicts["f/2"].detail) == ("error", "no answer: refused")
    assert len(verdicts) == 6


async def test_an_attempt_whose_endpoint_failed_is_missing_unless_all_before_it_did(judge: Judge) -> None:
    log, cut = MemoryLog(), []

    async def once(case: VisibleCase, *, sample: int, seed: int) -> CaseAttempt:
        if case.id in ("f/0", "f/2"):
            return CaseAttempt(cut="endpoint", error="HTTP 503", exit_code=4)
        return CaseAttempt(text=right(case), cut="time" if case.id == "f/4" else None)

    async with log.lease("bench_1") as token:
        record = await begun(log, "bench_1", token)
        async with on_this_machine(judge, 1, by(once)) as executor:
            reason = await run_jobs(jobs(), executor, record, on_cut=cut.append)

    assert reason == "endpoint"
    assert [outcome.case.id for outcome in cut] == ["f/0", "f/2", "f/4"]
    assert [one.id for one in (await record.results())[0]] == ["f/1", "f/3", "f/5"]


def fail(case: Case, error: Exception) -> None:
    if case.id == "f/2":
        raise error


class FailingJudge(Judge):
    """Judge with another one's sandboxes that raises an error for one case, at one step."""

    def __init__(self, judge: Judge, step: str, error: Exception) -> None:
        self.__dict__.update(judge.__dict__)
        self._step, self._error = step, error

    async def plan(self, case: Case) -> CasePlan:
        if self._step == "plan":
            fail(case, self._error)
        return await super().plan(case)

    async def _judge_by_mode(self, plan: CasePlan, code: str) -> DraftVerdict:
        if self._step == "judge":
            fail(plan.case, self._error)
        return await super()._judge_by_mode(plan, code)


ERRORS = [ValueError("no such value"), RecursionError("too deep"), MachineError("the disk is full")]


@pytest.mark.slow
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(
    ("step", "name"),
    [("read", "reading the answer"), ("answer", "answering"), ("plan", "judging"), ("judge", "judging")],
)
async def test_what_goes_wrong_at_a_step_of_one_sample_is_that_ones_infrastructure(
    judge: Judge, step: str, name: str, error: Exception
) -> None:
    async def answer(case: Case, sample: int) -> CaseAttempt:
        if step == "answer":
            fail(case, error)
        return await by(answering(right, cost=0.5))(case, sample)

    def readable(job: SampleJob) -> SampleJob:
        return replace(job, fault=error) if step == "read" and job.case.id == "f/2" else job

    log = MemoryLog()
    async with log.lease("bench_1") as token:
        record = await begun(log, "bench_1", token)
        async with on_this_machine(FailingJudge(judge, step, error), 2, answer) as executor:
            reason = await run_jobs(map(readable, jobs(samples=2)), executor, record)
        again = RunLog("bench_1", log, token=token)
        logged = {(one.verdict.id, one.verdict.sample): one async for _, one in again.samples()}

    failed = {key: one for key, one in logged.items() if one.verdict.verdict != "passed"}
    assert (reason, len(logged), sorted(failed)) == ("done", 12, [("f/2", 0), ("f/2", 1)])
    for one in failed.values():
        assert one.verdict.verdict == "infrastructure"
        assert one.verdict.detail.startswith(f"{name}: ")
        assert str(error) in one.verdict.detail
        assert ("a bug in coder" in one.verdict.detail) == (not isinstance(error, MachineError))
        assert ("Traceback" in one.evidence.fault) == (not isinstance(error, MachineError))
    paid = 12 if step == "judge" else 10  # a case that has no plan isn't answered
    assert record.cost_usd == pytest.approx(0.5 * paid), "what was paid counts"


@pytest.mark.parametrize(
    ("step", "error", "is_shared"),
    [
        ("judging", ValueError("no such value"), False),
        ("judging", UsageError("a form that doesn't fit"), False),
        ("reading the answer", UsageError("a form that doesn't fit"), False),
        (None, UsageError("too large for a worker"), False),
        (None, NodeLost("the worker is gone"), False),
        ("judging", MachineError("the disk is full"), True),
        ("judging", BackendMissing("no sandbox works here"), True),
        ("judging", OSError(errno.ENOSPC, "no space"), True),
        (None, BackendMissing("no sandbox works here"), True),
        ("answering", ValueError("no such value"), True),
        ("answering", UsageError("no such model"), True),
    ],
)
async def test_only_errors_that_other_samples_may_meet_end_a_run(
    step: Step | None, error: Exception, is_shared: bool
) -> None:
    raised = error if step is None else SampleStepFailed(step, error, CaseAttempt(text="paid"))

    outcome = give_up(SampleJob(SUITE.cases[0], 0), JobFailed(raised, "Traceback"))

    assert (outcome.fault is error) == is_shared
    assert outcome.verdict is not None
    assert outcome.verdict.verdict == "infrastructure"
    assert outcome.attempt.text == ("" if step is None else "paid")


async def test_an_error_that_every_case_meets_ends_the_run_and_judges_nothing(judge: Judge) -> None:
    class Nowhere(Judge):
        def __init__(self) -> None:
            self.__dict__.update(judge.__dict__)

        async def plan(self, case: Case) -> CasePlan:
            raise BackendMissing("no sandbox works here")

    log = MemoryLog()
    async with log.lease("bench_1") as token:
        record = await begun(log, "bench_1", token)
        async with on_this_machine(Nowhere(), 2, by(answering(right))) as executor:
            with pytest.raises(BackendMissing, match="no sandbox works here"):
                await run_jobs(jobs(), executor, record)

    assert record.judged == 0


async def test_what_a_solver_is_shown_holds_nothing_hidden() -> None:
    for case in SUITE.cases:
        assert CANARY not in visible_part(case).model_dump_json()
        assert CANARY in case.model_dump_json()


async def test_no_sandbox_of_a_solver_holds_anything_hidden(judge: Judge) -> None:
    looks = (
        "```python\nimport os\n"
        "def add0(a, b):\n"
        "    paths = [os.path.join(f, n) for top in ('.', '/tmp') for f, _, ns in os.walk(top) for n in ns]\n"
        "    canary = bytes(reversed(b'd1e0f5-yranac'))\n"
        "    found = [path for path in paths if canary in open(path, 'rb').read()]\n"
        "    return a + b if not found else 0\n```"
    )
    log = MemoryLog()
    settings = Settings(budget=Budget(samples=1, repairs=0, max_calls=1))
    solver = ModelSolver(Scripted([looks]), settings, log=log)

    attempt = await solver(visible_part(SUITE.cases[0]), sample=0, seed=0)
    events = [event.model_dump_json() for run in await log.runs() for event in await log.read(run.run)]
    verdict = await judge.judge(SUITE.cases[0], attempt.text)

    assert verdict.verdict == "passed"
    assert attempt.usage is not None
    assert attempt.usage.calls == 1
    assert not any(CANARY in event for event in events)
    assert any('"caches":false' in event for event in events), "a later release may lie in caches"


async def test_the_judges_own_sandboxes_are_not_a_solvers(judge: Judge) -> None:
    async with open_sandbox(Policy()) as box:
        assert await box.manifest() == {}
    assert await (await judge.sandboxes()).candidate.manifest() == {}


async def test_a_repository_is_answered_by_a_patch_of_its_tree() -> None:
    case = RepositoryCase(
        id="r/0",
        prompt="Make add in calc.py return the sum of a and b.",
        files={"calc.py": b"def add(a, b):\n    return a - b\n", "README.md": b"calc\n"},
        hidden_tests={"test_calc.py": f"# {CANARY}\n"},
    )
    answer = "calc.py\n```python\ndef add(a, b):\n    return a + b\n```"
    settings = Settings(budget=Budget(samples=1, repairs=0, max_calls=1), plan=False, keep=True)
    solver = ModelSolver(Scripted([answer]), settings, log=MemoryLog())

    attempt = await solver(visible_part(case), sample=0, seed=0)

    assert apply_patch(case.files, attempt.text)["calc.py"] == b"def add(a, b):\n    return a + b\n"


SCRIPT = SUITE.cases[-1]


@pytest.mark.parametrize(
    ("code", "expected", "detail"),
    [
        ("a, b = map(int, input().split())\nprint(a + b)", "failed", "run 2 of 2: line 1 is '2'"),
        ("print(5)", "failed", "run 2 of 2"),
        ("print(6)", "failed", "run 1 of 2: line 1 is '6', expected '5'"),
        ("print(5); raise SystemExit(3)", "error", "exit code 3"),
        ("1 / 0", "error", "ZeroDivisionError"),
        ("print('5\\n5')", "failed", "line 2 is '5', expected None"),
        ("import os; os.kill(os.getpid(), 9)", "error", "signal 9"),
    ],
)
async def test_a_script_is_judged_by_what_it_prints(
    judge: Judge, code: str, expected: str, detail: str
) -> None:
    verdict = await judge.judge(SCRIPT, code)

    assert verdict.verdict == expected
    assert detail in verdict.detail


async def test_a_script_that_prints_what_is_expected_passes(judge: Judge) -> None:
    case = ScriptCase(id="s/1", prompt="", runs=(ScriptRun(stdin="2 3\n", arguments=("x",), stdout="5 x\n"),))

    verdict = await judge.judge(
        case, "import sys\nprint(sum(map(int, input().split())), *sys.argv[1:], '  ')"
    )

    assert (verdict.verdict, verdict.strength) == ("passed", "strong")
