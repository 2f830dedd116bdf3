"""`coder bench audit`: examine a suite."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.cli import bench_options
from benchmarks.cli.exposure import Exposure, count_exposures, exposures_of
from benchmarks.executors.pool import default_workers
from benchmarks.harbor.mode import HarborMode
from benchmarks.harbor.task import read_task
from benchmarks.judge.function import idle_answers
from benchmarks.judge.judge import Judge
from benchmarks.judge.mode import Mode, RepositoryMode
from benchmarks.reports.inert import line
from benchmarks.runner.judge_for import judge_for
from benchmarks.runner.progress import SampleProgress
from benchmarks.suite import Case, FunctionCase, HarborCase, RepositoryCase, Suite
from benchmarks.suites.load import load_suite
from benchmarks.verdict import STRENGTHS, Outcome, Strength
from benchmarks.written import write_text
from coder.base.fs.same_place import require_separate
from coder.base.text.sanitize import count_of
from coder.run.settings import Settings
from coder.run.verdict_words import join_names
from coder.show.flags import takes
from coder.show.interrupt import run_until_interrupted
from coder.show.tables import Block, Column, TextTable, pairs, print_blocks
from sandbox.result import Value

_MAX_WIDTH = 400
"""Maximum width of a line, in characters."""


class CaseExamination(Value):
    """Result of examining one case: how it is judged, and verdicts on two answers."""

    id: str
    kind: str
    strength: Strength | None
    """None if the case can't be judged."""
    reason: str
    exposures: tuple[Exposure, ...] = ()
    """Classes of cheats that the case's tests are open to."""
    own: Outcome | None = None
    """Verdict on the case's canonical answer; None if there is none, infrastructure if none can be given."""
    nothing: Outcome | None = None
    """Verdict on an empty answer; for a repository, on the unchanged tree."""
    passed_by: str = ""
    """What an answer returns that does nothing and passes; empty if none was tried, or none passes."""
    findings: tuple[str, ...] = ()
    """Further findings for the task's author, as sentences."""

    @property
    def sound(self) -> bool:
        """Whether the canonical answer, if any, passes, and no answer that does nothing."""
        passes_nothing = self.nothing == "passed" or self.passed_by == "None"
        return self.strength is not None and self.own in ("passed", None) and not passes_nothing


class Examination(Value):
    """Result of examining all cases of a suite."""

    suite: str
    cases: tuple[CaseExamination, ...]
    strengths: dict[str, int]
    """Number of cases by strength of their verdicts; `none` counts cases that can't be judged."""
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

    A case is sound if its own answer passes, and an empty answer and one that returns None fail. Exit code 1
    if a case isn't sound.
    """
    require_separate([out], [Path(suite)])
    settings, loaded_suite = bench_options.judging_settings(context), load_suite(suite)
    progress = SampleProgress(len(loaded_suite.cases), quiet=context.params["json"])
    examination = run_until_interrupted(
        _examine_suite(loaded_suite, settings, workers or default_workers(), progress)
    )
    if context.params["json"]:
        typer.echo(examination.model_dump_json())
    else:
        print_blocks(_suite_blocks(examination, loaded_suite))
    if out is not None:  # last: the result is already printed if writing fails
        write_text(out, examination.model_dump_json(indent=1) + "\n")
    raise typer.Exit(not all(case.sound for case in examination.cases))


async def _examine_suite(
    suite: Suite, settings: Settings, workers: int, progress: SampleProgress
) -> Examination:
    """Judge the canonical answer of each case and an empty answer."""
    slots = asyncio.Semaphore(workers)

    async def examine_case(case: Case) -> CaseExamination:
        async with slots:
            examination = await _examine_with(judge, case)
        progress.advance()
        return examination

    async with AsyncExitStack() as stack:
        judge = await stack.enter_async_context(judge_for(suite, settings))
        stack.callback(progress.stop)
        progress.start()
        cases = await asyncio.gather(*map(examine_case, suite.cases))
    strengths = Counter[str](case.strength or "none" for case in cases)
    counts = {name: strengths[name] for name in (*STRENGTHS, "none") if strengths[name] or name == "strong"}
    exposures = count_exposures([case.exposures for case in cases])
    return Examination(suite=suite.name, cases=tuple(cases), strengths=counts, exposures=exposures)


async def _examine_with(judge: Judge, case: Case) -> CaseExamination:
    plan = await judge.plan(case)
    examination = CaseExamination(
        id=case.id,
        kind=case.kind,
        strength=plan.strength,
        reason=plan.reason,
        exposures=exposures_of(case, plan.mode),
        passed_by=plan.mode.passed_by if isinstance(plan.mode, Mode) else "",
        findings=(*_warnings(case), *_findings(plan.mode)),
    )
    if plan.strength is None:
        outcome: Outcome = "failed" if isinstance(plan.case, FunctionCase) else "infrastructure"
        return examination.model_copy(update={"own": None if plan.good is None else outcome})
    own_verdict = (await judge.judge(case, plan.good)).verdict if plan.good is not None else None
    nothing = (await judge.judge(case, "")).verdict
    examination = examination.model_copy(update={"own": own_verdict, "nothing": nothing})
    return examination if examination.passed_by else await _try_idle_answers(judge, case, examination)


async def _try_idle_answers(judge: Judge, case: Case, examination: CaseExamination) -> CaseExamination:
    """Add a finding if an answer passes a function's test that returns its argument or an expected value."""
    for returned, idle in idle_answers(case).items() if isinstance(case, FunctionCase) else ():
        if (await judge.judge(case, idle, retry=False)).verdict == "passed":
            finding = f"an answer that only returns {returned} passes"
            findings = (*examination.findings, finding)
            return examination.model_copy(update={"passed_by": returned, "findings": findings})
    return examination


