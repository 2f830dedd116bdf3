"""The files of a workspace behind an agent. `sandbox.contract.WorkspaceFiles` documents each method."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from sandbox.errors import FileFault, FileRefused, SandboxBroken
from sandbox.host.host_workspace import (
    ARTIFACT_BOUNDS,
    MAX_ARTIFACT_BYTES,
    MAX_ARTIFACTS,
    MAX_DEPTH,
    PROGRAMS,
    known_files,
)
from sandbox.inner.stream.frames import STDIN, STDOUT, FrameError
from sandbox.result import Artifact, Entry
from sandbox.stream.link import Link, Reader

_LONGEST_LINE = 4400
"""Bytes that a manifest or listing takes per file; non-ASCII paths count towards the total."""
_LONGEST_PATH = 4096
_ANSWER_S, _SLOWEST = 120.0, 1 << 20
"""Seconds that an agent may take to answer or to hash a tree, and the minimum bytes a second it sends."""
T = TypeVar("T")
_ENTRY, _ENTRIES, _HASHES = TypeAdapter(Entry), TypeAdapter(tuple[Entry, ...]), TypeAdapter(dict[str, str])
_PATHS = TypeAdapter(set[str])
_INVALID = "The agent's answer about the workspace's files is invalid."


class Answers:
    """The answers to one call, in order."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._news: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.conversation = link.converse(self._hear, of_files=True)
        self._reader = Reader(self.conversation, STDOUT)

    def _hear(self, news: dict[str, Any]) -> None:
        if self._news.qsize() > MAX_ARTIFACTS and self._link.broken is None:
            raise FrameError("more answers come than anything asks for")
        self._news.put_nowait(news)

    async def next(self, *, most: int) -> tuple[dict[str, Any], bytes]:
        """Return the next answer: report and bytes. Raises SandboxBroken; FileRefused for a refused call."""
        news = await _in_time(self._news.get(), _ANSWER_S)
        if news["is"] == "broken":
            raise self._link.broken or SandboxBroken(_INVALID)
        if "refused" in news:
            kinds: tuple[FileFault, ...] = get_args(FileFault)
            kind: FileFault = next((name for name in kinds if name == news.get("kind")), "refused")
            raise FileRefused(str(news["refused"]), kind=kind)
        size = news.get("size", 0)
        if not isinstance(size, int) or not 0 <= size <= most:
            raise SandboxBroken("The agent's answer is larger than was asked for.")
        content = await _in_time(self._reader.exactly(size), _ANSWER_S + size / _SLOWEST)
        if content is None:
            raise self._link.broken or SandboxBroken(_INVALID)
        return news, content


