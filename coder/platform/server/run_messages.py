"""Messages to a run: read by its model while it works, or worked on when it has stopped."""

from collections.abc import Awaitable, Callable

from coder.base.errors import CoderError, UsageError
from coder.engine.requests import check_text, state_of
from coder.platform.server.problems import Problem
from coder.platform.server.run_rows import in_thread
from coder.platform.server.serving import Live, Serving
from coder.run.prompt import MAX_PROMPT, require_prompt
from coder.run.run import Run
from coder.run.state import State
from coder.show.client_runs import Runs
from sandbox.errors import SandboxError


def with_messages(
    serving: Serving, runs: Runs, work: Callable[[Live], Awaitable[Run]]
) -> Callable[[Live], Awaitable[Run]]:
    """Return work that continues with the messages that came too late for the model to read them.

    Messages to a run that waits, or was stopped, are read when it continues.
    """

    async def whole_work(live: Live) -> Run:
        result = await work(live)
        while result.status not in ("waiting", "interrupted"):
            if not await serving.log.messages.unread(result.run_id):
                break
            state = await in_thread(state_of(serving.log, result.run_id))
            if not (messages := await _take_late(serving, state)):
                break
            result = await runs.reply(state, "\n".join(messages), live)
        return result

    return whole_work


async def _take_late(serving: Serving, state: State) -> list[str]:
    """Return the messages that came too late for a run, and remove them."""
    messages = await serving.log.messages.unread(state.run)
    await serving.log.messages.remove(state.run, [message.id for message in messages])
    return [message.text for message in messages if message.id not in state.inputs.read_messages]


async def send_message(serving: Serving, runs: Runs, state: State, text: str) -> None:
    """Give a message to the model of a working run, or work on it if the run has stopped.

    Raises:
        Problem: the caller may not continue the run, the run waits for an answer, or has too much to read.
        UsageError: the message can't be worked on.
    """
    check_text(require_prompt(text))
    run, stopped = state.run, state.progress.stopped
    if state.flow is not None:
        raise UsageError(f"{run} is a flow: a function reads no messages. Begin another one.")
    if stopped is None:
        if run not in serving.live and not runs.may_continue(state):
            reason = "Its operator has begun it with settings of its own."
            raise Problem(409, f"{run} can't be told anything here.", reason, "Ask the operator.")
        unread = await serving.log.messages.unread(run)
        if sum(len(message.text) for message in unread) + len(text) > MAX_PROMPT:
            reason = f"Its model has up to {MAX_PROMPT >> 10} KiB to read."
            raise Problem(429, f"{run} takes no more now.", reason, "Send it later.", Retry_After="5")
        await serving.log.messages.send(run, text)
        return
    if stopped.status == "waiting" and state.questions.open is not None:
        raise Problem(409, f"{run} waits for an answer.", "It has asked something.", "Answer it first.")
    if state.task.workspace is None:
        raise UsageError(f"{run} has no folder to talk about. Begin a task with a folder.")
    await serving.wait_until_ended(run)
    serving.require_free()
    earlier = await _take_late(serving, state)
    words = "\n".join([*earlier, text])
    work = with_messages(serving, runs, lambda live: runs.reply(state, words, live))
    try:
        await serving.start(run, work).begin()
    except (CoderError, SandboxError):
        for message in earlier:
            await serving.log.messages.send(run, message)
        raise
