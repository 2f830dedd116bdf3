"""Read, answer or stop a run from another process, through the run's log alone."""

import json
import re
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import AsyncExitStack
from functools import reduce
from pathlib import Path, PurePath
from typing import Literal, TypeVar

from pydantic import BaseModel
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_delay, wait_fixed

from coder.base.errors import CoderError, LeaseHeld, LogNewer, MachineError, TooLate, UsageError, own_command
from coder.edits.paths import TreeNames, refusal
from coder.run.attempts import best_code
from coder.run.conversation import before_rejection
from coder.run.event_types import RunResumed, RunStopped, StopRequested
from coder.run.events import Event
from coder.run.journal import Journal
from coder.run.open_question import answered
from coder.run.questions import Decision, Question
from coder.run.reducer import fold, fold_all
from coder.run.run import EXIT_CODES, Run, summarize
from coder.run.state import State
from coder.run.watch import Unwatched
from coder.store import EventLog, RunSummary, open_log

T = TypeVar("T")
_BATCH_EVENTS = 50
_POLL_S = 0.1
"""Seconds between two checks whether a run has stopped."""
_LEASE_WAIT_S, _LEASE_POLL_S = 10.0, 0.05
"""Seconds to wait for the lease of a run that is ending, and between two tries."""


class ListedRun(BaseModel, frozen=True):
    """One row of the list of runs."""

    run_id: str
    status: str
    """Status of the run; `unfinished` before its end, `unreadable` if this version can't read it."""
    started: float | None = None
    """Seconds since the epoch; None if the run can't be read."""
    task: str = ""
    folder: str | None = None
    """Absolute path of the run's folder; None if the run has no folder or can't be read."""
    kind: Literal["task", "chat", "flow"] = "task"
    model: str | None = None
    cost: float | None = None
    """US dollars; None if the price is unknown."""
    question: str | None = None
    """Text of the open question."""
    origin: str | None = None
    """The run and step that this run was forked from."""
    match: str | None = None
    """Words around what a search has found in the run; None without a search."""
    landed: tuple[str, ...] = ()
    """Paths written by all messages of a conversation, without those that were undone."""


async def answer(
    run: str, decision: Decision, *, question_id: str | None = None, log: EventLog | None = None
) -> None:
    """Answer the question that a run waits with; `resume` then continues the run. The first answer counts.

    Args:
        question_id: the id of the question; None: the open question.

    Raises:
        UsageError: no such run, no open question, the question was answered already, or a text of the
            decision can't be encoded.
        LeaseHeld: another process works on the run.
        LogDamaged, LogNewer, MachineError: the log can't be used.
    """
    check_text(decision.model_dump())
    async with AsyncExitStack() as stack:
        journal = await _held(stack, run, log or stack.enter_context(open_log()))
        await journal.append(answered(await journal.load("answer"), decision, question_id=question_id))


async def latest_run(log: EventLog, folder: Path, *, chats: bool = False) -> str:
    """Return the id of the latest run that works on a folder, on a parent folder, or on a file in it.

    Args:
        chats: only look at conversations.

    Raises:
        UsageError: there is no such run.
    """
    runs = await log.runs()
    if chats:
        runs = [run for run in runs if run.first.body.get("settings", {}).get("chat")]
    noun = "chat" if chats else "run"
    for run in runs:
        workspace = run.first.body.get("task", {}).get("workspace")
        if workspace is not None and _is_about(Path(workspace), folder):
            return run.run
    hint = f"The latest of all is {runs[0].run}. " if runs else ""
    raise UsageError(f"No {noun} has worked on {folder}. {hint}Name one of: {own_command()} ls")


def _is_about(workspace: Path, folder: Path) -> bool:
    is_file_in_folder = workspace.parent == folder and not workspace.is_dir()
    return folder.is_relative_to(workspace) or is_file_in_folder


def is_visible(first_event: Event, root: Path, client: str | None) -> bool:
    """Return whether a client that works below `root` may see a run, judged by the run's first event.

    Args:
        client: the name of the client's token, which shows only its own runs among those without a folder.
            None: the operator.
    """
    settings = first_event.body.get("settings", {})
    folder = first_event.body.get("task", {}).get("workspace")
    if folder is None and client is not None and "client" in settings:
        return bool(settings["client"] == client)
    folder = folder or settings.get("served")
    return client is None if folder is None else Path(folder).resolve().is_relative_to(root)


