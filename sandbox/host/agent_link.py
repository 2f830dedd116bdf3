"""The channel to the agent of a session: bounded messages about its commands."""

import asyncio
import fcntl
import json
import math
import os
import socket
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from sandbox.contract import CommandOptions
from sandbox.errors import SandboxBroken
from sandbox.host.call_server import SocketListener
from sandbox.host.child import Child
from sandbox.host.command_run import CommandEnd, CommandRun, HowToEnd
from sandbox.host.limits import RunLimits
from sandbox.host.memory_watch import holds_more
from sandbox.host.piped_run import PipedRun
from sandbox.inner.process.wire import MAX_MESSAGE, receive_with_fds, send_with_fds
from sandbox.program import Command, Program
from sandbox.result import KilledBy, StillRunning

LONGEST_WORD = (128 << 10) - 1
"""Maximum bytes of one argument of a new program."""
_SAMPLE_S = 0.02
_UNCHANGED = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_PATIENCE_S = 2.0
"""Seconds without an answer after which the agent is abandoned."""


class AgentLink:
    """Channel to the agent of a session, which alone has the other end."""

    def __init__(self, child: Child, channel: socket.socket, limits: RunLimits, *, sampled: bool) -> None:
        """`sampled`: poll memory if no cgroup counts it."""
        self._loop = asyncio.get_running_loop()
        self._child, self._channel, self.limits = child, channel, limits
        self._runs: dict[int, PipedRun] = {}
        self._answers: deque[asyncio.Future[tuple[StillRunning, ...]]] = deque()
        """Pending answers of the agent, which come in the order of the questions."""
        self._listener: asyncio.Future[int] = self._loop.create_future()
        """Descriptor of the session's socket that commands connect to, once `listen` has asked for it."""
        self.over = False
        """Whether the agent is dead, and with it every process of the session."""
        self._shed = 0
        self._sampling: asyncio.TimerHandle | None = None
        if child.group is None and sampled:
            self._sample()
        channel.setblocking(False)
        self._loop.add_reader(channel, self._read)

    async def begin(
        self, number: int, program: str | Program, how: CommandOptions, endings: HowToEnd
    ) -> CommandRun:
        """Start a command."""
        argv, more, cwd = words_of(program)
        run = PipedRun(number, self.limits.output_bytes, endings, how.get("on_output"))
        run.on_flood = self._end_flood
        run.kills_before = self.memory_kills()
        request = {
            "do": "start",
            "script": program if isinstance(program, str) else None,
            "argv": argv,
            "cwd": how.get("cwd") or cwd,
            "environment": {**more, **(how.get("environment") or {})},
            "cpu_s": math.ceil(cpu_s) if (cpu_s := how.get("cpu_s")) else None,
        }
        handed = [run.inside]
        try:
            handed += [_readable(content)] if (content := how.get("stdin")) else []
            self._send(run.number, request, handed)
            self._runs[run.number] = run
        except OSError as error:
            raise SandboxBroken(f"The session could not be given a command: {error}.") from error
        finally:
            for descriptor in handed:
                os.close(descriptor)
            if run.number not in self._runs:
                run.close()
        return run

    async def ask(self, what: str, run: CommandRun) -> bool:
        """Have the agent `look` for, `end` or `kill` a command's processes; return False if it is dead."""
        if self.over:
            return False
        answer: asyncio.Future[tuple[StillRunning, ...]] = self._loop.create_future()
        self._answers.append(answer)
        try:
            self._send(run.number, {"do": what, "answer": True}, [])
        except OSError:
            self.close()
        await asyncio.wait({answer}, timeout=_PATIENCE_S)
        if not answer.done():
            self.close()
        run.processes = answer.result()
        return not self.over

    async def listen(self, module: str) -> SocketListener:
        """Listen on a socket in the session that programs reach through a module of this name."""
        with suppress(OSError):
            self._send(0, {"do": "listen", "module": module}, [])
        await asyncio.wait({self._listener}, timeout=_PATIENCE_S)
        if not self._listener.done() or self._listener.cancelled():
            raise SandboxBroken("The session gave no socket for its tools.")
        return SocketListener(self._listener.result())

    def memory_kills(self) -> int:
        """Return the number of the session's processes that were killed for lack of memory."""
        return self._child.memory_kills() + self._shed

    def forget(self, run: CommandRun) -> None:
        """Forget a command once none of its processes runs or writes."""
        self._runs.pop(run.number, None)

    def end_for(self, reason: KilledBy) -> None:
        """End the session; the results of its commands name the reason."""
        for run in self._runs.values():
            run.killed_by = run.killed_by or reason
        self.close()

    def close(self) -> None:
        """Kill the session's processes and wake all waiting callers. Idempotent."""
        if self.over:
            return
        self.over = True
        if self._sampling is not None:
            self._sampling.cancel()
        self._loop.remove_reader(self._channel)
        self._channel.close()
        self._child.kill(outright=True)
        for run in self._runs.values():
            run.state_lost = not run.ended.done()
            run.has_ended(None)
            run.close()
        self._listener.cancel()
        for answer in self._answers:
            if not answer.done():
                answer.set_result(())

    def _send(self, number: int, request: Mapping[str, object], descriptors: list[int]) -> None:
        send_with_fds(self._channel, json.dumps({**request, "number": number}).encode(), descriptors)

    def _end_flood(self, run: CommandRun) -> None:
        with suppress(OSError):
            self._send(run.number, {"do": "kill", "answer": False}, [])

    def _sample(self) -> None:
        """Have the agent kill the largest process while the session exceeds its memory."""
        limit = self.limits.memory_mb << 20
        if self._runs and self._child.reaper and holds_more(self._child.reaper, limit):
            self._shed += 1
            with suppress(OSError):  # it is dead, as its end of the channel tells
                self._send(0, {"do": "shed", "answer": False}, [])
        self._sampling = self._loop.call_later(_SAMPLE_S, self._sample)

    def _read(self) -> None:
        try:
            message, descriptors = receive_with_fds(self._channel, MAX_MESSAGE, 1)
        except BlockingIOError:
            return
        except OSError:
            message, descriptors = b"", []
        if not message:
            self.close()
            return
        frame = json.loads(message)
        if "answer" in frame:
            answer = self._answers.popleft()
            if not answer.done():
                answer.set_result(_left(frame["answer"]))
        elif "listens" in frame:
            self._take_listener(descriptors)
        else:
            self._take(self._runs.get(frame["number"]), frame, descriptors)

    def _take_listener(self, descriptors: Sequence[int]) -> None:
        if descriptors and not self._listener.done():
            self._listener.set_result(descriptors[0])
            return
        self._listener.cancel()
        for descriptor in descriptors:
            os.close(descriptor)

    def _take(self, run: PipedRun | None, frame: dict[str, Any], descriptors: Sequence[int]) -> None:
        if run is None:  # a forgotten command
            for descriptor in descriptors:
                os.close(descriptor)
        elif "pid" in frame:
            run.log = frame["log"]
            run.log_to(descriptors)
            run.has_started(frame["pid"])
        elif "failed" in frame:
            run.has_failed(frame["failed"], frame["code"])
        else:
            run.processes = _left(frame["left"])
            run.has_ended(CommandEnd(frame["ended"], frame["cpu_s"]))


def _left(named: list[tuple[int, str]]) -> tuple[StillRunning, ...]:
    return tuple(StillRunning(pid=pid, command=command) for pid, command in named)


def words_of(program: str | Program) -> tuple[Sequence[str], Mapping[str, str], str]:
    """Return a command's words, environment and folder. Raises ValueError if a word is too long."""
    if isinstance(program, str):
        words: Sequence[str] = [program]
    elif isinstance(program, Command):
        words = program.argv
    else:
        words = ("python", "-c", program.source, *program.arguments)
    if any(len(os.fsencode(word)) > LONGEST_WORD for word in words):
        raise ValueError(f"A word of a command may have {LONGEST_WORD} bytes.")
    if isinstance(program, str):
        return words, {}, "."
    return words, program.environment, program.cwd


def _readable(content: bytes) -> int:
    """Return a descriptor of a sealed memory file, to read this content from."""
    descriptor = os.memfd_create("stdin", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(content)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _UNCHANGED)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
