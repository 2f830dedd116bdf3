"""Decide what a run does next with a pure function from state to command, and carry the commands out."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from coder.base.errors import CoderError
from coder.engine.options import Options
from coder.engine.participants.executor import Executor
from coder.engine.participants.participant import Participant, Team
from coder.engine.run_parts import run_end_hooks, run_parts
from coder.engine.turn.logged_calls import BudgetSpent
from coder.engine.turn.turn import Turn, hear_requests, limited
from coder.environment.workbench import Workbench
from coder.models.model import Model
from coder.run.event_types import BudgetReached, Spoken
from coder.run.journal import Journal
from coder.run.message import HUMAN, Message, QuestionMessage
from coder.run.questions import Waits
from coder.run.run import Run, summarize
from coder.run.state import State
from coder.run.team_message import HandoffMessage
from coder.run.termination import Reason, Stop, asked_to_stop, reason_to_end
from coder.verify.baseline import pending_baseline
from coder.workspace.deliver import deliver
from coder.workspace.run_end import ended, should_land
from sandbox import SandboxError


@dataclass(frozen=True, slots=True)
class Speak:
    """Let a participant take its turn, or several concurrently; messages are logged in the order listed."""

    participants: tuple[Participant, ...]


@dataclass(frozen=True, slots=True)
class AskUser:
    """Put the latest message, a question of a member, to the user."""


@dataclass(frozen=True, slots=True)
class Land:
    """Ask for approval of the change if required, and write its files into the user's folder."""


@dataclass(frozen=True, slots=True)
class Finish:
    """End the run."""

    reason: Reason


Command = Speak | AskUser | Land | Finish


def decide(state: State, team: Team, stop: Stop) -> Command:
    """Return the next command. The function is pure: a resume decides as the first process did."""
    if (stop_reason := asked_to_stop(state)) is not None:
        return Finish(stop_reason)
    message = state.last
    if isinstance(message, QuestionMessage):
        return AskUser()
    reason = reason_to_end(state, stop)
    if reason is None and isinstance(message, HandoffMessage) and message.to == HUMAN:
        return AskUser()
    if (participant := speaker(state, team, reason)) is not None:
        return Speak(getattr(participant, "concurrent", (participant,)))  # those of `Together`
    assert reason is not None
    return Land() if should_land(state, reason) else Finish(reason)


def speaker(state: State, team: Team, reason: Reason | None) -> Participant | None:
    """Return the participant that speaks next, or None if the run ends.

    No team decides whether code is run. At a limit no model is asked, but the code that a model has made is
    still tried: its last answer, the session's tree, or the best of the attempts.

    Args:
        reason: why the run ends; None: it continues.
    """
    if reason is None:
        participant = team.next(state)
        return Executor() if state.awaits_execution and participant.name != Executor.name else participant
    if reason.status != "limit" or state.settings.subagent is not None:
        return None  # what a subagent has changed is tried by the run that it works for
    if state.awaits_execution:
        return Executor() if state.spend.seconds < state.spend.budget.timeout else None
    if state.progress.attempts and state.progress.choice is None:
        return team.next(state)
    from coder.engine.participants.submission import LastTree, has_new_tree  # few runs end at a limit

    return LastTree() if has_new_tree(state) else None


async def run_until_stopped(
    journal: Journal, model: Model, bench: Workbench, options: Options | None = None
) -> Run:
    """Carry out commands until an open run has landed its change and stopped, and log the reason.

    Raises:
        CancelledError: the run was cancelled; the log says that it was interrupted.
        MachineError: the log can't be written.
    """
    parts = run_parts(journal, model, bench, options or Options(), run_until_stopped)
    bench.has_run_stop_hooks = False
    try:
        async with AsyncExitStack() as stack:
            requests = asyncio.create_task(hear_requests(journal))
            stack.callback(requests.cancel)
            turn = partial(Turn, journal=journal, model=model, bench=bench, children=parts.children)
            if journal.state.task.test_command is not None:
                baseline = await stack.enter_async_context(pending_baseline(journal, bench, parts.recall))
                turn = partial(turn, baseline=baseline)
            while journal.state.progress.stopped is None:
                match decide(journal.state, parts.team, parts.stop):
                    case Speak(participants):
                        turns = [_take_turn(one, turn(one.name)) for one in participants]
                        if len(turns) == 1:
                            messages = [await turns[0]]
                        else:
                            from coder.engine.participants.together import take_turns  # most speak alone

                            messages = await take_turns(turns)
                        if spoken := [Spoken(message=message) for message in messages if message]:
                            await journal.append(*spoken)
                    case AskUser():
                        from coder.run.open_question import ask_user  # imported late: most runs ask nothing

                        await _until_stop(ask_user, journal)
                    case Land():
                        await _until_stop(deliver, journal)
                    case Finish(reason):
                        await journal.append(ended(journal.state, reason))
    except (asyncio.CancelledError, Waits, CoderError, SandboxError) as error:
        from coder.engine.ended_by_error import log_end  # imported late: a decision ends most runs

        await log_end(journal, error)
    await run_end_hooks(journal, bench)
    return summarize(journal.state)


async def _until_stop(step: Callable[[Journal], Awaitable[None]], journal: Journal) -> None:
    """Carry out a step in which a person may be asked; a request to stop the run ends the step."""
    state_before = journal.state
    try:
        async with limited(journal, None):
            await step(journal)
    except TimeoutError:
        if journal.state.progress.stop_requested is None:
            raise
    assert journal.state is not state_before  # else the loop would repeat this command for ever


async def _take_turn(participant: Participant, turn: Turn) -> Message | None:
    """Return a participant's message; None if a limit has ended its turn."""
    journal, budget = turn.journal, turn.state.spend.budget.timeout
    try:
        runs_long_tests = False
        if turn.state.awaits_execution:
            async with limited(journal, None):
                await turn.baseline(None)
            tests = turn.state.progress.baseline
            runs_long_tests = tests is not None and tests.is_long  # they have time limits of their own
        is_unlimited = runs_long_tests or getattr(participant, "keeps_time", False)
        seconds_left = None if is_unlimited else max(0.0, budget - turn.state.spend.seconds)
        async with limited(journal, seconds_left) as turn.limit:
            message = await participant.speak(turn)
        if await turn.has_nothing_to_mend(message):
            return None
    except BudgetSpent:
        return None
    except TimeoutError:
        if journal.state.progress.stop_requested is None:
            text = f"the time limit of {budget:g} s was reached"
            await journal.append(BudgetReached(limit="time", text=text))
        return None
    previous = journal.state.last
    node_path = getattr(participant, "within", previous.within if previous is not None else ())
    return message.model_copy(update={"within": node_path}) if node_path and message is not None else message