def _warnings(case: Case) -> tuple[str, ...]:
    """Return what a Harbor task asks for that has no effect here."""
    return read_task(case.folder).warnings if isinstance(case, HarborCase) else ()


def _findings(mode: object) -> tuple[str, ...]:
    if isinstance(mode, RepositoryMode) and mode.skipped:
        return (f"its own patch skips tests of pass_to_pass here: {join_names(mode.skipped)}",)
    if not isinstance(mode, HarborMode) or mode.own is None or not mode.own.in_history:
        return ()
    paths = ", ".join(mode.own.in_history)
    return (f"git-refs: a git repository of the image holds the answer of {paths}",)


def _suite_blocks(examination: Examination, suite: Suite) -> list[Block]:
    """Return the blocks to print: counts, shares, and each weak or unsound case."""
    counts = ", ".join(f"{count:,} {name}" for name, count in examination.strengths.items())
    share = f"{examination.strengths['strong'] / max(len(examination.cases), 1):.0%}"
    own_passes = [case.own == "passed" for case in examination.cases if case.own is not None]
    empty_fails = [case.nothing != "passed" for case in examination.cases if case.nothing is not None]
    answer_kind = (
        "bases" if all(isinstance(case, RepositoryCase) for case in suite.cases) else "empty answers"
    )
    weak_rows = [_cells(case) for case in examination.cases if case.strength != "strong" or not case.sound]
    lines = [
        line(f"  {case}  {strength}: {reason}", width=_MAX_WIDTH) for case, strength, reason in weak_rows
    ]
    return [
        line(f"{examination.suite}: {count_of(len(examination.cases), 'case')}: {counts} ({share} strong)"),
        pairs(
            [
                ("own answers that pass", _count_true(own_passes)),
                (f"{answer_kind} that fail", _count_true(empty_fails)),
            ],
            width=21,
        ),
        *_exposure_blocks(examination),
        *(
            line(f"  {case.id}  {finding}", width=_MAX_WIDTH)
            for case in examination.cases
            for finding in case.findings
        ),
        TextTable(_COLUMNS, weak_rows, indent=2, plain=lines),
    ]


_COLUMNS = (Column("case", is_whole=True), Column("strength", wraps=True), Column("reason", wraps=True))
_CLASSES = (Column("class", is_whole=True), Column("number", is_number=True), Column("cases", wraps=True))


def _exposure_blocks(examination: Examination) -> list[Block]:
    """Return a table of the classes of cheats and the cases that are open to each class."""
    if not examination.exposures:
        return []
    cells = [
        (
            name,
            f"{count:,}",
            line(
                ", ".join(case.id for case in examination.cases if name in case.exposures), width=_MAX_WIDTH
            ),
        )
        for name, count in examination.exposures.items()
    ]
    width = max(map(len, examination.exposures))
    lines = [f"    {name:<{width}}  {number}: {cases}" for name, number, cases in cells]
    return [
        "  classes of cheats that tests offer a surface to, with the rates in docs/reference/judging.md",
        TextTable(_CLASSES, cells, indent=4, plain=lines),
    ]


def _cells(case: CaseExamination) -> tuple[str, ...]:
    answers = {"own answer": case.own, "no answer": case.nothing} if not case.sound else {}
    got = ", ".join(
        f"{name}: {outcome}" for name, outcome in answers.items() if outcome not in (None, "infrastructure")
    )
    strength = f"{case.strength or 'not judged'}{f' ({got})' if got else ''}"
    return (line(case.id), strength, line(case.reason, width=_MAX_WIDTH))


def _count_true(values: Sequence[bool]) -> str:
    return f"{sum(values):,} of {len(values):,}"
