"""Rewards as training libraries ask for them: by columns or prompts, of texts or chats, whole or in parts."""

import asyncio
import pickle
import subprocess
import sys

import pytest

from benchmarks.rewards.rewarder import Rewarder
from coder.errors import MachineError, UsageError
from tests.benchmarks.rewards.conftest import DOUBLE, ECHO, HIDDEN, SUITE

RIGHT, WRONG, HALF = "    return n + n\n", "    return n\n", "    return abs(2 * n)\n"


def test_a_pass_is_one_a_failure_nothing_and_an_unknown_case_none(rewarder: Rewarder) -> None:
    rewards = rewarder([""] * 3, [RIGHT, WRONG, RIGHT], task_id=["double", "double", "triple"])

    assert rewards == [1.0, 0.0, None]


@pytest.mark.parametrize("column", ["task_id", "case", "case_id", "id"])
def test_a_column_names_the_case(rewarder: Rewarder, column: str) -> None:
    assert rewarder(["anything"], [RIGHT], **{column: ["double"], "trainer_state": None}) == [1.0]


def test_a_prompt_names_the_case_also_in_a_chat(rewarder: Rewarder) -> None:
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"{HIDDEN.prompt}\n"}]
    said = "Here it is:\n```python\ndef same(n):\n    return n\n```\nDone."

    rewards = rewarder([DOUBLE.prompt, chat], [RIGHT, [{"role": "assistant", "content": said}]])

    assert rewards == [1.0, 1.0]


def test_the_program_of_a_script_is_taken_out_of_the_chat(rewarder: Rewarder) -> None:
    assert rewarder([ECHO.prompt], ["So:\n```python\nprint(input())\n```"]) == [1.0]


async def test_it_rewards_while_an_event_loop_runs(rewarder: Rewarder) -> None:
    assert rewarder([""], [RIGHT], id=["double"]) == [1.0]


def test_parts_are_the_assertions_about_the_candidate_that_hold(partial_rewarder: Rewarder) -> None:
    answers = [HALF, RIGHT, "    raise ValueError\n", "print('a')"]

    rewards = partial_rewarder([""] * 4, answers, id=["double", "double", "double", "echo"])

    assert rewards == [2 / 3, 1.0, 0.0, 0.5]


def test_an_answer_that_fails_by_its_state_alone_has_no_part(partial_rewarder: Rewarder) -> None:
    counts = "    double.n = getattr(double, 'n', 0) + 1\n"
    stateful = f"{counts}    return 2 * n if double.n == {{1: 1, 2: 2, -3: 3}}[n] else 0"

    assert partial_rewarder([""], [stateful], id=["double"]) == [0.0]


def test_a_copy_made_by_pickle_rewards_too(rewarder: Rewarder) -> None:
    with pickle.loads(pickle.dumps(rewarder)) as copy:
        assert copy([""], [RIGHT], id=["double"]) == [1.0]
        assert copy.__name__ == rewarder.__name__ == "coder_passed"


def test_a_rewarder_that_nobody_closes_ends_with_its_process() -> None:
    program = (
        "from benchmarks.rewards.rewarder import Rewarder\n"
        "print(Rewarder('starter')(['x'], ['y']))\n"
        "rewarder = Rewarder('starter')\n"
        "case = rewarder.suite.cases[0]\n"
        "print(rewarder([case.prompt], ['']))\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert (ended.stdout, ended.stderr, ended.returncode) == ("[None]\n[0.0]\n", "", 0)


async def test_score_takes_the_case_of_info_or_answer(rewarder: Rewarder) -> None:
    said = [{"role": "assistant", "content": [{"type": "text", "text": RIGHT}]}]

    scores = await asyncio.gather(
        rewarder.score(said, "", {"task_id": "double"}),
        rewarder.score(said, "double"),
        rewarder.score(WRONG, answer="double"),
    )

    assert scores == [1.0, 1.0, 0.0]


async def test_score_says_what_it_needs_to_find_a_case(rewarder: Rewarder) -> None:
    with pytest.raises(UsageError, match="id of the suite three as `answer` or in `info`"):
        await rewarder.score(RIGHT, "42")


async def test_what_the_machine_kept_from_being_judged_is_no_failure_of_the_answer() -> None:
    broken = DOUBLE.model_copy(update={"canonical_solution": "    return 3\n"})

    with Rewarder(SUITE.model_copy(update={"cases": (broken,)})) as rewarder:
        assert rewarder([""], [RIGHT], id=["double"]) == [None]
        with pytest.raises(MachineError, match="canonical answer fails"):
            await rewarder.score(RIGHT, "double")
