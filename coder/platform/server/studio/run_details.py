"""Pages beside that of a run: its trace, its files, and what its programs print now."""

import asyncio
import json
from collections.abc import AsyncIterator

from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse

from coder.base.text.sanitize import one_line, printable
from coder.platform.server.problems import Problem
from coder.platform.server.run_acts import check_access, visible_state
from coder.platform.server.run_routes import SSE, Reads, Works
from coder.platform.server.run_rows import in_thread
from coder.platform.server.serving import Serving
from coder.platform.server.studio.file_tree import content_of, marks_of, tree_of
from coder.platform.server.studio.rendering import page, tab_of, title_of
from coder.platform.server.studio.trace_view import trace_of
from coder.run.event_types import is_newer
from coder.run.reducer import begin

_POLL_S, _HEARTBEAT_POLLS = 0.25, 60
"""Seconds between two looks at a program's output, and number of looks after which a heartbeat is sent."""


def add_run_details(router: APIRouter, serving: Serving) -> None:
    """Add the pages about one run."""

    @router.get("/studio/{run}/trace")
    async def trace(run: str, caller: Reads) -> Response:
        await check_access(serving, caller, run)
        events = await in_thread(serving.log.read(run))
        prompt = begin(events[0]).task.prompt if not is_newer(events[0]) else run
        nodes = await asyncio.to_thread(trace_of, events)
        return page("trace", "Trace", tab=tab_of(prompt, before="Trace"), run=run, nodes=nodes)

    @router.get("/studio/{run}/files")
    async def files(run: str, caller: Reads, path: str = "") -> Response:
        state = await visible_state(serving, caller, run)
        marks = marks_of(state)
        if path and path not in marks:
            raise Problem(404, f"There is no file {path!r}.", "The run didn't read it.", "See its files.")
        text = content_of(state, path) if path else None
        name = one_line(path, width=200) or "Files"
        tab = tab_of(title_of(state), before=name)
        root = tree_of(marks)
        return page("files", name, tab=tab, run=run, root=root, count=len(marks), path=path, text=text)

    @router.get("/studio/{run}/output")
    async def output(run: str, caller: Works) -> Response:
        # The log is redacted and this is not, so only those see it who may run programs there themselves.
        await check_access(serving, caller, run)
        if run not in serving.live:
            return Response(status_code=204)  # keeps browsers from reconnecting
        return StreamingResponse(_outputs(serving, run), media_type=SSE, headers={"X-Accel-Buffering": "no"})


async def _outputs(serving: Serving, run: str) -> AsyncIterator[str]:
    """Yield what the running program has printed, each time that it prints more."""
    sent, polls = "", 0
    while (live := serving.live.get(run)) is not None and not serving.is_closing:
        if (text := live.printed) != sent:
            sent = text
            yield f"data: {json.dumps(printable(text))}\n\n"
        elif (polls := polls + 1) % _HEARTBEAT_POLLS == 0:
            yield ": \n\n"
        await asyncio.sleep(_POLL_S)
    yield "event: end\ndata:\n\n"
