"""MCP servers in a sandbox."""

import json
import sys
from pathlib import Path

import pytest

from coder.config.mcp_servers import Mcp
from coder.tools.tool import Desk
from tests.coder.tools.test_mcp_client import ROUGH, opened
from tests.processes import processes_with
from tests.system_python import SYSTEM_PYTHON

DESK = Desk(None, lambda: 600.0, lambda text: text)  # type: ignore[arg-type]


def rough(how: str = "", **more: object) -> Mcp:
    return Mcp("it", command=(str(SYSTEM_PYTHON), str(ROUGH), how), sandboxed=True, **more)  # type: ignore[arg-type]


async def test_a_server_in_a_sandbox_is_called_and_sees_no_more_than_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NAMED", "given-by-name")
    async with opened(rough("alone", env=("NAMED",)), DESK) as one:
        assert (await one.call("say", text="hello")).text == "hello"
        got = json.loads((await one.call("environment")).text)
        assert (got["NAMED"], got["HOME"]) == ("[redacted]", "/w")
        assert json.loads((await one.call("reach", path=str(Path.home()))).text) is None
        assert one.notes == []
    assert processes_with("rough_mcp.py\0alone") == []


@pytest.mark.slow
async def test_a_server_in_a_sandbox_may_misbehave_as_any_other() -> None:
    async with opened(rough(), DESK) as one:
        assert (await one.call("flood")).text == "flooded"
        with pytest.raises(ValueError, match="broke the call off"):
            await one.call("die")
        with pytest.raises(ValueError, match="has ended"):
            await one.call("say", text="?")
    async with opened(rough(), DESK) as one:
        with pytest.raises(ValueError, match="broke the call off"):
            await one.call("huge")


async def test_a_program_in_no_folder_of_its_own_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "server.py").write_text("")
    about = Mcp("it", command=(sys.executable, str(tmp_path / "server.py")), sandboxed=True)
    async with opened(about, DESK) as one:
        assert "is not in a folder of its own" in one.notes[0]


async def test_a_program_that_the_sandbox_lacks_is_told() -> None:
    async with opened(Mcp("it", command=("no-such-program-x",), sandboxed=True), DESK) as one:
        assert one.tools == {}
        assert "on stderr" in one.notes[0]


@pytest.mark.slow
async def test_a_server_in_a_sandbox_may_reach_the_hosts_that_are_named_and_no_other() -> None:
    async with opened(rough(hosts=("named.invalid",)), DESK) as one:
        answer = await one.call("fetch", url="http://named.invalid/")
        other = await one.call("fetch", url="http://other.invalid/")
    async with opened(rough(), DESK) as one:
        without = await one.call("fetch", url="http://named.invalid/")

    assert "named.invalid" in answer.text
    assert "is not among the hosts" not in answer.text
    assert "other.invalid:80 is not among the hosts" in other.text
    assert without.text.startswith("URLError")
