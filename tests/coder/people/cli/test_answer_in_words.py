"""`coder solve` with a question: it is answered in words, which are printed."""

from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import faulty_endpoint, says


@pytest.mark.slow
def test_a_question_that_nothing_tests_is_answered_and_the_answer_is_printed(
    console: Console, folder: Path
) -> None:
    (folder / "total.py").write_text("def total():\n    return 3\n")
    with faulty_endpoint(says("It returns 3.\nAlways.")) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy")
        done = console.run("solve", "What does total do?", ".", *flags, cwd=folder)

    assert done.code == 8
    assert done.out == "It returns 3.\nAlways.\n"
    assert len(endpoint.requests) == 1
