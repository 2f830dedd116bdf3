"""A long help is in sections, and a short one is a list."""

import re
from pathlib import Path

import pytest
from typer import Context
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from coder.people.cli.app import app, run
from coder.show import command_groups
from coder.show.command_groups import OTHER_OPTIONS, SECTIONS, SUMMARIES, Commands
from coder.show.flags import HELP_ALL
from tests.coder.people.cli.console import Console

LONG = (("solve",), ("fix",), ("issue",), ("chat",), ("resume",), ("approve",), ("fork",), ("bench", "run"))


def command(*names: str) -> tuple[TyperCommand, Context]:
    subcommand: TyperGroup | TyperCommand | None = get_command(app)  # type: ignore[assignment]
    for name in names:
        assert isinstance(subcommand, TyperGroup)
        subcommand = subcommand.get_command(Context(subcommand), name)  # type: ignore[assignment]
    assert isinstance(subcommand, TyperCommand)
    return subcommand, Context(subcommand, info_name=names[-1])


def whole_help(context: Context) -> str:
    """The help of --help-all."""
    context.meta[HELP_ALL] = True
    return context.get_help()


def sections(shown: str) -> dict[str, list[str]]:
    """The long flags beneath each heading of a help."""
    headings = re.split(r"^(\w[\w ]*):\n", shown, flags=re.MULTILINE)[1:]
    return {
        heading: re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, flags=re.MULTILINE)
        for heading, text in zip(headings[::2], headings[1::2], strict=True)
    }


@pytest.mark.parametrize("names", LONG, ids=" ".join)
def test_each_option_of_a_long_help_is_in_one_section_and_none_is_left_over(names: tuple[str, ...]) -> None:
    subcommand, context = command(*names)

    flags_by_section = sections(whole_help(context))

    options = [param for param in subcommand.get_params(context) if param.param_type_name == "option"]
    listed = [flag for flags in flags_by_section.values() for flag in flags]
    assert sorted(listed) == sorted(next(o for o in param.opts if o[:2] == "--") for param in options)
    assert [heading for heading in flags_by_section if heading != "Arguments"] == [
        heading for heading in SECTIONS if heading in flags_by_section
    ]
    assert OTHER_OPTIONS not in flags_by_section


def test_the_help_of_solve_has_every_section() -> None:
    subcommand, context = command("solve")

    assert set(sections(whole_help(context))) == {"Arguments", *SECTIONS}
    assert set(sections(subcommand.get_help(context))) == {"Arguments", *SECTIONS}


@pytest.mark.parametrize("names", LONG, ids=" ".join)
def test_a_short_help_has_the_common_flags_and_says_how_to_see_the_others(names: tuple[str, ...]) -> None:
    _, context = command(*names)

    short, whole = context.get_help(), whole_help(context)
    few, every = (
        [flag for flags in sections(help_text).values() for flag in flags] for help_text in (short, whole)
    )

    assert len(few) <= 23
    assert set(few) < set(every)
    assert {"--model", "--help-all", "--help"} <= set(few)
    assert short.splitlines()[-1] == (
        f"{len(every) - len(few)} more options: {context.command_path} --help-all"
    )
    assert "--help-all" not in whole.splitlines()[-1]


def test_help_all_prints_every_flag_and_ends(tmp_path: Path) -> None:
    console = Console(tmp_path)

    # Apart: the commands of this process have kept the help option of the contexts above.
    short, whole = console.run_apart("solve", "-h"), console.run_apart("solve", "--help-all")

    assert (short.code, whole.code) == (0, 0)
    assert "--max-call-cost" not in short.out
    assert "--max-call-cost USD" in whole.out


def test_a_short_help_is_one_list_of_options() -> None:
    subcommand, context = command("undo")

    assert set(sections(subcommand.get_help(context))) == {"Arguments", "Options"}


def test_every_name_in_a_section_is_an_option_of_a_command() -> None:
    option_names = {param.name for names in LONG for param in command(*names)[0].params} | {"help"}

    assert {name for names in SECTIONS.values() for name in names.split()} <= option_names


def test_what_a_command_returns_is_no_exit_code() -> None:
    class Counting(Commands):
        def get_command(self, ctx: object, cmd_name: str) -> TyperCommand:
            return TyperCommand(cmd_name, callback=lambda: 3)

    assert Counting(name="coder").main(["count"], standalone_mode=False) is None


@pytest.fixture
def fresh_commands() -> None:
    """Commands that haven't kept the help option of the contexts above."""
    command_groups._command.cache_clear()


@pytest.mark.usefixtures("fresh_commands")
@pytest.mark.parametrize("name", SUMMARIES)
def test_help_all_works_for_every_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help-all"]) == 0

    assert capsys.readouterr().out.startswith(f"Usage: coder {name}")


@pytest.mark.usefixtures("fresh_commands")
@pytest.mark.parametrize("words", ["bench plan", "bench watch", "store move", "memory ls"])
def test_help_all_works_for_commands_of_groups(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*words.split(), "--help-all"]) == 0
    whole = capsys.readouterr().out
    assert run([*words.split(), "-h"]) == 0

    assert len(whole) >= len(capsys.readouterr().out)
