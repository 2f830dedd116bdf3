"""An attempt: the visible part of a case, and the solver's answer."""

from collections.abc import Awaitable
from typing import Literal, Protocol

from pydantic import ConfigDict, Field

from benchmarks.report import SampleUsage
from benchmarks.suite import Case, FunctionCase, RepositoryCase, ScriptCase, ScriptRun
from sandbox.result import Value


class VisibleCase(Value):
    """A case without hidden tests and canonical answer, for a solver."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    id: str
    kind: Literal["function", "script", "repository"]
    prompt: str
    entry_point: str | None = None
    visible: tuple[str, ...] = ()
    runs: tuple[ScriptRun, ...] = ()
    files: dict[str, bytes] = Field(default_factory=dict)


def shown(case: Case) -> VisibleCase:
    """The visible part of a case; everything else stays with the judge."""
    seen = VisibleCase(id=case.id, kind=case.kind, prompt=case.prompt)
    match case:
        case FunctionCase():
            return seen.model_copy(update={"entry_point": case.entry_point, "visible": case.visible})
        case ScriptCase():
            return seen.model_copy(update={"runs": case.visible})
        case RepositoryCase():
            return seen.model_copy(update={"files": case.files})


class CaseAttempt(Value):
    """One answer, and its cost."""

    text: str = ""
    """A whole module, a script, or a unified diff."""
    error: str | None = None
    """Why there is no answer: the solver failed. Judged as an empty one."""
    unpaid: bool = False
    """The remaining budget didn't cover a single call: no attempt was made, and none is judged."""
    exit_code: int = 0
    """Exit code of the failure: 4 for the model, 5 for the machine. Several in a row end the run."""
    run_id: str | None = None
    usage: SampleUsage | None = None
    """None if no call was made."""


class Solver(Protocol):
    """Answers cases: any callable of this shape."""

    def __call__(self, case: VisibleCase, *, sample: int, seed: int) -> Awaitable[CaseAttempt]:
        """Attempt a case; the seed is the same for the same run and sample."""
