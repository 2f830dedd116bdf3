"""Runs: what there are, one as a document, its events; begin, answer, stop and resume one; one program."""

import hashlib
import json
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from coder.base.errors import Busy
from coder.engine.requests import (
    ListedRun,
    answer,
    check_text,
    own_version,
    patch_of,
    state_of,
    status_of,
    stop,
    when_free,
)
from coder.platform.server.bearer_tokens import Caller
from coder.platform.server.documents import NewProgram, QuestionAnswer, ServedRun
from coder.platform.server.problems import Problem
from coder.platform.server.run_rows import apart
from coder.platform.server.serving import Serving, needs
from coder.run.events import Event
from coder.run.journal import open_question
from coder.run.questions import Decision, this_person
from coder.run.run import summarize
from coder.run.settings import Approved, option
from coder.run.state import State
from coder.run.task import Task
from coder.show.client_runs import Runs
from coder.store import new_run_id

Reads = Annotated[Caller, Depends(needs("read"))]
Works = Annotated[Caller, Depends(needs("run"))]
Approves = Annotated[Caller, Depends(needs("approve"))]
SSE, DIFF = "text/event-stream", "text/x-diff"
Seq = Annotated[int, Query(ge=0, le=2**53, description="Number of the last event that is known.")]


class NewRun(Task, frozen=True):
    """A task; its workspace lies below the folder of the token."""

    approve: tuple[Approved, ...] = option("approve")
    """What waits for an answer, beside what the server's configuration names; with `plan`, a plan is made."""


def document(value: BaseModel | list[Any] | dict[str, Any], status: int = 200, **headers: str) -> Response:
    """An answer of JSON, in ASCII: a content that isn't UTF-8 stands in it by lone surrogates."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return Response(json.dumps(plain), status, headers, media_type="application/json")


async def check_access(serving: Serving, caller: Caller, run: str) -> None:
    """Raise Problem where there is no such run, or none for this caller."""
    first = await serving.log.read(run, limit=1)
    if not first or not caller.sees(first[0]):
        raise Problem(404, f"There is no run {run!r}.", "None of yours has this id.", "See them: GET /runs.")


async def seen_state(serving: Serving, caller: Caller, run: str) -> State:
    """The state of a run. Raises Problem: there is none for this caller."""
    await check_access(serving, caller, run)
    return await apart(state_of(serving.log, run))


async def served_run(serving: Serving, caller: Caller, run: str, status: int = 200) -> Response:
    """Return a run's current document. Raises Problem: there is none for this caller."""
    state = await seen_state(serving, caller, run)
    question_id = state.questions.open.id if state.questions.open is not None else None
    own = {"is_live": state.progress.stopped is None, "question_id": question_id, "last": state.progress.seq}
    if state.progress.stopped is None and run in serving.live:
        summary = summarize(state).model_copy(
            update={"status": "running", "reason": "This server works on it."}
        )
    else:
        summary = await apart(status_of(serving.log, state))
    run_document = ServedRun.model_validate(dict(summary) | own)
    return document(run_document, status, Location=f"/runs/{run}")


async def begin_run(serving: Serving, caller: Caller, new: NewRun, key: str | None = None) -> str:
    """Begin a run and return its id: of the same key the same one, which then runs already.

    Raises:
        Problem: no worker is free, or the key was given with another request.
    """
    pair = json.dumps([caller.name, key]).encode()
    run = f"run_{hashlib.sha256(pair).hexdigest()[:24]}" if key else new_run_id()
    request = hashlib.sha256(new.model_dump_json().encode()).hexdigest() if key else None
    runs, task = runs_of(serving, caller), Task.model_validate(new.model_dump(exclude={"approve"}))
    if task.workspace is not None:
        task = task.model_copy(update={"workspace": runs.below(str(task.workspace))})

    async def begun() -> Event:
        if not (first := await serving.log.read(run, limit=1)):
            if run not in serving.live:
                serving.require_free()
            await serving.start(
                run, lambda live: runs.solve(task, live, new.approve, run=run, request=request)
            ).begin()
            first = await serving.log.read(run, limit=1)
        return first[0]

    first = await when_free(begun)  # another server may begin it with the same key
    if key and first.body["settings"].get("request") != request:
        what = "The Idempotency-Key has begun a run by another request."
        raise Problem(409, what, f"It is {run}.", "Send that request, or take another key.")
    return run


def runs_of(serving: Serving, caller: Caller) -> Runs:
    """What a caller may begin and go on with."""
    return Runs(caller.root, serving.workers, client=caller.client, waits=False, traces=serving.traces)


def routes(serving: Serving) -> APIRouter:
    """The routes of runs and programs."""
    router = APIRouter(tags=["runs"])
    _add_looks(router, serving)
    _add_acts(router, serving)
    return router


