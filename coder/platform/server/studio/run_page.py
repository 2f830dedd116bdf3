"""The page of a run, and the stream that it follows."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import Response, StreamingResponse
from markupsafe import Markup

from coder.base.text.sanitize import one_line
from coder.platform.server.run_acts import check_access, runs_of
from coder.platform.server.run_routes import SSE, Reads, Seq
from coder.platform.server.serving import Caller, Serving
from coder.platform.server.studio.rendering import fragment, page, tab_of, title_of
from coder.platform.server.studio.run_view import MAX_ENTRIES, RunView, landing_words, part_of
from coder.run.run import summarize

_CACHED_VIEWS = 16
"""Number of runs whose latest entries are cached."""


def add_run_pages(router: APIRouter, serving: Serving) -> None:
    """Add the page of a run, and its stream."""
    views: OrderedDict[str, RunView] = OrderedDict()

    async def current_view(run: str, caller: Caller) -> RunView:
        await check_access(serving, caller, run)
        view = views.setdefault(run, RunView(serving.log, run))
        views.move_to_end(run)
        if len(views) > _CACHED_VIEWS:
            views.popitem(last=False)
        await view.catch_up()
        return view

    @router.get("/studio/{run}")
    async def run_page(run: str, caller: Reads, before: Seq = 0, only: Seq = 0) -> Response:
        view = await current_view(run, caller)
        first_seq, last_seq = (only, only) if only else (max(1, before - MAX_ENTRIES), before - 1)
        is_part = last_seq > 0
        now, talk = await _status_html(serving, view, caller)
        prompt = title_of(view.state)
        return page(
            "run",
            one_line(prompt, width=200),
            tab=tab_of(prompt, before=f"Event {only}" if only else ""),
            run=run,
            now=Markup(now),
            talk=Markup(talk),
            sees_output="run" in caller.scopes,
            seq=view.seq,
            entries=await part_of(serving.log, run, first_seq, last_seq) if is_part else view.entries,
            is_whole=bool(only),
            earlier=0 if only else first_seq if is_part else view.begin,
            is_part=is_part,
        )

    @router.get("/studio/{run}/stream")
    async def stream(
        run: str,
        caller: Reads,
        after: Seq = 0,
        last_event_id: Annotated[int | None, Header(ge=0, le=2**53)] = None,
    ) -> Response:
        view = await current_view(run, caller)
        messages = _messages(serving, view, caller, after if last_event_id is None else last_event_id)
        return StreamingResponse(messages, media_type=SSE, headers={"X-Accel-Buffering": "no"})


async def _status_html(serving: Serving, view: RunView, caller: Caller) -> tuple[str, str]:
    """Return the status of a run as HTML, shown above its entries, and the form for messages below them."""
    state = view.state
    question_id, question = view.question or ("", None)
    is_live = state.progress.stopped is None
    scopes = caller.scopes
    words, flow = landing_words(state), state.flow.flow if state.flow is not None else ""
    flow_name = flow.rpartition(":")[2] if serving.flows.offers(flow) else ""
    now = fragment("now", summarize(state), question_id, question, is_live, scopes, words, flow_name)
    may_write = state.flow is None and state.progress.parent is None and "run" in scopes
    if may_write and view.run not in serving.live:
        may_write = runs_of(serving, caller).may_continue(state)
    can_reply = question is None and state.task.workspace is not None
    mode = "" if not may_write else "steer" if is_live else "reply" if can_reply else ""
    read_ids = state.inputs.read_messages
    unread = [one.text for one in await serving.log.messages.unread(view.run) if one.id not in read_ids]
    return now, fragment("talk", view.run, mode, unread, is_live)


async def _messages(serving: Serving, view: RunView, caller: Caller, latest: int) -> AsyncIterator[str]:
    """Stream the entries after an event; a message's id is the number of its last event."""
    yield "retry: 1000\n\n"
    if latest + 1 < view.begin:
        yield "event: behind\ndata:\n\n"
        return
    async with aclosing(serving.streams.batches(view.run, latest)) as batches:
        async for events in batches:
            if not events:
                yield ": \n\n"
                continue
            await view.catch_up()
            seq = view.seq  # before reading the entries, as another reader may add some
            html = [fragment("entry", entry, view.run) for entry in view.entries if entry.seq > latest]
            lines = "".join([*html, *await _status_html(serving, view, caller)]).split("\n")
            latest = seq
            yield f"id: {latest}\n" + "".join(f"data: {line}\n" for line in lines) + "\n"
    if not serving.is_closing:
        yield "event: end\ndata:\n\n"
