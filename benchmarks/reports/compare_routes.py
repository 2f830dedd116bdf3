"""Pages of `coder serve --reports` that compare the JSON reports of a folder: side by side, and over time."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse, Response

from benchmarks.report import Report
from benchmarks.reports import figures
from benchmarks.reports.page import page as report_page
from benchmarks.reports.read_report import read_report
from coder.base.errors import UsageError
from coder.platform.server.serving import Caller, Serving, require_scope
from coder.platform.server.studio.pages import REPORT_POLICY, files_below
from coder.platform.server.studio.rendering import PageRoute, page
from coder.show.render import money

Reads = Annotated[Caller, Depends(require_scope("read"))]
Names = Annotated[list[str], Query(alias="name")]
MAX_REPORTS = 20
"""Maximum number of reports in a comparison."""
_WIDTH, _HEIGHT = 320, 60
"""Size of the plot of a trend, in pixels."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    """A report in the list."""

    name: str
    report: Report

    @property
    def suite(self) -> str:
        """Name and version of the suite: reports of one suite can be compared."""
        return f"{self.report.suite} {self.report.suite_version}"

    @property
    def begun(self) -> str:
        """Start of the run in ISO 8601, or an empty string."""
        return self.report.times.started or ""

    @property
    def score(self) -> str:
        """pass@1 with its interval."""
        return f"{figures.share(self.report.pass_at.get('1'))} ({figures.interval(self.report.interval)})"

    @property
    def cost(self) -> str:
        """Cost of the run, or a dash."""
        return "–" if self.report.cost_usd is None else money(self.report.cost_usd)


@dataclass(frozen=True, slots=True)
class SuiteRows:
    """Reports of one suite, the oldest first, with the plot of their scores."""

    suite: str
    rows: Sequence[ReportRow]

    @property
    def trend(self) -> list[tuple[float, float, str]]:
        """Position of each score in the plot, in pixels from the left and the top, and its label."""
        scores = [(row, row.report.pass_at.get("1")) for row in self.rows]
        scored_rows = [(row, score) for row, score in scores if score is not None]
        step = _WIDTH / max(1, len(scored_rows) - 1)
        return [
            (round(number * step, 1), round((1 - score) * _HEIGHT, 1), f"{row.name}: {row.score}, {row.cost}")
            for number, (row, score) in enumerate(scored_rows)
        ]


def routes(serving: Serving) -> APIRouter:
    """Return the routes of comparisons; an entry point of the group `coder.routes`."""
    router = APIRouter(include_in_schema=False, route_class=PageRoute)

    @router.get("/reports/compare")
    async def compare(caller: Reads, names: Names = []) -> Response:  # noqa: B006 - FastAPI copies it
        rows = await asyncio.to_thread(read_rows, serving.reports)
        chosen = [row for row in rows if row.name in names]
        _require_few(chosen)
        is_mixed = len({row.suite for row in chosen}) > 1
        suites = [SuiteRows(suite, [*group]) for suite, group in groupby(rows, key=lambda row: row.suite)]
        return page(
            "compare_reports",
            "Compare reports",
            suites=suites,
            chosen=[row.name for row in chosen],
            is_mixed=is_mixed,
            width=_WIDTH,
            height=_HEIGHT,
        )

    @router.get("/reports/compare/page")
    async def compared(caller: Reads, names: Names) -> Response:
        def made() -> str:
            chosen = [row for row in read_rows(serving.reports) if row.name in names]
            if not chosen:
                raise UsageError("None of these reports is in the folder. See: /reports/compare")
            _require_few(chosen)
            labels = [f"{row.report.model or row.name} {row.begun[:10]}".strip() for row in chosen]
            return report_page([row.report for row in chosen], names=labels)

        return HTMLResponse(await asyncio.to_thread(made), headers={"Content-Security-Policy": REPORT_POLICY})

    return router


def _require_few(chosen: Sequence[ReportRow]) -> None:
    if len(chosen) > MAX_REPORTS:
        raise UsageError(f"At most {MAX_REPORTS} reports are compared at once, and {len(chosen)} are ticked.")


def read_rows(folder: Path | None) -> list[ReportRow]:
    """Return the JSON reports below a folder by suite and date; other files are left out."""
    rows = []
    for name, file in files_below(folder, "*.json").items():
        with suppress(UsageError):
            rows.append(ReportRow(name, read_report(file)))
    return sorted(rows, key=lambda row: (row.suite, row.begun, row.name))
