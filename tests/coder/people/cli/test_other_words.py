"""A command line without a command, and words of other agents."""

import pytest
from typer.main import get_command

from coder.people.cli.app import app
from coder.people.cli.other_words import COMMANDS, OPTIONS, advice_for_option, whole_command
from coder.show.command_groups import SUMMARIES


@pytest.mark.parametrize(
    ("words", "whole"),
    [
        ([], ["chat"]),
        (["Add a function."], ["solve", "Add a function."]),
        (["fix"], ["fix"]),
        (["--help"], ["--help"]),
    ],
)
def test_on_a_terminal_nothing_is_a_chat_and_a_sentence_is_a_task(words: list[str], whole: list[str]) -> None:
    assert whole_command(words, is_terminal=True) == whole


def test_in_a_pipe_nothing_stays_nothing() -> None:
    assert whole_command([], is_terminal=False) == []


def test_no_word_of_another_agent_is_one_of_ours() -> None:
    solve = get_command(app).get_command(None, "solve")  # type: ignore[attr-defined]
    ours = {name for param in solve.params for name in param.opts}

    assert not ours & OPTIONS.keys()
    assert not SUMMARIES.keys() & COMMANDS.keys()
    assert advice_for_option("--budget=5") == " Here it is: --max-cost USD"
    assert advice_for_option("--unheard-of") == ""
