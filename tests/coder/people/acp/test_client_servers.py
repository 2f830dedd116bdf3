"""MCP servers that a client names start beside those of the configuration, with the same questions."""

import json
import sys
from pathlib import Path

import pytest
from acp import RequestError
from acp.schema import (
    EnvVariable,
    HttpHeader,
    HttpMcpServer,
    McpServerStdio,
    SseMcpServer,
    ToolCallProgress,
)
from hypothesis import given
from hypothesis import strategies as st

from coder.base.errors import UsageError
from coder.config.mcp_servers import Mcp
from coder.people.acp.client_servers import servers_of
from tests.coder.people.acp.editor import editing
from tests.coder.people.cli.console import Console
from tests.coder.tools.test_mcp_http import SERVER, served
from tests.faulty_endpoint import calls, faulty_endpoint, says

SECRET = "s3cret-of-the-editor"
STDIO = McpServerStdio(name="My tools", command=sys.executable, args=[str(SERVER)], env=[])


@pytest.mark.slow
async def test_a_tool_of_a_program_is_asked_about_and_called(console: Console, project: Path) -> None:
    script = (calls("My-tools_deploy", place="here"), says("Done."))
    with faulty_endpoint(*script) as endpoint:
        async with editing(console, endpoint, "yes") as editor:
            opened = await editor.agent.new_session(cwd=str(project), mcp_servers=[STDIO])
            await editor.say(opened.session_id, "What does deploy say?")

    results = [update for update in editor.updates if isinstance(update, ToolCallProgress)]
    assert "My-tools_deploy" in editor.questions[0][0].content[0].content.text
    assert any("deployed to here" in str(result.content) for result in results)


@pytest.mark.slow
async def test_a_header_of_a_server_over_http_is_sent_and_shown_to_nobody(
    console: Console, project: Path
) -> None:
    script = (calls("docs_header"), says("Done."))
    with served() as (url, _), faulty_endpoint(*script) as endpoint:
        server = HttpMcpServer(
            type="http", name="docs", url=url, headers=[HttpHeader(name="x-token", value=SECRET)]
        )
        async with editing(console, endpoint) as editor:
            opened = await editor.agent.new_session(cwd=str(project), mcp_servers=[])
            await editor.say(opened.session_id, "What is this?")
            await editor.agent.load_session(
                cwd=str(project), session_id=opened.session_id, mcp_servers=[server]
            )
            await editor.say(opened.session_id, "What is the header?")

    body = str(endpoint.requests[-1].body)
    assert "docs_header" in body
    assert SECRET not in body + str(editor.updates)


@pytest.mark.slow
async def test_a_transport_that_is_not_declared_is_refused(console: Console, project: Path) -> None:
    server = SseMcpServer(type="sse", name="old", url="http://127.0.0.1:1/sse", headers=[])
    async with editing(console) as editor:
        capabilities = editor.initialized.agent_capabilities
        with pytest.raises(RequestError, match="stdio or http") as refused:
            await editor.agent.new_session(cwd=str(project), mcp_servers=[server])

    assert capabilities is not None
    assert capabilities.mcp_capabilities is not None
    assert (capabilities.mcp_capabilities.http, refused.value.code) == (True, -32602)


def test_variables_have_the_values_of_the_client_and_are_not_shown() -> None:
    server_with_token = STDIO.model_copy(update={"env": [EnvVariable(name="TOKEN", value=SECRET)]})
    (server,) = servers_of([server_with_token], [])

    assert server.variables() == {"TOKEN": SECRET}
    assert SECRET not in repr(server)


def test_a_value_is_not_shown_in_an_error() -> None:
    server = HttpMcpServer(type="http", name="x", url="ftp://x", headers=[HttpHeader(name="a", value=SECRET)])
    with pytest.raises(UsageError) as refused:
        servers_of([server], [])

    assert SECRET not in str(refused.value)


@pytest.mark.slow
@given(st.lists(st.text(max_size=50), max_size=8))
def test_any_names_become_names_of_their_own(names: list[str]) -> None:
    client_servers = [STDIO.model_copy(update={"name": name}) for name in names]
    servers = servers_of(client_servers, [Mcp("server", command=("x",))])

    assert len({server.name for server in servers}) == len(names) + 1
    assert json.dumps([server.name for server in servers]).isascii()
