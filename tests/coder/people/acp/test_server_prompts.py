"""Prompts of a session's MCP servers are commands in an editor."""

import sys
from pathlib import Path

import pytest
from acp import RequestError
from acp.schema import AvailableCommandsUpdate, McpServerStdio

from tests.coder.people.acp.editor import editing
from tests.coder.people.cli.console import Console
from tests.coder.tools.test_mcp_roots import OFFERS
from tests.faulty_endpoint import faulty_endpoint, says

pytestmark = pytest.mark.slow
SERVER = McpServerStdio(name="it", command=sys.executable, args=[str(OFFERS)], env=[])


async def test_a_prompt_of_the_clients_server_is_a_message_and_then_among_the_commands(
    console: Console, project: Path
) -> None:
    with faulty_endpoint(says("Fine.")) as endpoint:
        async with editing(console, endpoint) as editor:
            answer = await editor.agent.new_session(cwd=str(project), mcp_servers=[SERVER])
            reason = await editor.say(answer.session_id, "/it:review calc.py")
            with pytest.raises(RequestError, match=r"file is missing\. Write: /it:review FILE \[TONE\]"):
                await editor.say(answer.session_id, "/it:review")

    (request,) = endpoint.requests
    told = [one for one in editor.updates if isinstance(one, AvailableCommandsUpdate)]
    assert reason == "end_turn"
    assert "Review calc.py, kindly." in str(request.body["messages"][-1]["content"])
    assert "Review calc.py, kindly." in editor.thoughts
    commands = {command.name: command.description for command in told[-1].available_commands}
    assert commands["it:review"] == "/it:review FILE [TONE] Review a file."