def own_version(state: State, question: Question, files: dict[str, str | None]) -> Decision:
    """Return the decision to try a client's version of a change.

    Raises:
        UsageError: the run doesn't ask about a change, or a file has an invalid name.
    """
    candidate = best_code(state) if question.about == "landing" else None
    if candidate is None or not files:
        raise UsageError(f"{state.run} doesn't ask about a change, or there is none: no files can be tried.")
    check_names(files, existing=state.files.keys() - files.keys())
    folder = state.task.workspace
    for path in map(PurePath, files):
        parts = (path, *path.parents[:-1])
        if folder is not None and folder.is_dir() and any((folder / part).is_symlink() for part in parts):
            raise UsageError(f"`{path}` leads through a link. Name paths without links.")
    return Decision(decision="no", files=files)  # as `coder approve --edit` has it


def check_names(names: Iterable[str], *, existing: Collection[str] = ()) -> None:
    """Raise UsageError if a file name is invalid or clashes with another name."""
    tree_names = TreeNames(existing)
    for name in names:
        if problem := refusal(name) or tree_names.clash(name):
            raise UsageError(problem)
        tree_names.add(name)


def check_text(*values: object) -> None:
    """Raise UsageError if a text in these documents isn't valid UTF-8 or holds a null character."""
    document = json.dumps(values, ensure_ascii=False).replace("\\\\", "")
    if re.search(r"\\u0000|[\ud800-\udfff]", document):
        raise UsageError("A text has a zero byte, or half of a surrogate pair. Send it without.")


async def end_failed(run: str, error: Exception, log: EventLog) -> None:
    """Log the end of a run that an internal error has stopped; without it, the run would look unfinished."""
    async with AsyncExitStack() as stack:
        journal = await _held(stack, run, log)
        if (await journal.load()).progress.stopped is None:
            reason = f"This is a bug in coder: {type(error).__name__}."
            exit_code = MachineError.exit_code
            await journal.append(RunStopped(status="error", reason=reason, error=reason, exit_code=exit_code))


async def stop(run: str, requester: str, *, log: EventLog | None = None, patience_s: float = 30.0) -> Run:
    """End a run, even if another process works on it; `resume` can continue the run.

    Raises:
        UsageError: no such run, or the run has ended.
        LogDamaged, LogNewer, MachineError: the log can't be used, or the run's process doesn't respond.
    """
    async with AsyncExitStack() as stack:
        event_log = log or stack.enter_context(open_log())

        async def ask_to_stop(_: RetryCallState) -> None:
            await event_log.request_stop(run, requester)

        policy = _when_released(every_s=_POLL_S, within_s=patience_s).copy(before_sleep=ask_to_stop)
        try:
            return await policy(_stopped, run, requester, event_log)
        except LeaseHeld as error:
            raise MachineError(
                f"The process that works on {run} has not ended it within {patience_s:g} s."
            ) from error


async def state_of(log: EventLog, run: str) -> State:
    """Return the state at the end of a run's log. Raises LogNewer if a newer version wrote it."""
    try:
        return fold_all(await log.read(run))
    except ValueError as error:
        raise LogNewer(f"{run} was written by a newer version of coder: {error}. Update coder.") from error


async def list_run(log: EventLog, summary: RunSummary) -> ListedRun:
    """Return a run's row of the list, also if the run can't be read."""
    run, first_event = summary.run, summary.first
    try:
        state = await _folded(log, run)
    except (ValueError, CoderError):  # a newer version wrote it, or it is damaged
        return ListedRun(run_id=run, status="unreadable", started=first_event.time or None)
    steps = state.steps
    task = steps[0].task if steps else state.task  # a conversation has further tasks
    return ListedRun(
        run_id=run,
        status=state.progress.stopped.status if state.progress.stopped else "unfinished",
        started=first_event.time,
        task=next((line for line in task.prompt.splitlines() if line.strip()), ""),
        folder=state.root,
        kind="flow" if state.flow is not None else "chat" if state.settings.chat else "task",
        model=state.model,
        cost=float(state.spend.cost_usd) if state.spend.cost_known else None,
        question=state.questions.open.text if state.questions.open is not None else None,
        origin=state.progress.origin.words if state.progress.origin is not None else None,
        landed=_landed(state),
    )


