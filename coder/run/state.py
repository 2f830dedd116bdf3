"""State: what is known of a run, folded from its events by `reducer.py`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from coder.models.model import ChatMessage
from coder.run import event_types
from coder.run.message import LeftOut, Message, Outcome
from coder.run.settings import Budget, Settings
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from coder.usage import Usage


@dataclass(frozen=True, slots=True)
class State:
    """All that is known of a run after some event of it; of several tasks in one run, of the latest."""

    run: str
    task: Task
    settings: Settings
    budget: Budget
    model: str
    files: Mapping[str, StoredFile] = field(default_factory=dict)
    """The user's files as the run read them."""
    root: str | None = None
    """The folder that their paths are relative to."""
    origin: event_types.RunOrigin | None = None
    """Where it is a fork, or one of several attempts: of what."""
    is_untold: bool = False
    """It is a fork whose model hasn't been asked yet."""
    seq: int = 0
    time: float = 0.0
    """When the last event happened, seconds since the epoch."""
    seconds: float = 0.0
    """Wall time of the run's own work."""
    test_seconds: float = 0.0
    """Wall time of long tests, which isn't in `seconds`."""
    baseline: event_types.BaselineTaken | None = None
    """How the test command ended before the work; None where it wasn't run."""
    owes_baseline: bool = False
    """It was known only after the first request: the next result of a tool tells it."""
    messages: tuple[Message, ...] = ()
    pending: tuple[event_types.CallAnswered, ...] = ()
    """Answers of the turn that is not over yet: a resumed turn takes these before it calls."""
    ahead: tuple[event_types.CallAnswered, ...] = ()
    """Answers that were asked for ahead of their turns."""
    empty_answers: int = 0
    """Answers of models without a word, the latest in a row."""
    dialogue: tuple[ChatMessage, ...] = ()
    """Of a model that calls tools: all messages and tool results; the user's next message continues it."""
    talker: str = "coder"
    """The participant whose dialogue it is."""
    dialogues: Mapping[str, tuple[ChatMessage, ...]] = field(default_factory=dict)
    """Those of the other members of a team, by name."""
    known: Mapping[str, StoredFile] | None = None
    """The files that the dialogue knows, until it holds the user's latest message."""
    failed_tool: str = ""
    """The first tool of the latest answer whose call failed."""
    callers: frozenset[str] = frozenset()
    """Models that have called a tool."""
    speaks_text: bool = False
    """Its model takes no tools: it is sent and answers plain text."""
    tree: Mapping[str, StoredFile | None] = field(default_factory=dict)
    """Files that its session has changed, by path, as they are now; None is one that was removed."""
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)
    """What its session has changed and can't be taken over, by path, with the reason."""
    open_tool: event_types.ToolCalled | None = None
    """The tool call without an answer: it is under way, or was cut off."""
    tools_called: int = 0
    """How often a tool was called, cut off or not."""
    effects: tuple[event_types.CodeCalled, ...] = ()
    """Calls with effects that programs have made in this turn."""
    open_effect: event_types.CodeCalled | None = None
    """The last one, where it has no answer."""
    results: Mapping[tuple[object, ...], tuple[int, ...]] = field(default_factory=dict)
    """Calls with their results, times left out, since the tree changed; and for each, the model calls that
    asked for it since a result was new."""
    has_background: bool = False
    """A call has left programs running, which may change what the next one gives."""
    plan: str = ""
    """Arguments of the latest valid call of `plan` (`plan.py`)."""
    open_calls: Mapping[int, event_types.CallIntended] = field(default_factory=dict)
    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)
    cost_known: bool = True
    exhausted: event_types.BudgetReached | None = None
    proposed: event_types.PatchProposed | None = None
    landing: event_types.LandingPlanned | None = None
    landed: tuple[str, ...] = ()
    committed: event_types.CommitMade | event_types.CommitRefused | None = None
    undone: tuple[str, ...] = ()
    question: event_types.QuestionAsked | None = None
    """What the run has asked a person, and has no answer to."""
    answers: Mapping[str, event_types.QuestionAnswered] = field(default_factory=dict)
    """The answers to its questions, by the question's id."""
    declined: bool = False
    """A person has said no to a change of this task: no flag says yes in their place any more."""
    stop_requested: event_types.StopRequested | None = None
    granted: frozenset[tuple[str, str]] = frozenset()
    """Tools and hosts that a person has allowed for the rest of the run: what it is about, and its name."""
    refused: event_types.LandingRefused | None = None
    stopped: event_types.RunStopped | None = None
    steps: tuple["State", ...] = ()
    """How the earlier tasks of the run ended."""
    cleared: int = 0
    """Tasks, from the first one on, that the user's dialogue no longer knows."""
    taken_back: bool = False
    """The user has taken back what was written for this task."""

    def talking(self, participant: str) -> "State":
        """The same state, in which `dialogue` is this participant's."""
        if participant == self.talker:
            return self
        others = {**self.dialogues, self.talker: self.dialogue}
        return replace(self, talker=participant, dialogue=others.pop(participant, ()), dialogues=others)

    @property
    def patch(self) -> str:
        """The patch that has landed, or would have; empty where nothing was proposed."""
        shown = self.landing or self.proposed
        return shown.patch if shown is not None else ""

    @property
    def worked(self) -> dict[str, StoredFile]:
        """The user's files with what the session has changed."""
        tree = {**self.files, **self.tree}
        return {path: stored for path, stored in tree.items() if stored is not None}

    @property
    def open_work(self) -> Mapping[str, StoredFile | None]:
        """What the session has changed and was neither written nor refused by the user."""
        is_refused = self.refused is not None and self.refused.by_human
        return {} if self.landing is not None or is_refused else self.tree

    @property
    def last(self) -> Message | None:
        """The latest message, or None before the first turn."""
        return self.messages[-1] if self.messages else None

    @property
    def codes(self) -> tuple[Message, ...]:
        """Every answer with code, in order."""
        return tuple(message for message in self.messages if message.kind == "code")

    @property
    def awaits_execution(self) -> bool:
        """The latest answer has not been tried yet."""
        return self.last is not None and self.last.kind == "code" and not self.last.repeats

    @property
    def outcome(self) -> Outcome | None:
        """The outcome of the latest turn, when that was the Executor's."""
        return self.last.outcome if self.last is not None else None

    @property
    def spent_tokens(self) -> int:
        """Tokens used, with the reservations of calls that have no answer."""
        reserved = sum(call.reserved_tokens for call in self.open_calls.values())
        return self.usage.input_tokens + self.usage.output_tokens + reserved

    @property
    def spent_usd(self) -> Decimal:
        """Cost so far, with the reservations of calls that have no answer."""
        reserved = (call.reserved_usd or Decimal(0) for call in self.open_calls.values())
        return sum(reserved, self.cost_usd)

    def forked(self, origin: event_types.RunOrigin) -> "State":
        """The same work in a run of its own, no conversation, that has spent and written nothing."""
        kept = {name: getattr(self, name) for name in _FORKED}
        alone = self.settings.model_copy(update={"chat": False})
        return State(settings=alone, origin=origin, is_untold=True, **kept)


_SAME = ("run", "files", "root", "seq", "time", "callers")
_FORKED = (
    *(*_SAME, "task", "budget", "model", "baseline", "owes_baseline", "messages"),
    *("dialogue", "known", "speaks_text", "tree", "left_out", "plan"),
)
"""What a fork keeps of the run that it is of."""
OF_RUN = (
    *(*_SAME, "origin", "is_untold", "seconds", "test_seconds", "granted", "cleared"),
    *("open_calls", "calls", "usage", "cost_usd", "cost_known"),
)
"""What a run keeps when the user's next message begins."""


if TYPE_CHECKING:  # so that its arguments are checked
    from dataclasses import replace as replace
else:
    _SETTERS = {one.name: getattr(State, one.name).__set__ for one in fields(State)}
    _values = attrgetter(*_SETTERS)

    def replace(state: State, **changes: Any) -> State:  # noqa: ANN401 - of any field
        """As dataclasses.replace, in a third of its time, of which most of a fold is made."""
        new = object.__new__(State)
        for setter, value in zip(_SETTERS.values(), _values(state), strict=True):
            setter(new, value)
        for name, value in changes.items():
            _SETTERS[name](new, value)
        return new
