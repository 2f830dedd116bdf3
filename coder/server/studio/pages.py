"""The pages, and the forms that they send."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import Response, StreamingResponse
from markupsafe import Markup

from coder.run.run import summarize
from coder.server.run_routes import SSE, Reads, Seq, listed_runs, see_run
from coder.server.serving import Caller, Serving
from coder.server.studio.rendering import PageRoute, fragment, page
from coder.server.studio.shown import MOST, Shown, part_of
from coder.text.sanitize import one_line

_LISTED, _KEPT = 50, 16
"""Runs of the list, and runs whose latest entries are kept."""


def routes(serving: Serving) -> APIRouter:
    """The pages of a server."""
    router = APIRouter(include_in_schema=False, route_class=PageRoute)
    kept: OrderedDict[str, Shown] = OrderedDict()

    async def shown_of(run: str, caller: Caller) -> Shown:
        await see_run(serving, caller, run)
        shown = kept.setdefault(run, Shown(serving.log, run))
        kept.move_to_end(run)
        if len(kept) > _KEPT:
            kept.popitem(last=False)
        await shown.catch_up()
        return shown

    @router.get("/")
    async def runs(caller: Reads) -> Response:
        rows = await listed_runs(serving, caller, _LISTED)
        return page("runs", "Runs", rows=sorted(rows, key=lambda row: row.question is None))

    @router.get("/login")
    async def login() -> Response:
        return page("login", "Enter")

    @router.get("/studio/{run}")
    async def run_page(run: str, caller: Reads, before: Seq = 0, only: Seq = 0) -> Response:
        shown = await shown_of(run, caller)
        first, last = (only, only) if only else (max(1, before - MOST), before - 1)
        is_part = bool(only or before)
        entries = await part_of(serving.log, run, first, last) if is_part else list(shown.entries)
        begin = first if is_part else shown.begin
        return page(
            "run",
            one_line(shown.state.task.prompt, width=200),
            run=run,
            now=Markup(_now(shown, caller)),
            seq=shown.seq,
            entries=entries,
            whole=bool(only),
            earlier=begin if begin > 1 and not only else 0,
            is_part=is_part,
            stream="" if is_part else f"/studio/{run}/stream",
        )

    @router.get("/studio/{run}/stream")
    async def stream(
        run: str, caller: Reads, after: int = 0, last_event_id: Annotated[int | None, Header()] = None
    ) -> Response:
        shown = await shown_of(run, caller)
        known = after if last_event_id is None else last_event_id
        lines = _stream(serving, shown, caller, known)
        return StreamingResponse(lines, media_type=SSE, headers={"X-Accel-Buffering": "no"})

    return router


def _now(shown: Shown, caller: Caller) -> str:
    state = shown.state
    asked, question = shown.question or ("", None)
    return fragment("now", summarize(state), asked, question, state.stopped is None, caller.scopes)


async def _stream(serving: Serving, shown: Shown, caller: Caller, known: int) -> AsyncIterator[str]:
    """What is new on the page of a run; its id is the number of the event up to which it is."""
    if known + 1 < shown.begin:
        yield "event: behind\ndata:\n\n"
        return
    async with aclosing(serving.tails.batches(shown.run, known)) as batches:
        async for events in batches:
            if events:
                await shown.catch_up()
                yield _message(shown, caller, known)
                known = shown.seq
            else:
                yield ": \n\n"


def _message(shown: Shown, caller: Caller, known: int) -> str:
    new = (fragment("entry", one, shown.run) for one in shown.entries if one.seq > known)
    html = "".join([*new, _now(shown, caller)])
    data = "".join(f"data: {line}\n" for line in html.split("\n"))
    return f"id: {shown.seq}\n{data}\n"
