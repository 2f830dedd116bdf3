"""Cases and answers of several outcomes, and their verdicts on this machine, to compare others with."""

from collections.abc import Callable, Iterator, Mapping

from benchmarks.executors.executor import JobExecutor
from benchmarks.judge.judge import open_judge
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.runlog import BenchJudged, BenchStarted, RunLog
from benchmarks.runner.runner import run_jobs
from benchmarks.runner.sample_job import SampleJob, SampleOutcome, on_this_machine
from benchmarks.suite import ScriptCase, ScriptRun, Suite
from benchmarks.verdict import Verdict
from tests.benchmarks.judge.cases import case
from tests.memory_log import MemoryLog

CASES = (
    *(
        case(
            f"assert candidate(1) == {1 + n}\nassert candidate(2) == {2 + n}",
            f"def f(x):\n    return x + {n}\n",
            prompt=f"Add {n}.",
            id=f"sum-{n}",
        )
        for n in range(8)
    ),
    ScriptCase(
        id="echo", prompt="Print the input.", timeout_s=3, runs=(ScriptRun(stdin="a\n", stdout="a\n"),)
    ),
)
SUITE = Suite(name="sums", version="1", cases=CASES)


def answers(each: int) -> Iterator[SampleJob]:
    """`each` answers to each case: right ones, wrong ones, one that raises, one that isn't Python."""
    for sample in range(each):
        for number, one in enumerate(CASES):
            right = f"def f(x):\n    return x + {number}\n" if one.kind == "function" else "print(input())\n"
            wrong = "def f(x):\n    return -x\n" if one.kind == "function" else "print('b')\n"
            texts = [right, wrong, right, "raise ValueError('no')\n", right, "no code"]
            text = f"{texts[(sample + number) % len(texts)]}# {sample}\n"
            yield SampleJob(one, sample, CaseAttempt(text=text), keeps_text=False)


async def local_verdicts(each: int) -> dict[tuple[str, int], Verdict]:
    """Verdicts of this process, by case and sample."""
    async with open_judge(SUITE) as judge, on_this_machine(judge, 4) as executor:
        return await verdicts(executor, each)


async def verdicts(
    executor: JobExecutor[SampleJob, SampleOutcome],
    each: int,
    after: Mapping[int, Callable[[], None]] | None = None,
) -> dict[tuple[str, int], Verdict]:
    """Verdicts of an executor, without times; a sample that has two is an error.

    `after` has what happens after that many verdicts.
    """
    log, count = MemoryLog(), 0

    def on_judged(judged: BenchJudged) -> None:
        nonlocal count
        count += 1
        (after or {}).get(count, lambda: None)()

    async with log.lease("bench_1") as token:
        record = RunLog("bench_1", log, token=token)
        await record.begin(BenchStarted(suite="s", digests={}, parameters={}))
        await run_jobs(answers(each), executor, record, on_judged=on_judged)
        again = RunLog("bench_1", log, token=token)
        logged, _ = await again.results()
    by_sample = {(one.id, one.sample): without_times(one) for one in logged}
    assert len(by_sample) == len(logged), "a verdict is counted twice"
    return by_sample


def without_times(verdict: Verdict) -> Verdict:
    """The verdict without what differs between two equal runs."""
    return verdict.model_copy(update={"cpu_s": 0.0, "wall_s": 0.0})
