"""Routes of runs: list, show and follow runs; begin, answer, stop and resume a run; run a program."""

import asyncio
import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from coder.engine.requests import (
    ListedRun,
    patch_of,
    status_of,
    stop,
)
from coder.platform.served_flows import ListedFlow
from coder.platform.server.bearer_tokens import Caller
from coder.platform.server.documents import NewProgram, QuestionAnswer, RunMessage, ServedRun
from coder.platform.server.run_acts import (
    NewFlow,
    NewRun,
    answer_run,
    begin_flow,
    begin_run,
    check_access,
    go_on,
    runs_of,
    visible_state,
    who_of,
)
from coder.platform.server.run_bundle import bundle
from coder.platform.server.run_messages import send_message
from coder.platform.server.run_rows import in_thread
from coder.platform.server.serving import Serving, require_scope
from coder.run.events import Event
from coder.run.run import summarize
from coder.show.run_transcript import read_events

Reads = Annotated[Caller, Depends(require_scope("read"))]
Works = Annotated[Caller, Depends(require_scope("run"))]
Approves = Annotated[Caller, Depends(require_scope("approve"))]
SSE, DIFF, ZIP = "text/event-stream", "text/x-diff", "application/zip"
Seq = Annotated[int, Query(ge=0, le=2**53, description="Number of the last event that is known.")]


def document(value: BaseModel | list[Any] | dict[str, Any], status: int = 200, **headers: str) -> Response:
    """Return a JSON response in ASCII; lone surrogates stand for bytes that aren't UTF-8."""
    content = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return Response(json.dumps(content), status, headers, media_type="application/json")


async def served_run(serving: Serving, caller: Caller, run: str, status: int = 200) -> Response:
    """Return a run's current document. Raises Problem: there is no such run for this caller."""
    state = await visible_state(serving, caller, run)
    question_id = state.questions.open.id if state.questions.open is not None else None
    extra_fields = {
        "is_live": state.progress.stopped is None,
        "question_id": question_id,
        "last": state.progress.seq,
    }
    if state.progress.stopped is None and run in serving.live:
        summary = summarize(state).model_copy(
            update={"status": "running", "reason": "This server works on it."}
        )
    else:
        summary = await in_thread(status_of(serving.log, state))
    run_document = ServedRun.model_validate(dict(summary) | extra_fields)
    return document(run_document, status, Location=f"/runs/{run}")


def routes(serving: Serving) -> APIRouter:
    """Return the routes of runs and programs."""
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

    @router.get("/flows", response_model=list[ListedFlow])
    async def list_flows(caller: Reads) -> Response:
        """List the flows that may be begun, with the JSON Schema of input and output."""
        return document([row.model_dump(mode="json") for row in serving.flows.listed()])

    @router.get("/runs/{run}", response_model=ServedRun)
    async def show(run: str, caller: Reads) -> Response:
        """Return the current document of a run."""
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
            lines = await serving.streams.read_events(run, after, limit)
            next_link = f'</runs/{run}/events?after={after + len(lines)}&limit={limit}>; rel="next"'
            headers_of_next = {"Link": next_link} if lines else {}
            return Response(f"[{','.join(lines)}]", headers=headers_of_next, media_type="application/json")
        if await serving.streams.is_over(run, after):
            return Response(status_code=204)  # 204 keeps browsers from reconnecting
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(serving.streams.stream(run, after), media_type=SSE, headers=headers)

    @router.get("/runs/{run}/patch", response_class=Response, responses={200: {"content": {DIFF: {}}}})
    async def patch(run: str, caller: Reads) -> Response:
        """Return the patch that the run has written, or would write, for `git apply`."""
        text = patch_of(await visible_state(serving, caller, run))
        return Response(text.encode("utf-8", "surrogateescape"), media_type=DIFF)

    @router.get("/runs/{run}/bundle", response_class=Response, responses={200: {"content": {ZIP: {}}}})
    async def whole(run: str, caller: Reads) -> Response:
        """Return all of a run as a ZIP: document, patch, trajectory (ATIF) and events."""
        await check_access(serving, caller, run)
        events = await serving.log.read(run)
        with_attempts = await read_events(serving.log, run)
        content = await asyncio.to_thread(bundle, run, events, with_attempts)
        headers = {"Content-Disposition": f'attachment; filename="{run}.zip"'}
        return Response(content, headers=headers, media_type=ZIP)


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

    @router.post("/flows/{name}", status_code=202, response_model=ServedRun)
    async def begin_a_flow(
        name: str,
        new: NewFlow,
        caller: Works,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    ) -> Response:
        """Begin a run of a flow that the operator has named; the same Idempotency-Key gives the same one."""
        run = await begin_flow(serving, caller, name, new, idempotency_key)
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
        state = await visible_state(serving, caller, run)
        if state.progress.stopped is not None:
            await serving.wait_until_ended(run)
        serving.require_free()
        await go_on(serving, caller, state)
        return await served_run(serving, caller, run, 202)

    @router.post("/runs/{run}/messages", status_code=202, response_model=ServedRun)
    async def say(run: str, message: RunMessage, caller: Works) -> Response:
        """Say something to a run.

        A model that works reads it after the running step. A run that has stopped works on it, and a person
        then approves each change.
        """
        state = await visible_state(serving, caller, run)
        await send_message(serving, runs_of(serving, caller), state, message.text)
        return await served_run(serving, caller, run, 202)

    @router.post("/run", response_model=dict[str, Any])
    async def run_program(program: NewProgram, caller: Works) -> Response:
        """Run one program in a sandbox."""
        serving.require_free()
        return document(await runs_of(serving, caller).program(**program.model_dump()))
