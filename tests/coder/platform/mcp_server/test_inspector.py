"""The official inspector from npm, a client that shares no line with the SDK of ours."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.coder.people.cli.console import CODER
from tests.coder.platform.mcp_server.served import TOKEN, Served, serving
from tests.programs import require_npm

pytestmark = pytest.mark.foreign
INSPECTOR = "@modelcontextprotocol/inspector/clients/launcher/build/index.js"
TOOLS = ["run_code", "run_status", "solve", "fix", "approve"]


def inspect(served: Served, *arguments: str) -> dict[str, Any]:
    """What it prints; an isError of a tool's is its exit code 5."""
    done = subprocess.run(
        [Path(sys.prefix, "bin/node"), require_npm(INSPECTOR), "--cli", *arguments],
        capture_output=True,
        text=True,
        env=served.console.environ,
        timeout=60,
    )
    assert done.returncode in (0, 5), done.stderr
    answered: dict[str, Any] = json.loads(done.stdout)
    return answered


@pytest.mark.slow
def test_the_inspector_lists_the_tools_and_calls_one(served: Served) -> None:
    server = (str(CODER), "mcp", "--root", str(served.root), "--method")
    call = (*server, "tools/call", "--tool-name")
    listed = inspect(served, *server, "tools/list", "--strict")["tools"]
    called = inspect(served, *call, "run_code", "--tool-arg", "code=print(6*7)")
    refused = inspect(served, *call, "solve", "--tool-arg", "prompt=x", "path=../..")

    assert [tool["name"] for tool in listed] == TOOLS
    assert called["structuredContent"]["stdout"] == "42\n"
    assert refused["isError"]
    assert "below the folder of this server" in refused["content"][0]["text"]


@pytest.mark.slow
async def test_the_inspector_lists_the_tools_over_http(served: Served, token_file: Path) -> None:
    async with serving(served, "--token-file", str(token_file)) as (url, _):
        options = ("--header", f"Authorization: Bearer {TOKEN}", "--method", "tools/list")
        listed = inspect(served, url, "--transport", "http", *options)["tools"]

    assert [tool["name"] for tool in listed] == TOOLS
