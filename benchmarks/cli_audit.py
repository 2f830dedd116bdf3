"""`coder bench audit`: judge anyone's answers again, and name those that should not have passed."""

import os
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli_ends import default_workers
from benchmarks.cli_grade import Scoring
from benchmarks.report import Report, write_report
from benchmarks.reports.inert import line
from benchmarks.session import Session, open_log
from coder.cli import options
from coder.config import load
from coder.configfile import user_file


def audit(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, file or folder.")],
    samples: Annotated[
        Path, typer.Option("--samples", metavar="FILE", help="samples.jsonl, folder, predictions.")
    ],
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", metavar="N", min=1, help="Samples judged at once.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the report as JSON.")
    ] = None,
    sandbox: options.SandboxName = None,
    python: options.Python = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge anyone's answers again, and name what tampers, overfits or depends on state.

    An answer overfits when it passed and differs from the case's own answer on fresh inputs, made from
    those of the tests. That stands beside its verdict and changes nothing of it. Exit code 1 where something
    was named.
    """
    flags = {"sandbox": sandbox, "python": python}
    settings = load(flags, environ=os.environ, user_file=user_file(), workspace=None).config.settings()
    with open_log() as log:
        scoring = Scoring(suite, samples, settings, audited=True)
        session = Session(scoring.suite, settings, workers or default_workers())
        session.begin(None)
        report, _ = scoring.work(session, log, "audit", quiet=quiet or json)
    if out is not None:
        write_report(report, out)
    found = _findings(report)
    typer.echo(report.model_dump_json() if json else "\n".join(_lines(report, found)))
    if any(found.values()):
        raise typer.Exit(1)


def _findings(report: Report) -> dict[str, list[str]]:
    """Lines about samples, by what is wrong with them."""
    found: dict[str, list[str]] = {"tampers": [], "depends on state": [], "overfits": []}
    for one in report.verdicts:
        about = f"{one.id} #{one.sample}  {one.detail}"
        if one.verdict in ("tampered", "suspicious"):
            found["tampers"].append(about)
        elif one.detail.startswith("stateful:"):
            found["depends on state"].append(about)
        elif one.overfits:
            found["overfits"].append(about)
    return found


def _lines(report: Report, found: dict[str, list[str]]) -> list[str]:
    looked_at = sum(one.overfits is not None for one in report.verdicts)
    lines = [
        f"{report.suite}: {report.outcomes.get('passed', 0):,} of {report.samples:,} samples pass; "
        f"{looked_at:,} of them were compared on fresh inputs"
    ]
    for kind, about in found.items():
        lines.append(f"  {kind}  {len(about):,}")
        lines += [f"    {line(one)}" for one in about]
    return lines
