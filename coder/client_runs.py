"""Runs and programs that clients ask for: in one folder of the user's, under the user's own configuration."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

import anyio

from coder.agent import resume, solve
from coder.config.layers import Loaded, load
from coder.config.task_file import split_command
from coder.environment.invocation import Invocation, make_job, run_job
from coder.errors import UsageError
from coder.models.model import Model
from coder.options import Options
from coder.requests import answer, state_of, status_of, when_free
from coder.run.model_choice import asked_again, open_models
from coder.run.questions import Decision
from coder.run.run import Run
from coder.run.settings import Approved
from coder.run.state import State
from coder.run.task import Task
from coder.run.watch import Watch
from coder.store import open_log

T = TypeVar("T")
_DISK_MB = 256
"""Of one program, as `coder run` has it."""


class Client(Watch, Protocol):
    """The watch of a run that a client has asked for."""

    run_id: str | None
    """Of the run that is watched, once it has begun."""

    def note(self, text: str) -> None:
        """Tell a line."""

    def telling(self) -> AbstractAsyncContextManager[None]:
        """Tell what comes, while the block lasts."""


class Runs:
    """At most one run or program for each processor at once; others wait for their turn."""

    def __init__(self, root: Path, free: asyncio.Semaphore | None = None, *, is_shared: bool = False) -> None:
        """Work below a folder, and nowhere else.

        Args:
            free: has a place for each worker; None has one for each processor.
            is_shared: clients differ, so that none sees runs without a folder that it hasn't begun.
        """
        self._root, self._is_shared = root.resolve(), is_shared
        self._free = free or asyncio.Semaphore(os.cpu_count() or 1)

    def below(self, path: str) -> Path:
        """An existing path below the root, links followed. Raises UsageError: it is elsewhere, or missing."""
        try:
            found = (self._root / path).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):  # a zero byte, a loop of links
            found = None
        if found is None or not found.is_relative_to(self._root):
            raise UsageError(f"There is no {path!r} below the folder of this server.")
        return found

    async def program(
        self, code: str | None, files: Mapping[str, str], command: str | None, timeout_s: float | None
    ) -> dict[str, Any]:
        """Run one program in a sandbox; the document of `coder run --json`."""
        if (code is None) == (command is None):
            raise UsageError("Give either code, or a command.")
        settings = load({"program_timeout": timeout_s}).config.settings()
        words = split_command(command) or ()
        wanted = Invocation(words, code, command is not None, files=(), variables=(), disk_mb=_DISK_MB)
        job = make_job(wanted, settings, read_source=lambda: b"")
        contents = {name: text.encode("utf-8", "surrogatepass") for name, text in files.items()}
        async with self._free:
            result, backend = await in_own_task(
                lambda: run_job(replace(job, files=contents), settings.backend)
            )
        return {**result.model_dump(mode="json"), "backend": backend}

    async def solve(
        self, task: Task, client: Client, approve: Sequence[Approved], *, run: str | None = None
    ) -> Run:
        """Work on a task. A client can't see what a new test is worth: a given one decides.

        Args:
            run: the id of the new run, which any server below this folder may go on with.
        """
        loaded = load({"require": "tests"}, workspace=task.workspace)
        settings = loaded.config.settings()
        both = tuple(dict.fromkeys((*settings.approve, *approve)))
        settings = settings.model_copy(update={"approve": both, "served": self._root if run else None})
        for note in loaded.notes:
            client.note(note)
        opening = open_models(
            loaded.config.asked(),
            settings,
            note=client.note,
            book=loaded.book,
            record=loaded.config.record,
            must_know_price=loaded.cost_was_asked,
        )

        own = Options(settings=settings, run_id=run)
        return await self._told(loaded, opening, client, lambda options: solve(task, **(options | own)))

    async def answer(self, prefix: str, said: Decision, client: Client, *, asked: str) -> Run:
        """Answer the question with this id, unless it has its answer by now, and go on with the run."""
        state = await self.state(prefix)
        await when_free(lambda: answer(state.run, said, asked=asked))
        return await self.go_on(state, client)

    async def go_on(self, state: State, client: Client) -> Run:
        """Go on with a run, by its own settings and models."""
        loaded = load()
        opening = open_models(asked_again(state), state.settings, note=client.note, book=loaded.book)
        return await self._told(loaded, opening, client, lambda options: resume(state.run, **options))

    async def status(self, prefix: str) -> Run:
        """The result of a run so far."""
        state = await self.state(prefix)
        with open_log() as log:
            return await status_of(log, state.run)

    async def state(self, prefix: str) -> State:
        """What the log holds of a run; one that works elsewhere isn't for this server's clients."""
        with open_log() as log:
            state = await state_of(log, await log.resolve(prefix))
        folder = state.task.workspace or state.settings.served
        if self._is_shared if folder is None else not folder.resolve().is_relative_to(self._root):
            raise UsageError(f"{state.run} works outside of the folder of this server.")
        return state

    async def _told(
        self,
        loaded: Loaded,
        opening: AbstractAsyncContextManager[Model],
        client: Client,
        run: Callable[[Options], Awaitable[Run]],
    ) -> Run:
        async def work() -> Run:
            with open_log() as log:
                async with opening as model:
                    return await run(Options(model=model, tools=loaded.servers, log=log, watch=client))

        if self._free.locked():
            client.note("waits until another run has ended")
        try:
            async with client.telling(), self._free:
                return await in_own_task(work)
        except asyncio.CancelledError:  # no answer reaches a client any more
            if client.run_id is not None:
                print(f"Interrupted and saved. Go on with: coder resume {client.run_id}", file=sys.stderr)
            raise


async def in_own_task(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of work that is cancelled once, and waited for.

    A cancelled scope of anyio's cancels each `await` in it anew: what cleans up could wait for nothing.
    """
    task = asyncio.create_task(work())
    try:
        await asyncio.wait([task])
    finally:
        task.cancel()  # nothing to do, once it has ended
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
    return task.result()
