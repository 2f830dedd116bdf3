"""MCP servers made with the official SDK, on pipes and over HTTP."""

import asyncio
import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest

from coder.config.mcp_servers import Mcp
from coder.tools.mcp_client import McpServer
from coder.tools.tool import Desk
from tests.coder.tools.test_mcp_client import opened
from tests.faulty_endpoint import unused_port

SERVER = Path(__file__).with_name("sdk_mcp.py")
DESK = Desk(None, lambda: 600.0, lambda text: text)  # type: ignore[arg-type]


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def served(*how: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The URL of a server over HTTP, and its process."""
    with socket.create_server(("127.0.0.1", 0)) as listens:
        number, port = listens.fileno(), listens.getsockname()[1]
        command = [sys.executable, str(SERVER), str(number), *how]
        with subprocess.Popen(command, pass_fds=[number]) as process:
            listens.close()
            try:
                address = f"http://127.0.0.1:{port}/mcp"
                httpx2.get(address, timeout=120)  # whatever it answers: it has started
                yield address, process
            finally:
                process.kill()


@pytest.fixture(params=["stdio", "http", "http json"])
def about(request: pytest.FixtureRequest) -> Iterator[Mcp]:
    """A server in one of the transports."""
    if request.param == "stdio":
        yield Mcp("it", command=(sys.executable, str(SERVER)))
        return
    with served(*request.param.split()[1:]) as (url, _):
        yield Mcp("it", url=url)


@pytest.mark.slow
async def test_every_transport_lists_calls_fails_and_follows_changes(about: Mcp) -> None:
    async with opened(about, DESK) as one:
        assert (await one.call("add", a=2, b=3)).text == "5"
        assert one.tools["it_deploy"].asks
        with pytest.raises(ValueError, match="Error executing tool fail"):
            await one.call("fail")
        await one.call("grow")
        async with asyncio.timeout(300):
            now = one.tools
            while "it_plus" not in now:
                await asyncio.sleep(0.01)  # over HTTP the news comes by another way than the answer
                now = {tool.spec.name: tool for tool in await one.server.tools()}
        assert (await now["it_plus"].call({"a": 1, "b": 1}, DESK)).text == "2"
        assert one.notes == []


@pytest.mark.slow
async def test_every_transport_bounds_what_a_server_sends(about: Mcp) -> None:
    async with opened(about, DESK) as one:
        assert len((await one.call("huge", megabytes=2)).text) < 20_000
        with pytest.raises(ValueError, match=r"broke the call off|limit|more than 16,777,216 bytes"):
            await one.call("huge", megabytes=18)
        if about.url:  # the connection is not lost with a request
            assert (await one.call("add", a=1, b=1)).text == "2"


@pytest.mark.slow
async def test_a_server_over_http_which_may_be_on_another_machine_is_told_no_folder(
    about: Mcp, tmp_path: Path
) -> None:
    server = McpServer(about, lambda note: None, tmp_path)
    try:
        (tool,) = [tool for tool in await server.tools() if tool.spec.name == "it_roots"]
        roots = await tool.call({}, DESK)
    finally:
        await server.close()

    assert roots.text == ("none" if about.url else "some")


@pytest.mark.slow
async def test_a_header_is_filled_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCS_PASS", "open sesame")
    with served() as (url, _):
        async with opened(Mcp("it", url=url, headers={"X-Token": "Bearer $DOCS_PASS"}), DESK) as one:
            assert (await one.call("header")).text == "[redacted]"


@pytest.mark.slow
async def test_a_server_that_goes_away_is_told_to_each_call() -> None:
    with served() as (url, process):
        async with opened(Mcp("it", url=url), DESK) as one:
            process.kill()
            process.wait()
            for _ in range(2):
                with pytest.raises(ValueError, match="broke the call off: Connection closed"):
                    await one.call("add", a=1, b=1)
            assert one.notes == ["MCP server it broke a call off: Connection closed"]


@pytest.mark.usefixtures("starts_something")
async def test_an_address_where_nobody_listens_is_told() -> None:
    async with opened(Mcp("it", url=f"http://127.0.0.1:{unused_port()}/mcp"), DESK) as one:
        assert one.tools == {}
        assert "MCP server it can't be used: All connection attempts failed" in one.notes[0]


@pytest.mark.slow
async def test_a_page_that_is_no_server_is_told() -> None:
    with served() as (url, _):
        async with opened(Mcp("it", url=url.replace("/mcp", "/other")), DESK) as one:
            assert one.tools == {}
            assert len(one.notes) == 1


HALVES = rb'"a\ud83db \ud83d\ude00 \\ud83d \ud83d\ud83d\ude00 \u00e9\n@ c\ude00"'.replace(
    b"@", b"\xc3\xa9\xff"
)
"""A text in JSON: halves, pairs, an escaped backslash, other escapes, a byte that isn't UTF-8."""
WHOLE = "a\ufffdb \U0001f600 \\ud83d \ufffd\U0001f600 \xe9\n\xe9\ufffd c\ufffd"
ABOUT = {
    "protocolVersion": "2025-06-18",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "halves", "version": "1"},
}


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_half_a_surrogate_pair_over_http_costs_neither_the_list_nor_a_result(
    kind: str, step: int
) -> None:
    results: dict[str, object] = {
        "initialize": ABOUT,
        "tools/list": {"tools": [{"name": "cut", "description": "?", "inputSchema": {"type": "object"}}]},
        "tools/call": {"content": [{"type": "text", "text": "?"}]},
    }

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"(?i)content-length: (\d+)", head)
                request = json.loads(await reader.readexactly(int(length[1])) if length else b"{}")
                if "id" not in request or request["method"] not in results:
                    writer.write(b"HTTP/1.1 405 No\r\ncontent-length: 0\r\n\r\n")
                    continue
                answer = {"jsonrpc": "2.0", "id": request["id"], "result": results[request["method"]]}
                body = json.dumps(answer).encode().replace(b'"?"', HALVES)
                body = b"data: " + body + b"\n\n" if kind == "text/event-stream" else body
                writer.write(
                    f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n".encode()
                )
                for start in range(0, len(body), step):
                    writer.write(body[start : start + step])
                    await writer.drain()
                    await asyncio.sleep(0)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"
        async with opened(Mcp("it", url=url), DESK) as one:
            assert one.tools["it_cut"].spec.description == WHOLE
            assert (await one.call("cut")).text == WHOLE
