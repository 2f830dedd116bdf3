"""`coder bench audit`: examine a suite."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from benchmarks.cli import bench_options
from benchmarks.cli.exposure import Exposure, count_exposures, exposures_of
from benchmarks.judge.judge import Judge
from benchmarks.reports.figures import STRENGTHS
from benchmarks.reports.inert import line
from benchmarks.runner.bench_session import default_workers, judge_for
from benchmarks.runner.progress import SampleProgress
from benchmarks.suite import Case, RepositoryCase, Suite
from benchmarks.suites.load import load_suite
from benchmarks.verdict import Outcome, Strength
from benchmarks.written import write_text
from coder.base.text.sanitize import count_of
from coder.run.settings import Settings
from coder.show.flags import takes
from coder.show.interrupt import run_until_interrupted
from coder.show.tables import Block, Column, TextTable, pairs, print_blocks
from sandbox.result import Value

_WIDTH = 400
"""Most columns of a line."""


class Examined(Value):
    """How one case is judged."""

    id: str
    kind: str
    strength: Strength | None
    """None: the case can't be judged."""
    reason: str
    exposures: tuple[Exposure, ...] = ()
    """Classes of cheats that its tests offer a surface to."""
    own: Outcome | None = None
    """The verdict on its canonical answer; None if there is none."""
    nothing: Outcome | None = None
    """The verdict on an empty answer: for a repository, on the unchanged tree."""

    @property
    def sound(self) -> bool:
        """Its canonical answer, if any, passes, and an empty one doesn't."""
        return self.strength is not None and self.own in ("passed", None) and self.nothing != "passed"


class Examination(Value):
    """All cases of a suite."""

    suite: str
    cases: tuple[Examined, ...]
    strengths: dict[str, int]
    """Number of cases by strength of their verdicts; `none` for those that can't be judged."""
    exposures: dict[Exposure, int]
    """Number of cases by class of cheats."""


@takes(bench_options.JUDGING)
def audit(
    context: typer.Context,
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite's name, file or folder.")],
    workers: bench_options.Judges = None,
    out: bench_options.Out = None,
) -> None:
    """Examine a suite: how strong verdicts are, which cheats could try a case, and whether it is sound.

    A case is sound if its own answer passes and an empty one fails. Exit code 1 if one isn't.
    """
    settings, named = bench_options.judging_settings(context), load_suite(suite)
    progress = SampleProgress(len(named.cases), quiet=context.params["json"])
    found = run_until_interrupted(_examination(named, settings, workers or default_workers(), progress))
    if context.params["json"]:
        typer.echo(found.model_dump_json())
    else:
        print_blocks(_suite_blocks(found, named))
    if out is not None:  # last: the result is already printed if writing fails
        write_text(out, found.model_dump_json(indent=1) + "\n")
    raise typer.Exit(not all(one.sound for one in found.cases))


async def _examination(
    suite: Suite, settings: Settings, workers: int, progress: SampleProgress
) -> Examination:
    """Judge each case's canonical answer and an empty one."""
    turns = asyncio.Semaphore(workers)

    async def examined(case: Case) -> Examined:
        async with turns:
            found = await _examined(judge, case)
        progress.advance()
        return found

    async with AsyncExitStack() as stack:
        judge = await stack.enter_async_context(judge_for(suite, settings))
        stack.callback(progress.stop)
        progress.start()
        cases = await asyncio.gather(*map(examined, suite.cases))
    found = Counter[str](case.strength or "none" for case in cases)
    counts = {name: found[name] for name in (*STRENGTHS, "none") if found[name] or name == "strong"}
    exposures = count_exposures([case.exposures for case in cases])
    return Examination(suite=suite.name, cases=tuple(cases), strengths=counts, exposures=exposures)


async def _examined(judge: Judge, case: Case) -> Examined:
    plan = await judge.plan(case)
    found = Examined(
        id=case.id,
        kind=case.kind,
        strength=plan.strength,
        reason=plan.reason,
        exposures=exposures_of(case, plan.mode),
    )
    if plan.strength is None:
        return found
    own = (await judge.judge(case, plan.good)).verdict if plan.good is not None else None
    return found.model_copy(update={"own": own, "nothing": (await judge.judge(case, "")).verdict})


def _suite_blocks(found: Examination, suite: Suite) -> list[Block]:
    """Counts, shares, and each weak or unsound case."""
    counts = ", ".join(f"{count:,} {name}" for name, count in found.strengths.items())
    share = f"{found.strengths['strong'] / max(len(found.cases), 1):.0%}"
    own = [one.own == "passed" for one in found.cases if one.own is not None]
    nothing = [one.nothing != "passed" for one in found.cases if one.nothing is not None]
    what = "bases" if all(isinstance(case, RepositoryCase) for case in suite.cases) else "empty answers"
    weak = [_cells(one) for one in found.cases if one.strength != "strong" or not one.sound]
    lines = [line(f"  {case}  {strength}: {reason}", width=_WIDTH) for case, strength, reason in weak]
    return [
        line(f"{found.suite}: {count_of(len(found.cases), 'case')}: {counts} ({share} strong)"),
        pairs([("own answers that pass", _of(own)), (f"{what} that fail", _of(nothing))], width=21),
        *_exposures(found),
        TextTable(_COLUMNS, weak, indent=2, plain=lines),
    ]


_COLUMNS = (Column("case", is_whole=True), Column("strength", wraps=True), Column("reason", wraps=True))
_CLASSES = (Column("class", is_whole=True), Column("number", is_number=True), Column("cases", wraps=True))


def _exposures(found: Examination) -> list[Block]:
    """Classes of cheats with the cases whose tests offer them a surface."""
    if not found.exposures:
        return []
    cells = [
        (
            name,
            f"{count:,}",
            line(", ".join(one.id for one in found.cases if name in one.exposures), width=_WIDTH),
        )
        for name, count in found.exposures.items()
    ]
    width = max(map(len, found.exposures))
    lines = [f"    {name:<{width}}  {number}: {cases}" for name, number, cases in cells]
    return [
        "  classes of cheats that tests offer a surface to, with the rates in docs/reference/judging.md",
        TextTable(_CLASSES, cells, indent=4, plain=lines),
    ]


def _cells(one: Examined) -> tuple[str, ...]:
    fault = "" if one.sound else f" (own answer: {one.own}, no answer: {one.nothing})"
    return (line(one.id), f"{one.strength or 'judges nobody'}{fault}", line(one.reason, width=_WIDTH))


def _of(held: Sequence[bool]) -> str:
    return f"{sum(held):,} of {len(held):,}"
