"""Start `coder serve` as its operator does, and speak HTTP with it."""

import json
import os
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import httpx2

from coder.run.event_types import Body
from coder.store import SqliteLog
from tests.coder.people.cli.console import CODER, Console
from tests.coder.people.cli.warm_start import Forked, warm_start


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs, with the home of its operator."""

    console: Console
    root: Path
    url: str
    process: Forked

    def log(self) -> SqliteLog:
        """The log that it reads."""
        return SqliteLog(self.console.home / "data")

    async def append(self, run: str, bodies: Sequence[Body], *, after: int = 0) -> None:
        """Append events, as another process does."""
        with self.log() as log:
            async with log.lease(run) as token:
                await log.append(run, [body.draft() for body in bodies], after=after, token=token)


def configure(home: Path, **values: object) -> None:
    """Write the file of settings of a home."""
    file = home / ".config" / "coder" / "config.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))


@contextmanager
def started(home: Path, *arguments: str, root: Path | None = None, **environ: str) -> Iterator[Server]:
    """A server that is ended at the end of the block, if it hasn't ended."""
    console, root = Console(home), root or home / "root"
    root.mkdir(parents=True, exist_ok=True)
    command = ("serve", "--root", str(root), "--port", "0", *arguments)
    process, stderr = forked(command, console.environ | environ, said=home / "said")
    lines: list[str] = []
    with stderr:
        try:
            while not (line := stderr.readline()).startswith("serving "):
                assert line, lines
                lines.append(line)
            yield Server(console, root, line.split()[1], process)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            finally:
                process.send_signal(signal.SIGKILL)


def forked(command: Sequence[str], environ: Mapping[str, str], *, said: Path) -> tuple[Forked, TextIO]:
    """The command and its stderr; a start with all imports would take 1.7 s of processor time."""
    assert warm_start(CODER).suits(environ)
    reads, writes = os.pipe()
    with open(os.devnull, "rb") as nothing, said.open("ab") as out, open(writes, "wb") as errors:
        streams = [nothing.fileno(), out.fileno(), errors.fileno()]
        process = warm_start(CODER).fork(*command, environ=environ, cwd=Path.cwd(), streams=streams)
    return process, open(reads, encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Message:
    """One of an event stream."""

    id: int | None
    event: str
    data: Any


@asynccontextmanager
async def followed(
    http: httpx2.AsyncClient, run: str, *, last: int | None = None
) -> AsyncIterator[AsyncIterator[Message]]:
    """The messages of a run's stream, as a browser parses them."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(last)} if last is not None else {})
    async with http.stream("GET", f"/runs/{run}/events", headers=headers) as response:
        assert response.status_code == 200, response.status_code
        yield _messages(response)


async def _messages(response: httpx2.Response) -> AsyncIterator[Message]:
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
        elif "data" in fields:
            seq = int(fields["id"]) if "id" in fields else None
            yield Message(seq, fields.get("event", "message"), json.loads(fields["data"]))
            fields = {}
        else:
            fields = {}
