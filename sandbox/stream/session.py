"""A session behind an agent: its commands, its calls and its workspace."""

import asyncio
import json
import math
import os
import stat
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import StringConstraints, TypeAdapter, ValidationError

from sandbox.contract import CommandOptions
from sandbox.errors import FileRefused, SandboxBroken
from sandbox.files.resolve_beneath import as_text
from sandbox.files.tree_changes import MAX_FILE, State, TreeChanges
from sandbox.files.tree_walk import WalkedEntry
from sandbox.host.agent_link import words_of
from sandbox.host.command_run import PACE_S, CommandEnd, CommandRun, HowToEnd
from sandbox.host.limits import RunLimits
from sandbox.host.session_opening import ENVIRONMENT
from sandbox.inner.process.wire import HEADER, SessionFolders
from sandbox.inner.stream.frames import LINE, STDERR, STDOUT
from sandbox.program import Program
from sandbox.result import Changes, StillRunning
from sandbox.stream.connections import StreamListener
from sandbox.stream.execution import EndedProgram, StreamProgram, feed
from sandbox.stream.link import Link, LinkConversation, Reader
from sandbox.stream.stream_files import StreamFiles
from sandbox.supervisor.shipped import TOOLS_MODULE

_PATIENCE_S, _END_S = 2.0, 20.0
"""Seconds without an answer after which the agent is abandoned; it may take longer to end commands."""
_LEFT = TypeAdapter(list[tuple[int, str]])
_SHA256 = TypeAdapter(list[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None])
_SHA256_ROOM = 80
"""Maximum bytes of one hash in an answer."""
Stamps = dict[str, tuple[tuple[int, ...], State]]


@dataclass(frozen=True, slots=True)
class Walk:
    """An agent's answer to a walk."""

    entries: list[tuple[str, tuple[int, int, int, int, int, int] | None, str | None]]
    """Path in hexadecimal, stamp, and target of a link in hexadecimal."""
    now: int
    """Time by the agent's clock in nanoseconds since 1970."""


_WALK = TypeAdapter(Walk)
_ENVIRONMENT, _LONGEST_ENVIRONMENT = TypeAdapter(dict[str, str]), 1 << 20
_ROOM_PER_ENTRY = 9000
"""Maximum bytes of one entry of a walk: a path of 4 KiB in hexadecimal, and figures."""
RunRlimits = Callable[[RunLimits], Mapping[str, int | None]]


