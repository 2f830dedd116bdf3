"""`coder bench watch`: one round of a pinned suite per call, and whether the model has become worse."""

from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.cli.bench_endings import LIMIT, command_line
from benchmarks.cli.run_suite import answer_suite, run
from benchmarks.executors.facts import installed_version
from benchmarks.judge.judge import python_of
from benchmarks.report import write_report
from benchmarks.reports.figures import share
from benchmarks.reports.inert import line
from benchmarks.reports.watch_page import watch_junit, watch_page
from benchmarks.runner.round_history import RoundHistory, file_of, open_history
from benchmarks.stats.cusum import MIN_REFERENCE
from benchmarks.stats.watch import WatchResult, round_of, scores_of, watched
from benchmarks.suite import Suite, UnreadableCase
from benchmarks.suites.load import load_suite
from benchmarks.suites.selection import Selection, parse_slice
from benchmarks.written import write_text
from coder.base.errors import MachineError, ModelError, UsageError
from coder.base.fs.same_place import require_separate
from coder.base.text.sanitize import count_of
from coder.run.option_table import File
from coder.show.flags import option, takes
from sandbox.interpreter.interpreter import describe

WORSE = 1
_MAX_NAMED = 10


@takes(run)
def watch(
    context: typer.Context,
    history: Annotated[
        str, option("--history", "Rounds so far, begun if missing: a file, or in the log.", "FILE|store:NAME")
    ],
    html: Annotated[File, option("--html", "Write scores and sums as one page.", "FILE")] = None,
    junit_file: Annotated[File, option("--junit", "Write JUnit XML that fails on an alarm.", "FILE")] = None,
) -> None:
    """Make one round of a suite, and say whether it has become worse than the rounds before.

    From 20 rounds on a CUSUM adds up by how much each is below those before it; an alarm is confirmed by a
    fresh round. Takes the flags of `run`. Exit codes: 0 quiet or learning, 1 worse, and those of `run`.
    """
    parameters = context.params
    if parameters["resume"] is not None:
        raise UsageError("A round is made anew: leave out --resume.")
    written = [file_of(history), html, junit_file, parameters["out"], parameters["answers"]]
    require_separate(written, [Path(parameters["suite"] or ".")])
    if parameters["pages"] is not None:
        raise UsageError("A round has no pages of samples: leave out --pages.")
    if parameters["suite"] is None:
        raise UsageError("Give the SUITE of which to make a round.")
    if parameters["shard"] != "1/1":
        raise UsageError("A round is of all its cases: leave out --shard, and choose some with --filter.")
    chosen = _require_judgeable(parameters)
    suite, versions = chosen.name, {"coder": installed_version()} | _package_versions(chosen, parameters)
    with open_history(history) as rounds:
        rounds.require_suite(suite)
        result = _make_round(context, rounds, versions, confirms=False)
        if result.state == "alarm":
            if not parameters["quiet"]:
                typer.echo("The score is worse. A fresh round is made to confirm it.", err=True)
            result = _make_round(context, rounds, versions, confirms=True)
        scores = scores_of(rounds.rounds)
    # What the round says is printed even if a file can't be written.
    typer.echo(result.model_dump_json() if parameters["json"] else "\n".join(_lines(result)))
    if html is not None:
        write_text(html, watch_page(suite, result, scores))
    if junit_file is not None:
        write_text(junit_file, watch_junit(suite, result))
    if result.state == "alarm":
        raise typer.Exit(WORSE)


def _require_judgeable(parameters: Mapping[str, Any]) -> Suite:
    """Return the suite with its chosen cases. Raises UsageError if one of them never gets a verdict."""
    selection = Selection(filter=parameters["filter"], slice=parse_slice(parameters["slice"]))
    suite = selection.within(load_suite(parameters["suite"]))
    unreadable = next((case for case in suite.cases if isinstance(case, UnreadableCase)), None)
    if unreadable is not None:
        raise UsageError(
            f"{unreadable.id} can't be judged, so no round would be complete: {unreadable.reason}\n"
            "Mend it, or leave it out with --filter or --slice."
        )
    return suite


def _make_round(
    context: typer.Context, rounds: RoundHistory, versions: dict[str, str], *, confirms: bool
) -> WatchResult:
    report, session, reason = answer_suite(context, is_round=True)
    try:
        if reason == "cost":
            typer.echo("--max-cost is reached, so the round is incomplete and isn't kept.", err=True)
            raise typer.Exit(LIMIT)
        if reason == "endpoint":
            raise ModelError(
                f"{session.cut[-1].attempt.error}\n"
                f"The round is incomplete and isn't kept. Make it anew with: {command_line()}"
            )
        new = round_of(report, versions=versions, confirms=confirms)
        if new is None:
            raise MachineError(
                "Samples have no verdict, so the round is incomplete and isn't kept. Make it anew."
            )
        rounds.add(new)
    finally:  # a round is kept even if its report can't be written
        if context.params["out"] is not None:
            write_report(report, context.params["out"])
    return watched(rounds.rounds)


def _package_versions(suite: Suite, parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the versions of Python and its packages in the judge's sandbox; empty if an image has them.

    Another image begins a new reference by itself.
    """
    if parameters["image"] is not None or parameters["sandbox"] not in (None, "auto", "bubblewrap"):
        return {}
    interpreter = describe(python_of(suite, parameters["python"]))
    root = interpreter.venv or interpreter.prefix
    folders = [str(folder) for folder in root.glob("lib*/python3*/*-packages")]
    versions = {package.name: package.version for package in distributions(path=folders)}
    return versions | {"python": ".".join(map(str, interpreter.version))}


def _lines(result: WatchResult) -> list[str]:
    """Return what a person reads of a round."""
    before = f" (before: {share(result.reference)})" if result.reference is not None else ""
    head = f"round {result.rounds}: {share(result.score)}{before}"
    if result.state == "learning":
        more = count_of(MIN_REFERENCE + 1 - result.rounds, "more round")
        why = "  a new reference: suite, judge or parameters changed, or an alarm was confirmed"
        return [f"{head}  learning: {more} until it is watched", *([why] if result.is_restarted else [])]
    signs = {"quiet": "✓ quiet", "alarm": "✗ worse, confirmed by a fresh round"}
    limit = result.limit or 0.0
    is_above = result.state == "quiet" and result.sum > limit
    stays = ", as rounds before were worse; this one wasn't" if is_above else ""
    lines = [f"{head}  {signs[result.state]}: {result.sum:.1f} of {limit:.1f}{stays}"]
    if result.cases:
        more = f" and {len(result.cases) - _MAX_NAMED:,} more" if len(result.cases) > _MAX_NAMED else ""
        lines.append(line(f"  pass less often: {', '.join(result.cases[:_MAX_NAMED])}{more}", width=400))
    lines += [line(f"  also changed: {moved}", width=400) for moved in result.moved]
    return lines