class StreamFiles:
    """Files behind one agent, which serves one call after the other."""

    def __init__(self, link: Link, *, most_bytes: int, most_files: int) -> None:
        """`most_bytes`, `most_files`: bounds of the workspace."""
        self._link, self.most_bytes, self.most_files = link, most_bytes, most_files
        self._busy = asyncio.Lock()
        self.written = 0
        """Bytes written through this object since a caller last reset the count."""

    async def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write one file; make missing folders."""
        self._have_room(path, content)
        await self.ask({"do": "write", "path": path, "executable": executable}, content)

    async def append(self, path: str, content: bytes) -> None:
        """Append to one file."""
        self._have_room(path, content)
        await self.ask({"do": "append", "path": path}, content)

    async def make_folder(self, path: str) -> None:
        """Make a folder, with missing parents."""
        await self.ask({"do": "make_folder", "path": path})

    async def read(self, path: str, *, limit: int = 16 << 20, start: int | None = None) -> bytes:
        """Read one regular file, or a part of it."""
        request = {"do": "read", "path": path, "limit": limit, "start": start}
        return (await self.ask(request, most=limit))[1]

    async def list(self, path: str = ".") -> tuple[Entry, ...]:
        """List a folder. Raises SandboxBroken if the answer is invalid."""
        entries = await self._validated({"do": "list", "path": path}, _ENTRIES)
        if any({"/", "\0"} & set(entry.name) or not is_plain(entry.name) for entry in entries):
            raise SandboxBroken(_INVALID)
        return entries

    async def stat(self, path: str) -> Entry:
        """Describe one path."""
        return await self._validated({"do": "stat", "path": path}, _ENTRY)

    async def enter(self, path: str) -> None:
        """Check that a program can begin in a folder."""
        if path != ".":
            await self.ask({"do": "enter", "path": path})

    async def manifest(self) -> dict[str, str]:
        """Return the SHA-256 of each regular file by path."""
        return await self._validated({"do": "manifest"}, _HASHES)

    async def remove(self, path: str) -> None:
        """Remove a file or a folder; "." empties the workspace."""
        await self.ask({"do": "remove", "path": path})

    async def lay(self, files: Mapping[str, bytes]) -> None:
        """Write the files of a fresh workspace."""
        for path, content in files.items():
            await self.write(path, content, executable=content.startswith(PROGRAMS))

    async def lay_exactly(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Make the workspace contain exactly these files; return the SHA-256 of each."""
        by_path = known_files(files)
        content = json.dumps(
            {path: (file.sha256, file.executable) for path, file in by_path.items()}
        ).encode()
        kept = await self._validated({"do": "keep"}, _PATHS, content)
        for path, file in by_path.items():
            if path not in kept:
                await self.write(path, file.content, executable=file.executable)
        return {path: file.sha256 for path, file in by_path.items()}

    async def collect(self, given: Mapping[str, bytes]) -> tuple[tuple[Artifact, ...], int]:
        """Return files beyond `given`, and the number left out. Raises SandboxBroken for a wrong answer."""
        given_files = {path: (len(file.content), file.sha256) for path, file in known_files(given).items()}
        artifacts: list[Artifact] = []
        room = MAX_ARTIFACT_BYTES
        content = json.dumps(given_files).encode()
        async with self.asking({"do": "collect", **ARTIFACT_BOUNDS}, content) as answers:
            while True:
                news, data = await answers.next(most=room)
                if "left_out" in news:
                    return tuple(artifacts), int(news["left_out"])
                path = str(news["path"])
                if len(artifacts) == MAX_ARTIFACTS or not is_plain(path):
                    raise SandboxBroken(_INVALID)
                room -= len(data)
                artifacts.append(Artifact(path=path, size=len(data), content=data))

    async def ask(
        self, request: Mapping[str, object], content: bytes = b"", *, most: int = 0
    ) -> tuple[dict[str, Any], bytes]:
        """Send a call (`sandbox.inner.stream.filing`); return one answer of at most `most` bytes."""
        async with self.asking(request, content) as answers:
            return await answers.next(most=most)

    @contextlib.asynccontextmanager
    async def asking(self, request: Mapping[str, object], content: bytes = b"") -> AsyncIterator[Answers]:
        """Context manager that sends one call; drops it if the body is interrupted, as by cancellation."""
        async with self._busy:
            answers = Answers(self._link)
            conversation = answers.conversation
            with_content = request["do"] in ("write", "append", "keep", "collect", "hash")
            try:
                whole = content if with_content else None
                await conversation.call(
                    {**request, "with_content": with_content}, stream=STDIN, content=whole
                )
                self.written += len(content) if request["do"] in ("write", "append") else 0
                yield answers
            except FileRefused:
                raise
            except SandboxBroken as error:
                self._link.end(error)
                raise
            except BaseException:  # cancelled: the agent takes the next call
                conversation.say({"do": "drop"})
                raise
            finally:
                conversation.close()

    def _have_room(self, path: str, content: bytes) -> None:
        if len(content) > self.most_bytes:
            raise FileRefused(
                f"{path!r} gets {len(content)} bytes; the whole workspace has {self.most_bytes}.",
                kind="no_room",
            )

    async def _validated(
        self, request: Mapping[str, object], form: TypeAdapter[T], content: bytes = b""
    ) -> T:
        most = max(self.most_files * _LONGEST_LINE, len(content))
        try:
            return form.validate_json((await self.ask(request, content, most=most))[1])
        except ValidationError as error:
            raise SandboxBroken(_INVALID) from error


async def _in_time(work: Awaitable[T], seconds: float) -> T:
    """Await an agent's answer. Raises SandboxBroken if it doesn't come in time."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError as error:
        raise SandboxBroken(f"The agent did not answer within {seconds:.0f} s.") from error


def is_plain(path: str) -> bool:
    """Whether a path from outside is relative, and has no special part."""
    parts = path.split("/")
    return len(path) < _LONGEST_PATH and len(parts) <= MAX_DEPTH + 1 and not {"", ".", ".."} & set(parts)
