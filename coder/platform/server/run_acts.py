"""Begin, answer and continue runs for a caller, who has only runs below the folder of the token."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from pydantic import BaseModel, JsonValue

from coder.base.errors import Busy
from coder.engine.requests import (
    answer,
    check_text,
    own_version,
    state_of,
    when_free,
)
from coder.platform.served_flows import FlowRuns
from coder.platform.server.bearer_tokens import Caller
from coder.platform.server.documents import QuestionAnswer, RequestBody
from coder.platform.server.problems import Problem
from coder.platform.server.run_messages import with_messages
from coder.platform.server.run_rows import in_thread
from coder.platform.server.serving import Live, Serving
from coder.run.events import Event
from coder.run.open_question import open_question
from coder.run.questions import Decision, this_person
from coder.run.run import Run
from coder.run.state import State
from coder.run.task import Task
from coder.show.run_choices import RunChoices
from coder.store import new_run_id

_CHOICES = {*RunChoices.model_fields}


class NewRun(Task, RunChoices, defer_build=False):
    """A task, and choices for its run; the workspace lies below the folder of the token."""


async def check_access(serving: Serving, caller: Caller, run: str) -> None:
    """Raise Problem if there is no such run for this caller."""
    first_events = await serving.log.read(run, limit=1)
    if not first_events or not caller.sees(first_events[0]):
        raise Problem(404, f"There is no run {run!r}.", "None of yours has this id.", "See them: GET /runs.")


async def visible_state(serving: Serving, caller: Caller, run: str) -> State:
    """Return the state of a run. Raises Problem: there is no such run for this caller."""
    await check_access(serving, caller, run)
    return await in_thread(state_of(serving.log, run))


class NewFlow(RequestBody):
    """The input of a flow, and the folder that it works in."""

    input: JsonValue = None
    """As the flow's type describes it: GET /flows."""
    workspace: str = "."
    """Folder below that of the token."""


async def begin_run(serving: Serving, caller: Caller, new_run: NewRun, key: str | None = None) -> str:
    """Begin a run and return its id; a repeated key returns the id of the run that it began.

    Raises:
        Problem: no worker is free, or the key was used with another request.
    """
    runs, task = runs_of(serving, caller), Task.model_validate(new_run.model_dump(exclude=_CHOICES))
    choices = RunChoices.model_validate(new_run.model_dump(include=_CHOICES))
    if task.workspace is not None:
        task = task.model_copy(update={"workspace": runs.below(str(task.workspace))})

    def work(run: str, request: str | None) -> Callable[[Live], Awaitable[Run]]:
        solve = partial(runs.solve, task, choices=choices, run=run, request=request)
        return with_messages(serving, runs, lambda live: solve(client=live))

    return await _begin(serving, caller, _text_of(new_run), key, work)


async def begin_flow(
    serving: Serving, caller: Caller, name: str, new_flow: NewFlow, key: str | None = None
) -> str:
    """Begin a run of a flow and return its id; keys and errors are those of `begin_run`.

    Raises:
        Problem: the operator has named no such flow.
        UsageError: the input doesn't fit the flow's type, or there is no such folder.
    """
    if name not in serving.flows.names:
        raise Problem(
            404, f"There is no flow {name!r}.", "The operator has named no such one.", "See: GET /flows."
        )
    runs = runs_of(serving, caller)

    def work(run: str, request: str | None) -> Callable[[Live], Awaitable[Run]]:
        begin = partial(runs.begin_flow, name, new_flow.input, new_flow.workspace, run=run, request=request)
        return lambda live: begin(client=live)

    return await _begin(serving, caller, f"flow {name} {_text_of(new_flow)}", key, work)


def _text_of(document: BaseModel) -> str:
    """Return a request as text, also one with half of a surrogate pair, which is refused later."""
    return json.dumps(document.model_dump(mode="json"))


async def _begin(
    serving: Serving,
    caller: Caller,
    request_text: str,
    key: str | None,
    work: Callable[[str, str | None], Callable[[Live], Awaitable[Run]]],
) -> str:
    pair = json.dumps([caller.name, key]).encode()
    run = f"run_{hashlib.sha256(pair).hexdigest()[:24]}" if key else new_run_id()
    request = hashlib.sha256(request_text.encode()).hexdigest() if key else None

    async def first_event() -> Event:
        if not (first_events := await serving.log.read(run, limit=1)):
            if run not in serving.live:
                serving.require_free()
            await serving.start(run, work(run, request)).begin()
            first_events = await serving.log.read(run, limit=1)
        return first_events[0]

    first_events = await when_free(first_event)  # another server may begin a run with this key
    if key and first_events.body["settings"].get("request") != request:
        message = "The Idempotency-Key has begun a run by another request."
        raise Problem(409, message, f"It is {run}.", "Send that request, or take another key.")
    return run


def runs_of(serving: Serving, caller: Caller, *, waits: bool = False) -> FlowRuns:
    """Return the runs that a caller may begin and continue.

    Args:
        waits: whether calls wait for a free worker in the queue, instead of being refused.
    """
    return FlowRuns(
        caller.root,
        serving.workers,
        flows=serving.flows,
        client=caller.client,
        waits=waits,
        traces=serving.traces,
    )


async def answer_run(serving: Serving, caller: Caller, run: str, body: QuestionAnswer) -> None:
    """Answer the open question of a run, and continue the run if the caller may.

    Raises:
        Problem, Busy, TooLate: the question was not answered.
        UsageError: the answer doesn't fit the question, or its files can't be tried.
    """
    question_id, question = open_question(state := await visible_state(serving, caller, run))
    check_text(body.model_dump())
    decision = Decision(decision=body.decision, words=body.words)
    may_continue = runs_of(serving, caller).may_continue(state)
    if body.files is not None:
        decision = own_version(state, question, body.files if may_continue else {})
    elif question.kind != "approve":
        decision = question.worded(body.words or body.decision)
    decision = decision.model_copy(update={"who": who_of(caller), "how": "http"})
    if may_continue:
        serving.require_free()
    await when_free(lambda: answer(run, decision, question_id=body.question or question_id, log=serving.log))
    await serving.wait_until_ended(run)
    if may_continue and not serving.is_closing:
        with suppress(Busy):  # the answer is logged, so a server continues the run later
            await go_on(serving, caller, state)


async def go_on(serving: Serving, caller: Caller, state: State) -> None:
    """Continue a run in this process. Raises the error that prevents it."""
    runs = runs_of(serving, caller)
    work = with_messages(serving, runs, lambda live: runs.go_on(state, live))
    await serving.start(state.run, work).begin()


def who_of(caller: Caller) -> str:
    """Return the name of a caller for the log."""
    return caller.name or this_person()
