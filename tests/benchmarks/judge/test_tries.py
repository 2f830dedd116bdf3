"""Answers that sleep, loop or stop their runner keep no others waiting."""

import asyncio
import itertools
from pathlib import Path

import pytest

from benchmarks.judge.exclusive import Exclusive
from benchmarks.judge.judge import Judge, open_judge
from benchmarks.judge.tries import Tries
from benchmarks.judge.verdicts import DraftVerdict
from benchmarks.suite import Case, RepositoryCase, ScriptCase, ScriptRun, Suite
from benchmarks.verdict import Outcome, Verdict
from tests.benchmarks.judge.cases import case, sections
from tests.benchmarks.judge.patches import diff
from tests.only_pytest import only_pytest

SQUARE = "def f(n):\n    return n * n\n"
CASE = case("assert candidate(2) == 4", SQUARE, timeout_s=3)
SCRIPT = ScriptCase(id="script", prompt="", timeout_s=3, runs=(ScriptRun(stdout=""), ScriptRun(stdout="")))
HOSTILE = sections(Path(__file__).parent / "hostile.txt")
SLOW = [
    *("no end", "no end at import", "stops itself", "a child that stays", "forks"),
    *("colliding keys", "ignores signals", "closes every descriptor"),
]
BASE = {"top.py": "def top():\n    raise NotImplementedError\n"}
GOLD = {"top.py": "def top():\n    return 7\n"}
TESTS = {"tests/test_top.py": "import top\n\n\ndef test_top():\n    print(top)\n    assert top.top() == 7\n"}
PATCHED = RepositoryCase(
    id="patched",
    prompt="",
    files={path: text.encode() for path, text in BASE.items()},
    hidden_tests=TESTS,
    gold_patch=diff(BASE, GOLD),
    timeout_s=1,
)
STOPS = "import os, signal\n\n\ndef top():\n    os.kill({}, signal.SIGSTOP)\n"


class Answer:
    """An answer that needs so many seconds, a share of them of a processor; it lists its tries."""

    def __init__(self, needs_s: float, *, share: float = 1.0) -> None:
        self.needs_s, self.share = needs_s, share
        self.tries: list[Case] = []

    async def attempt(self, limited: Case) -> DraftVerdict:
        """End as the answer does within these limits, but at once."""
        self.tries.append(limited)
        runs = len(limited.runs) if isinstance(limited, ScriptCase) else 1
        longest_s = min(limited.wall_s or limited.longest_s, limited.timeout_s / self.share)
        wall_s = min(self.needs_s, longest_s) * runs
        outcome: Outcome = "passed" if self.needs_s <= longest_s else "timeout"
        return DraftVerdict(outcome, cpu_s=wall_s * self.share, wall_s=wall_s)

    @property
    def walls_s(self) -> list[float]:
        """Wall seconds that each try had."""
        return [round(limited.wall_s or limited.longest_s, 2) for limited in self.tries]


async def tried(answer: Answer, of: Case = CASE, *, own_s: float = 0.0) -> tuple[DraftVerdict, list[int]]:
    """The last draft on an answer, and after how many tries it was called slow."""
    slow_after: list[int] = []
    draft = await Tries(Exclusive(processors=2), None).all(
        of, answer.attempt, own_s=own_s, on_slow=lambda: slow_after.append(len(answer.tries))
    )
    return draft, slow_after


async def test_an_answer_that_ends_in_its_brief_first_try_has_no_other_and_isnt_slow() -> None:
    answer = Answer(0.005)

    draft, slow_after = await tried(answer)

    assert (draft.outcome, answer.walls_s, slow_after) == ("passed", [0.04], [])


async def test_a_loop_is_slow_after_its_first_try_and_has_longer_ones_behind_others_to_the_limit() -> None:
    answer = Answer(1000)

    draft, slow_after = await tried(answer)

    assert (draft.outcome, draft.cpu_s, slow_after) == ("timeout", CASE.timeout_s, [1])
    assert answer.walls_s == [0.04, 0.24, 1.92, CASE.longest_s]
    assert [limited.behind for limited in answer.tries] == [False, True, True, True]
    assert {limited.timeout_s for limited in answer.tries} == {CASE.timeout_s}


async def test_an_honest_answer_that_takes_long_passes_at_the_first_try_that_is_long_enough() -> None:
    answer = Answer(0.5)

    draft, slow_after = await tried(answer)

    assert (draft.outcome, len(answer.tries), slow_after) == ("passed", 3, [1])


