"""Entry points: run a flow, or resume one that stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar, Unpack, cast

from pydantic import JsonValue

from coder.base.errors import CoderError, MachineError, UsageError, own_command
from coder.engine.open_run import log_of, open_journal
from coder.engine.options import Options
from coder.engine.turn.turn import hear_requests, limited
from coder.flows.children import Children, OpenModel
from coder.flows.errors import FlowEnds, StepFailed
from coder.flows.flow import Flow
from coder.flows.named_flow import FlowFunction, flow_function, flow_named
from coder.flows.positions import branch
from coder.flows.recorded_steps import RecordedSteps
from coder.run.event_types import FlowEnded, FlowStarted, RunResumed, RunStarted, RunStopped
from coder.run.find_target import find_target
from coder.run.journal import Journal
from coder.run.open_question import answered
from coder.run.questions import Decision, Waits
from coder.run.run import EXIT_CODES, Run, summarize
from coder.run.settings import Settings
from coder.run.task import Task
from coder.store import EventLog, new_run_id
from sandbox import SandboxError

I = TypeVar("I")  # noqa: E741 - the input
O = TypeVar("O")  # noqa: E741 - the output


async def run_flow(
    function: Callable[[Flow, I], Awaitable[O]],
    value: I,
    *,
    folder: Path | None = None,
    open_model: OpenModel | None = None,
    **options: Unpack[Options],
) -> Run:
    """Run a flow: an async function of a Flow and an input, whose steps are recorded.

    Args:
        folder: the folder of `flow.check`, and of tasks with a relative workspace; None: the current one.
        open_model: opens the model at the first `flow.solve`; None: that of the settings.
        options: as of `coder.solve`; `settings` hold for the runs and checks of the flow.

    Returns:
        The run; its `answer` is the flow's result as JSON, its status `finished`, `waiting` or `error`.

    Raises:
        UsageError: an annotation of the function, or the input, can't be written as JSON; nothing was logged.
        LogDamaged, LogNewer, MachineError: the log can't be used.
    """
    flow = flow_function(function)
    document = flow.written(value)
    place = (folder or Path.cwd()).absolute()
    settings = options.get("settings") or Settings()
    model = options.get("model")
    async with AsyncExitStack() as stack:
        log = log_of(stack, options)
        journal = await open_journal(stack, options.get("run_id") or new_run_id(), log, options)
        task = Task(prompt=f"Flow {flow.name}", workspace=place)
        started = RunStarted(
            task=task,
            settings=settings,
            model=model.name if model is not None else settings.model or "",
            target=find_target(task, {}),
        )
        await journal.append(started, FlowStarted(flow=flow.name, input=document, digest=flow.digest(value)))
        return await _drive(journal, flow, document, log, stack, options, open_model)


async def resume_flow(
    run: str,
    function: Callable[[Flow, I], Awaitable[O]] | None = None,
    *,
    answer: Decision | str | None = None,
    open_model: OpenModel | None = None,
    **options: Unpack[Options],
) -> Run:
    """Execute a flow again, with the recorded outcomes of its finished steps.

    Args:
        function: None: import the function that the log names from the flow's folder or installed packages.
        answer: answer to the flow's open question; None: ask the watch.

    Raises:
        UsageError: there is no such flow or no open question, or the flow has finished.
        LeaseHeld: another process works on the flow.
        LogDamaged, LogNewer, MachineError: the log can't be used.
    """
    async with AsyncExitStack() as stack:
        log = log_of(stack, options)
        journal = await open_journal(stack, run, log, options)
        state = await journal.load()
        if state.flow is None:
            raise UsageError(f"{run} is no flow. Go on with it: {own_command()} resume {run}")
        if state.progress.stopped is not None and state.progress.stopped.status == "finished":
            raise UsageError(f"{run} has finished. See it with: {own_command()} show {run}")
        assert state.task.workspace is not None
        flow = (
            flow_named(state.flow.flow, state.task.workspace) if function is None else flow_function(function)
        )
        if flow.name != state.flow.flow:
            raise UsageError(f"{run} is a run of {state.flow.flow}, and not of {flow.name}.")
        events = () if answer is None else (answered(state, answer),)
        settings = options.get("settings")
        model = options.get("model")
        resumed = RunResumed(
            budget=(settings or state.settings).budget,
            model=model.name if model is not None else state.model,
            settings=settings,
        )
        await journal.append(*events, resumed)
        return await _drive(journal, flow, state.flow.input, log, stack, options, open_model)


async def _drive(
    journal: Journal,
    flow: "FlowFunction",
    document: JsonValue,
    log: EventLog,
    stack: AsyncExitStack,
    options: Options,
    open_model: OpenModel | None,
) -> Run:
    """Execute the function, and log how it ended.

    Raises:
        CancelledError: the flow was cancelled; the log says that it was interrupted.
        MachineError: the log can't be written.
    """
    steps = RecordedSteps(journal)
    own_options = ("model", "settings", "run_id", "team", "stop")
    for_children = cast(Options, {name: value for name, value in options.items() if name not in own_options})
    if (model := options.get("model")) is not None:
        for_children["model"] = model
    children = Children(steps, log, stack, for_children, open_model)
    requests = asyncio.create_task(hear_requests(journal))
    try:
        async with limited(journal, None):
            with branch(""):
                output = await flow.call(Flow(steps, children), document)
        steps.require_all_reached()
        stopped = RunStopped(status="finished", reason="the flow's function has returned", exit_code=0)
        await journal.append(FlowEnded(output=output), stopped)
    except asyncio.CancelledError:
        await journal.append(RunStopped(status="interrupted", reason="interrupted", exit_code=130))
        raise
    except FlowEnds as end:
        await journal.append(*_ending(end.cause, steps))
    except MachineError:
        raise  # the log itself may have failed; its events are enough to resume from
    except Exception as error:  # noqa: BLE001 - whatever the user's function raises ends the flow
        if (request := journal.state.progress.stop_requested) is not None and isinstance(error, TimeoutError):
            reason = f"stopped by {request.who}"
            await journal.append(RunStopped(status="interrupted", reason=reason, exit_code=130))
        else:
            await journal.append(*_ending(error, steps))
    finally:
        requests.cancel()
    return summarize(journal.state)


def _ending(cause: Exception, steps: RecordedSteps) -> tuple[FlowEnded | RunStopped, ...]:
    """Return the events for a flow that waits, or ends by an error."""
    if isinstance(cause, Waits):
        return (RunStopped(status="waiting", reason=str(cause), exit_code=EXIT_CODES["waiting"]),)
    is_ours = isinstance(cause, CoderError | SandboxError)
    text = str(cause) if is_ours else f"The flow's function raised {type(cause).__name__}: {cause}"
    if isinstance(cause, StepFailed):
        failed, exit_code = cause.position, cause.error.exit_code
    else:
        failed, exit_code = "", cause.exit_code if isinstance(cause, CoderError) else 1
    stopped = RunStopped(status="error", reason=text, error=text, exit_code=exit_code)
    return FlowEnded(failed=failed), stopped
