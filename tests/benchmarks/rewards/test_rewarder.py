"""Rewards as training libraries ask for them: by columns or prompts, of texts or chats, whole or in parts."""

import asyncio
import os
import pickle
import signal
import subprocess
import sys

import pytest

from benchmarks.rewards.rewarder import Rewarder
from coder.base.errors import MachineError, UsageError
from tests.benchmarks.rewards.conftest import DOUBLE, ECHO, HIDDEN, SUITE

RIGHT, WRONG, HALF = "    return n + n\n", "    return n\n", "    return abs(2 * n)\n"


@pytest.mark.slow
def test_a_pass_is_one_a_failure_nothing_and_an_unknown_case_none(rewarder: Rewarder) -> None:
    rewards = rewarder([""] * 3, [RIGHT, WRONG, RIGHT], task_id=["double", "double", "triple"])

    assert rewards == [1.0, 0.0, None]


@pytest.mark.parametrize("column", ["task_id", "case", "case_id"])
def test_a_column_names_the_case(rewarder: Rewarder, column: str) -> None:
    assert rewarder(["anything"], [RIGHT], **{column: ["double"], "trainer_state": None}) == [1.0]


def test_a_prompt_names_the_case_also_in_a_chat(rewarder: Rewarder) -> None:
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"{HIDDEN.prompt}\n"}]
    reply = "Here it is:\n```python\ndef same(n):\n    return n\n```\nDone."

    rewards = rewarder([DOUBLE.prompt, chat], [RIGHT, [{"role": "assistant", "content": reply}]])

    assert rewards == [1.0, 1.0]


def test_the_program_of_a_script_is_taken_out_of_the_chat(rewarder: Rewarder) -> None:
    assert rewarder([ECHO.prompt], ["So:\n```python\nprint(input())\n```"]) == [1.0]


async def test_it_rewards_while_an_event_loop_runs(rewarder: Rewarder) -> None:
    assert rewarder([""], [RIGHT], task_id=["double"]) == [1.0]


@pytest.mark.slow
def test_parts_are_the_assertions_about_the_candidate_that_hold(partial_rewarder: Rewarder) -> None:
    answers = [HALF, RIGHT, "    raise ValueError\n", "print('a')"]

    rewards = partial_rewarder([""] * 4, answers, task_id=["double", "double", "double", "echo"])

    assert rewards == [2 / 3, 1.0, 0.0, 0.5]


def test_an_answer_that_fails_by_its_state_alone_has_no_part(partial_rewarder: Rewarder) -> None:
    counts = "    double.n = getattr(double, 'n', 0) + 1\n"
    stateful = f"{counts}    return 2 * n if double.n == {{1: 1, 2: 2, -3: 3}}[n] else 0"

    assert partial_rewarder([""], [stateful], task_id=["double"]) == [0.0]


@pytest.mark.slow
def test_a_copy_made_by_pickle_rewards_too(rewarder: Rewarder) -> None:
    with pickle.loads(pickle.dumps(rewarder)) as copy:
        assert copy([""], [RIGHT], task_id=["double"]) == [1.0]
        assert copy.__name__ == rewarder.__name__ == "coder_passed"


