"""A process in a container that waits for its job: confined, verified, serving files meanwhile.

Methods raise SandboxBroken if the process, its container or the engine has ended.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, get_args

from sandbox.docker.attached_stream import Attached, attach
from sandbox.docker.boot import SINGLE, UID, run_settings
from sandbox.docker.container import Container, rlimits_of
from sandbox.docker.control_channel import Ended
from sandbox.docker.engine import plain_socket, to_the_end
from sandbox.docker.polling import poll
from sandbox.errors import FileFault, FileRefused, SandboxBroken
from sandbox.host.limits import RunLimits
from sandbox.host.output import Stream
from sandbox.inner.process.wire import HEADER, READY

_START_S = 30.0
_END_S = 20.0
"""Seconds for a busy machine to end processes."""
_LAST_WORDS = 4096
_LONGEST_HEADER = 1 << 20
_PIECE = 1 << 20


class Prepared:
    """One exec: serves any number of file requests, then at most one job."""

    def __init__(self, container: Container, exec_id: str, group: int, attached: Attached) -> None:
        self.container, self.group, self.attached = container, group, attached
        self._exec_id = exec_id
        self._stdout = asyncio.StreamReader(limit=_PIECE)
        self._stdout.set_transport(attached.transport)
        self._last_words = b""
        self._busy = asyncio.Lock()
        self.kept_bytes = 0
        """In the container's folders when it was ready, with what has been written through it since."""
        self.ended: asyncio.Future[Ended] = container.control.ended(group)
        """Set when every process of it is dead."""
        self.overdue = False
        """Its Result was given before its end was known."""
        self.keeps_frames = True
        self._on_stderr: Callable[[Stream, bytes], None] = self._keep_last_words
        self._on_end: Callable[[], None] = lambda: None
        attached.on_data, attached.on_end = self._hear, self._hear_end

    @property
    def usable(self) -> bool:
        """False once it has ended or its container has."""
        return not self.attached.ended and not self.ended.done() and self.container.broken is None

    async def confine(self, limits: RunLimits, *, tidy: bool) -> None:
        """Have it confine itself, and verify that."""
        settings = run_settings(self.container.recipe, rlimits_of(limits), tidy=tidy)
        try:
            async with asyncio.timeout(_START_S):
                await self.attached.send(frame(settings))
                await self.exactly(len(READY))
                self.kept_bytes = await self.container.control.watch(self.group)
        except TimeoutError as error:
            raise SandboxBroken(f"A process in the container was not ready in {_START_S:.0f} s.") from error

    async def hand_over(
        self,
        job: Mapping[str, object],
        on_data: Callable[[Stream, bytes], None],
        on_end: Callable[[], None],
    ) -> None:
        """Hand over its job; its later output is the program's, but `exactly` reads an entry's stdout."""
        async with self._busy:
            if job["kind"] != "entry":
                self.attached.on_data = on_data
            self._on_stderr, self._on_end = on_data, on_end
            await self.attached.send(frame(job))

    async def ask(
        self, request: Mapping[str, object], content: bytes = b"", *, most: int = 0
    ) -> tuple[dict[str, Any], bytes]:
        """Send a file request (`sandbox.inner.process.filing`); one answer of at most `most` bytes."""
        async with self.asking(request, content):
            return await self.answer(most=most)

    @contextlib.asynccontextmanager
    async def asking(self, request: Mapping[str, object], content: bytes = b"") -> AsyncIterator[None]:
        """Send one request. It becomes unusable unless the block reads all answers."""
        async with self._busy:
            try:
                await self.attached.send(frame({"kind": "files", **request, "size": len(content)}))
                for start in range(0, len(content), _PIECE):
                    await self.attached.send(content[start : start + _PIECE])
                self.kept_bytes += len(content) if request["do"] in ("write", "append") else 0
                yield
            except FileRefused:
                raise
            except BaseException:
                self.attached.close()
                raise

    async def answer(self, *, most: int) -> tuple[dict[str, Any], bytes]:
        """The next answer: header and bytes. Raises FileRefused: the request was refused."""
        (length,) = HEADER.unpack(await self.exactly(HEADER.size))
        if length > _LONGEST_HEADER:
            raise SandboxBroken("What serves the files of the container talks nonsense.")
        header: dict[str, Any] = json.loads(await self.exactly(length))
        if "refused" in header:
            known: tuple[FileFault, ...] = get_args(FileFault)
            kind: FileFault = next((name for name in known if name == header.get("kind")), "refused")
            raise FileRefused(str(header["refused"]), kind=kind)
        size = int(header.get("size", 0))
        if not 0 <= size <= most:
            raise SandboxBroken("What serves the files of the container sends more than it was asked for.")
        return header, await self.exactly(size)

    async def exit_code(self) -> int:
        """Its exit code from the engine: 128 + n for signal n. Its processes are dead."""
        engine = self.container.engine

        async def look() -> dict[str, Any]:
            ask = engine.ask("ask how a run ended", lambda api: api.exec_inspect(self._exec_id))
            return await ask or {"Running": True}

        last = await poll(look, lambda state: not state["Running"], every_s=0.005, times=500)
        if last is None:
            raise SandboxBroken("The Docker engine doesn't say how a run ended.")
        return int(last["ExitCode"])

    async def discard(self) -> None:
        """End it, and wait until all its processes are dead; without an answer condemn the container."""
        control = self.container.control
        self.attached.close()
        self._stdout.feed_eof()
        control.drop(self.group)
        try:
            async with asyncio.timeout(_END_S):
                await asyncio.shield(self.ended)
        except TimeoutError:
            self.container.condemn(SandboxBroken("A run of the container could not be ended."))
        except SandboxBroken:
            pass  # the container has ended, and the process with it
        control.forget(self.group)

    def _hear(self, stream: Stream, content: bytes) -> None:
        if stream == "stderr":
            self._on_stderr(stream, content)
        elif self.keeps_frames:
            self._stdout.feed_data(content)

    def _hear_end(self) -> None:
        self._stdout.feed_eof()
        self._on_end()

    def _keep_last_words(self, stream: Stream, content: bytes) -> None:
        self._last_words = (self._last_words + content)[-_LAST_WORDS:]

    async def exactly(self, size: int) -> bytes:
        """The next bytes of its stdout; a cancelled read consumes nothing."""
        try:
            return await self._stdout.readexactly(size)
        except asyncio.IncompleteReadError as error:
            said = self._last_words.decode("utf-8", "replace").strip()
            raise self.container.broken or SandboxBroken(
                f"A process in the container ended early. {said}"
            ) from error


def frame(message: Mapping[str, object]) -> bytes:
    """A message in the format of `sandbox.inner.process.spawn_single`."""
    content = json.dumps(message).encode()
    return HEADER.pack(len(content)) + content


async def prepare(container: Container, limits: RunLimits, *, tidy: bool) -> Prepared:
    """Start a process ready for a job; `tidy` removes leftovers of earlier runs: nothing else may run."""
    control, engine = container.control, container.engine
    if container.broken is not None:
        raise container.broken
    group = control.hold()
    user = f"{0 if 'uid' in container.recipe.without else UID}:{group}"
    prepared: Prepared | None = None
    try:
        made = await engine.ask(
            "make a run", lambda api: api.exec_create(container.name, list(SINGLE), stdin=True, user=user)
        )
        assert made is not None
        stream = await engine.ask(
            "start a run", lambda api: plain_socket(api.exec_start(made["Id"], socket=True))
        )
        assert stream is not None
        prepared = Prepared(container, made["Id"], group, await attach(stream))
        await prepared.confine(limits, tidy=tidy)
    except BaseException:
        if prepared is not None:
            await to_the_end(prepared.discard())
        else:
            control.drop(group)
            control.forget(group)
        raise
    return prepared
