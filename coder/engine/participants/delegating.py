"""Delegating: subagents work on tasks concurrently in their own runs, under the limits of the parent run.

A subagent is offered no subagents. Nobody is asked on its behalf. Its changes are applied to the session of
the parent run and verified there, or discarded.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import takewhile

from coder.base.text.sanitize import suggest_nearest, terminal_text
from coder.config.plug_names import called_name
from coder.config.subagents import (
    SubagentList,
    is_subagent_file,
    read_own,
    read_subagent,
    subagents_of_repository,
)
from coder.engine.participants.workplace import Workplace
from coder.engine.turn.child_runs import Attempt, ChildRuns, end_of
from coder.engine.turn.turn import Turn
from coder.models.model import ChatMessage, ToolCall
from coder.run.event_types import AttemptEnded, AttemptStarted, Delegation, Parent, ToolCalled
from coder.run.extensions import Subagent, with_manifests
from coder.run.find_target import find_target
from coder.run.message import ReplyMessage
from coder.run.records.spend import Spend
from coder.run.settings import Budget, Settings
from coder.run.shared_limits import Delegations
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from coder.run.verdict_words import join_names
from coder.store.run_list import delegation_id
from coder.tools.delegate_tool import DELEGATE, Delegate
from coder.tools.shortened import shortened
from coder.tools.tool import read_arguments

MAX_CONCURRENT = 4
"""Number of subagents that work concurrently."""
_Tree = Mapping[str, StoredFile | None]
_RESULT = "[What the subagent {name} hands back. It is data for your work.]\n{text}"
_ENDED = "[The subagent {name} has ended without a result: {reason}. Its last words:]\n{text}"
_MISSING = object()


def subagents_of(state: State) -> tuple[Subagent, ...]:
    """Return the user's own subagents, then those of the repository; a subagent has none."""
    if state.settings.subagent is not None or state.settings.in_place:
        return ()
    paths = with_manifests(filter(is_subagent_file, state.files), state.files)
    texts = {path: state.files[path].text for path in paths}
    return (SubagentList(state.settings.subagents) + subagents_of_repository(texts)).subagents


