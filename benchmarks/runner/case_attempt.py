"""An attempt: what a solver is shown of a case, and what it gives."""

from collections.abc import Awaitable
from typing import Literal, Protocol

from pydantic import ConfigDict, Field

from benchmarks.report import Usage
from benchmarks.suite import Case, FunctionCase, RepositoryCase, ScriptCase, ScriptRun
from benchmarks.verdict import Value


class Shown(Value):
    """A case as a solver sees it: no test that decides, no answer of the case's own."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    id: str
    kind: Literal["function", "script", "repository"]
    prompt: str
    entry_point: str | None = None
    visible: tuple[str, ...] = ()
    """Assertions that may be checked by."""
    runs: tuple[ScriptRun, ...] = ()
    """Runs of a script that may be checked by."""
    files: dict[str, bytes] = Field(default_factory=dict)
    """The base tree of a repository."""


def shown(case: Case) -> Shown:
    """What a solver may see; everything else of a case stays with the judge."""
    seen = Shown(id=case.id, kind=case.kind, prompt=case.prompt)
    match case:
        case FunctionCase():
            return seen.model_copy(update={"entry_point": case.entry_point, "visible": case.visible})
        case ScriptCase():
            return seen.model_copy(update={"runs": case.visible})
        case RepositoryCase():
            return seen.model_copy(update={"files": case.files})


class CaseAttempt(Value):
    """One answer, and what it took."""

    text: str = ""
    """A whole module, a script, or a unified diff."""
    error: str | None = None
    """Why there is no answer: the solver failed. It is judged as an empty one."""
    unpaid: bool = False
    """What all attempts may cost left no room for one call of it: it was not made, and is not judged."""
    exit_code: int = 0
    """Of such a failure: 4 for the model, 5 for the machine. Several in a row end the run, to be resumed."""
    run_id: str | None = None
    """Of the run whose events tell how it came about."""
    usage: Usage | None = None
    """None if no call was made."""


class Solver(Protocol):
    """Whoever answers. Any callable of this shape will do."""

    def __call__(self, case: Shown, *, sample: int, seed: int) -> Awaitable[CaseAttempt]:
        """One attempt at a case; the seed is the same whenever the same run comes to the same sample."""
