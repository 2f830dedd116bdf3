"""A long help is in sections, and a short one is a list."""

import re

import pytest
from typer import Context
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from coder.people.cli.app import app
from coder.show.command_groups import OTHER, SECTIONS, Commands

LONG = (("solve",), ("fix",), ("chat",), ("resume",), ("approve",), ("fork",), ("bench", "run"))


def command(*names: str) -> tuple[TyperCommand, Context]:
    found: TyperGroup | TyperCommand | None = get_command(app)  # type: ignore[assignment]
    for name in names:
        assert isinstance(found, TyperGroup)
        found = found.get_command(Context(found), name)  # type: ignore[assignment]
    assert isinstance(found, TyperCommand)
    return found, Context(found, info_name=names[-1])


def sections(shown: str) -> dict[str, list[str]]:
    """The long flags beneath each heading of a help."""
    headings = re.split(r"^(\w[\w ]*):\n", shown, flags=re.MULTILINE)[1:]
    return {
        heading: re.findall(r"^  (?:-\w, )?(--[a-z-]+)", text, flags=re.MULTILINE)
        for heading, text in zip(headings[::2], headings[1::2], strict=True)
    }


@pytest.mark.parametrize("names", LONG, ids=" ".join)
def test_each_option_of_a_long_help_is_in_one_section_and_none_is_left_over(names: tuple[str, ...]) -> None:
    found, context = command(*names)

    shown = sections(found.get_help(context))

    options = [param for param in found.get_params(context) if param.param_type_name == "option"]
    listed = [flag for flags in shown.values() for flag in flags]
    assert sorted(listed) == sorted(next(o for o in param.opts if o[:2] == "--") for param in options)
    assert [heading for heading in shown if heading != "Arguments"] == [
        heading for heading in SECTIONS if heading in shown
    ]
    assert OTHER not in shown


def test_the_help_of_solve_has_every_section() -> None:
    found, context = command("solve")

    assert set(sections(found.get_help(context))) == {"Arguments", *SECTIONS}


def test_a_short_help_is_one_list_of_options() -> None:
    found, context = command("undo")

    assert set(sections(found.get_help(context))) == {"Arguments", "Options"}


def test_every_name_in_a_section_is_an_option_of_a_command() -> None:
    known = {param.name for names in LONG for param in command(*names)[0].params} | {"help"}

    assert {name for names in SECTIONS.values() for name in names.split()} <= known


def test_what_a_command_returns_is_no_exit_code() -> None:
    class Counting(Commands):
        def get_command(self, ctx: object, cmd_name: str) -> TyperCommand:
            return TyperCommand(cmd_name, callback=lambda: 3)

    assert Counting(name="coder").main(["count"], standalone_mode=False) is None
