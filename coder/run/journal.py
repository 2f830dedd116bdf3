"""Journal: the only writer of a run. It appends events to the log, folds them and informs the watch."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from coder.base.errors import LogNewer, TooLate, UsageError, own_command
from coder.base.text.sanitize import count_of, join_surrogates
from coder.run.event_types import (
    AttemptEnded,
    AttemptStarted,
    Body,
    QuestionAnswered,
    QuestionAsked,
    RunOrigin,
    Spoken,
    ToolAnswered,
    is_newer,
)
from coder.run.events import Draft, Event, EventStore
from coder.run.message import HUMAN, AnswerMessage, HandoffMessage, QuestionMessage
from coder.run.questions import Decider, Decision, Question, Waits, question_id
from coder.run.records.inputs import hold
from coder.run.records.spend import Spend
from coder.run.reducer import begin, fold, fold_all
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.watch import Watch


class Attempts:
    """The running attempts of one run, which share its limits."""

    def __init__(self, parent: "Journal") -> None:
        self.parent = parent
        self.running: dict[int, Journal] = {}
        """Journals of running attempts, by number."""

    def others(self, journal: "Journal") -> list[Spend | AttemptEnded]:
        """Return the usage of the other attempts."""
        used: dict[int, Spend | AttemptEnded] = {}
        for attempt in self.parent.state.progress.attempts:
            if isinstance(attempt, AttemptEnded):
                used[attempt.attempt] = attempt
        for number, running in self.running.items():
            used[number] = running.state.spend
        own_number = next((number for number, attempt in self.running.items() if attempt is journal), 0)
        return [spend for number, spend in used.items() if number != own_number]


class Journal:
    """A run's log under a lease, with the state after the last event."""

    def __init__(
        self, run: str, log: EventStore, *, token: int, watch: Watch, attempts: Attempts | None = None
    ) -> None:
        """Write under the lease with this token; `attempts` are the parallel attempts of the same run."""
        self.run = run
        self.watch = watch
        self._log = log
        self._token = token
        self._state: State | None = None
        self._appending = asyncio.Lock()
        self.limits: list[asyncio.Timeout] = []
        """Timeouts that a request to stop the run lets expire."""
        self._attempts = attempts
        self.intending: asyncio.Lock = attempts.parent.intending if attempts is not None else asyncio.Lock()
        """Held from numbering a call until its intent is logged, because calls may be made in parallel."""

    @property
    def state(self) -> State:
        """The state after the last event. Raises RuntimeError: no event was appended or loaded yet."""
        if self._state is None:
            raise RuntimeError("a journal has no state before its first event")
        return self._state

    @property
    def spend(self) -> Spend:
        """Usage of the run's limits, including that of parallel attempts."""
        spend = self.state.spend
        return spend if self._attempts is None else spend.plus(self._attempts.others(self))

    async def load(self, aim: str = "resume") -> State:
        """Fold the run's events from the log, and continue after them.

        Args:
            aim: verb for the message of an error.

        Raises:
            LogDamaged: an event can't be read.
            LogNewer: a newer version wrote an event that this version can't interpret.
            UsageError: the run has no events, or doesn't begin with run.started.
        """
        try:
            return self.begun(await self._log.read(self.run))
        except ValueError as error:
            raise UsageError(
                f"Can't {aim} {self.run}: {error}. See the runs with: {own_command()} ls"
            ) from error

    def begun(self, events: Sequence[Event]) -> State:
        """Fold these events and continue after them. Raises LogNewer, ValueError: see `load`."""
        if not events:
            raise ValueError(f"the log holds no run {self.run}")
        if newer := next((event for event in events if is_newer(event)), None):
            raise LogNewer(
                f"A newer version of coder wrote {self.run} (its {newer.type} has version {newer.version}). "
                "It can be shown here; to continue it, use that version."
            )
        self._state = fold_all(events)
        return self._state

    def hold(self, files: Mapping[str, StoredFile]) -> None:
        """Add the contents of these files, if the log only has a listing of them."""
        self._state = replace(self.state, inputs=hold(self.state.inputs, files, self.state))

    async def append(self, *bodies: Body, copied: Sequence[Event] = ()) -> State:
        """Append durably, in order, and return the state after the last event.

        Args:
            copied: events of another run with which this log begins; the watch gets only the last one.
        """
        async with self._appending:
            after = self._state.progress.seq - len(copied) if self._state is not None else 0
            drafts = [Draft(type=event.type, version=event.version, body=event.body) for event in copied]
            drafts += [body.draft() for body in bodies]
            try:
                events = await self._log.append(self.run, drafts, after=after, token=self._token)
            except asyncio.CancelledError:  # the events may be written nevertheless
                self._take(await self._log.read(self.run, after=after), copied)
                raise
            self._take(events, copied)
            return self.state

    def _take(self, events: Sequence[Event], copied: Sequence[Event]) -> None:
        for event in copied[-1:] if events else ():
            self.watch.event(event)
        for event in events[len(copied) :]:
            self._state = begin(event) if self._state is None else fold(self._state, event)
            self.watch.event(event)

    async def stop_requested(self) -> str | None:
        """Return who requested this run to stop, or None."""
        return await self._log.stop_requested(self.run, token=self._token)

    async def ask(self, question: Question, *, key: str = "", otherwise: Decision | None = None) -> Decision:
        """Ask a person a question, once; a logged answer is returned again.

        Args:
            key: distinguishes questions of one turn; empty: the text is used.
            otherwise: the answer if nobody can be asked, unless `Settings.approve` requires a person.

        Raises:
            Waits: nobody can answer now.
        """
        state, watch = self.state, self.watch
        identity = question_id(self.run, len(state.progress.messages), key or question.text)
        if (stored := state.questions.answers.get(identity)) is not None:
            return stored
        if (question.about, question.subject) in state.questions.granted:
            return Decision(decision="yes", how="default")
        decider = watch if isinstance(watch, Decider) and watch.is_there(question) else None
        if decider is None and otherwise is not None and question.about not in state.settings.approve:
            return otherwise
        if state.questions.open is None or state.questions.open.id != identity:
            await self.append(QuestionAsked(id=identity, **question.model_dump()))
        if decider is None:
            raise Waits(question.text)
        answer = await decider.decide(question)
        await self.append(QuestionAnswered(id=identity, **answer.model_dump()))
        return answer


