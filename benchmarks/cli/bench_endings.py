"""End `coder bench run` and `grade`: the report on stdout or in files, the next step, the exit code."""

import os
import re
import shlex
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import typer

from benchmarks.cli.until_decided import show_decision
from benchmarks.harbor.source import FOLDER
from benchmarks.report import Report, write_report
from benchmarks.reports.terminal_report import report_blocks
from benchmarks.runner.bench_session import BenchSession
from coder.base.errors import MachineError, ModelError, own_command
from coder.base.text.redact import Redactor
from coder.base.text.sanitize import count_of, printable
from coder.models.endpoint import for_log
from coder.show.failure import save_traceback
from coder.show.interrupt import Interrupted, run_until_interrupted
from coder.show.render import money
from coder.show.tables import print_blocks
from sandbox.errors import SandboxError

NOT_PASSED, LIMIT, INFRASTRUCTURE, UNDECIDED = 1, 3, 5, 11
_SHOWN = 5
"""Print at most this many of the samples that could not be judged."""
T = TypeVar("T")


def name_or_path(suite: str) -> str:
    """Return the suite's absolute path if it is a path, else its name; both are valid in any folder."""
    prefix = FOLDER if suite.startswith(FOLDER) else ""
    path = Path(suite.removeprefix(prefix)).expanduser()
    return f"{prefix}{path.absolute()}" if path.exists() else suite


def command_line() -> str:
    """Return this command line as typed, without keys and secret parts of addresses."""
    redact = Redactor.from_environment().redact
    public_words = (re.sub(r"(?i)https?://\S+", lambda url: for_log(url[0]), word) for word in sys.argv[1:])
    return shlex.join(["coder", *map(redact, public_words)])


def until_interrupted(work: Coroutine[Any, Any, T], session: BenchSession, *, is_round: bool = False) -> T:
    """Await `work`; add to the message of an error how to continue the run.

    Args:
        is_round: whether the run is a round of a watched suite, which is made anew.
    """
    command = f"{own_command()} bench {session.command} --resume"
    advice = f"What was judged until then is saved. Go on with: {command} {session.run}"
    if is_round:
        advice = f"The round is incomplete and isn't kept. Make it anew with: {command_line()}"
    try:
        run_id = None if is_round else session.run
        with _stdout_for_report():
            return run_until_interrupted(work, run_id=lambda: run_id, resume_prefix=command)
    except (ModelError, MachineError, SandboxError) as error:
        if session.logged:
            error.args = (f"{error}\n{advice}",)
        raise
    except Interrupted as error:
        if is_round:
            error.args = (f"{error}\n{advice}",)
        raise


@contextmanager
def _stdout_for_report() -> Iterator[None]:
    """Send to stderr what libraries write to descriptor 1, as Ray does about a lost worker."""
    sys.stdout.flush()
    stdout = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(stdout, 1)
        os.close(stdout)


def show(report: Report, session: BenchSession, *, reason: str, out: Path | None, as_json: bool) -> None:
    """Print and write the report. Raises typer.Exit unless the exit code is 0; MachineError."""
    if out is not None:
        try:
            write_report(report, out)
        except MachineError as error:
            command = f"{own_command()} bench {session.command} --resume {session.run} -o FILE"
            message = (
                f"{error}\nNothing is lost: what was judged is saved. Write it elsewhere with: {command}"
            )
            raise MachineError(message) from error
    if as_json:
        typer.echo(report.model_dump_json())
    else:
        print_blocks(report_blocks(report))
    if reason == "cost":
        command = f"{own_command()} bench run --resume {session.run} --max-cost MORE"
        typer.echo(f"--max-cost is reached{_left(session)}. Go on with: {command}", err=True)
        raise typer.Exit(LIMIT if session.growing is None else UNDECIDED)
    if reason in ("endpoint", "time"):
        typer.echo(missing_samples(session), err=True)
    decision = show_decision(report, session.growing) if session.growing is not None else "passed"
    if decision == "failed":
        raise typer.Exit(NOT_PASSED)
    if report.outcomes.get("infrastructure"):
        typer.echo(_unjudged(report, session), err=True)
        raise typer.Exit(INFRASTRUCTURE)
    if reason in ("endpoint", "time"):
        raise typer.Exit(ModelError.exit_code if reason == "endpoint" else LIMIT)
    if decision == "undecided":
        raise typer.Exit(UNDECIDED)


def missing_samples(session: BenchSession) -> str:
    """Return how many samples were cut before the model had answered, why, and what to do."""
    last = session.cut[-1]
    return (
        f"No answer came for {count_of(len(session.cut), 'sample')}, missing in the report. The last one, "
        f"{printable(last.case.id)}: {printable(last.attempt.error or '')}\n"
        f"Make what is missing anew with: {own_command()} bench run --resume {session.run}"
    )


def _left(session: BenchSession) -> str:
    """Return what is spent and left of the budget, and what the next call reserves, so that it isn't used."""
    if session.purse is None:
        return ""
    spent, usd, refused = session.purse.spent, session.purse.usd, session.purse.refused
    call = f"the {money(float(refused))} that the next call reserves" if refused else "the next call's answer"
    amounts = (money(float(amount)) for amount in (spent, usd, usd - spent))
    return ": {} of {} are spent, and the {} that are left don't cover {}".format(*amounts, call)


def _unjudged(report: Report, session: BenchSession) -> str:
    """Return which samples could not be judged, and why, and where the tracebacks are."""
    samples = [verdict for verdict in report.verdicts if verdict.verdict == "infrastructure"]
    of_cases = {one.id: one for one in samples if one.of_case}
    others = [one for one in samples if not one.of_case]
    lines = []
    if of_cases:
        lines.append(f"The suite is wrong in {count_of(len(of_cases), 'case')}, which no answer can pass:")
        lines += _shown([f"  {case}: {printable(one.detail)}" for case, one in of_cases.items()])
        lines.append(f"Examine it with: {own_command()} bench audit SUITE")
    if others:
        lines.append(f"{count_of(len(others), 'sample')} could not be judged:")
        lines += _shown([f"  {one.id}, sample {one.sample}: {printable(one.detail)}" for one in others])
        lines.append(f"Judge them again with: {own_command()} bench {session.command} --resume {session.run}")
        lines.append("After a change of the suite or of the samples, begin anew instead.")
    if session.faults:
        lines.append(save_traceback("\n".join(judged.evidence.fault for judged in session.faults)))
    return "\n".join(lines)


def _shown(lines: list[str]) -> list[str]:
    left = len(lines) - _SHOWN
    return lines[:_SHOWN] + ([f"  and {left:,} more; the report (-o FILE) has all"] if left > 0 else [])
