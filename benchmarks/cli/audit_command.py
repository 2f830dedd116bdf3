"""`coder bench audit`: judge anyone's answers again, and name those that should not have passed."""

import os
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli import bench_options
from benchmarks.cli.audit_cases import Examination, examination_lines, examine
from benchmarks.cli.grade_command import Scoring
from benchmarks.judge.judge import open_judge
from benchmarks.report import Report, write_report
from benchmarks.reports.inert import line
from benchmarks.runner.bench_session import Session, default_workers, open_log, say_lacking
from benchmarks.suites.load import load_suite
from benchmarks.written import write_text
from coder.config.layers import load, user_file
from coder.console import options
from coder.console.backend import see_backend
from coder.console.interrupt import run_until_interrupted
from coder.run.settings import Settings
from coder.store import data_folder
from coder.text.sanitize import count_of


def audit(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, file or folder.")],
    samples: Annotated[
        Path | None,
        typer.Option(
            "--samples", metavar="FILE", help="samples.jsonl, folder, predictions; without, the suite itself."
        ),
    ] = None,
    workers: bench_options.Judges = None,
    out: bench_options.Out = None,
    sandbox: options.SandboxName = None,
    python: options.Python = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Judge anyone's answers again, and name what tampers, overfits or depends on state.

    Without answers it looks at the suite itself: how strong verdicts on each case are, that the case's own
    answer passes, and that a repository without any patch fails.

    An answer overfits when it passed and differs from the case's own answer on fresh inputs, made from
    those of the tests. That stands beside its verdict and changes nothing of it. Exit code 1 where something
    was named.
    """
    flags = {"sandbox": sandbox, "python": python}
    settings = load(flags, environ=os.environ, user_file=user_file(), workspace=None).config.settings()
    see_backend(settings.backend, flags)
    if samples is None:
        _examine(suite, settings, workers or default_workers(), out=out, as_json=json)
        return
    with open_log() as log:
        scoring = Scoring(suite, samples, settings, audited=True)
        session = Session(scoring.suite, settings, workers)
        session.begin(None)
        report, _ = scoring.work(session, log, "audit", quiet=quiet or json)
    found = _findings(report)
    typer.echo(report.model_dump_json() if json else "\n".join(_lines(report, found)))
    if out is not None:  # last: what can't be written is on the screen by then
        write_report(report, out)
    if any(found.values()):
        raise typer.Exit(1)


def _examine(named: str, settings: Settings, workers: int, *, out: Path | None, as_json: bool) -> None:
    """Look at the suite itself."""
    suite = load_suite(named)

    async def work() -> Examination:
        async with open_judge(
            suite,
            backend=settings.backend,
            python=settings.python,
            memory_mb=settings.memory_mb,
            cache=data_folder(os.environ) / "bench" / "modes",
        ) as judge:
            await say_lacking(judge, suite)
            return await examine(judge, suite, workers=workers)

    found = run_until_interrupted(work())
    typer.echo(found.model_dump_json() if as_json else "\n".join(examination_lines(found, suite)))
    if out is not None:
        write_text(out, found.model_dump_json(indent=1) + "\n")
    if not all(one.sound for one in found.cases):
        raise typer.Exit(1)


def _findings(report: Report) -> dict[str, list[str]]:
    """Lines about samples, by what is wrong with them."""
    found: dict[str, list[str]] = {"tampers": [], "depends on state": [], "overfits": []}
    for one in report.verdicts:
        about = f"{one.id} #{one.sample}  {one.detail}"
        if one.verdict in ("tampered", "suspicious"):
            found["tampers"].append(about)
        elif one.stateful:
            found["depends on state"].append(about)
        elif one.overfits:
            found["overfits"].append(about)
    return found


def _lines(report: Report, found: dict[str, list[str]]) -> list[str]:
    looked_at = sum(one.overfits is not None for one in report.verdicts)
    lines = [
        f"{report.suite}: {report.outcomes.get('passed', 0):,} of {count_of(report.samples, 'sample')} pass; "
        f"{looked_at:,} of them were compared on fresh inputs"
    ]
    if looked_at < report.outcomes.get("passed", 0):
        lines.append("  (compared are functions that are judged apart from their tests, and keep no state)")
    for kind, about in found.items():
        lines.append(f"  {kind}  {len(about):,}")
        lines += [f"    {line(one)}" for one in about]
    return lines
