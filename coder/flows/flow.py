"""Flow: what a user's workflow function calls. Each method records one step in the log of the run."""

import asyncio
import inspect
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, TypeVarTuple, overload

from pydantic import JsonValue

from coder.flows.checks import Check, run_check
from coder.flows.children import Children, Solving
from coder.flows.positions import branch, inside_step, next_position, together
from coder.flows.recorded_steps import RecordedSteps, StepOutcome, Work
from coder.flows.values import Adapter, Signature, digest_of, from_json, problem_of, signature_of, to_json
from coder.run.event_types import FlowStepStarted, Verb
from coder.run.questions import Decision, Question
from coder.run.run import Run
from coder.run.task import Task

T = TypeVar("T")
U = TypeVar("U")
Arguments = TypeVarTuple("Arguments")


class Flow:
    """One execution of a flow. A resume executes the function again, with the recorded outcomes.

    Between steps the function must depend on its input and on outcomes of steps alone. Call the methods in
    the function itself, or in branches of `parallel`.
    """

    def __init__(self, steps: RecordedSteps, children: Children) -> None:
        self._steps = steps
        self._children = children
        self._signatures: dict[Callable[..., object], Signature] = {}

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return self._steps.journal.run

    @property
    def folder(self) -> Path:
        """The folder in which the flow was started."""
        workspace = self._steps.journal.state.task.workspace
        assert workspace is not None
        return workspace

    @overload
    def step(
        self,
        name: str,
        function: Callable[[*Arguments], Coroutine[Any, Any, T]],
        *arguments: *Arguments,
        effect: bool = False,
    ) -> Coroutine[Any, Any, T]: ...
    @overload
    def step(
        self,
        name: str,
        function: Callable[[*Arguments], T],
        *arguments: *Arguments,
        effect: bool = False,
    ) -> Coroutine[Any, Any, T]: ...
    def step(
        self, name: str, function: Callable[..., Any], *arguments: object, effect: bool = False
    ) -> Coroutine[Any, Any, Any]:
        """Call a function once; later executions return its result from the log.

        A function that isn't async runs in a thread. Arguments and result are written as JSON by their
        annotations. A failure is recorded, too; one that ends the flow is repeated by a resume.

        Args:
            effect: the function changes something outside of the run, so that after a crash a person decides
                whether it is called again.

        Raises:
            StepFailed: the function has raised an exception.
            UsageError: an annotation is missing or isn't JSON-able, or an argument doesn't fit; nothing was
                recorded.
        """
        return self._call(next_position("flow.step"), name, function, arguments, effect=effect)

    def map(
        self,
        name: str,
        function: Callable[[T], Coroutine[Any, Any, U]] | Callable[[T], U],
        items: Iterable[T],
        *,
        at_once: int = 8,
    ) -> Coroutine[Any, Any, list[U]]:
        """Call a function for each item, `at_once` of them at a time; each call is a step.

        Returns the results in the order of the items. Raises as `step`, after the other items have ended.
        """
        position, slots = next_position("flow.map"), asyncio.Semaphore(at_once)

        async def call(index: int, item: T) -> Any:  # noqa: ANN401 - the function's result
            async with slots:
                return await self._call(f"{position}.{index}", name, function, (item,))

        return together([call(index, item) for index, item in enumerate(items)])

    async def parallel(self, *branches: Awaitable[T]) -> list[T]:
        """Carry out branches at the same time: steps, or coroutines with steps of their own.

        Returns their results in order. If some fail, the others still end; then the first failure is raised.
        """
        position = next_position("flow.parallel")

        async def carry_out(index: int, awaitable: Awaitable[T]) -> T:
            with branch(f"{position}.{index}."):
                return await awaitable

        return await together([carry_out(index, awaitable) for index, awaitable in enumerate(branches)])

    async def solve(
        self, task: Task, *, name: str = "solve", test: str | Sequence[str] | None = None, **settings: object
    ) -> Run:
        """Solve a task in a run of its own, which a resume continues if it was cut off.

        Args:
            test: the command that decides; None: that of the task.
            settings: fields of `coder.Settings` that differ from those of the flow.

        Returns:
            The run; its status says whether the task was solved. If it waits for a person, so does the flow.

        Raises:
            StepFailed: the run has ended by an error, such as that of a model's endpoint.
            UsageError: the task or a setting is invalid.
        """
        return await self._run("solve", name, self._children.solving(task, test, settings))

    async def land(self, run: Run, *, branch: str | None = None) -> Run:
        """Write the change of a solved run with `apply=False` into its folder, or commit it to a new branch.

        Raises StepFailed: the run couldn't be continued.
        """
        return await self._run("land", branch or "land", self._children.landing(run.run_id, branch))

    async def check(self, command: str, *, folder: Path | None = None) -> Check:
        """Run a shell command on a copy of the folder, in the sandbox; the check is true if it exits with 0.

        Args:
            folder: None: the flow's folder.
        """
        place = (folder or self.folder).absolute()
        position, adapter = next_position("flow.check"), Adapter(Check)

        async def work() -> StepOutcome:
            check = await run_check(command, place, self._children.settings, self._children.sandbox)
            return StepOutcome(to_json(adapter, check, "flow.check"))

        digest = digest_of([command, str(place)])
        value = await self._record(position, "check", command, digest, work, adapter)
        check: Check = from_json(adapter, value, "flow.check")
        return check

    async def ask(self, text: str, *, options: Sequence[str] = (), patch: str = "") -> Decision:
        """Ask a person: yes or no, or one of the options.

        If nobody is there, the flow waits for `coder approve`.

        Args:
            patch: a change that the question is about, to show.
        """
        position, adapter = next_position("flow.ask"), Adapter(Decision)
        question = Question(
            kind="choose" if options else "approve",
            about="task",
            text=text,
            options=tuple(options),
            patch=patch,
        )

        async def work() -> StepOutcome:
            decision = await self._steps.ask(question, f"{position} {text}")
            return StepOutcome(to_json(adapter, decision, "flow.ask"))

        digest = digest_of([text, list(options), patch])
        value = await self._record(position, "ask", text, digest, work, adapter)
        decision: Decision = from_json(adapter, value, "flow.ask")
        return decision

    async def now(self) -> float:
        """Return the time in seconds since the epoch; a resume returns the same."""
        return await self._take("now", time.time)

    async def random(self) -> float:
        """Return a random number, at least 0 and below 1; a resume returns the same."""
        return await self._take("random", random.random)

    async def _run(self, verb: Verb, name: str, work: Solving) -> Run:
        position, adapter = next_position(f"flow.{verb}"), Adapter(Run)
        value = await self._record(position, verb, name, work.digest, lambda: work.run(position), adapter)
        run: Run = from_json(adapter, value, f"flow.{verb}")
        return run

    async def _take(self, verb: Verb, make: Callable[[], float]) -> float:
        step = FlowStepStarted(position=next_position(f"flow.{verb}"), verb=verb, name=verb, digest="")
        value = await self._steps.take(step, make())
        assert isinstance(value, int | float)
        return float(value)

    async def _call(
        self,
        position: str,
        name: str,
        function: Callable[..., Any],
        arguments: Sequence[Any],
        *,
        effect: bool = False,
    ) -> Any:  # noqa: ANN401 - the function's result
        what = f"The step `{name}`"
        if (signature := self._signatures.get(function)) is None:
            signature = self._signatures[function] = signature_of(function, what)

        async def work() -> StepOutcome:
            with inside_step(name):
                if inspect.iscoroutinefunction(function):
                    result = await function(*arguments)
                else:
                    result = await asyncio.to_thread(function, *arguments)
            return StepOutcome(to_json(signature.result, result, f"{what}: the result"))

        digest = signature.digest(what, arguments)
        value = await self._record(position, "step", name, digest, work, signature.result, effect=effect)
        return from_json(signature.result, value, f"{what}: the recorded result")

    async def _record(
        self,
        position: str,
        verb: Verb,
        name: str,
        digest: str,
        work: Work,
        adapter: Adapter,
        *,
        effect: bool = False,
    ) -> JsonValue:
        step = FlowStepStarted(position=position, verb=verb, name=name, digest=digest, effect=effect)
        return await self._steps.carry_out(step, work, partial(problem_of, adapter))
