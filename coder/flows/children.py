"""Children: the runs that steps of a flow begin, and that a resume continues."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from coder.base.errors import CoderError, UsageError
from coder.base.usage import Usage
from coder.config.task_file import split_command
from coder.engine.agent import solve
from coder.engine.options import Options
from coder.engine.requests import state_of
from coder.engine.resume import resume
from coder.environment.run_policy import OpenSandbox
from coder.flows.recorded_steps import RecordedSteps, StepOutcome
from coder.flows.values import digest_of, to_json
from coder.models.model import Model
from coder.run.event_types import FlowStepSpawned, StepSpent
from coder.run.model_choice import asked_of, open_models
from coder.run.open_question import open_question
from coder.run.questions import Question
from coder.run.run import Run, summarize
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.run.watch import note_of
from coder.store import EventLog
from coder.store.run_list import step_run_id

OpenModel = Callable[[], AbstractAsyncContextManager[Model]]
_CUT_OFF = ("interrupted", "error")
"""Statuses with which a run ends that a resume of its flow continues."""


class RunFailed(CoderError):
    """The run of a step has ended by an error."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"{run.run_id}: {run.error or run.reason}")
        self.exit_code = run.exit_code  # type: ignore[misc]


@dataclass(frozen=True, slots=True)
class Solving:
    """One `flow.solve`: the digest of its input, and its work at a position."""

    digest: str
    run: Callable[[str], Any]


class Children:
    """Begins and continues the runs of a flow's steps, with one model for all."""

    def __init__(
        self,
        steps: RecordedSteps,
        log: EventLog,
        stack: AsyncExitStack,
        options: Options,
        open_model: OpenModel | None,
    ) -> None:
        self._steps = steps
        self._log = log
        self._stack = stack
        self._options = options
        self._open_model = open_model
        self._model = options.get("model")

    @property
    def settings(self) -> Settings:
        """The settings of the flow, which apply to its runs and checks."""
        settings = self._steps.journal.state.settings
        # The log has every limit; a strategy has defaults of its own for those that weren't set.
        limits = {name: limit for name, limit in settings.budget if limit != getattr(Budget(), name)}
        return settings.model_copy(update={"budget": Budget(**limits)})

    @property
    def sandbox(self) -> OpenSandbox | None:
        """The function that opens a sandbox, if the caller gave one."""
        return self._options.get("sandbox")

    def solving(self, task: Task, test: str | Sequence[str] | None, changes: Mapping[str, object]) -> Solving:
        """Return the work on a task. Raises UsageError: a setting or the test command is invalid."""
        folder = self._steps.journal.state.task.workspace
        if task.workspace is not None and folder is not None:
            task = task.model_copy(update={"workspace": folder / task.workspace})
        if test is not None:
            words = split_command(test if isinstance(test, str) else tuple(test))
            task = task.model_copy(update={"test_command": words})
        settings = self.settings
        if changes:
            try:
                settings = Settings.model_validate({**dict(settings), **changes})
            except ValidationError as error:
                problem = error.errors()[0]
                place = ".".join(map(str, problem["loc"]))
                raise UsageError(f"flow.solve: the setting {place}: {problem['msg']}.") from error
        digest = digest_of([task.model_dump(mode="json"), to_jsonable_python(dict(changes))])
        return Solving(digest, lambda position: self._work(position, task, settings))

    def landing(self, child: str, branch: str | None) -> Solving:
        """Return the work of landing a run's change, which a run that has landed doesn't repeat."""

        async def land(position: str) -> StepOutcome:
            state = await state_of(self._log, child)
            run = summarize(state)
            if not run.landed and run.commit is None:
                update = {"apply": True, "branch": branch}
                options = await self._options_for(state.settings.model_copy(update=update))
                run = await self._answered(child, await resume(child, **options), options)
            return StepOutcome(to_json(TypeAdapter(Run), run, "flow.land"))

        return Solving(digest_of([child, branch]), land)

    async def _work(self, position: str, task: Task, settings: Settings) -> StepOutcome:
        """Begin or continue the run of a step. Raises RunFailed: the run has ended by an error."""
        journal = self._steps.journal
        child = self._steps.record.steps[position].run
        if child is None:
            child = step_run_id(journal.run, position)
            await journal.append(FlowStepSpawned(position=position, run=child))
        options = await self._options_for(settings)
        run = await self._answered(child, await self._continue(child, task, options), options)
        spent = StepSpent(
            calls=run.calls,
            usage=Usage(
                input_tokens=run.tokens.input,
                output_tokens=run.tokens.output,
                cached_tokens=run.tokens.cached,
                reasoning_tokens=run.tokens.reasoning,
            ),
            cost_usd=None if run.cost is None else Decimal(str(run.cost)),
        )
        return StepOutcome(to_json(TypeAdapter(Run), run, "flow.solve"), spent)

    async def _options_for(self, settings: Settings) -> Options:
        options = cast(Options, {**self._options, "log": self._log, "settings": settings})
        options["model"] = await self._open()
        return options

    async def _answered(self, child: str, run: Run, options: Options) -> Run:
        """Ask the questions that a run waits with, and return its end. Raises RunFailed."""
        while run.status == "waiting":
            identity, pending_question = open_question(await state_of(self._log, child))
            question = Question(**pending_question.model_dump(exclude={"id"}))
            answer = await self._steps.ask(question, f"{child} {identity}")
            run = await resume(child, answer=answer, **options)
        if run.status == "error":
            raise RunFailed(run)
        return run

    async def _continue(self, child: str, task: Task, options: Options) -> Run:
        if not await self._log.read(child, limit=1):
            options["run_id"] = child
            return await solve(task, **options)
        state = await state_of(self._log, child)
        stopped = state.progress.stopped
        if stopped is None or stopped.status in _CUT_OFF:
            return await resume(child, **options)
        return summarize(state)

    async def _open(self) -> Model:
        """Return the model of the flow's runs, opened at its first use."""
        if self._model is None:
            settings = self.settings
            opening = (
                self._open_model()
                if self._open_model is not None
                else open_models(asked_of(settings), settings, note=note_of(self._options.get("watch")))
            )
            self._model = await self._stack.enter_async_context(opening)
        return self._model
