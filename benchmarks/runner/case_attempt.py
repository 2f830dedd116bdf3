"""Define an attempt: the visible part of a case, and the solver's answer."""

from collections.abc import Awaitable
from typing import Literal, Protocol

from pydantic import ConfigDict, Field

from benchmarks.harbor.verifier import Judged
from benchmarks.report import SampleUsage
from benchmarks.suite import (
    Case,
    FunctionCase,
    HarborCase,
    RepositoryCase,
    ScriptCase,
    ScriptRun,
    UnreadableCase,
)
from sandbox.result import Value


class VisibleCase(Value):
    """Case without hidden tests and canonical answer, as a solver sees the case."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    id: str
    kind: Literal["function", "script", "repository", "harbor", "unreadable"]
    prompt: str
    entry_point: str | None = None
    visible: tuple[str, ...] = ()
    runs: tuple[ScriptRun, ...] = ()
    files: dict[str, bytes] = Field(default_factory=dict)


def visible_part(case: Case) -> VisibleCase:
    """Return the visible part of a case; only the judge has the other parts."""
    visible_case = VisibleCase(id=case.id, kind=case.kind, prompt=case.prompt)
    match case:
        case FunctionCase():
            return visible_case.model_copy(update={"entry_point": case.entry_point, "visible": case.visible})
        case ScriptCase():
            return visible_case.model_copy(update={"runs": case.visible})
        case HarborCase() | UnreadableCase():
            return visible_case
        case RepositoryCase():
            return visible_case.model_copy(update={"files": case.files})


Cut = Literal["cost", "endpoint", "time"]
"""The budget of all attempts, the model's endpoint, or the run's time limit while a model was to answer."""


class CaseAttempt(Value):
    """Answer of a solver, and its cost."""

    text: str = ""
    """Answer: a whole module, a script, or a unified diff."""
    error: str | None = None
    """Reason why the solver failed: the attempt is judged as an empty answer, unless it was cut."""
    cut: Cut | None = None
    """What ended the attempt before the model had answered: it isn't judged, and its sample is missing."""
    exit_code: int = 0
    """Exit code of the failure: 4 for the model, 5 for the machine. Consecutive failures end the run."""
    run_id: str | None = None
    usage: SampleUsage | None = None
    """None if no call was made."""
    judged: Judged | None = None
    """Result of an answer that was judged in its container; None if the text is to be judged."""

    def after(self, earlier: "CaseAttempt") -> "CaseAttempt":
        """Return this attempt at a task's next step, with the usage of earlier steps added."""
        if earlier.usage is None or self.usage is None:
            return self.model_copy(update={"usage": self.usage or earlier.usage})
        return self.model_copy(update={"usage": self.usage.added_to(earlier.usage)})


class Solver(Protocol):
    """Protocol for callables that answer cases."""

    def __call__(self, case: VisibleCase, *, sample: int, seed: int) -> Awaitable[CaseAttempt]:
        """Attempt a case; the seed depends only on run, case and sample."""
