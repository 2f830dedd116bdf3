"""Define the suite: a named, versioned list of cases, with visible parts and hidden tests."""

import hashlib
from operator import not_
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from sandbox.result import Value

MAX_TIMEOUT_S = 7 * 3600.0
"""Most CPU seconds of one sample: the judge waits three times as long, and a sandbox at most a day."""


class _Case(Value):
    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    id: str = Field(min_length=1)
    prompt: str
    timeout_s: float = Field(default=10.0, gt=0, le=MAX_TIMEOUT_S)
    """CPU seconds of one sample; the wall limit is larger."""
    wall_s: float | None = Field(default=None, gt=0, le=86_400, exclude=True)
    """Wall seconds of one sample, or of each run of a script or of a repository's tests; None: derived from
    `timeout_s`. Not part of the digest."""
    behind: bool = Field(default=False, exclude=True)
    """Whether to judge at the lowest CPU priority. Not part of the digest."""
    difficulty: str | None = Field(default=None, exclude=True, coerce_numbers_to_str=True)
    """Difficulty as the suite names it, for groups in reports. Not part of the digest."""
    category: str | None = Field(default=None, exclude=True, coerce_numbers_to_str=True)
    tags: tuple[str, ...] = Field(default=(), exclude=True)
    """Further groups of the case in reports; a case has one category and any number of tags."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict, exclude=True)
    """Data of the suite's author, which nothing here reads."""

    @property
    def canonical_json(self) -> str:
        """JSON of what the case is; how it is run and grouped is left out."""
        return self.model_dump_json(by_alias=True)

    @property
    def digest(self) -> str:
        """First half of the SHA-256 (hex) of its canonical JSON."""
        return hashlib.sha256(self.canonical_json.encode()).hexdigest()[:32]

    @property
    def longest_s(self) -> float:
        """Wall seconds that end a sleeping candidate, also on a loaded machine, where CPU time is counted."""
        return 2 * self.timeout_s + 5


class FunctionCase(_Case):
    """Case in which a function is to be written; tests that call it decide."""

    kind: Literal["function"] = "function"
    entry_point: str
    test: str
    """Hidden: source that defines `check(candidate)`, as in HumanEval."""
    plus_test: str | None = None
    """Hidden: a second, harder `check(candidate)`, scored separately."""
    canonical_solution: str | None = None
    """Answer that completes the prompt, or a whole module."""
    setup: str = ""
    """Imports and helpers that precede both the answer and the tests."""
    header: str = ""
    """Imports that precede the answer alone."""
    visible: tuple[str, ...] = ()
    """Assertions that a solver sees."""
    stateful: bool = False
    """Whether the function may keep state between calls, so that repeated calls may differ."""


class ScriptRun(Value):
    """Run of a script: input and required output."""

    stdin: str = ""
    arguments: tuple[str, ...] = ()
    stdout: str


class Tolerance(Value):
    """Largest error of a number; as either of both suffices, a number alone is meant for each."""

    absolute: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    relative: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """As a part of the expected number."""

    @model_validator(mode="before")
    @classmethod
    def _read_number(cls, value: object) -> object:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return {"absolute": value, "relative": value} if is_number else value

    @model_validator(mode="after")
    def _require_some(self) -> Self:
        if not (self.absolute or self.relative):
            raise ValueError("a tolerance is a number above 0, or has `absolute`, `relative` or both")
        return self


class ScriptCase(_Case):
    """Case in which a program is to be written; its output for given inputs decides."""

    kind: Literal["script"] = "script"
    runs: tuple[ScriptRun, ...] = Field(min_length=1)
    """Hidden runs; a solver sees only the runs in `visible`."""
    visible: tuple[ScriptRun, ...] = ()
    canonical_solution: str | None = None
    header: str = ""
    """Imports that precede the answer."""
    compare: Literal["lines", "numbers"] = "lines"
    """How output is compared: by lines, up to trailing blanks; with numbers, also by the values of lines of
    numbers, so that `1.0` is `1`, and up to blanks on both sides."""
    tolerance: Tolerance | None = Field(default=None, exclude_if=not_)
    """Largest error of numbers, line by line and word by word; other words have to be equal."""
    checker: str | None = Field(default=None, exclude_if=not_)
    """Hidden: source that defines `check(stdin, stdout, expected)`, which decides instead of a comparison."""

    @model_validator(mode="after")
    def _require_one_comparison(self) -> Self:
        if (self.tolerance is not None) + (self.checker is not None) + (self.compare != "lines") > 1:
            raise ValueError("give one of compare, tolerance and checker: each compares the whole output")
        return self