class StreamSessionLink:
    """Brings a session's commands to an agent. Implements `sandbox.host.session.SessionLink`."""

    def __init__(
        self, link: Link, limits: RunLimits, environment: Mapping[str, str], rlimits: Mapping[str, int | None]
    ) -> None:
        self._link, self.limits = link, limits
        self._environment, self._rlimits = dict(environment), dict(rlimits)
        self._programs: dict[int, StreamProgram] = {}
        self._numbers: dict[int, int] = {}
        """Frame number by command number; the agent knows the remaining processes of each."""
        self._runs: dict[int, CommandRun] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._memory_kills = 0
        self._closed = False

    @property
    def over(self) -> bool:
        """Whether the agent is dead, and with it every process of the session."""
        return self._closed or self._link.broken is not None

    async def begin(
        self, number: int, program: str | Program, how: CommandOptions, endings: HowToEnd
    ) -> CommandRun:
        """Start a command."""
        words, more, cwd = words_of(program)
        run = CommandRun(number, self.limits.output_bytes, endings, how.get("on_output"))
        started = StreamProgram(self._link)
        conversation = started.conversation
        run.on_flood = lambda _: conversation.say({"do": "kill", "answer": False})
        run.kills_before = self._memory_kills
        self._numbers[number] = conversation.number
        conversation.read(STDOUT, lambda piece: self._receive(run, conversation, piece))
        content = how.get("stdin") or b""
        cpu_s = how.get("cpu_s")
        job = {
            "kind": "script" if isinstance(program, str) else "command",
            "argv": list(words),
            "cwd": how.get("cwd") or cwd,
            "environment": {**self._environment, **more, **(how.get("environment") or {})},
            "rlimits": {**self._rlimits, **({"cpu_s": math.ceil(cpu_s)} if cpu_s else {})},
            "stdin": bool(content),
        }
        self._programs[number], self._runs[number] = started, run
        started.ended.add_done_callback(lambda ended: self._end(run, ended))
        started.started.add_done_callback(lambda known: self._start(run, known))
        self._keep(self._watch_end(run, conversation))
        options = {"merged": True, "stays": True, "stdin": bool(content)}
        await started.begin(job, **options, log=number, log_bytes=self.limits.output_bytes)
        if content:
            self._keep(feed(conversation, content))
        return run

    async def ask(self, what: str, run: CommandRun) -> bool:
        """Have the agent `look` for, `end` or `kill` a command's processes; return False if it is dead."""
        if self.over:
            return False
        patience_s = _PATIENCE_S if what == "look" else _END_S  # a fork bomb leaves the agent little time
        request = {"do": what, "of": self._numbers[run.number], "answer": True}
        try:
            news = await self._answer(request, patience_s=patience_s)
        except (TimeoutError, SandboxBroken):
            self._link.end(SandboxBroken("The agent of a session doesn't answer."))
            return False
        self._take_left(run, news.get("left"))
        return not self.over

    async def _answer(
        self, request: Mapping[str, object], *, patience_s: float = _PATIENCE_S
    ) -> dict[str, Any]:
        """Return the agent's answer. Raises TimeoutError; SandboxBroken if the agent ends meanwhile."""
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        conversation = self._link.converse(lambda news: None if answer.done() else answer.set_result(news))
        try:
            await conversation.call(request)
            async with asyncio.timeout(patience_s):
                news = await answer
            if news["is"] == "broken":
                raise self._link.broken or SandboxBroken("The sandbox's agent is gone.")
            return news
        finally:
            conversation.close()

    async def listen(self, module: str) -> StreamListener:
        """Listen for programs, which connect through a module of this name."""
        source = TOOLS_MODULE
        try:
            news = await self._answer({"do": "listen", "module": module, "source": source})
        except TimeoutError:
            news = {"is": "silence"}
        if news["is"] != "listening":
            raise SandboxBroken("The session gave no socket for its tools.")
        usual = self._environment.get("PYTHONPATH", "")
        self._environment["PYTHONPATH"] = f"{usual}:{SessionFolders().tools}".lstrip(":")
        return StreamListener(self._link)

    def memory_kills(self) -> int:
        """Return the number of processes killed for lack of memory."""
        return self._memory_kills

    def forget(self, run: CommandRun) -> None:
        """Forget a command once none of its processes runs or writes."""
        self._runs.pop(run.number, None)
        program = self._programs.pop(run.number, None)
        if program is not None:
            program.conversation.close()

    async def close(self) -> None:
        """End every command. Idempotent."""
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        with suppress(TimeoutError, SandboxBroken):
            drops = ({"do": "drop", "of": number} for number in self._numbers.values())
            await asyncio.gather(*(self._answer(drop, patience_s=_END_S) for drop in drops))
        for run in self._runs.values():
            run.state_lost = not run.ended.done()
            run.has_ended(None)
            run.close()

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _receive(self, run: CommandRun, conversation: LinkConversation, piece: bytes) -> int | None:
        """Pass output to its command. If the command drops it, let the agent send more a moment later."""
        if not run.receive(piece):
            return None
        loop = asyncio.get_running_loop()
        loop.call_later(PACE_S, conversation.consume, STDOUT, len(piece))
        return 0

    async def _watch_end(self, run: CommandRun, conversation: LinkConversation) -> None:
        await conversation.ended(STDOUT).wait()
        run.close()

    def _start(self, run: CommandRun, known: "asyncio.Future[tuple[int, int]]") -> None:
        error = known.exception()
        if error is None:
            run.has_started(known.result()[0])
        elif self._link.broken is None:  # the place is full, or at its limit of processes
            run.has_failed(str(error), 126)
            run.close()

    def _end(self, run: CommandRun, ended: "asyncio.Future[EndedProgram]") -> None:
        if ended.exception() is not None:
            run.state_lost = self._link.broken is not None and not run.ended.done()
            run.has_ended(None)
            run.close()
            return
        end = ended.result()
        self._memory_kills += end.memory_kills
        self._take_left(run, end.left)
        run.has_ended(CommandEnd(end.how, end.cpu_s))

    def _take_left(self, run: CommandRun, left: object) -> None:
        try:
            processes = _LEFT.validate_python(left)
        except ValidationError as error:
            raise ValueError("a list of processes is invalid") from error
        run.processes = tuple(StillRunning(pid=pid, command=command) for pid, command in processes)


