"""Runs and programs that clients request, in one folder and under the configuration of the server's user."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from coder.base.errors import CoderError, UsageError, own_command
from coder.config.layers import Loaded, load
from coder.config.plugs import plugs_of_user, with_rules
from coder.config.task_file import split_command
from coder.engine.agent import solve
from coder.engine.options import Options
from coder.engine.requests import (
    answer,
    check_names,
    check_text,
    end_failed,
    is_visible,
    state_of,
    status_of,
    when_free,
)
from coder.engine.resume import resume
from coder.environment.invocation import Invocation, prepare_program, run_job
from coder.models.model import Model
from coder.run.model_choice import asked_again, open_models
from coder.run.questions import Decision
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.task import Task
from coder.run.watch import Watch
from coder.show.client_watch import ClientWatch, in_own_task
from coder.show.failure import single
from coder.show.given_tests import with_given_tests
from coder.show.run_choices import RunChoices, choose
from coder.show.workers import Workers
from coder.store import open_log
from coder.store.run_list import resolve
from sandbox import SandboxError

_WEAK_BACKEND = "container"
"""The backend with the fewest guarantees."""
_DISK_MB = 256
"""Disk of one program, as in `coder run`."""


class Runs:
    """Runs tasks and programs of clients, with a limited number at a time."""

    def __init__(
        self,
        root: Path,
        workers: Workers | None = None,
        *,
        client: str | None = None,
        waits: bool = True,
        traces: Watch | None = None,
    ) -> None:
        """Set the folder to which all work is confined, and the client.

        Args:
            workers: the workers; None: one for each processor.
            client: name of a token, which may continue runs that any token began; None: the operator.
            waits: whether to wait in the queue for a free worker; False: raise Busy.
            traces: a watch that receives the events of all runs.
        """
        self._root, self.client, self._waits = root.resolve(), client, waits
        self._workers, self._traces = workers or Workers(), traces

    def below(self, path: str) -> Path:
        """Return an existing path below the root, with links resolved.

        Raises UsageError if the path is missing or outside of the root.
        """
        try:
            resolved = (self._root / path).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):  # a zero byte, a loop of links
            resolved = None
        if resolved is None or not resolved.is_relative_to(self._root):
            raise UsageError(f"There is no {path!r} below the folder of this server.")
        return resolved

    async def program(
        self, code: str | None, files: Mapping[str, str], command: str | None, timeout_s: float | None
    ) -> dict[str, Any]:
        """Run one program in a sandbox, and return the document of `coder run --json`."""
        if (code is None) == (command is None):
            raise UsageError("Give either code, or a command.")
        check_text(code, command, dict(files))
        check_names(files)
        config = load().config
        settings = config.settings()
        if timeout_s is not None:
            is_set = "program_timeout" in config.names  # the default doesn't limit clients
            timeout_limit_s = min(timeout_s, settings.program_timeout) if is_set else timeout_s
            settings = settings.model_copy(update={"program_timeout": timeout_limit_s})
        words = split_command(command) or ()
        invocation = Invocation(words, code, command is not None, files=(), variables=(), disk_mb=_DISK_MB)
        job = prepare_program(invocation, settings, read_source=lambda: b"")
        contents = {name: text.encode() for name, text in files.items()}
        async with self._workers.one(waits=self._waits):
            result, backend = await in_own_task(
                lambda: run_job(replace(job, files=contents), settings.sandbox)
            )
        return {**result.model_dump(mode="json"), "backend": backend}

    async def solve(
        self,
        task: Task,
        client: ClientWatch,
        choices: RunChoices,
        *,
        run: str | None = None,
        request: str | None = None,
    ) -> Run:
        """Work on a task; without a test command, by the one that the operator gave last for its folder.

        Args:
            run: the id of the new run, which any server below this folder may continue.
            request: SHA-256 of the request, for later requests with an equal Idempotency-Key.
        """
        check_text(task.model_dump(mode="json"))
        check_names(test.path for test in task.test_files)
        chosen = choose(choices, task.workspace)
        settings = self.own_settings(chosen.settings, chosen.loaded, run=run, request=request)
        for note in chosen.loaded.notes:
            client.note(note)
        opening = open_models(
            chosen.models,
            settings,
            note=client.note,
            book=chosen.loaded.book,
            must_know_price=chosen.must_know_price,
        )

        task = with_given_tests(task, no_test=False, tell=client.note)
        options_of_run = Options(settings=settings, run_id=run, team=chosen.team, stop=chosen.stop)
        return await self.run_watched(
            chosen.loaded, opening, client, lambda options: solve(task, **(options | options_of_run))
        )

    def own_settings(
        self, settings: Settings, loaded: Loaded, *, run: str | None, request: str | None
    ) -> Settings:
        """Return a new run's settings with its server, client and request; arguments as for `solve`."""
        origin = {"served": self._root if run else None, "client": self.client, "request": request}
        return with_rules(settings.model_copy(update={**plugs_of_user(), **origin}), loaded.rules)

    async def answer(self, prefix: str, decision: Decision, client: ClientWatch, *, question_id: str) -> Run:
        """Answer the question with this id, unless it is answered already, and continue the run."""
        state = await self.state(prefix)
        await when_free(lambda: answer(state.run, decision, question_id=question_id))
        return await (self.go_on(state, client) if self.may_continue(state) else self.status(state.run))

    def may_continue(self, state: State) -> bool:
        """Return whether the client may continue a run with the run's own settings.

        Flows are refused, and runs in the weakest backend unless it is the configured one. A token may only
        continue runs that a server or a token began.
        """
        if not self.can_run(state):
            return False
        backend = state.settings.sandbox
        if backend == _WEAK_BACKEND and backend != load().config.settings().sandbox:
            return False
        return self.client is None or state.settings.served is not None or state.settings.client is not None

    def can_run(self, state: State) -> bool:
        """Return whether this is a run of a task, not of a flow, which is a program of its owner."""
        return state.flow is None

    async def go_on(self, state: State, client: ClientWatch) -> Run:
        """Continue a run with its own settings and models.

        Raises UsageError if only the operator may continue the run.
        """
        self.require_own(state)
        loaded = load(workspace=state.task.workspace)
        for line in loaded.notes:
            client.note(line)
        opening = open_models(asked_again(state), state.settings, note=client.note, book=loaded.book)
        return await self.run_watched(loaded, opening, client, lambda options: resume(state.run, **options))

    async def reply(self, state: State, text: str, client: ClientWatch) -> Run:
        """Work on a further message to a run that has stopped; a person approves each change.

        Raises UsageError if only the operator may continue the run, or the run has no folder.
        """
        self.require_own(state)
        loaded = load(workspace=state.task.workspace)
        for line in loaded.notes:
            client.note(line)
        opening = open_models(asked_again(state), state.settings, note=client.note, book=loaded.book)

        async def say(options: Options) -> Run:
            from coder.engine.chat.opening import (
                as_conversation,
                open_session,
            )  # imported late: few runs talk

            log, model = options["log"], options["model"]
            assert log is not None  # run_watched gives both
            assert model is not None
            settings = as_conversation(state.settings, state, user_limits=loaded.config.names)
            conversation = open_session(
                log, state.task, settings=settings, model=model, watch=client, run=state.run
            )
            async with conversation as chat:
                chat.tools, chat.is_confined = loaded.servers, True
                return await chat.say(text)

        return await self.run_watched(loaded, opening, client, say)

    def require_own(self, state: State) -> None:
        """Raise UsageError if only the operator may continue the run."""
        if not self.may_continue(state):
            explanation = f"{state.run} was not started by a server, so it has settings of its own."
            raise UsageError(f"{explanation}\nIts owner can go on: {own_command()} resume {state.run}")

    async def status(self, prefix: str) -> Run:
        """Return the result of a run so far."""
        state = await self.state(prefix)
        with open_log() as log:
            return await status_of(log, state)

    async def state(self, prefix: str) -> State:
        """Return the state of a run. Raises UsageError if this client can see no such run."""
        with open_log() as log:
            first_events = await log.read(prefix, limit=1) if prefix.isprintable() else []
            if first_events and is_visible(first_events[0], self._root, self.client):
                return await state_of(log, prefix)
            visible = [
                summary.run
                for summary in await log.runs()
                if is_visible(summary.first, self._root, self.client)
            ]
            visible.sort(reverse=True)
            full_id = resolve(
                prefix, lambda low, high, most: [run for run in visible if low <= run <= high][:most]
            )
            return await state_of(log, full_id)

    async def run_watched(
        self,
        loaded: Loaded,
        opening: AbstractAsyncContextManager[Model | None],
        client: ClientWatch,
        run: Callable[[Options], Awaitable[Run]],
    ) -> Run:
        """Carry out a run once a worker is free, with its events sent to the client.

        Args:
            opening: context manager of the run's model; of None for a flow, which opens its own models.
        """
        client.also = self._traces

        async def work() -> Run:
            with open_log() as log:
                try:
                    async with opening as model:
                        return await run(Options(model=model, tools=loaded.servers, log=log, watch=client))
                except Exception as error:
                    if client.run_id is not None and not isinstance(single(error), CoderError | SandboxError):
                        await end_failed(client.run_id, error, log)
                    raise

        if self._workers.are_busy() and self._waits:
            client.note("waits until another run has ended")
        try:
            async with client.telling(), self._workers.one(waits=self._waits):
                return await in_own_task(work)
        except asyncio.CancelledError:  # the client is gone
            if client.run_id is not None:
                print(
                    f"Interrupted and saved. Go on with: {own_command()} resume {client.run_id}",
                    file=sys.stderr,
                )
            raise
