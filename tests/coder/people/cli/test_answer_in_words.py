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

    assert done.code == 0
    assert done.out == "It returns 3.\nAlways.\n"
    assert len(endpoint.requests) == 1


@pytest.mark.slow
def test_an_explanation_that_quotes_code_is_printed_whole_and_changes_no_file(
    console: Console, folder: Path
) -> None:
    (folder / "total.py").write_text("def total():\n    return 3\n\n\ndef other():\n    pass\n")
    words = "It returns 3:\n\ntotal.py\n```python\ndef total():\n    return 3\n```\nAlways.\n"
    with faulty_endpoint(says(words), says(words)) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y", "--accept-unverified")
        done = console.run("solve", "Explain how total works.", ".", *flags, cwd=folder)

    assert (done.code, done.out) == (0, words)
    assert "✓ answered" in done.err
    assert (folder / "total.py").read_text().endswith("pass\n")
    assert len(endpoint.requests) == 2


@pytest.mark.slow
def test_words_where_a_check_was_to_decide_end_with_exit_code_8(console: Console, folder: Path) -> None:
    with faulty_endpoint(says("It is done already."), says("As I said.")) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "--check", "assert f() == 1")
        done = console.run("solve", "Make f return 1.", ".", *flags, cwd=folder)

    assert (done.code, done.out) == (8, "It is done already.\n\nAs I said.\n")
    assert done.verdict.startswith("? answered")
