"""What a line of a conversation means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.errors import UsageError
from coder.config.command_table import COMMANDS
from coder.people.chat.chat_terminal import complete
from coder.show.chat_commands import (
    ChatCommand,
    help_rows,
    is_message,
    parse_line,
    reason_against_command,
)


def test_a_command_has_a_name_and_the_rest_of_its_line() -> None:
    assert parse_line("  /test pytest -q  ") == ChatCommand("test", "pytest -q")


def test_a_message_may_begin_with_a_slash_that_is_doubled() -> None:
    assert parse_line("//etc is where it stands") == "/etc is where it stands"


def test_exit_is_quit_unless_the_user_has_a_command_of_that_name() -> None:
    assert parse_line("/exit") == ChatCommand("quit", "")
    assert parse_line("/exit", ["exit"]) == ChatCommand("exit", "")


def test_an_unknown_command_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"There is no command /tset; did you mean test\?"):
        parse_line("/tset")


@pytest.mark.parametrize(
    ("line", "place"),
    [("/resume x", "coder chat --resume RUN"), ("/init", "an AGENTS.md")],
)
def test_a_command_of_another_agent_names_what_does_its_work_here(line: str, place: str) -> None:
    with pytest.raises(UsageError, match=place):
        parse_line(line)
    name = line[1:].split()[0]
    assert parse_line(line, [name]) == ChatCommand(name, line.partition(" ")[2])
    assert parse_line("/rewind") == ChatCommand("undo", "")
    assert parse_line("/agents") == ChatCommand("skills", "")


@pytest.mark.slow
@given(st.text())
def test_any_line_is_a_message_a_known_command_or_refused(line: str) -> None:
    try:
        meant = parse_line(line)
    except UsageError:
        return

    assert isinstance(meant, str) or meant.name in (*COMMANDS, "!")


def test_help_lists_every_command() -> None:
    assert [name.split()[0] for name, _ in help_rows()] == [
        *(f"/{name}" for name in COMMANDS),
        "!COMMAND",
        "@PATH",
    ]


def test_commands_are_completed_at_the_beginning_and_paths_elsewhere() -> None:
    paths = ["calc.py", "src/calc.py", "test_calc.py"]

    assert complete("/te", paths) == ["/test"]
    assert complete("/add src", paths) == ["src/calc.py"]
    assert complete("look at ", paths) == []


def test_several_lines_at_once_are_one_message_unless_all_are_commands_or_lone_answers() -> None:
    assert is_message(["Mend this:", "  File x.py", "/cost"])
    assert not is_message(["/cost", "y", "!ls"])
    assert not is_message(["Mend this"])


def test_an_unknown_command_at_a_question_is_answered_with_the_nearest_name() -> None:
    assert "There is no command /cots; did you mean cost" in reason_against_command("/cots")
    assert "answer this question first" in reason_against_command("/cost")
    assert "answer this question first" in reason_against_command("!ls")
