"""The pages of the studio: the list of runs, and reports. `run_page.py` has the page of a run."""

from pathlib import Path
from typing import Annotated, get_args

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from coder.base.text.sanitize import count_of, one_line
from coder.platform.server.problems import Problem
from coder.platform.server.run_routes import Reads
from coder.platform.server.serving import Serving
from coder.platform.server.studio.flow_pages import add_flow_pages
from coder.platform.server.studio.rendering import PageRoute, page, tab_of
from coder.platform.server.studio.run_comparison import add_run_comparison
from coder.platform.server.studio.run_details import add_run_details
from coder.platform.server.studio.run_page import add_run_pages
from coder.platform.server.studio.task_form import add_task_form
from coder.platform.server.studio.team_pages import add_team_pages
from coder.run.event_types import Status
from coder.run.verdict_words import join_names

_LISTED_RUNS, _LISTED_REPORTS, _SEARCHED_RUNS = 50, 500, 1000
"""Number of runs, and of reports, in a list; number of runs that a filter reads, or a search
finds at most."""
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""Content security policy of reports."""


def routes(serving: Serving) -> APIRouter:
    """Return the routes of the pages."""
    router = APIRouter(include_in_schema=False, route_class=PageRoute)

    @router.get("/")
    async def runs(
        caller: Reads,
        q: str = "",
        status: str = "",
        n: Annotated[int, Query(ge=1, le=_SEARCHED_RUNS)] = _LISTED_RUNS,
    ) -> Response:
        if q:
            rows = await serving.rows.matching(caller, q, _SEARCHED_RUNS)
        else:
            newest = await serving.rows.newest(caller, _SEARCHED_RUNS if status else n + 1)
            rows = sorted(newest, key=lambda row: row.question is None)
        matching = [row for row in rows if status in ("", row.status)]
        outside = await serving.rows.outside(caller, _LISTED_RUNS)
        note = ""
        if outside:
            folders = one_line(join_names([*dict.fromkeys(outside)]), width=300)
            hidden_runs = count_of(len(outside), "run")
            note = f"Not shown, as they are outside of {caller.root} (--root): {hidden_runs} in {folders}."
        return page(
            "runs",
            "Runs",
            tab=tab_of(q, before="Runs") if q else f"Runs · {status}" if status else "",
            rows=matching[:n],
            note=note,
            q=q,
            picked=status,
            statuses=(*get_args(Status), "unfinished"),
            more=n + _LISTED_RUNS if len(matching) > n else 0,
        )

    @router.get("/login")
    async def login() -> Response:
        return page("login", "Sign in")

    add_task_form(router, serving)
    add_flow_pages(router, serving)
    add_run_comparison(router, serving)
    add_run_pages(router, serving)
    add_run_details(router, serving)
    add_team_pages(router)
    _add_reports(router, serving.reports)
    return router


def _add_reports(router: APIRouter, folder: Path | None) -> None:
    """Serve the HTML files below a folder, in pages that can't load or read other pages of the server."""

    @router.get("/reports")
    async def reports(caller: Reads, name: str = "") -> Response:
        names = files_below(folder, "*.html")
        return page(
            "reports",
            name or "Reports",
            tab=f"Report {name}" if name else "",
            names=names,
            shown=name if name in names else "",
        )

    @router.get("/reports/page")
    async def report(caller: Reads, name: str) -> Response:
        if (file := files_below(folder, "*.html").get(name)) is None:
            raise Problem(404, f"There is no report {name!r}.", "It isn't below the folder.", "See: /reports")
        return HTMLResponse(file.read_bytes(), headers={"Content-Security-Policy": REPORT_POLICY})


def files_below(folder: Path | None, pattern: str) -> dict[str, Path]:
    """Return the files of a name pattern by their path below a folder, without links out of it."""
    if folder is None:
        return {}
    files = sorted(folder.rglob(pattern))[:_LISTED_REPORTS]
    return {
        name: file
        for file in files
        if (name := file.relative_to(folder).as_posix()).isprintable()  # other names can't be linked
        and file.is_file()
        and file.resolve().is_relative_to(folder.resolve())
    }
