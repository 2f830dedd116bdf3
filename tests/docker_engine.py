"""A real Docker engine for tests: its image, our containers there, and a line to it that can be cut."""

import asyncio
import contextlib
import fcntl
import os
import subprocess
from collections.abc import AsyncIterator, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox import BackendMissing, Policy, PythonCode
from sandbox.docker.engine import IMAGE as BUILT
from sandbox.docker.engine import Engine, connect, find_image
from sandbox.docker.labels import OURS, list_containers
from tests.ordinary_user import REPOSITORY

IMAGE = os.environ.get("CODER_TEST_IMAGE", BUILT)
"""What `coder sandbox build` makes, unless told otherwise."""
POLICY = Policy(image=IMAGE)
FOREVER = PythonCode(source="import time\nprint('on', flush=True)\ntime.sleep(600)")
_SOCKET = "/var/run/docker.sock"


@pytest.fixture(scope="session")
def docker_engine() -> None:
    """An engine with our image; tests skip where there is none."""
    with ThreadPoolExecutor() as pool:  # a fixture of a running loop may ask for this one
        missing = pool.submit(asyncio.run, _find_what_is_missing()).result()
    if missing:
        pytest.skip(missing)


async def _find_what_is_missing() -> str:
    try:
        engine = await connect()
        try:
            await find_image(engine, IMAGE)
        finally:
            engine.close()
    except BackendMissing as error:
        return str(error)
    return ""


async def containers(owner: str = "") -> list[str]:
    """Names of our containers whose labels name an owner, of all with none."""
    engine = await connect()
    try:
        return await _list(engine, owner)
    finally:
        engine.close()


async def _list(engine: Engine, owner: str) -> list[str]:
    listed = await list_containers(engine, OURS)
    return [str(item["Names"][0]) for item in listed if owner in str(item["Labels"])]


async def wait_until_none_of(owner: str, *, seconds: float, but: Collection[str] = ()) -> list[str]:
    """The containers of an owner, but for some, that are still there after at most so long."""
    engine = await connect()
    try:
        async with asyncio.timeout(seconds + 30):
            began = asyncio.get_running_loop().time()
            while leftovers := [name for name in await _list(engine, owner) if name not in but]:
                if asyncio.get_running_loop().time() - began > seconds:
                    return leftovers
                await asyncio.sleep(0.05)
        return []
    finally:
        engine.close()


@contextlib.contextmanager
def turn_to_reap() -> Iterator[None]:
    """One at a time: whoever reaps takes what another test has left on purpose."""
    with Path(__file__).open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


async def remove_containers(names: list[str]) -> None:
    """Remove what a test has left on purpose."""
    engine = await connect()
    try:
        for name in names:
            await engine.remove(name.lstrip("/"))
    finally:
        engine.close()


class Line:
    """A way to the engine through a unix socket of the test's own, which can be cut or fall silent."""

    def __init__(self, place: Path) -> None:
        self.host = f"unix://{place}"
        self._place = place
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._silent = False
        self._unwanted: bytes | None = None
        self._late = (b"", 0.0)
        self.swallowed = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._place)

    def silence(self) -> None:
        """Nothing goes through any more, and nobody is told."""
        self._silent = True

    def swallow(self, request: bytes) -> None:
        """Keep requests with such words from the engine."""
        self._unwanted = request

    def hold_back(self, answer: bytes, *, seconds: float) -> None:
        """Let what has such words come so much later, as from a busy engine."""
        self._late = (answer, seconds)

    async def cut(self) -> None:
        """As when the engine dies: connections end, and new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._place.unlink(missing_ok=True)
        for writer in self._writers:
            writer.transport.abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(_SOCKET)
        self._writers += [writer, back]
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pass_on(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await source.read(1 << 16):
                if self._unwanted is not None and self._unwanted in piece:
                    self.swallowed.set()
                    return
                if self._silent:
                    await asyncio.Event().wait()
                words, seconds = self._late
                await asyncio.sleep(seconds if words in piece else 0)
                target.write(piece)
                await target.drain()
            target.write_eof()


@contextlib.asynccontextmanager
async def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    """A line that the Docker backend takes for the engine."""
    own = Line(tmp_path / "docker.sock")
    await own.open()
    monkeypatch.setenv("DOCKER_HOST", own.host)
    try:
        yield own
    finally:
        await own.cut()
        monkeypatch.delenv("DOCKER_HOST")


def start_and_kill(command: list[str]) -> str:
    """The mark of an owner, the first line that it prints, which is killed as soon as that is read."""
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        mark = owner.stdout.readline().strip()
        owner.kill()
    return mark
