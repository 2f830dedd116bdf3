"""The connection is cut, or what is behind it killed, at each kind of frame in both directions.

What is asked for then, or next, raises a documented error in time; nothing is left, and another sandbox
works.
"""

import asyncio
import importlib
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from sandbox import PythonCode, SandboxError, session_policy
from sandbox.backends.ssh import open_ssh
from sandbox.contract import Sandbox
from sandbox.docker.engine import connect
from sandbox.docker.open_docker import open_docker
from sandbox.inner.stream import frames
from sandbox.supervisor.owner import this_process
from tests.docker_engine import IMAGE, containers, wait_until_none_of
from tests.processes import below, wait_until
from tests.ssh_host import HOST, ssh_host

pytestmark = pytest.mark.slow
_PATIENCE_S = 60
_LABELS = (
    *(
        f"host call {what}"
        for what in ("start", "drop", "look", "end", "kill", "listen", "write", "walk", "hash", "fetch")
    ),
    *(f"host {kind}" for kind in ("data", "end", "grant", "beat")),
    *(
        f"agent report {what}"
        for what in ("up", "started", "ended", "left", "dropped", "listening", "opened", "size")
    ),
    *(f"agent {kind}" for kind in ("data", "end", "grant", "beat")),
)
_SAMPLE = (
    *("host call start", "host call end", "host data", "host beat"),
    *("agent report up", "agent report ended", "agent data", "agent grant"),
)
"""Frames at which each kind of stream is cut in both ways. A stream only passes bytes; the link, which reads
frames, is the same for all, and is cut at every frame.
"""
_KINDS = {frames.DATA: "data", frames.END: "end", frames.CREDIT: "grant", frames.BEAT: "beat"}
_BIG = 1 << 20
"""Bytes after which each side must grant more."""


@dataclass(frozen=True)
class Backend:
    """One backend of agents, and what can be cut of it."""

    maker: str
    """What makes its byte streams."""
    open: Callable[[], AbstractAsyncContextManager[Sandbox]]
    cut_connection: Callable[[Any], None]
    kill: Callable[[], Awaitable[None]]
    """Kill what is at the other end."""
    is_clean: Callable[[], Awaitable[bool]]
    """Whether nothing is left of it, in time."""


async def _docker() -> Backend:
    mine = this_process().mark
    before = set(await containers(mine))

    async def kill() -> None:
        engine = await connect()
        for name in set(await containers(mine)) - before:
            await engine.remove(name)
        engine.close()

    async def is_clean() -> bool:
        return not await wait_until_none_of(mine, seconds=_PATIENCE_S, but=before)

    policy = session_policy(wall_s=60, image=IMAGE)
    return Backend(
        "sandbox.docker.container.attach",
        lambda: open_docker(policy),
        lambda stream: stream.transport.abort(),
        kill,
        is_clean,
    )


def _ssh(server: int) -> Backend:
    """`server`: the pid of a host's server."""

    async def kill() -> None:
        for pid in below(server):
            with suppress(ProcessLookupError):  # its parent's end was its own
                os.kill(pid, signal.SIGKILL)

    async def is_clean() -> bool:
        return await asyncio.to_thread(wait_until, lambda: not below(server))

    policy = session_policy(wall_s=60)
    return Backend(
        "sandbox.backends.ssh.start_process",
        lambda: open_ssh(policy, host=HOST),
        lambda stream: os.kill(stream._process.pid, signal.SIGKILL),
        kill,
        is_clean,
    )


