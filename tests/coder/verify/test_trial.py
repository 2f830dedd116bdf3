"""An answer's tests and check on the changed and on the untouched code, with the time that each run has."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from coder.base.text.redact import Redactor
from coder.environment.workbench import Workbench
from coder.run.event_types import BaselineTaken
from coder.run.message import AnswerChanges, CodeMessage, Outcome
from coder.run.records.inputs import Inputs
from coder.run.records.spend import Spend
from coder.run.settings import Budget, Settings
from coder.run.state import State, replace
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import Task
from coder.verify.time_limits import max_test_s, one_test_s, trial_s
from coder.verify.trial import AnswerTrial
from coder.verify.verification import Verification
from sandbox import Policy
from tests.growing_limits import growing_limits
from tests.kept_sandboxes import KEPT
from tests.only_pytest import only_pytest
from tests.sandbox_pool import open_kept

pytestmark = KEPT
PASSED = Outcome(passed=True, verified="none")


def begun(files: Mapping[str, str], *, test_timeout: float = 300.0) -> State:
    return State(
        run="r",
        task=Task(prompt="Mend it.", workspace=Path("/project"), test_command=("pytest", "-q")),
        settings=Settings(test_timeout=test_timeout),
        model="scripted",
        spend=Spend(budget=Budget()),
        inputs=Inputs(
            files={path: StoredFile.of(text.encode()) for path, text in files.items()},
            target=Target(path=next(iter(files))),
        ),
    )


@asynccontextmanager
async def trial_of(
    state: State, files: dict[str, str | None], check: str = "", **limits: Any
) -> AsyncIterator[AnswerTrial]:
    """The trial of an answer with these files."""
    code = CodeMessage(author="m", text="", changes=AnswerChanges(files=files), check=check)
    async with Workbench(Policy(python=only_pytest()), open_kept, redactor=Redactor()) as bench:
        yield AnswerTrial(Verification(bench, state, state.target), code, **limits)


async def checked(
    check: str, *, test_timeout: float = 300.0, **limits: Any
) -> tuple[Outcome, list[tuple[str, str]]]:
    """The outcome of a change with this check, and the check's runs."""
    state = begun({"calc.py": "print(2 - 1)\n"}, test_timeout=test_timeout)
    async with trial_of(state, {"calc.py": "print(2 + 1)\n"}, check, **limits) as trial:
        outcome = await trial.check(PASSED)
    return outcome, [(run.on, run.status) for run in trial.tried]


async def test_a_check_that_fails_on_the_untouched_code_reproduces_the_task_by_two_runs_on_each() -> None:
    outcome, runs = await checked("python3 calc.py | grep 3")

    assert outcome.verified == "reproduced"
    assert runs == [("after", "ok")] * 2 + [("before", "error")] * 2 + [("altered", "error")]


@pytest.mark.slow
async def test_a_long_check_has_the_time_of_the_tests_and_runs_once_on_each_code() -> None:
    for seconds in growing_limits(1):  # its limit is twice as long, which a busy machine may need
        check = f"sleep {seconds:g}; python3 calc.py | grep 3"
        outcome, runs = await checked(check, extra_s=0.5, long_check_s=seconds)
        if runs[-1] != ("before", "timeout"):
            break

    assert outcome.verified == "reproduced"
    assert runs == [("after", "ok"), ("before", "error"), ("altered", "error")]


async def test_a_check_that_never_ends_is_stopped_at_the_limit_of_the_tests() -> None:
    outcome, runs = await checked("sleep 600", test_timeout=0.3)

    assert not outcome.passed
    assert "The check `sleep 600` is stopped with the change." in outcome.feedback
    assert runs == [("after", "timeout")]


@pytest.mark.slow
async def test_a_check_that_ends_only_with_the_change_is_stopped_on_the_untouched_code() -> None:
    outcome, runs = await checked("grep -q + calc.py || sleep 600", extra_s=1.0)

    assert outcome.verified != "reproduced"
    assert runs[-1] == ("before", "timeout")


@pytest.mark.slow
async def test_a_new_test_that_never_ends_on_the_code_before_fails_there_by_its_limit() -> None:
    state = begun({"shop.py": "def price(n):\n    return n\n"})
    loop = "    while shop.price(2) == 2:\n        time.sleep(1)\n"  # asleep: it costs no processor
    new = f"import time\n\nimport shop\n\n\ndef test_ends():\n{loop}"
    files: dict[str, str | None] = {"shop.py": "def price(n):\n    return 2 * n\n", "test_two.py": new}
    name = "test_two.py::test_ends"

    async with trial_of(state, files, extra_test_s=1.0) as trial:
        outcome = await trial.tests(PASSED, (name,))

    assert (outcome.verified, outcome.reproduced_by) == ("reproduced", (name,))
    runs = [(run.on, run.status) for run in trial.tried]
    assert runs == [("before", "error")] * 2 + [("after", "ok"), ("altered", "error")]


@pytest.mark.parametrize(
    ("test_timeout", "baseline_s", "limit_s", "each_s"), [(300, 4, 38, 19), (20, 4, 20, 10), (1, 0, 1, 0.5)]
)
def test_a_trial_may_take_half_a_minute_more_than_twice_the_passing_run(
    test_timeout: float, baseline_s: float, limit_s: float, each_s: float
) -> None:
    state = begun({"calc.txt": ""}, test_timeout=test_timeout)
    baseline = BaselineTaken(passed=True, seconds=baseline_s)
    after = replace(state, progress=replace(state.progress, baseline=baseline))

    assert (trial_s(after), max_test_s(after)) == (limit_s, each_s)


@pytest.mark.parametrize(("passing_s", "limit_s"), [(0.0, 10), (0.1, 15), (2.5, 15), (2.6, 19), (60.0, 19)])
def test_one_test_has_at_least_ten_seconds_more_than_twice_the_passing_run_in_steps(
    passing_s: float, limit_s: float
) -> None:
    state = begun({"calc.txt": ""}, test_timeout=300)
    after = replace(state, progress=replace(state.progress, baseline=BaselineTaken(passed=True, seconds=4.0)))

    assert one_test_s(after, passing_s) == limit_s
