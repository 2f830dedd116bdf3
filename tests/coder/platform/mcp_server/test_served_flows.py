"""Flows that the operator names are tools of MCP, which ask the client's user as other runs do."""

from pathlib import Path

import pytest
from mcp_types import ElicitResult

from tests.coder.people.cli.console import Console
from tests.coder.platform.mcp_server.served import Served, document, words
from tests.coder.platform.mcp_server.test_runs import Person
from tests.coder.platform.served_flow import NAMED, write_shop


@pytest.mark.slow
async def test_a_named_flow_is_a_tool_with_the_schema_of_its_input(served: Served) -> None:
    write_shop(served.root)
    async with served.over_stdio(*NAMED) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        refused = await client.call_tool("waits", {"input": {"number": -1}})
        greeted = document(await client.call_tool("greets", {"path": "project"}))
        waiting = document(await client.call_tool("waits", {"input": {"number": 4}}))
        answered = document(await client.call_tool("approve", {"run": waiting["run_id"]}))

    assert {"solve", "waits", "pauses", "greets"} <= tools.keys()
    assert "hidden" not in tools
    schema = tools["waits"].input_schema
    assert tools["waits"].description == "Double a number, once a person agrees."
    assert schema["required"] == ["input"]
    assert schema["$defs"]["Order"]["properties"]["number"]["minimum"] == 0
    assert "greater than or equal to 0" in words(refused)
    assert greeted["answer"] == "hello from project"
    assert (waiting["status"], answered["status"], answered["answer"]) == ("waiting", "finished", 8)


@pytest.mark.slow
async def test_a_client_that_shows_forms_answers_the_question_of_a_flow(served: Served) -> None:
    write_shop(served.root)
    person = Person(ElicitResult(action="accept", content={"decision": "yes"}))

    async with served.over_stdio(*NAMED, elicitation_callback=person) as client:
        ended = document(await client.call_tool("waits", {"input": {"number": 5}}))

    assert (ended["status"], ended["answer"]) == ("finished", 10)


def test_a_flow_named_as_a_tool_of_coder_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from coder.flows import Flow\n\n\nasync def solve(flow: Flow) -> int:\n    return 1\n"
    )

    ended = Console(tmp_path).run("mcp", "--root", str(tmp_path), "--flow", "own:solve")

    assert ended.code == 2
    assert "solve is a tool of coder itself" in ended.err
