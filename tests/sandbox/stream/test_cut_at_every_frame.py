"""The connection is cut, or the container killed, at each kind of frame in both directions.

What is asked for then, or next, raises a documented error in time; no container is left, and another sandbox
works.
"""

import asyncio
import json
from collections.abc import Callable

import pytest

from sandbox import PythonCode, SandboxError, session_policy
from sandbox.contract import Sandbox
from sandbox.docker.attached_stream import Attached, attach
from sandbox.docker.engine import connect
from sandbox.docker.open_docker import open_docker
from sandbox.inner.stream import frames
from sandbox.supervisor.owner import this_process
from tests.docker_engine import IMAGE, containers, require_docker, wait_until_none_of

pytestmark = pytest.mark.slow
POLICY = session_policy(wall_s=60, image=IMAGE)
_PATIENCE_S = 60
_LABELS = (
    *(f"host call {what}" for what in ("start", "drop", "look", "kill", "write", "walk", "hash", "fetch")),
    *(f"host {kind}" for kind in ("data", "end", "grant", "beat")),
    *(f"agent report {what}" for what in ("up", "started", "ended", "left", "dropped", "size")),
    *(f"agent {kind}" for kind in ("data", "end", "grant", "beat")),
)
_KINDS = {frames.DATA: "data", frames.END: "end", frames.CREDIT: "grant", frames.BEAT: "beat"}
_BIG = 1 << 20
"""Bytes after which each side must grant more."""


class Tapped:
    """A byte stream to an agent that calls back with the label of each frame. Implements `ByteStream`."""

    def __init__(self, inner: Attached, on_frame: Callable[[str, Attached], None]) -> None:
        self._inner, self._on_frame = inner, on_frame
        self._sent, self._heard = frames.Splitter(), frames.Splitter()
        self._booted = self._greeted = False
        self.on_data: Callable[[bytes], None] = lambda content: None
        self.on_words: Callable[[bytes], None] = lambda content: None
        self.on_end: Callable[[], None] = lambda: None
        inner.on_data = self._hear
        inner.on_words = lambda content: self.on_words(content)
        inner.on_end = lambda: self.on_end()

    @property
    def ended(self) -> bool:
        return self._inner.ended

    async def send(self, content: bytes) -> None:
        if self._booted:
            self._look(self._sent, "host", content)
        self._booted = True  # the first content is the agent's code
        await self._inner.send(content)

    def say(self, content: bytes) -> None:
        self._look(self._sent, "host", content)
        self._inner.say(content)

    def close(self) -> None:
        self._inner.close()

    def _hear(self, content: bytes) -> None:
        rest = content
        if not self._greeted:
            _, line_end, rest = content.partition(b"\n")
            self._greeted = bool(line_end)
        self.on_data(content)  # before: the host has heard the frame at which the stream is cut
        self._look(self._heard, "agent", rest)

    def _look(self, splitter: frames.Splitter, who: str, content: bytes) -> None:
        for kind, _, _, payload in splitter.feed(content):
            self._on_frame(_label(who, kind, payload), self._inner)


def _label(who: str, kind: int, payload: bytes) -> str:
    if kind == frames.CALL:
        return f"{who} call {json.loads(payload)['do']}"
    if kind == frames.NEWS:
        news = json.loads(payload)
        return f"{who} report {news.get('is') or 'size'}"
    return f"{who} {_KINDS[kind]}"


def _tap(monkeypatch: pytest.MonkeyPatch, on_frame: Callable[[str, Attached], None]) -> None:
    async def tapped(connection: object) -> Tapped:
        return Tapped(await attach(connection), on_frame)  # type: ignore[arg-type]

    monkeypatch.setattr("sandbox.docker.container.attach", tapped)


async def _work(box: Sandbox) -> list[bool]:
    """Use everything that has frames of its own; whether each command says that its state is lost."""
    await box.write("before", b"1")
    async with box.session() as session:
        await session.write("given", bytes(_BIG))
        echo = await session.run(PythonCode(source="print(len(input()))"), stdin=b"x" * _BIG)
        flood = await session.sh(f"head -c {_BIG} /dev/zero | tr '\\0' x; sleep 100 & sleep 0.5")
        await session.changes()
        background = await session.start("sleep 100")
        await background.stop()
        results = [echo, flood]
    return [result.state_lost for result in results]


async def _work_after() -> bool:
    async with open_docker(POLICY) as box:
        return (await box.run(PythonCode(source="print(1)"))).stdout == "1\n"


async def test_the_work_has_every_kind_of_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    await require_docker()
    labels: set[str] = set()
    _tap(monkeypatch, lambda label, _: labels.add(label))

    async with open_docker(POLICY) as box:
        lost = await _work(box)

    assert labels >= set(_LABELS), set(_LABELS) - labels
    assert lost == [False, False]


@pytest.mark.parametrize("deed", ["connection", "container"])
@pytest.mark.parametrize("label", _LABELS)
async def test_a_cut_at_any_frame_ends_in_an_error_and_leaves_nothing(
    label: str, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await require_docker()
    known = set(await containers(this_process().mark))
    cut = asyncio.Event()
    killing: list[asyncio.Task[None]] = []

    async def kill() -> None:
        engine = await connect()
        for name in set(await containers(this_process().mark)) - known:
            await engine.remove(name)
        engine.close()

    def on_frame(seen: str, stream: Attached) -> None:
        if seen != label or cut.is_set():
            return
        cut.set()
        if deed == "connection":
            stream.transport.abort()
        else:
            killing.append(asyncio.get_running_loop().create_task(kill()))

    with monkeypatch.context() as patch:
        _tap(patch, on_frame)
        error: SandboxError | None = None
        try:
            async with asyncio.timeout(_PATIENCE_S), open_docker(POLICY) as box:
                await _work(box)
                await asyncio.gather(*killing)
                await box.list()  # at the latest the next use says so
        except SandboxError as caught:
            error = caught
        await asyncio.gather(*killing)

    assert cut.is_set()
    assert error is not None, "the cut was passed over in silence"
    assert not await wait_until_none_of(this_process().mark, seconds=10, but=known)
    assert await _work_after()
