"""A form of MCP's shows all that a yes is to."""

from coder.platform.mcp_server.client import form_of
from coder.run.questions import Question


def test_a_form_shows_code_that_a_terminal_would_take_for_a_title() -> None:
    question = Question(
        kind="approve", about="landing", text="Write it?", patch="+a = '\x1b]0;'; b = '\x07'\n"
    )

    assert form_of(question).message == "Write it?\n\n" + r"+a = '\u{1b}]0;'; b = '\u{7}'"