async def _folded(log: EventLog, run: str) -> State:
    """Return a run's state, folded from its events in batches."""
    state = fold_all(await log.read(run, limit=_BATCH_EVENTS))
    while events := await log.read(run, after=state.progress.seq, limit=_BATCH_EVENTS):
        state = reduce(fold, events, state)
    return state


def _landed(state: State) -> tuple[str, ...]:
    landings = [step.landing for step in state.steps if not step.landing.taken_back]
    paths = (path for landing in landings for path in landing.written)
    return tuple(dict.fromkeys((*paths, *state.landing.standing)))


def patch_of(state: State) -> str:
    """Return the patch that a run has written or would write; of a conversation, that of all its messages.

    A change that the user wanted otherwise counts until there is another one.

    Raises UsageError if the run has made no files.
    """
    if state.steps:
        from coder.workspace.conversation_patch import (
            patch_so_far,  # imported late: few runs are conversations
        )

        if patch := patch_so_far(state):
            return patch
    from coder.workspace.proposal import proposal  # imported late: most runs land, and have their patch

    landing = state.landing.planned or state.landing.proposed
    if landing is not None:
        return landing.patch
    while best_code(state) is None and (earlier := before_rejection(state)) is not state:
        state = earlier  # the change that the user wanted otherwise, if nothing came after it
    if best_code(state) is None:
        raise UsageError(f"{state.run} has made no files yet. See it with: {own_command()} show {state.run}")
    try:
        return proposal(state)[0]
    except LookupError as error:
        raise UsageError(
            f"{state.run} was not solved, and what it read of a folder so large was not kept. "
            f"See its answers with: {own_command()} show {state.run}"
        ) from error


async def status_of(log: EventLog, state: State) -> Run:
    """Return the result of a run so far; its status is `running` while a process works on the run."""
    if state.progress.stopped is not None:
        return summarize(state)
    holder = await log.holder(state.run)
    state = await state_of(log, state.run)  # it may have ended meanwhile
    changes = {"status": "running", "reason": holder} if holder and state.progress.stopped is None else {}
    return summarize(state).model_copy(update=changes)


async def when_free(work: Callable[[], Awaitable[T]]) -> T:
    """Carry out `work` once no other process holds its run. Raises LeaseHeld if one still does after 10 s."""

    async def attempt() -> T:  # tenacity awaits only what is declared as async
        return await work()

    return await _when_released(every_s=_LEASE_POLL_S, within_s=_LEASE_WAIT_S)(attempt)


def _when_released(*, every_s: float, within_s: float) -> AsyncRetrying:
    """Return the retry policy for a run that another process holds and is about to release."""
    return AsyncRetrying(
        retry=retry_if_exception_type(LeaseHeld),
        wait=wait_fixed(every_s),
        stop=stop_after_delay(within_s),
        reraise=True,
    )


async def _stopped(run: str, requester: str, log: EventLog) -> Run:
    """End a run that no process works on, and return its result. Raises LeaseHeld if one does."""
    if (events := await log.read(run)) and (state := fold_all(events)).progress.stopped is not None:
        if state.progress.stop_requested is not None:
            return summarize(state)
        status = state.progress.stopped.status
        can_continue = status == "waiting" or (status == "interrupted" and state.settings.served is not None)
        if not can_continue:  # an answer or the next server continues the run
            raise TooLate(f"{run} has ended already: {status}. See it with: {own_command()} show {run}")
    async with AsyncExitStack() as stack:
        journal = await _held(stack, run, log)
        state = await journal.load("stop")
        exit_code = EXIT_CODES["interrupted"]
        stopped = RunStopped(status="interrupted", reason=f"stopped by {requester}", exit_code=exit_code)
        resumed = RunResumed(
            budget=state.spend.budget, model=state.model
        )  # no process has worked on the run since
        return summarize(await journal.append(resumed, StopRequested(who=requester), stopped))


async def _held(stack: AsyncExitStack, run: str, log: EventLog) -> Journal:
    token = await stack.enter_async_context(log.lease(run))
    return Journal(run, log, token=token, watch=Unwatched())
