"""The owner's channel to pid 1 of a container: starts and ends of runs, and the owner's heartbeat."""

import ast
import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.docker.attached_stream import Attached
from sandbox.errors import SandboxBroken
from sandbox.host.output import Stream

LEASE_S = 60.0
"""Seconds without a heartbeat after which a container ends itself."""
_BEAT_S = 5.0
_LONGEST_LINE = 1 << 16
_LAST_WORDS = 4096
_FIRST_GROUP, _LAST_GROUP = 1000, 61_000
"""Group ids of runs; those of a rootless engine end at 65,535."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Usage of a run whose processes are dead."""

    memory_kills: int
    cpu_us: int
    peak_bytes: int
    """0 if an earlier run used more."""
    kept_bytes: int
    """Bytes in all bounded folders, of all runs."""
    kept_files: int
    """Files in the workspace, itself included."""


class Control:
    """Our end. Once the connection is lost, every future gets a SandboxBroken unless it is done."""

    def __init__(self, attached: Attached, *, on_end: Callable[[SandboxBroken], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._attached, self._on_end = attached, on_end
        attached.on_data, attached.on_end = self._hear, self._cut
        self._numbers = itertools.cycle(range(_FIRST_GROUP, _LAST_GROUP))
        self._rest = b""
        self._last_words = b""
        self.python: asyncio.Future[tuple[int, int]] = self._loop.create_future()
        """Version of the container's Python, once it runs."""
        self._up: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._watching: dict[int, asyncio.Future[int]] = {}
        self._ended: dict[int, asyncio.Future[Ended]] = {}
        self._beating: asyncio.TimerHandle | None = None
        self.broken: SandboxBroken | None = None
        """Why the line is cut."""

    async def boot(self, content: bytes) -> dict[str, Any]:
        """Send pid 1 its code; its report on the container."""
        await self._attached.send(len(content).to_bytes(4, "little") + content)
        facts = await self._up
        self._beat()
        return facts

    def hold(self) -> int:
        """Reserve a group for a starting run, so that it isn't taken for a leftover."""
        group = next(self._numbers)
        while group in self._ended:  # ids of runs that still run
            group = next(self._numbers)
        self._ended[group] = self._loop.create_future()
        self._watching[group] = self._loop.create_future()
        if self.broken is not None:
            self._break(self.broken)
        self._attached.say(f"hold {group}")
        return group

    async def watch(self, group: int) -> int:
        """Verify a group's only process and watch for its end; bytes in the container's folders."""
        self._attached.say(f"watch {group}")
        return await asyncio.shield(self._watching[group])

    def kill(self, group: int) -> None:
        """Kill every process of a group; `ended` tells when there is none."""
        self._attached.say(f"kill {group}")

    def drop(self, group: int) -> None:
        """End a group, even before its process was seen."""
        if group in self._ended and not self._ended[group].done():
            self._attached.say(f"drop {group}")

    def ended(self, group: int) -> "asyncio.Future[Ended]":
        """Future that is set when no process of a group is left."""
        return self._ended[group]

    def forget(self, group: int) -> None:
        """Forget a group."""
        for futures in (self._watching, self._ended):
            future = futures.pop(group, None)
            if future is not None and not future.done():
                future.cancel()

    def close(self) -> None:
        """Close the channel: the container ends. Idempotent."""
        self._stop_beating()
        self._attached.close()
        self._break(SandboxBroken("The sandbox is closed."))

    def _beat(self) -> None:
        self._attached.say("beat")
        if not self._attached.ended:
            self._beating = self._loop.call_later(_BEAT_S, self._beat)

    def _stop_beating(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None

    def _hear(self, stream: Stream, content: bytes) -> None:
        if stream == "stderr":
            self._last_words = (self._last_words + content)[-_LAST_WORDS:]
            return
        *lines, self._rest = (self._rest + content).split(b"\n")
        for line in lines:
            self._take(line.decode("utf-8", "replace"))
        if len(self._rest) > _LONGEST_LINE:
            self._cut()

    def _take(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "hello":
            major, minor = map(int, rest.split())
            _set(self.python, (major, minor))
        elif word == "up":
            _set(self._up, ast.literal_eval(rest))
        else:
            number, _, more = rest.partition(" ")
            group = int(number)
            if word == "watching" and group in self._watching:
                _set(self._watching[group], int(more))
            elif word == "refused" and group in self._watching:
                why = SandboxBroken(f"A process in the container was refused: {more}.")
                _fail(self._watching[group], why)
            elif word == "ended" and group in self._ended:
                _set(self._ended[group], Ended(*map(int, more.split())))

    def _cut(self) -> None:
        self._stop_beating()
        self._attached.close()
        said = self._last_words.decode("utf-8", "replace").strip()
        broken = SandboxBroken(f"The container ended unexpectedly, or the Docker engine did. {said}".strip())
        self._break(broken)
        self._on_end(broken)

    def _break(self, reason: SandboxBroken) -> None:
        self.broken = self.broken or reason
        waiting: list[asyncio.Future[Any]] = [self.python, self._up]
        for future in [*waiting, *self._watching.values(), *self._ended.values()]:
            _fail(future, self.broken)


def _set(future: "asyncio.Future[Any]", value: object) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: "asyncio.Future[Any]", error: SandboxBroken) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # retrieved: no warning where nothing awaits it