@pytest.mark.slow
def test_a_rewarder_that_nobody_closes_ends_with_its_process() -> None:
    program = (
        "from benchmarks.rewards.rewarder import Rewarder\n"
        "print(Rewarder('starter')(['x'], ['y']))\n"
        "def reward():\n"
        "    rewarder = Rewarder('starter')  # collected before the interpreter ends\n"
        "    case = rewarder.suite.cases[0]\n"
        "    return rewarder([case.prompt], [''])\n"
        "print(reward())\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert (ended.stdout, ended.stderr, ended.returncode) == ("[None]\n[0.0]\n", "", 0)


async def test_score_takes_the_case_of_info_or_answer(rewarder: Rewarder) -> None:
    messages = [{"role": "assistant", "content": [{"type": "text", "text": RIGHT}]}]

    scores = await asyncio.gather(
        rewarder.score(messages, "", {"task_id": "double"}),
        rewarder.score(messages, "double"),
        rewarder.score(WRONG, answer="double"),
    )

    assert scores == [1.0, 1.0, 0.0]


async def test_score_takes_what_answer_names_only_where_nothing_else_names_a_case(rewarder: Rewarder) -> None:
    assert await rewarder.score(RIGHT, "same", prompt=DOUBLE.prompt) == 1.0
    assert await rewarder.score(RIGHT, "same", {"task_id": "double"}) == 1.0
    with pytest.raises(UsageError, match="one case's id"):
        await rewarder.score(RIGHT, "double", {"task_id": "same"}, DOUBLE.prompt)


@pytest.mark.slow
def test_row_numbers_and_results_name_no_case() -> None:
    four = HIDDEN.model_copy(update={"id": "4"})

    with Rewarder(SUITE.model_copy(update={"cases": (DOUBLE, four)})) as rewarder:
        rewards = rewarder([DOUBLE.prompt, "other"], [RIGHT] * 2, id=[4, 4], answer=["4", "4"])

    assert rewards == [1.0, None]


def test_where_prompt_and_columns_name_different_cases_there_is_no_reward(rewarder: Rewarder) -> None:
    prompts = [DOUBLE.prompt, DOUBLE.prompt, ""]
    columns = {"task_id": ["same", "unknown", "same"], "case": ["double", "double", "double"]}

    assert rewarder(prompts, [RIGHT] * 3, **columns) == [None, 1.0, None]


@pytest.mark.slow
def test_a_prompt_of_two_cases_needs_a_column() -> None:
    twin = DOUBLE.model_copy(
        update={"id": "twin", "test": "def check(candidate):\n    assert candidate(1) == 3\n"}
    )
    twin = twin.model_copy(update={"canonical_solution": "    return 3 * n\n"})

    with Rewarder(SUITE.model_copy(update={"cases": (DOUBLE, twin)})) as rewarder:
        assert rewarder([DOUBLE.prompt], [RIGHT]) == [None]
        assert rewarder([DOUBLE.prompt] * 2, [RIGHT] * 2, task_id=["double", "twin"]) == [1.0, 0.0]


@pytest.mark.parametrize(
    ("completion", "reward"),
    [
        ([{"role": "assistant", "tool_calls": []}], 0.0),
        ([{"role": "assistant", "content": None}], 0.0),
        ([{"role": "assistant", "content": ["    return ", {"type": "text", "text": "2 * n\n"}]}], 1.0),
        ([], 0.0),
        (None, 0.0),
        (3, 0.0),
    ],
)
def test_a_chat_without_a_text_is_a_wrong_answer(
    rewarder: Rewarder, completion: object, reward: float
) -> None:
    assert rewarder([DOUBLE.prompt], [completion]) == [reward]  # type: ignore[list-item]


@pytest.mark.parametrize("given", [{"task_id": ["double"]}, {"completions": [RIGHT]}])
def test_a_batch_with_rows_missing_is_refused(rewarder: Rewarder, given: dict[str, list[str]]) -> None:
    with pytest.raises(UsageError, match="has 1 rows, `prompts` has 2"):
        rewarder(**{"prompts": [DOUBLE.prompt] * 2, "completions": [RIGHT] * 2} | given)


FENCED = "```python\ndef double(n):\n    return {} * n\n```\n"


@pytest.mark.parametrize(
    ("said", "reward"),
    [
        (f"<think>\n{FENCED.format(0)}Wrong.\n</think>\n{FENCED.format(2)}", 1.0),
        (f"{FENCED.format(0)}Wrong.\n</think>\n{FENCED.format(2)}", 1.0),
        (f"<think>\n{FENCED.format(2)}Is it right?", 0.0),
        (f"First:\n{FENCED.format(0)}Better:\n{FENCED.format(2)}", 1.0),
        (f"{FENCED.format(2)}Better:\n{FENCED.format(0)}", 0.0),
        (f"{FENCED.format(2)}So:\n```python\nprint(double(2))\n```", 1.0),
        ("    tag = '</think><think>'\n    return 2 * n\n", 1.0),
    ],
    ids=["thoughts", "opened by the prompt", "unclosed", "draft", "worse at last", "use", "tags in code"],
)
def test_the_last_answer_counts_not_a_draft_before_it(rewarder: Rewarder, said: str, reward: float) -> None:
    assert rewarder([DOUBLE.prompt], [said]) == [reward]


@pytest.mark.slow
def test_a_forked_process_rewards_too_and_leaves_its_parent_alone(rewarder: Rewarder) -> None:
    assert rewarder([DOUBLE.prompt], [RIGHT]) == [1.0]

    if (child := os.fork()) == 0:
        signal.alarm(60)  # ends it if it hangs
        try:
            with rewarder:
                os._exit(0 if rewarder([DOUBLE.prompt], [f"{RIGHT}# child"]) == [1.0] else 1)
        finally:
            os._exit(2)

    assert os.waitpid(child, 0)[1] == 0
    assert rewarder([DOUBLE.prompt], [f"{RIGHT}# parent"]) == [1.0]


async def test_score_says_what_it_needs_to_find_a_case(rewarder: Rewarder) -> None:
    with pytest.raises(UsageError, match="id of the suite three as `answer` or in `info`"):
        await rewarder.score(RIGHT, "42")


@pytest.mark.slow
async def test_what_the_machine_kept_from_being_judged_is_no_failure_of_the_answer() -> None:
    broken = DOUBLE.model_copy(update={"canonical_solution": "    return 3\n"})

    with Rewarder(SUITE.model_copy(update={"cases": (broken,)})) as rewarder:
        assert rewarder([""], [RIGHT], task_id=["double"]) == [None]
        with pytest.raises(MachineError, match="canonical answer fails"):
            await rewarder.score(RIGHT, "double")
