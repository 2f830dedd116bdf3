"""`coder bench status`: how far a run is, and what its nodes do, from any terminal."""

import asyncio
import time
from collections import deque
from typing import Annotated

import typer

from benchmarks.executors.executor import NodeTally
from benchmarks.reports.figures import rule
from benchmarks.runner.bench_session import open_log
from benchmarks.runner.node_rates import node_table
from benchmarks.runner.runlog import BenchEnded, BenchJudged, BenchNodes, BenchStarted
from benchmarks.verdict import STRENGTHS, Strength, is_pass
from coder.base.errors import UsageError, own_command
from coder.base.text.sanitize import count_of
from coder.show import flags
from coder.show.tables import print_blocks
from coder.store import SqliteLog
from sandbox.result import Value

_PAGE = 500
_RECENT_S = 60.0
"""The rate is that of the verdicts within this time before the latest one, in seconds."""
_LEAST_S = 1.0
"""Least time for a rate, in seconds: verdicts are stored several at once."""


class RunStatus(Value):
    """Progress of a run."""

    run: str
    suite: str
    holder: str | None
    """Process that executes the run; None if there is none."""
    ended: str | None = None
    """Why the run ended; None if it hasn't."""
    judged: int = 0
    passed: int = 0
    min_strength: Strength | None = None
    """Passes with a weaker verdict count as not passed; None: all passes count."""
    rate: float = 0.0
    """Verdicts a second."""
    last_s: float | None = None
    """Seconds since the latest verdict."""
    nodes: tuple[NodeTally, ...] = ()
    """Nodes of the latest start, if there are several."""


def status(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The id that bench run or grade printed first.")],
    json: flags.Json = False,
) -> None:
    """Show how far a run is: samples, rate, and each node's part, losses and repeated samples.

    Exit code 2 if there is no such run.
    """
    with open_log() as log:
        run_status = asyncio.run(read_status(log, run))
    if json:
        typer.echo(run_status.model_dump_json())
        return
    state = "ended: " + run_status.ended if run_status.ended else "runs" if run_status.holder else "stopped"
    minimum = f" ({text})" if (text := rule(run_status.min_strength)) else ""
    typer.echo(
        f"{run_status.run}  {run_status.suite}  {state}\n"
        f"{count_of(run_status.judged, 'sample')}, {run_status.passed:,} passed{minimum}, "
        f"{run_status.rate:.1f}/s"
    )
    if run_status.nodes:
        print_blocks([node_table(run_status.nodes)])


async def read_status(log: SqliteLog, run: str) -> RunStatus:
    """Return a run's status from its log. Raises UsageError if the run isn't a benchmark."""
    times, seq = deque[float](), 0
    run_status: RunStatus | None = None
    undecided = set[tuple[str, int]]()
    """Samples counted as `infrastructure`, which a resumed run judges again."""
    while events := await log.read(run, after=seq, limit=_PAGE):
        for event in events:
            if event.type == BenchStarted.type:
                started = BenchStarted.model_validate(event.body)
                minimum = started.parameters.get("min_strength")
                min_strength = next((one for one in STRENGTHS if one == minimum), None)
                holder = await log.holder(run)
                run_status = RunStatus(run=run, suite=started.suite, holder=holder, min_strength=min_strength)
            elif run_status is None:
                break
            elif event.type == BenchJudged.type:
                judged = BenchJudged.model_validate(event.body)
                outcome, strength = judged.verdict.verdict, judged.verdict.strength
                counts = {
                    "judged": run_status.judged + (judged.key not in undecided),
                    "passed": run_status.passed + is_pass(outcome, strength, run_status.min_strength),
                    "ended": None,
                }
                run_status = run_status.model_copy(update=counts)
                undecided.discard(judged.key)
                if outcome == "infrastructure":
                    undecided.add(judged.key)
                times.append(event.time)
                while times[0] < event.time - _RECENT_S:
                    times.popleft()
            elif event.type == BenchNodes.type:
                nodes = BenchNodes.model_validate(event.body).nodes
                run_status = run_status.model_copy(update={"nodes": nodes})
            elif event.type == BenchEnded.type:
                reason = BenchEnded.model_validate(event.body).reason
                run_status = run_status.model_copy(update={"ended": reason})
        seq = events[-1].seq
    if run_status is None:
        raise UsageError(f"{run} is no benchmark's run. See them with: {own_command()} bench list --runs")
    if not times:
        return run_status
    rate = (len(times) - 1) / max(times[-1] - times[0], _LEAST_S)
    return run_status.model_copy(update={"rate": rate, "last_s": time.time() - times[-1]})