def open_question(state: State) -> tuple[str, Question]:
    """Return the id and text of the open question. Raises TooLate: none is open; the message says why."""
    if state.questions.open is not None:
        return state.questions.open.id, state.questions.open
    last_message = state.last
    if isinstance(last_message, QuestionMessage):
        identity = question_id(state.run, len(state.progress.messages), last_message.text)
        if identity not in state.questions.answers:
            return identity, asked_by(last_message)
    if state.questions.answers:
        last_answer = [*state.questions.answers.values()][-1]
        raise TooLate(
            f"{state.run} was answered already by {last_answer.who or 'a program'}: {last_answer.answer_text}"
        )
    raise TooLate(f"{state.run} has asked nothing. Go on with it: {own_command()} resume {state.run}")


def answered(state: State, decision: Decision | str, *, question_id: str | None = None) -> QuestionAnswered:
    """Return the event for a person's answer. Raises TooLate: no question is open; UsageError: empty answer.

    Args:
        question_id: the id of the question that the person has read; None: the open question.
    """
    identity, question = open_question(state)
    if question_id not in (None, identity):
        raise TooLate(f"{state.run} was answered already, and asks something else now: {question.text}")
    answer = question.worded(decision) if isinstance(decision, str) else decision
    if question.kind != "approve" and not answer.answer_text.strip():
        raise UsageError("The answer is empty. Give it in words: --answer TEXT")
    if question.kind == "approve" and answer.decision not in ("yes", "no", *question.options):
        raise UsageError(f"It asks for yes or no, not {answer.answer_text!r}. Say no with a reason: --no WHY")
    return QuestionAnswered(id=identity, **answer.model_dump())


def asked_by(message: QuestionMessage | HandoffMessage) -> Question:
    """Return the question that a model's message asks; a handoff to the user is a question, too."""
    options = message.options if isinstance(message, QuestionMessage) else ()
    kind: Literal["choose", "text"] = "choose" if options else "text"
    return Question(kind=kind, about="task", text=message.text, options=options, by=message.author)


def forked(events: Sequence[Event], run: str, *, step: int) -> list[Event]:
    """Copy the events of a run up to a step for another run, and add an event with their origin.

    Args:
        run: the id of the new run.
        step: an answered tool call, from 1, as `coder show` numbers them.

    Raises:
        UsageError: there is no such step.
    """
    if not events:
        raise UsageError(f"There is no such run. See the runs with: {own_command()} ls")
    origin, step_ends = events[0].run, [event.seq for event in events if event.type == ToolAnswered.type]
    if attempts := [event.body["run"] for event in events if event.type == AttemptStarted.type]:
        raise UsageError(f"{origin} has made attempts. Name the one to fork: {', '.join(attempts)}")
    if not step_ends:
        raise UsageError(f"{origin} has no step to fork at: its model called no tool.")
    if not 1 <= step <= len(step_ends):
        count = count_of(len(step_ends), "step")
        raise UsageError(
            f"{origin} has {count}, so there is no step {step}. See: {own_command()} show {origin}"
        )
    copied = [event.model_copy(update={"run": run}) for event in events[: step_ends[step - 1]]]
    body = RunOrigin(run=origin, step=step).model_dump(mode="json")
    fields = {"seq": len(copied) + 1, "type": RunOrigin.type, "version": RunOrigin.version, "body": body}
    return [*copied, copied[-1].model_copy(update=fields)]


def spoken_words(state: State, words: str) -> tuple[Spoken, ...]:
    """Return the event for the user's words to a fork, if any."""
    if not words.strip():
        return ()
    message = AnswerMessage(author=HUMAN, text=join_surrogates(words.strip()))
    return (Spoken(message=message),)
