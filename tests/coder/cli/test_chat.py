"""`coder chat` in a pipe, as a script meets it; an endpoint on loopback says what it is told to."""

from pathlib import Path

import pytest

from tests.coder.cli.console import Console, Finished
from tests.coder.cli.test_fix import RIGHT, TEST, WRONG, code
from tests.faulty_endpoint import FaultyEndpoint, faulty_endpoint, says


@pytest.fixture
def project(folder: Path) -> Path:
    """A folder whose test fails."""
    (folder / "calc.py").write_text(WRONG)
    (folder / "test_calc.py").write_text(TEST)
    return folder


def chat(
    console: Console, endpoint: FaultyEndpoint, *lines: str, cwd: Path, flags: tuple[str, ...] = ()
) -> Finished:
    model = ("--base-url", endpoint.url, "-m", "toy")
    return console.run("chat", *model, *flags, cwd=cwd, stdin="".join(f"{line}\n" for line in lines).encode())


def test_a_question_is_answered_in_words_and_a_change_lands_when_it_is_approved(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("It subtracts."), says(code(RIGHT))) as endpoint:
        flags = ("--test", "pytest -q")
        done = chat(console, endpoint, "What is wrong?", "Mend it.", "y", cwd=project, flags=flags)

    assert done.code == 0, done.err
    assert (project / "calc.py").read_text() == RIGHT
    assert done.out.startswith("It subtracts.\ndiff --git a/calc.py b/calc.py\n")
    assert "Write it?" in done.err
    assert endpoint.requests[1].body["messages"][1:3] == [
        {"role": "user", "content": "What is wrong?"},
        {"role": "assistant", "content": "It subtracts."},
    ]
