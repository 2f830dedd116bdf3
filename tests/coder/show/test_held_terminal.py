"""What is written while a question stands on the terminal."""

import pytest

from coder.show.terminal import Terminal


def test_lines_and_pieces_wait_for_the_end_of_a_question_and_keep_their_order(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = Terminal()
    terminal.print("before")
    with terminal.hold_output():
        terminal.print("a line")
        terminal.speak("a piece")
        terminal.clear()
        during = capsys.readouterr().err
    after = capsys.readouterr().err

    assert during == "before\n"
    assert after == "a line\na piece"
