"""Prompts of MCP servers are commands of a chat: listed, called with arguments, and sent as messages."""

import sys
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_chat import chat, project
from tests.coder.people.cli.test_fix import WRONG
from tests.coder.tools.test_mcp_everything import NODE
from tests.coder.tools.test_mcp_roots import OFFERS
from tests.faulty_endpoint import FaultyEndpoint, faulty_endpoint, says
from tests.programs import require_npm

__all__ = ["project"]
SERVER = ("--mcp", f"it={sys.executable} {OFFERS}")
EVERYTHING = "@modelcontextprotocol/server-everything/dist/index.js"


def sent(endpoint: FaultyEndpoint) -> list[str]:
    """The user's message in each request."""
    return [str(request.body["messages"][-1]["content"]) for request in endpoint.requests]


@pytest.mark.slow
def test_help_lists_the_prompts_with_their_arguments(console: Console, project: Path) -> None:
    with faulty_endpoint() as endpoint:
        done = chat(console, endpoint, "/help", cwd=project, flags=SERVER)

    assert done.code == 0, done.err
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert "/it:hello Say hello." in lines
    assert "/it:review FILE [TONE] Review a file." in lines
    assert "two words" not in done.out


@pytest.mark.slow
def test_a_prompt_is_shown_and_sent_as_the_message_and_its_text_names_no_file(
    console: Console, project: Path
) -> None:
    lines = ("/it:review @calc.py", "/it:review 'the tests' tone=harshly")
    with faulty_endpoint(says("Fine."), says("Well.")) as endpoint:
        done = chat(console, endpoint, *lines, cwd=project, flags=SERVER)

    assert done.code == 0, done.err
    assert "│ Review @calc.py, kindly." in done.err
    first, second = sent(endpoint)
    assert first.startswith("Review @calc.py, kindly.\n\nThis is about: `calc.py`.")
    assert WRONG in first
    assert second.startswith("Review the tests, harshly.")


@pytest.mark.slow
def test_a_prompts_picture_is_sent_or_named_and_characters_that_nobody_sees_are_dropped(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("Hello.")) as endpoint:
        done = chat(console, endpoint, "/it:hello", cwd=project, flags=SERVER)

    assert done.code == 0, done.err
    assert "│ Say hello.\n" in done.err
    assert "data:image/png;base64" in sent(endpoint)[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("/it:review", "file is missing. Write: /it:review FILE [TONE]"),
        ("/it:review a b c", "there are too many arguments. Write: /it:review FILE [TONE]"),
        ("/it:hello you", "there are too many arguments. Write: /it:hello"),
        ("/it:nothing", "There is no command /it:nothing"),
        ("/other:hello", "There is no command /other:hello"),
    ],
)
def test_a_call_that_does_not_fit_is_refused_and_nothing_is_sent(
    console: Console, project: Path, line: str, reason: str
) -> None:
    with faulty_endpoint() as endpoint:
        done = chat(console, endpoint, line, cwd=project, flags=SERVER)

    assert (done.code, endpoint.requests) == (2, [])
    assert reason in done.err


@pytest.mark.foreign
@pytest.mark.slow
def test_prompts_of_the_reference_server_are_called(console: Console, project: Path) -> None:
    server = ("--mcp", f"all={NODE} {require_npm(EVERYTHING)} stdio")
    with faulty_endpoint(says("Fine."), says("Mild.")) as endpoint:
        done = chat(
            console,
            endpoint,
            "/help",
            "/all:simple-prompt",
            "/all:args-prompt Berlin",
            cwd=project,
            flags=server,
        )

    assert done.code == 0, done.err
    assert "/all:args-prompt CITY [STATE]" in done.out
    assert sent(endpoint)[0].startswith("This is a simple prompt")
    assert "Berlin" in sent(endpoint)[1]
