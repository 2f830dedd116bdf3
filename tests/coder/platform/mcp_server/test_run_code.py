"""`run_code`: one program in a sandbox, for any client."""

import json

import pytest

from tests.coder.platform.mcp_server.served import ERAS, Served, document


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_a_client_lists_the_tools_and_runs_a_program(served: Served, era: str) -> None:
    async with served.over_stdio(mode=era) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        ran = document(await client.call_tool("run_code", {"code": "print(6 * 7)"}))

    assert [*tools] == ["run_code", "run_status", "solve", "fix", "approve"]
    assert all(tool.description for tool in tools.values())
    assert "ctx" not in tools["solve"].input_schema["properties"]
    assert (ran["status"], ran["exit_code"], ran["stdout"]) == ("ok", 0, "42\n")
    alone = served.console.run("run", "--json", "-c", "print(6 * 7)")
    assert alone.code == 0
    assert ran.keys() == json.loads(alone.out).keys()
