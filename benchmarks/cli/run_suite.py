"""`coder bench run`: have a model answer the cases of a suite, and judge the answers."""

import secrets
from collections.abc import Awaitable, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.cli import bench_options
from benchmarks.cli.bench_endings import show, until_interrupted
from benchmarks.cli.resumed_flags import restored_config, restored_flags, restored_selection
from benchmarks.cli.run_plan import RunPlan, choose_models, open_answering_worker, open_model
from benchmarks.cli.sample_pages import require_pages, write_pages
from benchmarks.cli.until_decided import plan_growth
from benchmarks.report import Report
from benchmarks.runner.baselines import Baseline
from benchmarks.runner.bench_session import BenchSession, load_first_start, open_log
from benchmarks.runner.progress import SampleProgress
from benchmarks.runner.solving import ModelSolver
from benchmarks.runner.spread import parse_spread
from benchmarks.suite import Suite
from benchmarks.suites.load import load_suite
from benchmarks.suites.selection import Selection, parse_shard, parse_slice
from coder.base.errors import UsageError, own_command
from coder.base.fs.same_place import require_separate
from coder.config.layers import load
from coder.models.roles import Roles
from coder.models.shared_budget import BudgetedModel, SharedBudget
from coder.run.option_table import Count, File, Number, Text
from coder.run.settings import Settings
from coder.show.flags import check_backend, given_flags, option, takes
from coder.show.screen import Screen
from coder.store import SqliteLog


@takes(bench_options.ASKING, bench_options.JUDGING, bench_options.SPREADING, bench_options.GROWING, "pages")
def run(
    context: typer.Context,
    suite: bench_options.Suite = None,
    samples: Annotated[Count, option("--samples -n", "Samples per case (1).", "N", min=1)] = None,
    one_shot: Annotated[
        bool, option("--one-shot", "One answer a sample: no repair, no fresh start.")
    ] = False,
    agent: Annotated[
        Baseline | None,
        option("--agent", "No model: each case's own answer (oracle), or none (nop).", "NAME"),
    ] = None,
    max_cost: Annotated[
        Number,
        option(
            "--max-cost", "Cost of all samples; the run ends before it costs more.", "USD", min=0, max=1e9
        ),
    ] = None,
    workers: bench_options.Workers = None,
    filter: Annotated[Text, option("--filter", "Only cases whose id matches one.", "GLOB|…")] = None,
    slice: Annotated[Text, option("--slice", "Only this range of the chosen cases.", "FROM:TO")] = None,
    shuffle: Annotated[bool, option("--shuffle", "Take the cases in random order, by --seed.")] = False,
    shard: Annotated[str, option("--shard", "Only this part of the cases, for `merge`.", "I/N")] = "1/1",
    resume: bench_options.Resume = None,
    out: bench_options.Out = None,
    answers: Annotated[File, option("--answers", "Write the answers as samples.jsonl.", "FILE")] = None,
    min_strength: bench_options.MinStrength = None,
) -> None:
    """Have a model answer the cases of a suite, and judge its answers.

    Each sample takes the same loop as `coder solve`, on the prompt and its visible examples alone. Exit
    codes: 0 all judged, 2 usage, 3 --max-cost or a run's time limit was reached, 4 the endpoint gave no
    answer, 5 samples that this machine could not judge, 130 interrupted; with --until-decided 1 not passed,
    11 undecided. Verdicts are saved: --resume continues.
    """
    pages = context.params["pages"]
    if pages is not None:
        require_pages()
    report, session, reason = answer_suite(context)
    try:
        if pages is not None:
            write_pages(pages, session)
    finally:  # the score stands without the pages
        show(report, session, reason=reason, out=out, as_json=context.params["json"])