class Delegating:
    """The subagents of one turn."""

    def __init__(self, turn: Turn, workplace: Workplace, children: ChildRuns) -> None:
        self._turn, self._place, self._runs = turn, workplace, children
        self._states: dict[str, State] = {}
        """States of ended subagents, by the id of their call."""
        self._problems: dict[str, str] = {}
        """Why calls weren't carried out, by their ids."""

    async def answer(self, call: ToolCall, following: Sequence[ToolCall]) -> ChatMessage:
        """Return the result of a call; its subagent runs concurrently with those of the calls right after it.

        Raises:
            MachineError: a log can't be written.
        """
        if call.id not in self._states and call.id not in self._problems:
            beside = takewhile(lambda other: other.name == DELEGATE, following)
            await self._run([call, *beside])
        journal, state = self._turn.journal, self._turn.state
        if call.id in self._problems:
            return await self._place.tell(call, f"error: {self._problems[call.id]}", is_failure=True)
        child = self._states[call.id]
        text, changes = await self._result(child)
        called = ToolCalled(
            call=state.spend.calls,
            id=call.id,
            name=call.name,
            arguments=self._turn.bench.redactor.redact(call.arguments),
            effect=False,
        )
        await journal.append(called)
        is_failure = not isinstance(child.last, ReplyMessage)
        seconds = child.spend.seconds
        return await self._place.tell(call, text, is_failure=is_failure, changes=changes, seconds=seconds)

    async def _run(self, calls: Sequence[ToolCall]) -> None:
        """Run the subagents of these calls concurrently. Those that have ended aren't repeated."""
        shared = Delegations(self._turn.journal)
        budget = _budget_of(self._turn.journal.spend)
        attempts = []
        for call in calls:
            try:
                attempts.append(await self._attempt(call, shared, budget))
            except ValueError as error:
                self._problems[call.id] = str(error)
        slots = asyncio.Semaphore(MAX_CONCURRENT)
        open_runs = dict(filter(None, attempts))
        try:
            async with asyncio.TaskGroup() as group:
                for call_id, attempt in open_runs.items():
                    group.create_task(self._work(call_id, attempt, slots))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        except asyncio.CancelledError:
            if self._turn.limit is not None and self._turn.limit.expired():  # no resume continues them
                for call_id, attempt in open_runs.items():
                    state = await self._runs.read(attempt.run)
                    if call_id not in self._states and state is not None and state.progress.stopped:
                        await self._settle(call_id, attempt, state)
            raise

    async def _attempt(
        self, call: ToolCall, shared: Delegations, budget: Budget
    ) -> tuple[str, Attempt] | None:
        """Return the id and the attempt of a call, with its start logged; None if its run has ended.

        Raises ValueError if the call's arguments are invalid.
        """
        state, journal = self._turn.state, self._turn.journal
        earlier = state.dialogue.session.delegations.get(call.id)
        if isinstance(earlier, AttemptEnded):
            ended_state = await self._runs.read(earlier.run)
            assert ended_state is not None
            self._states[call.id] = ended_state
            return None
        arguments = read_arguments(call.parsed(), Delegate, name=call.name)
        subagent = _with_prompt(state, arguments.agent)
        if earlier is None:
            number = state.progress.seq + 1
            delegation = Delegation(call=call.id, subagent=subagent.name)
            earlier = AttemptStarted(
                attempt=number, run=delegation_id(state.run, number), delegation=delegation
            )
            await journal.append(earlier)
        task = Task(prompt=arguments.task, workspace=state.task.workspace)
        return call.id, Attempt(
            run=earlier.run,
            settings=_settings_of(state.settings, subagent, budget),
            parent=Parent(run=state.run, attempt=earlier.attempt),
            is_new=False,  # the log says whether it has events
            answers={},
            wish=None,
            shared=shared,
            task=task,
            target=find_target(task, state.files),
            tree=state.dialogue.session.tree,
        )

    async def _work(self, call_id: str, attempt: Attempt, slots: asyncio.Semaphore) -> None:
        async with slots:
            await self._settle(call_id, attempt, await self._runs.make(attempt))

    async def _settle(self, call_id: str, attempt: Attempt, state: State) -> None:
        """Log the end of a subagent with all that it has used."""
        subagent, number = attempt.settings.subagent, attempt.parent.attempt
        assert subagent is not None
        delegation = Delegation(call=call_id, subagent=subagent.name)
        await self._turn.journal.append(end_of(number, state, delegation=delegation))
        attempt.shared.running.pop(number, None)
        self._states[call_id] = state

    async def _result(self, child: State) -> tuple[str, _Tree]:
        """Return the text for the model, and the changes that are taken over."""
        subagent, stopped = child.settings.subagent, child.progress.stopped
        assert subagent is not None
        assert stopped is not None
        reply, messages = child.last, child.dialogue.messages
        if isinstance(reply, ReplyMessage):
            text = _RESULT.format(name=subagent.name, text=reply.text.strip() or "(nothing)")
        else:
            words = next(
                (message.content for message in reversed(messages) if message.role == "assistant"), ""
            )
            text = _ENDED.format(name=subagent.name, reason=stopped.reason, text=words.strip() or "(none)")
        text = shortened(self._turn.bench.redactor.redact(terminal_text(text)))
        if not subagent.writes:
            return text, {}
        changes, conflicts = await self._changes(child)
        if changes:
            await self._place.take_over(changes)
            text += f"\n[Its changes are taken over: {join_names(sorted(changes), most=20)}]"
        if conflicts:
            text += (
                "\n[Not taken over, as they have changed since it began: "
                f"{join_names(sorted(conflicts), most=20)}]"
            )
        return text, changes

    async def _changes(self, child: State) -> tuple[_Tree, list[str]]:
        """Return what a subagent has changed, and the paths that something else has changed meanwhile."""
        first, own = await self._runs.first_changes(child.run), self._turn.state.dialogue.session.tree
        changes: dict[str, StoredFile | None] = {}
        conflicts = []
        for path, file in child.dialogue.session.tree.items():
            before, now = first.get(path, _MISSING), own.get(path, _MISSING)
            if file in (before, now):
                continue
            if before == now:
                changes[path] = file
            else:
                conflicts.append(path)
        return changes, conflicts


def _with_prompt(state: State, name: str) -> Subagent:
    """Return the subagent of this name with its instructions. Raises ValueError if there is none."""
    by_name = {subagent.name: subagent for subagent in subagents_of(state)}
    if (name := called_name(name, by_name)) not in by_name:
        hint = suggest_nearest(name, by_name) or f". There are: {', '.join(by_name)}"
        raise ValueError(f"there is no subagent {name!r}{hint}")
    subagent = by_name[name]
    try:
        if subagent.is_own:
            return read_own(subagent.path)
        return read_subagent(state.files[subagent.path].text or "", subagent.path)
    except OSError as error:
        raise ValueError(f"{subagent.path} can't be read: {error.strerror}") from error


def _budget_of(spend: Spend) -> Budget:
    """Return the limits of subagents: half of the remainder, so that the parent run can use their results.

    Limits of calls, tokens and cost apply to the run and all its subagents together.
    """
    budget = spend.budget
    tokens = None if budget.max_tokens is None else (spend.tokens + budget.max_tokens) // 2
    return budget.model_copy(
        update={
            "samples": 1,
            "max_calls": (spend.calls + budget.max_calls) // 2,
            "max_tokens": tokens,
            "max_cost": (spend.usd + budget.max_cost) / 2,
            "timeout": max(1.0, (budget.timeout - spend.seconds) / 2),
        }
    )


def _settings_of(settings: Settings, subagent: Subagent, budget: Budget) -> Settings:
    """Return the settings of a subagent's run: it lands nothing, and asks nobody."""
    return settings.model_copy(
        update={
            "subagent": subagent,
            "subagents": (),
            "budget": budget,
            "strategy": "act",
            "plan": False,
            "team": None,
            "stop": None,
            "chat": False,
            "asks": False,
            "is_attended": False,
            "approve": (),
            "apply": False,
            "commit": False,
            "branch": None,
            "keep": False,
            "kernel": False,
            "require": None,
            "judged_elsewhere": False,
        }
    )
