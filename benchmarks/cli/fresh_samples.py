"""Take fresh samples of lost cases, on both sides of a gate, as the runs of its reports were made."""

import glob
import secrets
import shlex
from collections.abc import Sequence
from math import comb
from typing import cast

import typer

from benchmarks.cli.run_suite import answer_suite, run
from benchmarks.report import Report
from benchmarks.stats.comparison import common_cases, compare
from benchmarks.stats.strong_passes import strictest_of, with_min_strength
from benchmarks.verdict import Strength
from coder.base.errors import CoderError, UsageError, own_command
from coder.base.text.sanitize import count_of, printable
from coder.config.layers import load
from sandbox.errors import SandboxError

_KEPT = (
    *("suite", "model", "strong_model", "effort", "max_answer_tokens", "temperature", "top_p"),
    *("strategy", "one_shot", "repairs", "max_calls", "min_strength"),
)
"""Parameters that fresh samples take from the command of a report."""


def take_fresh(
    before: Sequence[Report],
    after: Sequence[Report],
    samples: int,
    *,
    alpha: float,
    min_strength: Strength | None,
) -> tuple[list[Report], list[Report]] | None:
    """Return fresh samples of the lost cases on both sides; None if no case is lost.

    Raises:
        UsageError: so few samples can show nothing, or a side can't be run again; says what to type then.
    """
    least_strength = min_strength or strictest_of([*before, *after])  # as the gate counts
    counted = [[with_min_strength(report, least_strength) for report in side] for side in (before, after)]
    if not common_cases(*counted).pairs or not (suspects := compare(*counted).named("lost")):
        return None
    least = next(n for n in range(1, 1_000) if comb(2 * n, n) * alpha >= len(suspects))
    if samples < least:
        raise UsageError(
            f"{count_of(samples, 'sample')} a side can't show which of {count_of(len(suspects), 'lost case')}"
            f" are worse. Take at least: --confirm {least}"
        )
    chosen = "|".join(glob.escape(case).replace("|", "?") for case in suspects)
    total = 2 * samples * len(suspects)
    typer.echo(f"{total:,} fresh samples of {count_of(len(suspects), 'lost case')} are taken.", err=True)
    earlier = _taken("the baseline", before[0], chosen, samples)
    return [earlier], [_taken("the run", after[0], chosen, samples)]


def _taken(side: str, report: Report, chosen: str, samples: int) -> Report:
    try:
        words = _words(report, chosen, samples)
        fresh, _, _ = answer_suite(_context(words))
        if fresh.model != report.model:
            raise UsageError(f"{fresh.model} answers now, and {report.model} did then.")
    except (CoderError, SandboxError, OSError, typer.BadParameter) as error:
        raise UsageError(
            f"Fresh samples can't be taken as those of {side} were: {printable(str(error))}\n"
            f"Take them elsewhere: {own_command()} bench run SUITE … --filter {shlex.quote(chosen)} "
            f"--samples {samples} -o FILE\nThen give both sides: --confirm FILE --confirm-baseline FILE"
        ) from error
    return fresh


def _words(report: Report, chosen: str, samples: int) -> list[str]:
    """Return the arguments of `bench run` for a report's run. Raises UsageError for a run of another kind.

    A report is a file that others may have written: sandbox, files and addresses are this machine's own.
    """
    words = shlex.split(report.command or "")
    if words[1:3] != ["bench", "run"] or report.model is None:
        raise UsageError("it doesn't say which run of a model it is of.")
    parameters = _context(words[3:]).params
    if parameters["agent"] is not None or parameters["suite"] is None:
        raise UsageError("it is no run of a model, or was continued by --resume.")
    model = parameters["model"] or report.model
    if "://" in f"{model} {parameters['strong_model']}":
        raise UsageError("it names an address, which a report may not. Configure it as base_url.")
    if parameters["base_url"] not in (None, load({}).config.options.base_url):
        raise UsageError("its --base-url isn't yours. Configure it: CODER_BASE_URL.")
    kept = {name: parameters[name] for name in _KEPT} | {"model": model}
    flags = [
        f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
        for name, value in kept.items()
        if name != "suite" and value not in (None, False)
    ]
    seed = secrets.randbelow(1 << 31)
    return [
        *flags,
        f"--filter={chosen}",
        f"--samples={samples}",
        f"--seed={seed}",
        "--quiet",
        "--",
        kept["suite"],
    ]


def _context(words: Sequence[str]) -> typer.Context:
    """Return the context of `bench run` with these arguments."""
    app = typer.Typer(add_completion=False)
    app.command()(run)
    command = typer.main.get_command(app)
    # A report of another version may name flags that aren't there.
    context = command.make_context("run", [*words], ignore_unknown_options=True, allow_extra_args=True)
    return cast("typer.Context", context)
