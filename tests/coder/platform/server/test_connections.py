"""What clients without a token can make a server hold, with real sockets."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from coder.platform.server.access import AccessMiddleware
from coder.platform.server.bearer_tokens import Caller, digest
from coder.platform.server.connections import HttpConnection
from tests.coder.platform.server.served import Server, configure, started

TOKEN = "a-token-of-sixteen"
MIB = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that lets in one token."""
    home = tmp_path_factory.mktemp("home")
    (home / "root").mkdir()
    configure(home, base_url="http://127.0.0.1:9", model="toy")
    caller = Caller(name="all", sha256=digest(TOKEN), root=home / "root")
    file = home / "tokens"
    file.write_text(f"[{caller.model_dump_json()}]")
    file.chmod(0o600)
    with started(home, "--token-file", str(file)) as running:
        yield running


def connect(server: Server, sent: bytes) -> socket.socket:
    host, _, port = server.url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=300)
    connection.sendall(sent)
    return connection


def head(path: str, length: int, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}", *more]
    return "\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode()


def memory_mb(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) >> 10


@pytest.mark.parametrize("path", ["/session", "/logout", "/login", "/static/x", "/healthz"])
def test_a_body_of_more_than_4_kib_is_refused_before_it_is_read_without_a_token(
    server: Server, path: str
) -> None:
    with closing(connect(server, head(path, 5000))) as connection:
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")


@pytest.mark.slow
@pytest.mark.parametrize(("path", "most_mb"), [("/session", 40), ("/run", 110)])
def test_unfinished_bodies_hold_little_memory(server: Server, path: str, most_mb: int) -> None:
    before = memory_mb(server)
    opened = []
    for _ in range(30):
        connection = connect(server, head(path, 8 * MIB, f"Authorization: Bearer {TOKEN}"))
        opened.append(connection)
        connection.settimeout(0.1)
        with suppress(OSError):
            connection.sendall(b" " * (6 * MIB))

    assert memory_mb(server) - before < most_mb
    for connection in opened:
        connection.close()


def test_connections_without_a_caller_are_bounded_and_callers_get_in_meanwhile(server: Server) -> None:
    opened = [connect(server, b"GET /runs HTTP/1.1\r\nHost: 127.0.0.1\r\n") for _ in range(600)]
    with closing(connect(server, head("/run", 2, f"Authorization: Bearer {TOKEN}") + b"{}")) as caller:
        assert caller.recv(4096).startswith(b"HTTP/1.1 422 ")
        for connection in opened:
            connection.setblocking(False)
        ended = [connection for connection in opened if is_over(connection)]
        open_count = len(opened) - len(ended)
        assert HttpConnection.strangers - 1 <= open_count <= HttpConnection.strangers
        assert ended == opened[: len(ended)]
    for connection in opened:
        connection.close()


def is_over(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


@asynccontextmanager
async def hasty(
    token: str | None, *, limit_s: float = 0.3, on_request: Callable[[], object] = int
) -> AsyncIterator[int]:
    """The port of a server that gives a request so many seconds."""

    class Hasty(HttpConnection):
        complete_s = limit_s

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            body = await Request(scope, receive).body()
            on_request()
            await asyncio.sleep(0.01)
            await JSONResponse(len(body))(scope, receive, send)

    caller = Caller(name="", sha256=digest(token or ""), root=Path("/"))
    access = AccessMiddleware(app, names=(), callers=[caller], local=None if token else caller)
    config = uvicorn.Config(access, http=Hasty, ws="none", lifespan="off", log_level="critical")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await task


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nX: ", head("/", 100) + b"{"])
@pytest.mark.parametrize("token", [None, TOKEN])
async def test_a_request_that_does_not_arrive_in_time_ends_its_connection(
    sent: bytes, token: str | None
) -> None:
    async with hasty(token) as port, asyncio.timeout(300):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answered = await reader.read()
        writer.close()

    late = bool(sent) and not (token and b"POST" in sent)  # which is refused at once
    assert answered.startswith(b"HTTP/1.1 408 " if late else b"HTTP/1.1 401 " if sent else b""), answered


@pytest.mark.slow
async def test_an_answer_may_take_longer_than_a_request(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = list[None]()  # an hour passes with each, before its answer

    def now(_: object) -> float:
        return time.monotonic() + 3600 * len(requests)

    monkeypatch.setattr(asyncio.BaseEventLoop, "time", now)
    async with hasty(None, limit_s=300, on_request=lambda: requests.append(None)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(head("/", 2) + b"{}")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            while await reader.readline() != b"\r\n":
                pass
            assert await reader.readexactly(1) == b"2"
        writer.close()
