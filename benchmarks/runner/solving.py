"""Solve cases with a model: each attempt runs the loop of `coder solve` on the visible part of the case."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from benchmarks.runner.case_attempt import CaseAttempt, Cut, VisibleCase
from benchmarks.runner.sample_usage import usage_of
from benchmarks.suite import ScriptRun
from coder.base.errors import ENDPOINT_ERRORS, ModelError, model_error
from coder.base.text.sanitize import one_line
from coder.engine.agent import solve
from coder.models.model import Model
from coder.models.retries import LONGEST_REST_S, LONGEST_WAIT_S
from coder.run.costs import Costs, costs_of
from coder.run.event_types import CallRetried
from coder.run.events import Event
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.run.watch import Unwatched
from coder.show.run_transcript import read_events
from coder.store import new_run_id
from coder.store.lease import EventLog


class WaitWatch(Unwatched):
    """Watch of all attempts that shows why an endpoint is waited for, one line at a time."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show, self._until = show, 0.0

    def event(self, event: Event) -> None:
        """Show the wait of an event, unless a wait that was shown lasts as long."""
        if event.type != CallRetried.type:
            return
        retried = CallRetried.model_validate(event.body)
        if retried.wait_s > LONGEST_WAIT_S:
            self._show_for(
                retried.wait_s,
                f"The endpoint asks to wait {retried.wait_s:.0f} s: {one_line(retried.reason, width=200)}. "
                "Ctrl-C keeps what is judged.",
            )

    def lose(self, attempt: CaseAttempt) -> None:
        """Show why the endpoint gave no answer, as the next calls wait for it, too."""
        if attempt.cut == "endpoint":
            self._show_for(
                LONGEST_REST_S, one_line(attempt.error or "The endpoint gave no answer.", width=300)
            )

    def _show_for(self, seconds: float, text: str) -> None:
        now = monotonic()
        if now > self._until:
            self._until = now + seconds
            self._show(text)


class ModelSolver:
    """Solves cases with a model that all attempts share."""

    def __init__(
        self, model: Model, settings: Settings, *, log: EventLog, show: Callable[[str], None] | None = None
    ) -> None:
        self.model, self.settings, self.log = model, settings, log
        self.watch = WaitWatch(show or (lambda _: None))

    async def __call__(
        self, case: VisibleCase, *, sample: int, seed: int, run_id: str | None = None
    ) -> CaseAttempt:
        """Attempt a case, in a run with this id or a new one."""
        # A repository's answer is its patch, judged even if the loop's checks fail. Packages cached on this
        # machine may contain a later release of a case's.
        attempt_settings = {
            "seed": seed,
            "apply": False,
            "keep": True,
            "asks": False,
            "require": "tests",
            "caches": False,
        }
        settings = self.settings.model_copy(update=attempt_settings)
        with tempfile.TemporaryDirectory(prefix="coder-bench-") as folder:
            task = _task(case, Path(folder) / "repository")
            run = await solve(
                task,
                settings=settings,
                model=self.model,
                log=self.log,
                watch=self.watch,
                run_id=run_id or new_run_id(),
            )
        text = run.patch if case.kind == "repository" else _module(run)
        attempt = await attempt_of(case.id, sample, run, self.log)
        self.watch.lose(attempt)
        return attempt.model_copy(update={"text": text})


async def attempt_of(case: str, sample: int, run: Run, log: EventLog) -> CaseAttempt:
    """Return the attempt of a run, without its answer."""
    events = await read_events(log, run.run_id)
    costs = costs_of(events)
    usage, cut = usage_of(case, sample, events), _cut_of(run, costs)
    is_unpaid = run.limit is not None and not costs.calls  # its own limits don't even cover the first call
    return CaseAttempt(
        cut=cut,
        error=run.reason if cut is not None or is_unpaid else run.error,
        exit_code=run.exit_code if run.error is not None or is_unpaid else 0,
        run_id=run.run_id,
        usage=usage.model_copy(update={"seconds": run.seconds}) if usage is not None else None,
    )


def _cut_of(run: Run, costs: Costs) -> Cut | None:
    """Return what ended a run before the model had answered; None if its answer is to be judged."""
    if run.limit == "shared":
        return "cost"
    if run.limit == "time" and any(call.ended == "open" for call in costs.calls):
        return "time"
    is_lost = any(issubclass(model_error(call.ended), ENDPOINT_ERRORS) for call in costs.calls)
    return "endpoint" if run.exit_code == ModelError.exit_code and is_lost else None


def _task(case: VisibleCase, folder: Path) -> Task:
    """Return the task for a model: the prompt, with a script's visible runs or a copy of the tree."""
    if case.kind == "repository":
        for path, content in case.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        return Task(prompt=case.prompt, workspace=folder)
    examples = "".join(_example(run) for run in case.runs)
    return Task(prompt=case.prompt + examples, checks=case.visible)


def _example(run: ScriptRun) -> str:
    arguments = f" with the arguments {' '.join(run.arguments)}" if run.arguments else ""
    return f"\n\nFor the input{arguments}:\n{run.stdin}\nit prints:\n{run.stdout}"


def _module(run: Run) -> str:
    """Return the file with the answer's code; the longest Python file if `solution.py` is missing."""
    if "solution.py" in run.files:
        return run.files["solution.py"]
    modules = [text for path, text in run.files.items() if path.endswith(".py")]
    return max(modules, key=len, default="")
