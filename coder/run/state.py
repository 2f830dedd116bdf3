"""State: the state of a run, folded from its events by `reducer.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coder.run.message import CodeMessage, Message, Outcome, outcome_in
from coder.run.records.dialogue import Dialogue
from coder.run.records.inputs import Inputs
from coder.run.records.landing import Landing
from coder.run.records.progress import Progress
from coder.run.records.questions import Questions
from coder.run.records.record import replace as replace
from coder.run.records.spend import Spend
from coder.run.settings import Settings
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import Task

if TYPE_CHECKING:
    from coder.run.records.flow import FlowRecord


@dataclass(frozen=True, slots=True)
class State:
    """The state of a run after an event; if it has several tasks, the latest task's state."""

    run: str
    task: Task
    settings: Settings
    model: str
    spend: Spend
    inputs: Inputs = field(default_factory=Inputs)
    steps: tuple[State, ...] = ()
    """Final states of the run's earlier tasks."""
    progress: Progress = field(default_factory=Progress)
    dialogue: Dialogue = field(default_factory=Dialogue)
    landing: Landing = field(default_factory=Landing)
    questions: Questions = field(default_factory=Questions)
    flow: FlowRecord | None = None
    """The steps, if the run is a flow."""

    @property
    def files(self) -> Mapping[str, StoredFile]:
        """The user's files as the run read them."""
        return self.inputs.files

    @property
    def root(self) -> str | None:
        """The folder to which the paths of `files` are relative."""
        return self.inputs.root

    @property
    def target(self) -> Target:
        """The file and names that the task is about. Raises RuntimeError if the run hasn't begun."""
        if self.inputs.target is None:
            raise RuntimeError("a run that hasn't begun has no target")
        return self.inputs.target.search_anew()

    @property
    def worked(self) -> dict[str, StoredFile]:
        """The user's files with the session's changes."""
        return self._with_tree(self.dialogue.session.tree)

    @property
    def worked_at_answer(self) -> dict[str, StoredFile]:
        """The same without the edits in the latest answer's text, which refer to these files."""
        session = self.dialogue.session
        return self._with_tree(session.tree if session.tree_at_answer is None else session.tree_at_answer)

    def _with_tree(self, tree: Mapping[str, StoredFile | None]) -> dict[str, StoredFile]:
        files = {**self.files, **tree}
        return {path: stored for path, stored in files.items() if stored is not None}

    @property
    def open_work(self) -> Mapping[str, StoredFile | None]:
        """Changes of the session that were neither written nor refused by the user."""
        refused = self.landing.refused
        is_closed = self.landing.planned is not None or (refused is not None and refused.by_human)
        return {} if is_closed else self.dialogue.session.tree

    @property
    def last(self) -> Message | None:
        """The latest message; None before the first turn."""
        return self.progress.messages[-1] if self.progress.messages else None

    @property
    def codes(self) -> tuple[CodeMessage, ...]:
        """All answers with code, in order."""
        return tuple(message for message in self.progress.messages if isinstance(message, CodeMessage))

    @property
    def awaits_execution(self) -> bool:
        """Whether the latest answer has not been tried yet."""
        return isinstance(self.last, CodeMessage) and not self.last.repeats

    @property
    def outcome(self) -> Outcome | None:
        """The outcome in the latest message, if it has one."""
        return outcome_in(self.last)

    def with_messages(self, messages: tuple[Message, ...]) -> State:
        """Return a copy with these messages."""
        return replace(self, progress=replace(self.progress, messages=messages))
