"""`coder bench run`: have a model answer the cases of a suite, and judge what it says."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.cli import bench_options
from benchmarks.cli.bench_endings import absolute, command_line, show, until_interrupted
from benchmarks.report import Report
from benchmarks.runner.bench_session import BenchSession, digests, earlier, open_log
from benchmarks.runner.case_attempt import CaseAttempt, Solver, shown
from benchmarks.runner.progress import SampleProgress
from benchmarks.runner.runlog import BenchStarted
from benchmarks.runner.runner import SampleJob
from benchmarks.runner.solving import ModelSolver
from benchmarks.suite import Case
from benchmarks.suites.load import load_suite
from benchmarks.suites.repotasks import with_base_tree
from benchmarks.suites.selection import Selection, parse_shard, parse_slice
from coder.base.errors import UsageError, own_command
from coder.config.layers import load
from coder.config.schema import Config, checked, flag, over
from coder.models.catalog import UserModels
from coder.models.model import Model
from coder.models.shared_budget import BudgetedModel, SharedBudget
from coder.run.model_choice import open_models
from coder.run.option_table import Count, File, Number, Text
from coder.show.flags import check_backend, given_flags, option, takes
from coder.show.screen import Screen
from coder.store import SqliteLog
from sandbox.errors import SandboxError

_Opening = AbstractAsyncContextManager[Model]
_KEPT = ("one_shot", "workers", "price", "replay", "max_cost", "include_weaker")
"""Flags that a resume takes from the run, beside those of the configuration; others belong to one start."""


@takes(bench_options.ASKING, bench_options.JUDGING)
def run(
    context: typer.Context,
    suite: bench_options.Suite = None,
    samples: Annotated[int, option("--samples -n", "Samples per case.", "N", min=1)] = 1,
    one_shot: Annotated[
        bool, option("--one-shot", "One answer a sample: no repair, no fresh start.")
    ] = False,
    max_cost: Annotated[
        Number, option("--max-cost", "Cost of all samples; the run ends before it costs more.", "USD")
    ] = None,
    workers: Annotated[Count, option("--workers -w", "Samples in parallel.", "N", min=1)] = None,
    filter: Annotated[Text, option("--filter", "Only cases whose id matches.", "GLOB")] = None,
    slice: Annotated[Text, option("--slice", "Only this range of the chosen cases.", "FROM:TO")] = None,
    shuffle: Annotated[bool, option("--shuffle", "Take the cases in random order, by --seed.")] = False,
    shard: Annotated[str, option("--shard", "Only this part of the cases, for `merge`.", "I/N")] = "1/1",
    resume: bench_options.Resume = None,
    out: bench_options.Out = None,
    answers: Annotated[File, option("--answers", "Write the answers as samples.jsonl.", "FILE")] = None,
    include_weaker: bench_options.IncludeWeaker = False,
) -> None:
    """Have a model answer the cases of a suite, and judge its answers.

    Each sample takes the same loop as `coder solve`, on the prompt and its visible examples alone. Exit
    codes: 0 all judged, 2 usage, 3 --max-cost was reached, 4 no model answers, 5 samples that this
    machine could not judge, 130 interrupted. Verdicts are saved: --resume continues.
    """
    given, selection = context.params, _selection(context.params)
    flags = given_flags(context) | {"samples": None, "max_cost": None}
    quiet = given["quiet"] or given["json"]
    with open_log() as log:
        loaded = load(flags)
        config = loaded.config
        if resume is not None:
            before = earlier(log, resume, command="run")
            suite = suite or before.suite
            selection, given = same_selection(selection, before), same_flags(given, before)
            config = same_config(flags, before)
        elif given["max_cost"] is not None:  # it may not reach all cases, and must not favour the first
            selection = selection.model_copy(update={"shuffle": True})
        if suite is None:
            raise UsageError(f"Give a SUITE, or --resume RUN. See them with: {own_command()} bench list")
        check_backend(config.settings().sandbox, flags)
        opening = _opening(config, loaded.book, given, Screen(quiet=quiet, yes=True))
        plan = _Plan(suite, selection, config, given)
        session = _session(plan, given, resume)
        progress = SampleProgress(plan.attempts, quiet=quiet)
        if session.greedy and selection.samples > 1 and not quiet:
            typer.echo(_ALIKE, err=True)
        work = _work(plan, session, log, opening, progress, answers)
        report, reason = until_interrupted(work, session)
    show(report, session, reason=reason, out=out, as_json=given["json"])


_ALIKE = (
    "Samples of one case are drawn greedily, at temperature 0: they are alike, and count as one.\n"
    "Draw them at random with: --temperature 0.8"
)


def _selection(given: Mapping[str, Any]) -> Selection:
    return Selection(
        samples=given["samples"],
        filter=given["filter"],
        slice=parse_slice(given["slice"]),
        shuffle=given["shuffle"],
        seed=given["seed"] or 0,
        shard=parse_shard(given["shard"]),
    )


def _opening(config: Config, book: UserModels, given: Mapping[str, Any], screen: Screen) -> _Opening:
    settings = config.settings(replay=given["replay"]).model_copy(update={"price": given["price"]})
    return open_models(
        config.models(),
        settings,
        note=screen.note,
        book=book,
        record=given["record"],
        must_know_price=given["max_cost"] is not None,
    )


def _session(plan: "_Plan", given: Mapping[str, Any], resume: str | None) -> BenchSession:
    most = given["max_cost"]
    one_shot = given["one_shot"] or plan.settings.strategy == "one-shot"
    # Restarts within a sample are drawn at random, whatever the temperature of the first try.
    from_one_start = one_shot or plan.settings.budget.samples == 1
    return BenchSession(
        plan.chosen,
        plan.settings,
        given["workers"],
        purse=SharedBudget(Decimal(str(most))) if most is not None else None,
        independent=one_shot,
        greedy=from_one_start and not plan.settings.temperature,
        include_weaker=given["include_weaker"],
        resume=resume,
    )


class _Plan:
    """Suite, selection and settings of a run."""

    def __init__(self, suite: str, selection: Selection, config: Config, given: Mapping[str, Any]) -> None:
        self._named, self.suite = suite, load_suite(suite)
        self.chosen = selection.within(self.suite)
        self.selection, self._config, self._given = selection, config, given
        settings = config.settings()
        if given["one_shot"]:
            only = {"samples": 1, "repairs": 0, "max_calls": 1}
            settings = settings.model_copy(update={"budget": settings.budget.model_copy(update=only)})
        self.settings = settings

    @property
    def attempts(self) -> int:
        """Number of attempts."""
        return self.selection.samples * len(self.selection.cases(self.suite))

    def started(self, model: str) -> BenchStarted:
        """The run's first event."""
        settings = self.settings.model_dump_json(exclude={"seed", "model_timeout"})
        alike = self.selection.model_dump_json(exclude={"shard"})  # so that shards can be merged
        parameters = f"{model}\n{settings}\n{alike}\n{self._given['one_shot']}"
        return BenchStarted(
            suite=absolute(self._named),
            model=model,
            digests=digests(self.chosen, {"parameters": hashlib.sha256(parameters.encode()).hexdigest()}),
            parameters=asked_for(self._config, self.selection, self._given) | {"command": command_line()},
        )

    def jobs(self, solver: Solver) -> Iterator[SampleJob]:
        """A job for each sample."""
        for case, sample in self.selection.attempts(self.suite):
            yield self._job(solver, case, sample)

    def _job(self, solver: Solver, case: Case, sample: int) -> SampleJob:
        async def attempt() -> CaseAttempt:
            seed = self.selection.seed_of(case.id, sample)
            try:
                seen = shown(await with_base_tree(case))
            except SandboxError as error:  # the judge meets the same error and reports it for the case
                return CaseAttempt(error=str(error))
            return await solver(seen, sample=sample, seed=seed)

        return SampleJob(case, sample, attempt)


