"""Reader: a confined, bounded process that parses hostile text, and may die."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

ALONE_S = 20.0
"""Wall time for one text, for a reader that hangs; one that computes is ended by CPU time, much earlier."""
MOST_ANSWERED = 2 << 20
"""Bytes of one answer."""
_GRACE_S = 0.2


class ReaderDied(Exception):
    """The process died, hung, or gave an answer that can't be one."""


class NoReader(Exception):
    """No such process can be started here."""


class Reader:
    """Such a process, ready to be asked."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._questions, self._answers = process.stdin, process.stdout

    async def ask(self, question: object) -> object:
        """The answer, any JSON: hostile text may have taken the process over. Raises ReaderDied."""
        try:
            async with asyncio.timeout(ALONE_S):
                self._questions.write(json.dumps(question).encode() + b"\n")
                await self._questions.drain()
                return json.loads(await self._answers.readline())
        except (TimeoutError, OSError, ValueError, RecursionError) as error:
            raise ReaderDied from error


@asynccontextmanager
async def open_reader(languages: Sequence[str]) -> AsyncIterator[Reader]:
    """Start a process for these languages, without our environment. Raises NoReader: it didn't get ready."""
    home = str(Path(__file__).parents[2])
    start = f"import sys; sys.path.append({home!r}); "
    start += "from coder.context.extracting import main; main(sys.argv[1:])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", start, *languages,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        cwd="/" if sys.platform != "win32" else None, env={}, start_new_session=True, limit=MOST_ANSWERED,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if await process.stdout.readline() != b'"ready"\n':
            raise NoReader
        yield Reader(process)
    finally:
        process.stdin.close()  # the end of its input ends a reader that is well
        try:
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