@pytest_asyncio.fixture(params=[pytest.param("docker", marks=pytest.mark.foreign), "ssh"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    if request.param == "docker":
        request.getfixturevalue("docker_engine")
        yield await _docker()
        return
    with ssh_host() as server:
        yield _ssh(server.pid)


class Tapped:
    """A byte stream to an agent that calls back with the label of each frame. Implements `ByteStream`."""

    def __init__(self, inner: Any, on_frame: Callable[[str, Any], None]) -> None:
        self._inner, self._on_frame = inner, on_frame
        self._sent, self._heard = frames.Splitter(), frames.Splitter()
        self._booted = self._greeted = False
        self.on_data: Callable[[bytes], None] = lambda content: None
        self.on_words: Callable[[bytes], None] = lambda content: None
        self.on_end: Callable[[], None] = lambda: None
        inner.on_data = self._hear
        inner.on_words = lambda content: self.on_words(content)
        inner.on_end = lambda: self.on_end()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def send(self, content: bytes) -> None:
        if self._booted:
            self._look(self._sent, "host", content)
        self._booted = True  # the first content is the agent's code
        await self._inner.send(content)

    def say(self, content: bytes) -> None:
        self._look(self._sent, "host", content)
        self._inner.say(content)

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


def _tap(monkeypatch: pytest.MonkeyPatch, backend: Backend, on_frame: Callable[[str, Any], None]) -> None:
    module, _, name = backend.maker.rpartition(".")
    make = getattr(importlib.import_module(module), name)

    async def tapped(source: object) -> Tapped:
        return Tapped(await make(source), on_frame)

    monkeypatch.setattr(backend.maker, tapped)


async def _work(box: Sandbox) -> list[bool]:
    """Use everything that has frames of its own; whether each command says that its state is lost."""

    async def answer(request: bytes) -> bytes:
        return json.dumps({"value": [["double", ["x"]]]}).encode()

    await box.write("before", b"1")
    async with box.session() as session:
        await session.serve(answer)
        await session.write("given", bytes(_BIG))
        echo = await session.run(PythonCode(source="import tools; print(len(input()))"), stdin=b"x" * _BIG)
        flood = await session.sh(f"head -c {_BIG} /dev/zero | tr '\\0' x; sleep 100 & sleep 0.5")
        await session.changes()
        background = await session.start("trap '' TERM; sleep 100")
        await background.stop()
        results = [echo, flood]
    return [result.state_lost for result in results]


async def _work_after(backend: Backend) -> bool:
    async with backend.open() as box:
        return (await box.run(PythonCode(source="print(1)"))).stdout == "1\n"


async def test_the_work_has_every_kind_of_frame(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    labels: set[str] = set()
    _tap(monkeypatch, backend, lambda label, _: labels.add(label))

    async with backend.open() as box:
        lost = await _work(box)

    assert labels >= set(_LABELS), set(_LABELS) - labels
    assert lost == [False, False]


@pytest.mark.parametrize(
    ("backend", "label", "deed"),
    [
        pytest.param(
            backend,
            label,
            deed,
            id=f"{backend}-{label}-{deed}",
            marks=[pytest.mark.foreign] * (backend == "docker"),
        )
        for backend in ("docker", "ssh")
        for label in _LABELS
        for deed in ("connection", "other end")
        if label in _SAMPLE or (backend, deed) == ("docker", "connection")
    ],
    indirect=["backend"],
)
async def test_a_cut_at_any_frame_ends_in_an_error_and_leaves_nothing(
    backend: Backend, label: str, deed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = asyncio.Event()
    killing: list[asyncio.Task[None]] = []

    def on_frame(seen: str, stream: Any) -> None:
        if seen != label or cut.is_set():
            return
        cut.set()
        if deed == "connection":
            backend.cut_connection(stream)
        else:
            killing.append(asyncio.ensure_future(backend.kill()))  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        _tap(patch, backend, on_frame)
        error: SandboxError | None = None
        try:
            async with asyncio.timeout(_PATIENCE_S), backend.open() as box:
                await _work(box)
                await asyncio.gather(*killing)
                await box.list()  # at the latest the next use says so
        except SandboxError as caught:
            error = caught
        await asyncio.gather(*killing)

    assert cut.is_set()
    assert error is not None, "the cut was passed over in silence"
    assert await backend.is_clean()
    if label in _SAMPLE:  # after the others the next cut's sandbox works, up to the frame of its label
        assert await _work_after(backend)