def answer_suite(context: typer.Context, *, is_round: bool = False) -> tuple[Report, BenchSession, str]:
    """Answer and judge a suite by the flags of `run`; return its report, and why the run ended.

    Args:
        is_round: whether the run is a round of a watched suite, which has all samples and is made anew.
    """
    parameters, selection = context.params, _selection(context.params)
    if is_round and parameters["seed"] is None:  # a round that repeats another one's draws shows nothing new
        selection = selection.model_copy(update={"seed": secrets.randbelow(1 << 31)})
    suite, resume, out, answers = (parameters[name] for name in ("suite", "resume", "out", "answers"))
    flags = given_flags(context) | {"samples": None, "max_cost": None}
    quiet = parameters["quiet"] or parameters["json"]
    with open_log() as log:
        layers = load(flags)
        config = layers.config
        if resume is not None:
            first_start = load_first_start(log, resume, command="run")
            suite = suite or first_start.suite
            selection, parameters = (
                restored_selection(selection, first_start),
                restored_flags(parameters, first_start),
            )
            config = restored_config(flags, first_start)
        elif parameters["max_cost"] is not None:  # a run that ends early must not favour the first cases
            selection = selection.model_copy(update={"shuffle": True})
        if suite is None:
            raise UsageError(f"Give a SUITE, or --resume RUN. See them with: {own_command()} bench list")
        require_separate(
            [out, answers, parameters["record"]], [Path(suite), parameters["replay"], parameters["baseline"]]
        )
        check_backend(config.settings().sandbox, flags)
        if parameters["until_decided"] and is_round:
            raise UsageError("A round has all its samples: leave out --until-decided.")
        samples = parameters["samples"] if resume is None else selection.samples
        growing = plan_growth(partial(_selected, suite, selection), parameters, samples=samples)
        if growing is not None:
            selection = selection.model_copy(update={"samples": growing.plan.samples[-1]})
        plan = RunPlan(suite, selection, config, parameters)
        session = _session(plan, parameters, resume)
        session.growing = growing
        if growing is not None and session.greedy:
            raise UsageError("--until-decided needs samples that vary: leave out --temperature 0.")
        progress = SampleProgress(plan.attempts, quiet=quiet)
        if parameters["agent"] is None and selection.samples > 1 and not quiet:
            typer.echo(_GREEDY_NOTE if session.greedy else _drawn_note(plan.settings), err=True)
        if parameters["agent"] is None:
            roles = choose_models(config, layers.book, parameters, Screen(quiet=quiet, yes=True))
            work = _model_work(plan, session, log, roles, progress, answers)
        else:
            started, jobs = plan.started(plan.baseline), plan.baseline_jobs()
            work = session.work(log, started, jobs, progress, answers=answers)
        report, reason = until_interrupted(work, session, is_round=is_round)
    return report, session, reason


def _selected(suite: str, selection: Selection) -> Suite:
    return selection.within(load_suite(suite))


_GREEDY_NOTE = (
    "Samples of one case are drawn greedily, at temperature 0: they are alike, and count as one.\n"
    "Leave out --temperature to draw them as the model does by default."
)


def _drawn_note(settings: Settings) -> str:
    if settings.temperature is None:
        return "Samples are drawn at the model's default temperature. Set another one with: --temperature T"
    return f"Samples are drawn at temperature {settings.temperature:g}."


def _selection(parameters: Mapping[str, Any]) -> Selection:
    return Selection(
        samples=parameters["samples"] or 1,
        filter=parameters["filter"],
        slice=parse_slice(parameters["slice"]),
        shuffle=parameters["shuffle"],
        seed=parameters["seed"] or 0,
        shard=parse_shard(parameters["shard"]),
    )


def _session(plan: RunPlan, parameters: Mapping[str, Any], resume: str | None) -> BenchSession:
    max_cost = parameters["max_cost"]
    if parameters["record"] is not None and parameters["ray"] is not None:
        raise UsageError("--record writes the calls of this process, and with --ray others call the model.")
    settings = plan.settings
    # Without a temperature, a sample's first answer is drawn at 0: a run made again repeats it, unless each
    # sample draws several. Restarts after a failed answer don't make the others draws of their own.
    draws_several = settings.strategy == "best-of-n" and settings.budget.samples > 1
    varies = settings.model_temperature or draws_several
    return BenchSession(
        plan.chosen,
        plan.settings,
        parse_spread(parameters["workers"], parameters["worker_tokens"], parameters["ray"]),
        purse=SharedBudget(Decimal(str(max_cost))) if max_cost is not None else None,
        independent=not settings.lessons,
        greedy=settings.temperature == 0 or (settings.temperature is None and not varies),
        samples=plan.selection.samples,
        min_strength=parameters["min_strength"],
        resume=resume,
    )


async def _model_work(
    plan: RunPlan,
    session: BenchSession,
    log: SqliteLog,
    choosing: Awaitable[Roles | None],
    progress: SampleProgress,
    answers: Path | None,
) -> tuple[Report, str]:
    roles = await choosing
    opening = None
    if session.spread.ray is not None:
        budget = session.run if session.purse is not None else None
        opening = partial(open_answering_worker, plan, roles, budget)
    async with open_model(plan.config, plan.parameters, roles) as model:
        budgeted_model = model if session.purse is None else BudgetedModel(model, session.purse)
        solver = ModelSolver(budgeted_model, plan.settings, log=log, show=progress.note)
        started = plan.started(model.name)
        return await session.work(
            log,
            started,
            plan.jobs(),
            progress,
            answering=partial(plan.answering, solver),
            opening=opening,
            answers=answers,
        )