class StreamWorkspace:
    """The files of a session, and how they changed: read by the agent, bounded and hashed here."""

    def __init__(self, files: StreamFiles, stamps: Stamps) -> None:
        """`stamps`: file stamps of the place, shared by all of its sessions."""
        self._files = files
        self._tree = StreamTree(files, stamps)
        self.write, self.append, self.make_folder = files.write, files.append, files.make_folder
        self.read, self.list, self.stat, self.remove = files.read, files.list, files.stat, files.remove

    async def changes(self, ignored: Callable[[str], bool]) -> Changes:
        """Return the changes since the last rebase."""
        return await asyncio.to_thread(self._tree.changes, ignored)

    async def rebase(self, laid: Mapping[str, str] | None = None) -> None:
        """Make the present files the base of `changes`. `laid`: see `TreeChanges.rebase`."""
        await asyncio.to_thread(self._tree.rebase, laid)


class StreamTree(TreeChanges):
    """Finder of changes in a tree behind an agent. Its methods block: call them in another thread."""

    def __init__(self, files: StreamFiles, stamps: Stamps) -> None:
        super().__init__(_Nothing(), lambda: self._most)  # type: ignore[arg-type]
        self._stamps, self._now = stamps, 0
        self._files, self._loop = files, asyncio.get_running_loop()
        self._most = files.most_bytes
        self._targets: dict[str, str] = {}

    def _walk(self, ignored: Callable[[str], bool]) -> Iterator[WalkedEntry]:
        answer = self._ask({"do": "walk"}, self._files.most_files * _ROOM_PER_ENTRY)
        try:
            walk = _WALK.validate_json(answer)
        except ValidationError as error:
            raise SandboxBroken("The agent's list of the workspace's files is invalid.") from error
        skipped: dict[str, bool] = {}
        self._now = walk.now
        for name, stamp, target in walk.entries:
            path = _path_of(name)
            parts = path.split("/")
            if path and ({"", ".", "..", ".git"} & set(parts) or "\0" in path):
                raise SandboxBroken("The agent's list of the workspace's files is invalid.")
            if any(_is_skipped("/".join(parts[:i]) + "/", ignored, skipped) for i in range(1, len(parts))):
                continue
            if path and ignored(path):
                continue
            if target is not None:
                self._targets[path] = _path_of(target)
            yield path, stamp and _stat_of(stamp)

    def _now_ns(self) -> int:
        return self._now

    def _hash(self, paths: Sequence[str], entries: Mapping[str, os.stat_result | None]) -> Mapping[str, str]:
        """Have the agent hash files; its hashes are trusted as much as its file times."""
        for path in self._stamps.keys() - entries.keys():
            self._stamps.pop(path, None)
        unhashed: list[str] = []
        for path in paths:
            status = entries[path]
            if status is None or as_text(path) != path or status.st_size > self._room:
                continue
            self._room -= status.st_size
            unhashed.append(path)
        if not unhashed:
            return {}
        content = json.dumps([os.fsencode(path).hex() for path in unhashed]).encode()
        request = {"do": "hash", "limit": MAX_FILE}
        answer = self._ask(request, len(unhashed) * _SHA256_ROOM + _SHA256_ROOM, content)
        try:
            hashes = _SHA256.validate_json(answer)
        except ValidationError as error:
            raise SandboxBroken("The agent's hashes of the workspace's files are invalid.") from error
        if len(hashes) != len(unhashed):
            raise SandboxBroken("The agent's hashes of the workspace's files are invalid.")
        return {path: sha256 for path, sha256 in zip(unhashed, hashes, strict=True) if sha256}

    def _content(self, path: str) -> bytes | None:
        request = {"do": "fetch", "name": os.fsencode(path).hex(), "limit": MAX_FILE + 1}
        try:
            return self._ask(request, MAX_FILE + 1)
        except FileRefused as error:
            raise OSError(str(error)) from error

    def _target(self, path: str) -> str:
        if path not in self._targets:
            raise FileNotFoundError(path)
        return self._targets[path]

    def _ask(self, request: Mapping[str, object], most: int, content: bytes = b"") -> bytes:
        asking = asyncio.run_coroutine_threadsafe(self._files.ask(request, content, most=most), self._loop)
        return asking.result()[1]


