"""The official inspector, a client that shares no line with the SDK of ours."""

import json
import subprocess
from typing import Any

import pytest

from tests.coder.cli.console import CODER
from tests.coder.mcp_server.served import Served
from tests.npm_packages import npm_package

VERSION = "0.15.0"
"""The last for Debian's node."""


@pytest.fixture(scope="session")
def inspector() -> str:
    return str(npm_package("@modelcontextprotocol/inspector-cli", VERSION) / "build" / "cli.js")


def inspect(inspector: str, served: Served, *method: str) -> dict[str, Any]:
    server = (str(CODER), "mcp", "--root", str(served.root))
    done = subprocess.run(
        ["node", inspector, "--cli", *server, "--method", *method],
        capture_output=True,
        text=True,
        env=served.console.environ,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    answered: dict[str, Any] = json.loads(done.stdout)
    return answered


@pytest.mark.slow
def test_the_inspector_lists_the_tools_and_calls_one(inspector: str, served: Served) -> None:
    listed = inspect(inspector, served, "tools/list")["tools"]
    call = ("tools/call", "--tool-name")
    called = inspect(inspector, served, *call, "run_code", "--tool-arg", "code=print(6*7)")
    refused = inspect(inspector, served, *call, "solve", "--tool-arg", "prompt=x", "path=../..")

    assert [tool["name"] for tool in listed] == ["run_code", "solve", "fix", "run_status", "approve"]
    assert called["structuredContent"]["stdout"] == "42\n"
    assert refused["isError"]
    assert "below the folder of this server" in refused["content"][0]["text"]
