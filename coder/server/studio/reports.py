"""Reports of benchmarks: pages made elsewhere, shown where they load nothing and read nothing of ours."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from coder.server.problems import Problem
from coder.server.run_routes import Reads
from coder.server.studio.rendering import page

POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_LISTED = 500


def add_reports(router: APIRouter, folder: Path | None) -> None:
    """Add the pages that show the HTML files below a folder to whoever may read."""

    @router.get("/reports")
    async def reports(caller: Reads, name: str = "") -> Response:
        found = _found(folder)
        return page("reports", name or "Reports", names=found, shown=name if name in found else "")

    @router.get("/reports/page")
    async def report(caller: Reads, name: str) -> Response:
        if (file := _found(folder).get(name)) is None:
            raise Problem(404, f"There is no report {name!r}.", "It isn't below the folder.", "See: /reports")
        return HTMLResponse(file.read_bytes(), headers={"Content-Security-Policy": POLICY})


def _found(folder: Path | None) -> dict[str, Path]:
    """Reports by name; a link out of the folder is none."""
    if folder is None:
        return {}
    files = sorted(folder.rglob("*.html"))[:_LISTED]
    return {
        file.relative_to(folder).as_posix(): file
        for file in files
        if file.is_file() and file.resolve().is_relative_to(folder.resolve())
    }