async def test_an_answer_that_sleeps_has_longer_tries_and_no_more_of_a_processor_and_isnt_behind() -> None:
    answer = Answer(1000, share=0.0005)

    draft, slow_after = await tried(answer)

    assert (draft.outcome, slow_after) == ("timeout", [1])
    assert answer.walls_s == [0.04, 0.32, 2.56, CASE.longest_s]
    assert [limited.timeout_s for limited in answer.tries] == [CASE.timeout_s, 0.02, 0.02, 0.02]
    assert not any(limited.behind for limited in answer.tries)


async def test_an_answer_that_a_busy_machine_kept_waiting_has_one_more_try_of_its_own() -> None:
    answer = Answer(1000, share=0.1)

    draft, slow_after = await tried(answer)

    assert (draft.outcome, slow_after) == ("timeout", [1, 5])
    assert answer.walls_s == [0.04, 0.32, 2.4, *[CASE.longest_s] * 3]
    assert [limited.behind for limited in answer.tries] == [False, False, True, True, True, False]
    assert answer.tries[-1] == CASE


async def test_a_script_may_use_its_limit_in_each_of_its_runs() -> None:
    answer = Answer(1000)

    draft, _ = await tried(answer, SCRIPT)

    assert (draft.outcome, draft.cpu_s) == ("timeout", 2 * SCRIPT.timeout_s)
    assert answer.walls_s == [0.8, SCRIPT.longest_s]


@pytest.mark.parametrize(
    ("of", "own_s", "first_s"),
    [
        (CASE, 0.0, 0.02),
        (CASE, 0.001, 0.02),
        (CASE, 0.1, 0.4),
        (CASE, 0.2, CASE.timeout_s),
        (SCRIPT, 0.0, 0.4),
    ],
    ids=["unknown", "quick", "slow", "nearly the limit", "a program"],
)
def test_a_first_try_is_four_times_as_long_as_the_cases_own_answer(
    of: Case, own_s: float, first_s: float
) -> None:
    assert Tries(Exclusive(), None).first_s(of, own_s) == first_s


async def test_a_case_without_an_answer_of_its_own_has_that_which_passed_until_it_is_forgotten() -> None:
    tries = Tries(Exclusive(), None)
    await tries.all(CASE, Answer(0.06).attempt, own_s=0.0)

    known_s = tries.first_s(CASE, 0.0)
    tries.forget()

    assert (known_s, tries.first_s(CASE, 0.0)) == (0.24, 0.02)


@pytest.mark.slow
async def test_answers_that_may_run_for_an_hour_keep_no_others_waiting() -> None:
    patient = CASE.model_copy(update={"timeout_s": 3600.0})
    honest = [f"{SQUARE}# {number}\n" for number in range(40)]
    waiting = iter(honest)
    codes = iter([code for name in SLOW for code in (HOSTILE[name], *itertools.islice(waiting, 5))])
    tasks: dict[str, asyncio.Task[Verdict]] = {}

    async def work(judge: Judge) -> None:
        """Start an answer once the one before has ended or is slow, as a worker of `coder bench` does."""
        for code in codes:
            slow = asyncio.Event()
            tasks[code] = asyncio.create_task(judge.judge(patient, code, on_slow=slow.set))
            tasks[code].add_done_callback(lambda _, slow=slow: slow.set())
            await slow.wait()

    async with open_judge(Suite(name="small", version="1", cases=(patient,))) as judge:
        await asyncio.gather(*(work(judge) for _ in range(4)))
        verdicts = await asyncio.gather(*(tasks[code] for code in honest))
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)

    assert [one.verdict for one in verdicts] == ["passed"] * len(honest)


@pytest.mark.slow
@pytest.mark.parametrize("stopped", ["os.getpid()", "os.getppid()"], ids=["itself", "its runner"])
async def test_a_patch_that_stops_leaves_its_slot_at_the_limit_of_its_case(stopped: str) -> None:
    patch, right = diff(BASE, {"top.py": STOPS.format(stopped)}), PATCHED.gold_patch or ""
    endless = PATCHED.model_copy(update={"wall_s": 120})
    suite = Suite(name="one", version="1", cases=(PATCHED,))
    async with open_judge(suite, python=only_pytest(), slots=1) as judge:
        assert (await judge.judge(PATCHED, right)).verdict == "passed"
        slow = asyncio.Event()
        leaving = asyncio.create_task(slow.wait())
        stopping = asyncio.create_task(judge.judge(endless, patch, on_slow=slow.set))
        await asyncio.wait([leaving, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stopping.done():  # the signal was denied
            assert stopping.result().verdict in ("failed", "error")
        else:
            assert (await judge.judge(PATCHED, right)).verdict == "passed"
            assert not stopping.done()
        for task in (leaving, stopping):
            task.cancel()
        await asyncio.gather(leaving, stopping, return_exceptions=True)