def _add_looks(router: APIRouter, serving: Serving) -> None:
    @router.get("/runs", response_model=list[ListedRun])
    async def list_runs(caller: Reads, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> Response:
        """List the newest runs."""
        rows = await serving.rows.newest(caller, limit)
        return document([row.model_dump(mode="json") for row in rows])

    @router.get("/runs/{run}", response_model=ServedRun)
    async def show(run: str, caller: Reads) -> Response:
        """Give a run as it stands."""
        return await served_run(serving, caller, run)

    @router.get("/runs/{run}/events", response_model=list[Event], responses={200: {"content": {SSE: {}}}})
    async def events(
        run: str,
        caller: Reads,
        request: Request,
        after: Seq = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
        last_event_id: Annotated[int | None, Header(ge=0, le=2**53)] = None,
    ) -> Response:
        """Give the events behind one of them; as they come, where `text/event-stream` is accepted.

        The stream ends with the run. A run that waits for an answer has not ended. A document of 8 MiB has
        fewer events than `limit`; its Link leads to the next.
        """
        await check_access(serving, caller, run)
        after = after if last_event_id is None else last_event_id
        if SSE not in request.headers.get("accept", ""):
            lines = await serving.streams.some(run, after, limit)
            further = f'</runs/{run}/events?after={after + len(lines)}&limit={limit}>; rel="next"'
            more = {"Link": further} if lines else {}
            return Response(f"[{','.join(lines)}]", headers=more, media_type="application/json")
        if await serving.streams.is_over(run, after):
            return Response(status_code=204)  # from which a browser connects no more
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(serving.streams.stream(run, after), media_type=SSE, headers=headers)

    @router.get("/runs/{run}/patch", response_class=Response, responses={200: {"content": {DIFF: {}}}})
    async def patch(run: str, caller: Reads) -> Response:
        """Give what the run has written, or would write, for `git apply`."""
        text = patch_of(await seen_state(serving, caller, run))
        return Response(text.encode("utf-8", "surrogateescape"), media_type=DIFF)


def _add_acts(router: APIRouter, serving: Serving) -> None:
    @router.post("/runs", status_code=202, response_model=ServedRun)
    async def begin(
        new: NewRun,
        caller: Works,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    ) -> Response:
        """Begin a run; the same Idempotency-Key gives the same one."""
        run = await begin_run(serving, caller, new, idempotency_key)
        return await served_run(serving, caller, run, 202)

    @router.post("/runs/{run}/answers", status_code=202, response_model=ServedRun)
    async def answer_question(run: str, body: QuestionAnswer, caller: Approves) -> Response:
        """Answer the question that a run waits for, and continue it."""
        await answer_run(serving, caller, run, body)
        return await served_run(serving, caller, run, 202)

    @router.post("/runs/{run}/stop", response_model=ServedRun)
    async def stop_run(run: str, caller: Works) -> Response:
        """End a run, wherever it works; what it has done stays."""
        await check_access(serving, caller, run)
        await stop(run, who_of(caller), log=serving.log)
        return await served_run(serving, caller, run)

    @router.post("/runs/{run}/resume", status_code=202, response_model=ServedRun)
    async def resume(run: str, caller: Works) -> Response:
        """Go on with a run that has stopped; no answered model call is made again."""
        state = await seen_state(serving, caller, run)
        if state.progress.stopped is not None:
            await serving.ended(run)
        serving.require_free()
        await serving.start(run, lambda live: runs_of(serving, caller).go_on(state, live)).begin()
        return await served_run(serving, caller, run, 202)

    @router.post("/run", response_model=dict[str, Any])
    async def run_program(program: NewProgram, caller: Works) -> Response:
        """Run one program in a sandbox."""
        serving.require_free()
        return document(await runs_of(serving, caller).program(**program.model_dump()))


async def answer_run(serving: Serving, caller: Caller, run: str, body: QuestionAnswer) -> None:
    """Answer the open question of a run, and continue it unless it is the operator's own.

    Raises:
        Problem, Busy, TooLate: nothing was answered.
        UsageError: the answer isn't one to the question, or its files can't be tried.
    """
    question_id, question = open_question(state := await seen_state(serving, caller, run))
    check_text(body.model_dump())
    decision = Decision(decision=body.decision, words=body.words)
    may_go_on = runs_of(serving, caller).may_go_on(state)
    if body.files is not None:
        decision = own_version(state, question, body.files if may_go_on else {})
    elif question.kind != "approve":
        decision = question.worded(body.words or body.decision)
    decision = decision.model_copy(update={"who": who_of(caller), "how": "http"})
    if may_go_on:
        serving.require_free()
    await when_free(lambda: answer(run, decision, question_id=body.question or question_id, log=serving.log))
    await serving.ended(run)
    if may_go_on and not serving.is_closing:
        with suppress(Busy):  # the answer is kept: a server goes on with it
            await serving.start(run, lambda live: runs_of(serving, caller).go_on(state, live)).begin()


def who_of(caller: Caller) -> str:
    """The name of a caller for the log."""
    return caller.name or this_person()