async def _work(
    plan: _Plan,
    session: BenchSession,
    log: SqliteLog,
    opening: _Opening,
    progress: SampleProgress,
    answers: Path | None,
) -> tuple[Report, str]:
    async with opening as model:
        paid = model if session.purse is None else BudgetedModel(model, session.purse)
        solver = ModelSolver(paid, plan.settings, log=log)
        return await session.work(log, plan.started(model.name), plan.jobs(solver), progress, answers)


def asked_for(config: Config, selection: Selection, given: Mapping[str, Any]) -> dict[str, Any]:
    """All flags for the log, without secret parts of addresses."""
    kept = {name: given[name] for name in _KEPT}
    if given["replay"] is not None:
        kept["replay"] = str(given["replay"].absolute())
    return {
        **kept,
        "selection": selection.model_dump_json(),
        "config": config.for_log().model_dump_json(exclude_unset=True),
    }


def same_flags(given: Mapping[str, Any], before: BenchStarted) -> dict[str, Any]:
    """The values of all flags: those given now, else those of the run's start."""
    kept = {name: before.parameters.get(name) for name in _KEPT}
    unsaid = [name for name in _KEPT if given[name] is None or given[name] is False]
    again = {name: kept[name] for name in unsaid if kept[name] is not None}
    replay = {"replay": Path(str(again["replay"]))} if "replay" in again else {}
    return {**given, **again, **replay}


def same_config(flags: Mapping[str, object], before: BenchStarted) -> Config:
    """The configuration layers of the run's start, overridden by the flags given now."""
    kept = Config.model_validate_json(str(before.parameters["config"]))
    return over(kept, checked(flags, flag))


def same_selection(given: Selection, before: BenchStarted) -> Selection:
    """The run's selection. Raises UsageError if another one is given."""
    kept = Selection.model_validate_json(str(before.parameters["selection"]))
    usual = Selection()
    for name in Selection.model_fields:
        now = getattr(given, name)
        if now not in (getattr(usual, name), getattr(kept, name)):
            raise UsageError(
                f"--{name} can't change: a resumed run keeps its cases and samples.\n"
                "Leave it out beside --resume, or start another run."
            )
    return kept
