"""Plan a run of `coder bench run`: suite, selection, settings and model, also on a cluster's machines."""

import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from benchmarks.cli.bench_endings import command_line, name_or_path
from benchmarks.cli.resumed_flags import run_parameters
from benchmarks.judge.judge import Judge
from benchmarks.runner.baselines import Baseline, baseline_job
from benchmarks.runner.bench_session import digests, open_log
from benchmarks.runner.case_attempt import CaseAttempt, visible_part
from benchmarks.runner.judge_for import judge_for
from benchmarks.runner.runlog import BenchStarted, RunLog
from benchmarks.runner.sample_job import Answering, BenchWorker, SampleJob
from benchmarks.runner.solving import ModelSolver
from benchmarks.suite import Case, HarborCase, UnreadableCase
from benchmarks.suites.load import load_suite
from benchmarks.suites.repotasks import with_base_tree
from benchmarks.suites.selection import Selection
from coder.config.schema import Config
from coder.models.catalog import UserModels
from coder.models.model import Model
from coder.models.roles import Roles
from coder.models.shared_budget import BudgetedModel
from coder.run.model_choice import choose_roles, open_models
from coder.run.settings import Settings
from coder.show.screen import Screen
from coder.store import new_run_id
from sandbox.errors import SandboxError

ModelOpening = AbstractAsyncContextManager[Model]


async def choose_models(
    config: Config, book: UserModels, parameters: Mapping[str, Any], screen: Screen
) -> Roles | None:
    """Choose the models of a run, with their keys; None if a recording answers. Raises UsageError."""
    settings = _model_settings(config, parameters)
    if settings.replay is not None:
        return None
    return await choose_roles(config.models(), settings, note=screen.note, book=book)


def open_model(config: Config, parameters: Mapping[str, Any], roles: Roles | None) -> ModelOpening:
    """Open the model of a run. Raises UsageError if there is a cost limit and the price is unknown."""
    return open_models(
        config.models(),
        _model_settings(config, parameters),
        record=parameters["record"],
        must_know_price=parameters["max_cost"] is not None,
        roles=roles,
    )


def _model_settings(config: Config, parameters: Mapping[str, Any]) -> Settings:
    return config.settings(replay=parameters["replay"]).model_copy(update={"price": parameters["price"]})


class RunPlan:
    """Suite, selection and settings of a run, from which its jobs are made."""

    def __init__(
        self, suite: str, selection: Selection, config: Config, parameters: Mapping[str, Any]
    ) -> None:
        self._suite_name, self.suite = suite, load_suite(suite)
        self.chosen = selection.within(self.suite)
        self.selection, self.config, self.parameters = selection, config, parameters
        settings = config.settings()
        if parameters["one_shot"]:
            one_call = {"samples": 1, "repairs": 0, "max_calls": 1}
            settings = settings.model_copy(update={"budget": settings.budget.model_copy(update=one_call)})
        if selection.samples > 1 and settings.temperature is None:
            settings = settings.model_copy(update={"model_temperature": True})
        self.settings = settings

    @property
    def attempts(self) -> int:
        """Number of samples to draw, over all selected cases."""
        return self.selection.samples * len(self.selection.cases(self.suite))

    def started(self, model: str) -> BenchStarted:
        """Return the run's first event."""
        settings = self.settings.model_dump_json(exclude={"seed", "model_timeout"})
        # Shards can be merged, and another seed draws other samples of the same.
        shared_selection = self.selection.model_dump_json(exclude={"shard", "seed"})
        parameters = f"{model}\n{settings}\n{shared_selection}\n{self.parameters['one_shot']}"
        return BenchStarted(
            suite=name_or_path(self._suite_name),
            model=model,
            digests=digests(self.chosen, {"parameters": hashlib.sha256(parameters.encode()).hexdigest()}),
            parameters=run_parameters(self.config, self.selection, self.parameters)
            | {"command": command_line()},
        )

    @property
    def baseline(self) -> Baseline:
        """Baseline that answers in place of a model."""
        return Baseline(self.parameters["agent"])

    def baseline_jobs(self) -> Iterator[SampleJob]:
        """Yield a job for each sample, answered without a model."""
        for case, sample in self.selection.attempts(self.suite):
            yield baseline_job(self.baseline, case, sample)

    def jobs(self) -> Iterator[SampleJob]:
        """Yield a job for each sample."""
        for case, sample in self.selection.attempts(self.suite):
            yield SampleJob(case, sample)

    def answering(self, solver: ModelSolver, judge: Judge, record: RunLog | None = None) -> Answering:
        """Return a function that answers samples by a model, and saves steps of tasks in `record`, if any."""

        async def answer(case: Case, sample: int) -> CaseAttempt:
            if isinstance(case, UnreadableCase):
                return CaseAttempt()  # no verdict is worth a call
            seed = self.selection.seed_of(case.id, sample)
            if isinstance(case, HarborCase):
                from benchmarks.runner.acting import act_and_judge  # imported late: few suites act

                return await act_and_judge(solver, judge, case, sample=sample, seed=seed, record=record)
            try:
                visible_case = visible_part(await with_base_tree(case))
            except SandboxError as error:  # the judge meets the same error and reports it for the case
                return CaseAttempt(error=str(error))
            run_id = new_run_id()
            if record is not None:
                await record.begin_attempt(case.id, sample, run_id)
            return await solver(visible_case, sample=sample, seed=seed, run_id=run_id)

        return answer


@asynccontextmanager
async def open_answering_worker(
    plan: RunPlan, roles: Roles | None, budget: str | None
) -> AsyncIterator[BenchWorker]:
    """Open a worker that answers and judges samples, on a machine of a cluster.

    Args:
        roles: models of the driver, with its keys; None if a recording answers.
        budget: name of the actor that holds the budget of all workers.
    """
    with open_log() as log:
        async with (
            open_model(plan.config, plan.parameters, roles) as model,
            judge_for(plan.chosen, plan.settings) as judge,
        ):
            if budget is not None:
                from benchmarks.executors.ray_budget import RayPurse

                model = BudgetedModel(model, RayPurse(budget))
            solver = ModelSolver(model, plan.settings, log=log)
            yield BenchWorker(judge, plan.answering(solver, judge))
