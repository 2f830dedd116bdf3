"""The folder of a command is that of the `cd` before it."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.run.command_inputs import reporter_arguments, split_assignments, split_folder
from coder.source.shell import command_words


@pytest.mark.parametrize(
    ("command", "folder", "inner"),
    [
        ("cd web && npm test", "web", ("npm", "test")),
        ("cd 'a b' ; pytest -q", "a b", ("pytest", "-q")),
        ("cd a/../b && pytest", "b", ("pytest",)),
        ("pytest -q", ".", ("pytest", "-q")),
    ],
)
def test_a_command_in_a_folder_is_split(command: str, folder: str, inner: tuple[str, ...]) -> None:
    assert split_folder(command_words(command)) == (folder, inner)


def test_a_shell_that_is_named_counts_as_ours() -> None:
    assert split_folder(("sh", "-c", "cd src && python -m pytest")) == ("src", ("python", "-m", "pytest"))
    assert reporter_arguments(("sh", "-c", "cd src && python -m pytest")) == ["-m", "pytest"]


@pytest.mark.parametrize(
    "command",
    ["cd .. && pytest", "cd / && pytest", "cd a && pytest && ruff check", "cd $X && pytest", "cd a &&"],
)
def test_what_leads_outside_or_does_more_stays_a_line_of_the_shell(command: str) -> None:
    argv = ("sh", "-c", command)

    assert split_folder(argv) == (".", argv)
    assert split_assignments(argv) == ({}, argv)


@given(
    st.from_regex(r"[a-z][a-z ]{0,8}", fullmatch=True),
    st.lists(st.from_regex(r"[a-z]{1,6}", fullmatch=True), min_size=1),
)
def test_a_quoted_folder_comes_back(folder: str, words: list[str]) -> None:
    line = f"cd {shlex.quote(folder)} && {shlex.join(words)}"

    assert split_folder(("sh", "-c", line)) == (folder, tuple(words))
