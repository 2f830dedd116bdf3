"""Suite: a named, versioned list of cases. The visible part of a case is separate from what decides it."""

import hashlib
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from sandbox.result import Value


class _Case(Value):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    id: str = Field(min_length=1)
    prompt: str
    timeout_s: float = Field(default=10.0, gt=0)
    """CPU seconds of one sample; the wall limit is larger."""
    wall_s: float | None = Field(default=None, gt=0, exclude=True)
    """Wall seconds of one sample, of each run of a script, if not `longest_s`. Not part of the digest."""
    behind: bool = Field(default=False, exclude=True)
    """Judge at the lowest priority. Not part of the digest."""
    difficulty: str | None = Field(default=None, exclude=True, coerce_numbers_to_str=True)
    """Difficulty as the suite names it, for groups in reports. Not part of the digest."""

    @property
    def longest_s(self) -> float:
        """Wall seconds that end a sleeping candidate, also on a loaded machine, where CPU time is counted."""
        return 2 * self.timeout_s + 5


class FunctionCase(_Case):
    """One function to write, decided by calls of it."""

    kind: Literal["function"] = "function"
    entry_point: str
    test: str
    """Hidden: source that defines `check(candidate)`, as in HumanEval."""
    plus_test: str | None = None
    """Hidden: a second, harder `check(candidate)`, scored separately."""
    canonical_solution: str | None = None
    """Completes the prompt, or is a whole module."""
    setup: str = ""
    """Imports and helpers put before the code of both sides."""
    visible: tuple[str, ...] = ()
    """Assertions that a solver sees."""
    stateful: bool = False
    """The function may keep state between calls, so that repeated calls may differ."""


class ScriptRun(Value):
    """One run of a script: its input and its required output."""

    stdin: str = ""
    arguments: tuple[str, ...] = ()
    stdout: str


class ScriptCase(_Case):
    """A program to write, decided by its output for given inputs."""

    kind: Literal["script"] = "script"
    runs: tuple[ScriptRun, ...] = Field(min_length=1)
    """Hidden, except those in `visible`."""
    visible: tuple[ScriptRun, ...] = ()
    canonical_solution: str | None = None


class RepositoryCase(_Case):
    """A change to make in a repository, decided by hidden tests."""

    kind: Literal["repository"] = "repository"
    timeout_s: float = Field(default=300.0, gt=0)
    """CPU seconds of all its tests."""
    files: dict[str, bytes]
    """The base tree by relative path."""
    executable: tuple[str, ...] = ()
    hidden_tests: dict[str, str]
    """By relative path; laid over the solver's tree."""
    test_patch: str | None = None
    """Hidden: a unified diff of the tests, where the base tree is only in the image."""
    gold_patch: str | None = None
    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()
    """Node ids as in pytest; where both are empty they are found with the gold patch."""
    test_command: str = "python -m pytest -q"
    pythonpath: str = "."
    may_change: tuple[str, ...] | None = None
    """Globs of what a patch may touch; None: everything but tests and their configuration."""
    environment: dict[str, str] = Field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    """Packages that the tests need, as pip requirements; missing ones are named, never installed."""
    image: str | None = None
    """The Docker image of the case; None: the suite's interpreter."""
    tree: str | None = None
    """Path of the base tree in the image, where it isn't in `files`."""


Case = Annotated[FunctionCase | ScriptCase | RepositoryCase, Field(discriminator="kind")]


class Suite(Value):
    """Cases in order, with unique ids."""

    name: str
    version: str
    cases: tuple[Case, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of name, version and every case."""
        lines = [self.name, self.version, *(case.model_dump_json(by_alias=True) for case in self.cases)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
