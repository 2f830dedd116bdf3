"""Suite: a named, versioned list of cases. What a solver sees of a case is apart from what decides it."""

import hashlib
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from benchmarks.verdict import Value


class _Case(Value):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    id: str = Field(min_length=1)
    prompt: str
    timeout_s: float = Field(default=10.0, gt=0)
    """CPU time of one sample; the wall is generous beside it."""
    difficulty: str | None = Field(default=None, exclude=True, coerce_numbers_to_str=True)
    """As the suite names it, for groups in reports. It decides nothing, and is no part of a digest."""


class FunctionCase(_Case):
    """One function to write, decided by calls of it."""

    kind: Literal["function"] = "function"
    entry_point: str
    test: str
    """Hidden: source that defines `check(candidate)`, as HumanEval has it."""
    plus_test: str | None = None
    """Hidden: a second, harder `check(candidate)`, scored apart."""
    canonical_solution: str | None = None
    """What completes the prompt, or a whole module."""
    setup: str = ""
    """Imports and helpers that both sides get before their own code."""
    visible: tuple[str, ...] = ()
    """Assertions that the solver is shown and may check its answer by."""
    stateful: bool = False
    """The function may keep state between calls, so that replays may differ."""


class ScriptRun(Value):
    """One run of a script: what it reads and what it must print."""

    stdin: str = ""
    arguments: tuple[str, ...] = ()
    stdout: str


class ScriptCase(_Case):
    """A program to write, decided by what it prints for some inputs."""

    kind: Literal["script"] = "script"
    runs: tuple[ScriptRun, ...] = Field(min_length=1)
    """Hidden, but for those in `visible`."""
    visible: tuple[ScriptRun, ...] = ()
    canonical_solution: str | None = None


class RepositoryCase(_Case):
    """A change to make in a repository, decided by tests that the solver doesn't see."""

    kind: Literal["repository"] = "repository"
    timeout_s: float = Field(default=300.0, gt=0)
    """CPU time of all its tests."""
    files: dict[str, bytes]
    """The base tree by relative path."""
    executable: tuple[str, ...] = ()
    """Those of its files that have the x bit."""
    hidden_tests: dict[str, str]
    """By relative path; laid over the solver's tree."""
    test_patch: str | None = None
    """Hidden: a unified diff of the tests, where the tree that it is for is only in the image."""
    gold_patch: str | None = None
    """A unified diff."""
    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()
    """Node ids, as pytest writes them; where both are empty they are found with the gold patch."""
    test_command: str = "python -m pytest -q"
    pythonpath: str = "."
    may_change: tuple[str, ...] | None = None
    """Globs of what a patch may touch; None: whatever isn't a test or a configuration of the tests."""
    environment: dict[str, str] = Field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    """Packages that the tests need, as pip takes them: one that is missing is named, none is installed."""
    image: str | None = None
    """The Docker image that the case needs; None: the suite's own interpreter."""
    tree: str | None = None
    """Where in the image the base tree lies, where it isn't in `files`."""


Case = Annotated[FunctionCase | ScriptCase | RepositoryCase, Field(discriminator="kind")]


class Suite(Value):
    """Cases in their order, each with an id of its own."""

    name: str
    version: str
    cases: tuple[Case, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of name, version and every case: two suites of one digest are the same suite."""
        lines = [self.name, self.version, *(case.model_dump_json(by_alias=True) for case in self.cases)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
