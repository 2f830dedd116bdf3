"""A folder that is no project is worked on by itself only after a yes."""

import os
from pathlib import Path

import pytest

from coder.workspace.folder import MAX_FILES
from tests.coder.people.cli.console import Answer, Console, Finished
from tests.coder.people.cli.test_fix import RIGHT, SUITE, WRONG, code
from tests.faulty_endpoint import FaultyEndpoint, faulty_endpoint, says

ASKS = "2 files? [Y]es, [n]o:"
CHANGE = "Change calc.py?"


@pytest.fixture
def place(folder: Path) -> Path:
    """A folder without a repository and a manifest, whose test fails."""
    (folder / "calc.py").write_text(WRONG)
    (folder / "test_calc.py").write_text(SUITE)
    return folder


def typed(
    console: Console, endpoint: FaultyEndpoint, place: Path, *words: str, **answers: Answer
) -> Finished:
    """Type a command in a folder, and answer the questions about it and about the change."""
    flags = ("--base-url", endpoint.url, "-m", "toy")
    by_text = {{"asked": ASKS, "change": CHANGE}[name]: text for name, text in answers.items()}
    return console.on_terminal(*words, *flags, answers=by_text, cwd=place, columns=200)


@pytest.mark.slow
def test_a_yes_takes_the_folder_from_then_on(console: Console, place: Path) -> None:
    with faulty_endpoint(*[says(code(RIGHT))] * 2) as endpoint:
        first = typed(console, endpoint, place, "fix", asked="\n", change="y\n")
        text = (place / "calc.py").read_text()
        (place / "calc.py").write_text(WRONG)
        second = typed(console, endpoint, place, "fix", change="y\n")

    assert (first.code, text) == (0, RIGHT), first.out
    assert "Work on ~/project, 2 files?" in first.out
    assert (second.code, ASKS in second.out) == (0, False), second.out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "end"),
    [
        (("fix",), "is left alone. Name another folder"),
        (("chat",), "is left alone. Name another folder"),
        (("solve", "Hi."), "on no folder"),
    ],
)
def test_a_no_leaves_it_alone(console: Console, place: Path, words: tuple[str, ...], end: str) -> None:
    with faulty_endpoint(says("Hello.")) as endpoint:
        done = typed(console, endpoint, place, *words, asked="n\n")

    assert end in done.out
    assert (place / "calc.py").read_text() == WRONG


@pytest.mark.parametrize("command", ["fix", "chat"])
def test_where_nobody_can_be_asked_it_has_to_be_named(console: Console, place: Path, command: str) -> None:
    done = console.run(command, cwd=place, stdin=b"Hi.\n")

    assert done.code == 2
    assert f"it is worked on only if it is named: coder {command} ." in done.err


@pytest.mark.parametrize("words", [("fix",), ("chat",)])
def test_the_home_folder_is_not_asked_about(console: Console, words: tuple[str, ...]) -> None:
    done = console.on_terminal(*words)

    assert done.code == 2
    assert "it is worked on only if it is named" in " ".join(done.out.split())


@pytest.mark.slow
def test_a_task_without_a_folder_says_so_where_there_are_files(console: Console, place: Path) -> None:
    with faulty_endpoint(says("Hello.")) as endpoint:
        done = console.run("solve", "Hi.", "--base-url", endpoint.url, "-m", "toy", cwd=place)

    assert (
        done.said[0]
        == "  · works on no folder, as this one isn't a project. To work on it all the same, add: ."
    )


@pytest.mark.slow
def test_a_task_in_the_home_folder_says_that_it_works_on_none(console: Console) -> None:
    with faulty_endpoint(says("Hello.")) as endpoint:
        done = console.run("solve", "Hi.", "--base-url", endpoint.url, "-m", "toy")

    assert done.code == 0
    assert done.said[0] == (
        "  · works on no folder, as ~ holds more than a project. Go into the project, or name it: "
        "coder solve TASK PATH"
    )


@pytest.mark.slow
def test_a_folder_of_too_many_files_is_not_asked_about(console: Console, place: Path) -> None:
    for number in range(MAX_FILES):
        os.close(os.open(place / f"{number}.txt", os.O_CREAT))
    with faulty_endpoint() as endpoint:
        done = typed(console, endpoint, place, "fix")

    assert (done.code, f"holds more than the {MAX_FILES:,} files" in done.out) == (2, True)