Runner = Literal["pytest", "django", "sympy", "go", "cargo", "status", "other"]
"""Program that runs hidden tests. All but pytest are judged by their log, `status` by the exit status of the
commands; the log of `other` is unread."""


class RepositoryCase(_Case):
    """Case in which a repository is to be changed; hidden tests decide."""

    kind: Literal["repository"] = "repository"
    timeout_s: float = Field(default=300.0, gt=0, le=MAX_TIMEOUT_S)
    """CPU seconds of all tests of the case."""
    files: dict[str, bytes]
    """Base tree: content by relative path."""
    executable: tuple[str, ...] = ()
    hidden_tests: dict[str, str]
    """Content of hidden tests by relative path; these files replace files of the solver's tree."""
    test_patch: str | None = None
    """Hidden: a unified diff of the tests, if the base tree is only in the image."""
    gold_patch: str | None = None
    fail_to_pass: tuple[str, ...] = ()
    pass_to_pass: tuple[str, ...] = ()
    """Node ids as in pytest; names of tests in the log of another runner. If both fields are empty, a run of
    the gold patch supplies them."""
    runner: Runner = "pytest"
    test_commands: tuple[str, ...] = ()
    """Shell commands that run the hidden tests in another runner; empty: the runner's usual ones."""
    test_command: str = "python -m pytest -q"
    pythonpath: str = "."
    may_change: tuple[str, ...] | None = None
    """Globs of files that a patch may change; None: all but tests and their configuration."""
    environment: dict[str, str] = Field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    """Packages that the tests need, as pip requirements; missing packages are reported, not installed."""
    image: str | None = None
    """Docker image of the case; None: tests run with the suite's interpreter."""
    tree: str | None = None
    """Path of the base tree in the image, if the tree isn't in `files`."""
    completes: str | None = None
    """File that is continued by answers in the form of completions."""
    memory_mb: int | None = Field(default=None, ge=16, le=1 << 20)
    """Memory of the tests in MiB, if they need more than a Python program, as compilers do."""
    shown: dict[str, Path] = Field(default_factory=dict, exclude=True)
    """Folders of this machine that tests see, read-only, by path in the tree, such as `node_modules`."""

    def tests_wall_s(self, cpu_s: float | None = None) -> float:
        """Return the wall seconds of one run of tests that may use `cpu_s` of a processor, by default all."""
        return self.wall_s or 2 * (cpu_s or self.timeout_s) + 10


class HarborCase(_Case):
    """Harbor task: work to do in a container; the task's own tests decide."""

    kind: Literal["harbor"] = "harbor"
    folder: Path = Field(exclude=True)
    """Folder of the task. Not part of the digest, but `content` is."""
    content: str
    """SHA-256 (hex) of the folder."""
    solution: str | None = Field(default=None, exclude=True)
    """Answer that stands for the task's own solution, if any; part of `content`."""


class UnreadableCase(_Case):
    """Row or task that can't be read: each verdict on it is `infrastructure`, with the reason."""

    kind: Literal["unreadable"] = "unreadable"
    prompt: str = ""
    reason: str = Field(exclude=True)
    trace: str = Field(default="", exclude=True)
    """Traceback, if reading it met a bug."""


Case = Annotated[
    FunctionCase | ScriptCase | RepositoryCase | HarborCase | UnreadableCase,
    Field(discriminator="kind"),
]


class Suite(Value):
    """Named, versioned list of cases with unique ids."""

    name: str
    version: str
    cases: tuple[Case, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the suite's name, version and cases."""
        lines = [self.name, self.version, *(case.canonical_json for case in self.cases)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
