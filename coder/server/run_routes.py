"""Runs: what there are, one as a document, and its events."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from coder.requests import ListedRun, list_run, state_of
from coder.run.events import Event
from coder.run.run import Run, summarize
from coder.server.event_stream import has_ended
from coder.server.problems import Problem, Refusal
from coder.server.serving import Caller, Serving, needs

Reads = Annotated[Caller, Depends(needs("read"))]
Seq = Annotated[int, Query(ge=0, le=2**53, description="Number of the last event that is known.")]
SSE = "text/event-stream"


class ServedRun(Run, frozen=True):
    """A run as `coder show --json` has it, and what a client needs to follow it."""

    is_live: bool
    """It has not stopped: some process works on it, or its process has died."""
    question_id: str | None
    """Of the question that it waits with."""
    last: int
    """The number of its last event."""


def document(value: BaseModel | list[Any], status: int = 200) -> Response:
    """An answer of JSON, in ASCII: a content that isn't UTF-8 stands in it by lone surrogates."""
    plain = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
    return Response(json.dumps(plain), status, media_type="application/json")


async def see_run(serving: Serving, caller: Caller, run: str) -> None:
    """Raise Problem where there is no such run, or none for this caller."""
    first = await serving.log.read(run, limit=1)
    if not first or not caller.sees(first[0]):
        raise Problem(404, f"There is no run {run!r}.", "None of yours has this id.", "See them: GET /runs.")


async def served_run(serving: Serving, caller: Caller, run: str) -> ServedRun:
    """A run as it stands. Raises Problem: there is none."""
    await see_run(serving, caller, run)
    state = await state_of(serving.log, run)
    asked = state.question.id if state.question is not None else None
    own = {"is_live": state.stopped is None, "question_id": asked, "last": state.seq}
    return ServedRun.model_validate(dict(summarize(state)) | own)


async def listed_runs(serving: Serving, caller: Caller, limit: int) -> list[ListedRun]:
    """The caller's newest runs."""
    found = [each for each in await serving.log.runs() if caller.sees(each.first)]
    return [await list_run(serving.log, each) for each in found[:limit]]


def routes(serving: Serving) -> APIRouter:
    """The routes below /runs."""
    router = APIRouter(prefix="/runs", tags=["runs"], responses={404: {"model": Refusal}})

    @router.get("", response_model=list[ListedRun])
    async def list_runs(caller: Reads, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> Response:
        """List the newest runs."""
        rows = await listed_runs(serving, caller, limit)
        return document([row.model_dump(mode="json") for row in rows])

    @router.get("/{run}", response_model=ServedRun)
    async def show_run(run: str, caller: Reads) -> Response:
        """Give a run as it stands."""
        return document(await served_run(serving, caller, run))

    @router.get("/{run}/events", response_model=list[Event], responses={200: {"content": {SSE: {}}}})
    async def events(
        run: str,
        caller: Reads,
        request: Request,
        after: Seq = 0,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
        last_event_id: Annotated[int | None, Header(ge=0, le=2**53)] = None,
    ) -> Response:
        """Give the events behind one of them; as they come, where `text/event-stream` is accepted.

        The stream ends with the run. A run that waits for an answer has not ended.
        """
        await see_run(serving, caller, run)
        after = after if last_event_id is None else last_event_id
        if SSE not in request.headers.get("accept", ""):
            found = await serving.log.read(run, after=after, limit=limit)
            return document([event.model_dump(mode="json") for event in found])
        if after and [has_ended(each) for each in await serving.log.read(run, after=after - 1, limit=2)] == [
            True
        ]:
            return Response(status_code=204)  # from which a browser connects no more
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(serving.tails.stream(run, after), media_type=SSE, headers=headers)

    return router
