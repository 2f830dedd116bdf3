"""The pages of the studio, and the stream that the page of a run follows."""

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import HTMLResponse, Response, StreamingResponse
from markupsafe import Markup

from coder.base.text.sanitize import count_of, one_line
from coder.platform.server.problems import Problem
from coder.platform.server.run_routes import SSE, Reads, Seq, check_access
from coder.platform.server.serving import Caller, Serving
from coder.platform.server.studio.rendering import PageRoute, fragment, page
from coder.platform.server.studio.run_view import MAX_ENTRIES, RunView, part_of
from coder.platform.server.studio.task_form import add_task_form
from coder.run.run import summarize
from coder.run.verdict_words import join_names

_LISTED_RUNS, _LISTED_REPORTS = 50, 500
"""Number of runs, and of reports, in a list."""
_CACHED_VIEWS = 16
"""Number of runs whose latest entries are cached."""
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Content security policy of reports."""


def routes(serving: Serving) -> APIRouter:
    """Return the routes of the pages."""
    router = APIRouter(include_in_schema=False, route_class=PageRoute)

    @router.get("/")
    async def runs(caller: Reads) -> Response:
        rows = await serving.rows.newest(caller, _LISTED_RUNS)
        outside = await serving.rows.outside(caller, _LISTED_RUNS)
        note = ""
        if outside:
            folders = one_line(join_names([*dict.fromkeys(outside)]), width=300)
            hidden_runs = count_of(len(outside), "run")
            note = f"Not shown, as they are outside of {caller.root} (--root): {hidden_runs} in {folders}."
        ordered = sorted(rows, key=lambda row: row.question is None)
        return page("runs", "Runs", rows=ordered, note=note)

    @router.get("/login")
    async def login() -> Response:
        return page("login", "Enter")

    add_task_form(router, serving)
    _add_run(router, serving)
    _add_reports(router, serving.reports)
    return router


def _add_run(router: APIRouter, serving: Serving) -> None:
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
        return page(
            "run",
            one_line(view.state.task.prompt, width=200),
            run=run,
            now=Markup(_status_html(view, caller)),
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


def _status_html(view: RunView, caller: Caller) -> str:
    """Return the status of a run as HTML, shown above its entries."""
    state = view.state
    question_id, question = view.question or ("", None)
    return fragment(
        "now", summarize(state), question_id, question, state.progress.stopped is None, caller.scopes
    )


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
            lines = "".join([*html, _status_html(view, caller)]).split("\n")
            latest = seq
            yield f"id: {latest}\n" + "".join(f"data: {line}\n" for line in lines) + "\n"
    if not serving.is_closing:
        yield "event: end\ndata:\n\n"


def _add_reports(router: APIRouter, folder: Path | None) -> None:
    """Serve the HTML files below a folder, in pages that can't load or read other pages of the server."""

    @router.get("/reports")
    async def reports(caller: Reads, name: str = "") -> Response:
        names = _reports(folder)
        return page("reports", name or "Reports", names=names, shown=name if name in names else "")

    @router.get("/reports/page")
    async def report(caller: Reads, name: str) -> Response:
        if (file := _reports(folder).get(name)) is None:
            raise Problem(404, f"There is no report {name!r}.", "It isn't below the folder.", "See: /reports")
        return HTMLResponse(file.read_bytes(), headers={"Content-Security-Policy": _REPORT_POLICY})


def _reports(folder: Path | None) -> dict[str, Path]:
    """Return reports by name, without links out of the folder."""
    if folder is None:
        return {}
    files = sorted(folder.rglob("*.html"))[:_LISTED_REPORTS]
    return {
        name: file
        for file in files
        if (name := file.relative_to(folder).as_posix()).isprintable()  # other names can't be linked
        and file.is_file()
        and file.resolve().is_relative_to(folder.resolve())
    }
