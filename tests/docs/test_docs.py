"""The pages say what the code does: links, flags, keys, exit codes."""

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.main import get_command

from coder.engine.teams.strategies import apply_strategy
from coder.people.cli.app import app
from coder.people.cli.run_program import FAILED, OUT_OF_MEMORY, TIMEOUT, TOO_MUCH_OUTPUT
from coder.run.event_types import Status
from coder.run.option_table import KEYS, OPTIONS
from coder.run.run import EXIT_CODES, Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from sandbox import Result
from tools.option_table import MARKER, on_page_markdown

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
REFERENCE = (ROOT / "docs/reference/command-line.md").read_text()
GUARANTEES = (ROOT / "docs/reference/guarantees.md").read_text()
HELD = (ROOT / "tests/guarantees.md").read_text()


MOST_WORDS = 21_500
"""Pages about gate, plan and watch of a benchmark need more than the 20,000 words that held before them."""


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_on_a_page_has_its_flags(page: Path) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`(coder [a-z][^`]*)`", page.read_text())
    commands = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()] + inline
    for words in map(of_coder, commands):
        if words[0] in ("coder", "./run") and words[1] != "test" and words[1].islower():
            assert {word for word in words if word.startswith("--")} <= flags(*words[1:3]), words


def of_coder(command: str) -> list[str]:
    """The words of a command up to another program's own."""
    words = shlex.split(command.replace("…", ""))
    return words[: words.index("--")] if "--" in words else words


def flags(command: str, of_group: str = "") -> set[str]:
    group = get_command(app)
    subcommand = group.get_command(typer.Context(group), command)  # type: ignore[attr-defined]
    assert subcommand is not None, command
    if hasattr(subcommand, "get_command"):  # a group, which may load its commands by name
        subcommand = subcommand.get_command(typer.Context(subcommand), of_group) or subcommand
    return {option for parameter in subcommand.params for option in parameter.opts} | {"--help"}


def test_the_site_puts_the_table_of_this_versions_options_into_the_reference() -> None:
    page = on_page_markdown(REFERENCE)

    assert REFERENCE.count(MARKER) == 1
    names = re.findall(r"^- `(\w+)`(?: ↓)? .+: .+$", page.partition("## Configuration")[2], re.MULTILINE)
    assert (*names,) == KEYS
    assert page.count("\n- `max_calls` ↓ N, ≥1, ≤100,000 (8; 100 with act; ") == 1


def test_the_reference_names_the_options_that_a_repository_may_lower() -> None:
    (passage,) = re.findall(r"may only\s+lower(.*?),\s+below what", REFERENCE, flags=re.DOTALL)

    assert re.findall(r"`(\w+)`", passage) == [name for name in KEYS if OPTIONS[name].is_lowerable]


def test_the_reference_has_every_exit_code_and_status() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", REFERENCE, flags=re.MULTILINE)

    for status, code in EXIT_CODES.items():
        assert (str(code), status) in rows
    for status in get_args(Status):
        assert status in REFERENCE


def test_the_reference_has_every_key_of_the_document() -> None:
    (keys,) = re.findall(r"`(run_id .*?)`", REFERENCE, flags=re.DOTALL)

    assert keys.split() == list(Run.model_fields)


def test_the_reference_has_every_key_and_flag_of_a_program_that_is_run() -> None:
    (keys,) = re.findall(r"`(status exit_code .*?)`", REFERENCE, flags=re.DOTALL)
    how_to = (ROOT / "docs/how-to/run-a-program.md").read_text()

    field_names = [name for name, field in Result.model_fields.items() if not field.exclude]
    assert keys.split() == [*field_names, "backend"]
    run_flags = {flag for flag in flags("run") if flag.startswith("-")}
    assert run_flags - {"--program-timeout", "--help", "--quiet"} <= set(re.findall(r"--?[a-z-]+", how_to))


def test_the_reference_has_every_exit_code_of_a_program_that_is_run() -> None:
    table = REFERENCE.partition("ends with the code of its program")[2].partition("##")[0]

    for code in (TIMEOUT, FAILED, OUT_OF_MEMORY, TOO_MUCH_OUTPUT):
        assert f"| {code} |" in table


def test_the_defaults_in_help_are_those_of_the_settings() -> None:
    group = get_command(app)
    solve = group.get_command(typer.Context(group), "solve")  # type: ignore[attr-defined]
    help_texts = {parameter.name: parameter.help for parameter in solve.params if hasattr(parameter, "help")}

    few, acting = (
        Budget(),
        apply_strategy(Settings(strategy="act"), Task(prompt="Mend it."), model="toy").budget,
    )
    assert f"({few.max_calls}; {acting.max_calls} with act; 200 in a chat)" in help_texts["max_calls"]
    assert f"(${few.max_cost}; ${acting.max_cost} with act)" in help_texts["max_cost"]
    assert f"({few.timeout:g}; {acting.timeout:g} with act; 14400 in a chat)" in help_texts["timeout"]
    assert f"({few.samples}; {acting.samples} with act)" in help_texts["samples"]
    assert f"({few.repairs})" in help_texts["repairs"]


def test_each_guarantee_has_a_test_that_is_there() -> None:
    bubblewrap = GUARANTEES.partition("## Docker")[0]
    tests_by_guarantee = dict(re.findall(r"^\| ([^|]+) \| ([^|]*`.*) \|$", HELD, flags=re.MULTILINE))

    kept = re.findall(r"^\| ([^|]+) \| (?!Rests on|---)", bubblewrap, flags=re.MULTILINE)

    assert len(kept) >= 12
    assert set(kept) <= set(tests_by_guarantee)
    for path, name in re.findall(r"`([\w/.]+\.py)::(\w+)`", HELD):
        assert f"def {name}(" in (ROOT / path).read_text(), name
    assert all("::" in tests for tests in tests_by_guarantee.values())


def test_the_pages_outside_of_decisions_stay_short() -> None:
    pages = [page for page in ROOT.glob("docs/**/*.md") if page.parent.name != "decisions"]

    assert sum(len(page.read_text().split()) for page in pages) <= MOST_WORDS