class _Nothing:
    """Stub for the rights that only files of this machine need."""

    def as_owner(self) -> AbstractContextManager[None]:
        return nullcontext()

    def open_root_to_us(self) -> None:
        return


def _path_of(name: str) -> str:
    try:
        return os.fsdecode(bytes.fromhex(name))
    except ValueError as error:
        raise SandboxBroken("The agent's list of the workspace's files is invalid.") from error


def _is_skipped(folder: str, ignored: Callable[[str], bool], known: dict[str, bool]) -> bool:
    if folder not in known:
        known[folder] = ignored(folder)
    return known[folder]


def _stat_of(stamp: tuple[int, int, int, int, int, int]) -> os.stat_result:
    """Return the part of a file's stat by which changes are found."""
    mode, inode, device, size, modified_ns, changed_ns = stamp
    times = (modified_ns // 10**9, modified_ns // 10**9, changed_ns // 10**9)
    exact = (modified_ns / 1e9, modified_ns / 1e9, changed_ns / 1e9, modified_ns, modified_ns, changed_ns)
    links = 1 if stat.S_ISREG(mode) else 0
    return os.stat_result((mode, inode, device, links, 0, 0, size, *times, *exact))


@asynccontextmanager
async def open_commands(
    link: Link,
    limits: RunLimits,
    environment: Mapping[str, str],
    rlimits: Mapping[str, int | None],
    own: Mapping[str, str],
    *,
    tidy: bool,
) -> AsyncIterator[StreamSessionLink]:
    """Context manager: prepare a session's environment, end its commands on exit. Raises SandboxBroken.

    `tidy`: remove what earlier programs left outside of the workspace, as nothing else runs.
    """
    prepared = await prepare_environment(link, {**environment, **ENVIRONMENT, **own}, rlimits, tidy=tidy)
    commands = StreamSessionLink(link, limits, prepared, rlimits)
    try:
        yield commands
    finally:
        await commands.close()


async def prepare_environment(
    link: Link, environment: Mapping[str, str], rlimits: Mapping[str, int | None], *, tidy: bool
) -> dict[str, str]:
    """Make a session's folders with its commands' rights; return their environment. Raises SandboxBroken."""
    program = StreamProgram(link)
    reader = Reader(program.conversation, LINE)
    for stream in (STDOUT, STDERR):
        program.conversation.read(stream, lambda piece: None)
    entry = {"entry": "process.session_environment", "arguments": {"environment": dict(environment)}}
    plain = {"PATH": environment["PATH"]}
    job = {"kind": "entry", **entry, "environment": plain, "rlimits": dict(rlimits), "stdin": False}
    try:
        await program.begin(job, line=True, tidy=tidy)
        header = await reader.exactly(HEADER.size)
        size = HEADER.unpack(header)[0] if header else 0
        answer = await reader.exactly(size) if size < _LONGEST_ENVIRONMENT else None
        return _ENVIRONMENT.validate_json(answer or b"")
    except ValidationError as error:
        raise SandboxBroken("The environment of a session could not be prepared.") from error
    finally:
        await program.drop()
