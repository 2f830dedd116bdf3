"""What participants ask their models, say and read, which tools are called, and how programs end for them."""

from decimal import Decimal
from operator import not_
from typing import Literal

from pydantic import BaseModel, Field

from coder.models.model import Alternative, ChatMessage, Form, Image, Opaque, Sampling, ToolCall, Usage, Used
from coder.run.events import Body
from coder.run.message import CheckLine, Message
from coder.run.stored_file import StoredFile


class CallIntended(Body, type="model.requested", durable=False):
    """A model call is about to be made; committed before, so that a crash leaves the reservation spent."""

    call: int
    participant: str
    key: str
    """SHA-256 of the redacted request."""
    messages: tuple[ChatMessage, ...]
    """Of the request, those behind the `kept` first ones."""
    kept: int = Field(default=0, exclude_if=not_)
    """Messages of the run's dialogue (`State.dialogue`) that the request begins with."""
    in_dialogue: bool = Field(default=False, exclude_if=not_)
    """The request is that dialogue; else it stands alone."""
    sampling: Sampling
    form: Form | None = Field(default=None, exclude_if=not_)
    reserved_tokens: int
    reserved_usd: Decimal | None


class CallRetried(Body, type="model.retried", durable=False):
    """The endpoint failed in a way that can heal; the call is made again after wait_s."""

    call: int
    attempt: int
    wait_s: float
    reason: str
    lost: Used | None = Field(default=None, exclude_if=not_)
    """What the answer had used when it broke off, estimated where the endpoint counted nothing."""


class CallSwitched(Body, type="model.switched", durable=False):
    """A model did not answer a call, and another one is asked instead."""

    call: int
    model: str
    """`provider/model` that did not answer."""
    next: str
    reason: str
    lost: Used | None = Field(default=None, exclude_if=not_)


class CallAnswered(Body, type="model.answered"):
    """A model call's answer; it replaces the reservation by what was used."""

    call: int
    key: str
    model: str
    text: str
    reasoning: str = Field(default="", exclude_if=not_)
    """What the model thought before, where it was told; no later prompt quotes it."""
    tool_calls: tuple[ToolCall, ...] = Field(default=(), exclude_if=not_)
    alternatives: tuple[Alternative, ...] = Field(default=(), exclude_if=not_)
    opaque: Opaque | None = Field(default=None, exclude_if=not_)
    finish: str
    usage: Usage
    cost_usd: Decimal | None
    seconds: float


class DialogueTaken(Body, type="dialogue.taken", durable=False):
    """Another participant acts now: its own dialogue goes on, the other one's waits."""

    participant: str
    on_copy: bool = Field(default=False, exclude_if=not_)
    """It works on a copy of the session's files, whose changes are discarded."""


class DialogueCleared(Body, type="dialogue.cleared"):
    """The user began a new dialogue: later messages know of none before."""


class ContextFolded(Body, type="context.folded"):
    """The dialogue was made shorter for its model, or plain text for one that takes no tools."""

    messages: tuple[ChatMessage, ...]
    """All of it, as it is from now on."""
    in_text: bool = Field(default=False, exclude_if=not_)
    """It continues in plain text."""


class ModelCallFailed(Body, type="model.failed"):
    """A model call failed for good."""

    call: int
    error: str
    message: str
    lost: Used | None = Field(default=None, exclude_if=not_)


class Spoken(Body, type="message.spoken", durable=False):
    """A participant's turn is over."""

    message: Message


class BaselineTest(BaseModel, frozen=True, extra="forbid"):
    """One test as it was before the work."""

    name: str
    passed: bool


LONG_TESTS_S = 30.0
"""Time from which a test command is long: it is run no oftener than it must be, and not on the run's time."""


class PytestSetup(BaseModel, frozen=True, extra="forbid"):
    """Where pytest takes its settings from, relative to the workspace."""

    config: str | None
    """The settings file; None where there is none."""
    rootdir: str
    confcutdir: str
    """The outermost folder whose conftest.py is loaded."""
    paths: tuple[str, ...] = ()
    """Folders of the workspace on sys.path before a conftest.py is loaded, such as those of `pythonpath`."""


class PytestCall(BaseModel, frozen=True, extra="forbid"):
    """One call of pytest by a test command's script."""

    python: str
    """Path of the interpreter, in the sandbox."""
    folder: str
    """Where it ran, relative to the workspace."""
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    """Variables that the script has set for it."""
    setup: PytestSetup


class BaselineTaken(Body, type="baseline.taken", durable=False):
    """How the test command ended on the untouched files."""

    passed: bool
    """The command passed each time that it was run."""
    tests: tuple[BaselineTest, ...] = ()
    """Those that ended the same way each time."""
    flaky: tuple[str, ...] = ()
    """Tests that ended differently on the same files."""
    first: CheckLine | None = None
    """The first one that failed."""
    feedback: str = ""
    """That failure, shortened, as a prompt quotes it."""
    failures: str = Field(default="", exclude_if=not_)
    """The names of all that failed, and the first three in full, for models that read more."""
    runs: int = 0
    seconds: float = 0.0
    """Of the first run."""
    is_cut: bool = Field(default=False, exclude_if=not_)
    """The time limit stopped Python tests: `tests` are those that had ended, and the one that was stopped."""
    alone_s: float = Field(default=0.0, exclude_if=not_)
    """Seconds of a further run, of the test that was stopped alone."""
    told: bool = True
    """The test command told of single tests; False: nothing is known but its exit code."""
    pytest: PytestSetup | None = Field(default=None, exclude_if=not_)
    """Of a command that is pytest's; None where it did not come so far."""
    calls: tuple[PytestCall, ...] = Field(default=(), exclude_if=not_)
    """Of a command that is a script, as far as they are known."""
    opened: dict[str, tuple[str, ...]] = Field(default_factory=dict, exclude_if=not_)
    """Files whose code opened or imported a file, by that file's path; of a Python command."""
    missing: tuple[str, ...] = ()
    """Modules that the command says aren't there, and that the folder doesn't hold."""

    @property
    def before(self) -> dict[str, bool]:
        """Whether each of the tests passed, by name."""
        return {test.name: test.passed for test in self.tests}

    @property
    def is_long(self) -> bool:
        """The command takes long."""
        return self.seconds >= LONG_TESTS_S


class ProgramStarted(Body, type="program.started", durable=False):
    """A program is about to run in the sandbox, on a workspace of exactly these files."""

    what: str
    before: dict[str, str]
    """SHA-256 of each file by path; of a large folder, of those that aren't as the run read them."""


class Tried(BaseModel, frozen=True, extra="forbid"):
    """One run of the tests or the check that an answer brings."""

    command: str
    on: Literal["before", "after"]
    """The code before the change, or with it."""
    only: tuple[str, ...] = ()
    """Tests that were asked for, at most 20; none: all."""
    status: str
    exit_code: int | None
    seconds: float
    failed: tuple[str, ...] = ()
    """At most 20 names."""
    passed: int = 0


class ProgramFinished(Body, type="program.finished", durable=False):
    """How the program ended."""

    what: str
    status: str
    exit_code: int | None
    seconds: float
    after: dict[str, str]
    tried: tuple[Tried, ...] = Field(default=(), exclude_if=not_)
    """Commands that were run for evidence, in their order."""


class ToolCalled(Body, type="tool.called", durable=False):
    """A tool is about to be called; a resume doesn't call it again."""

    call: int
    """The model call that asked for it."""
    id: str
    """Of the call, as the model's dialogue names it; empty for edits in the text of an answer."""
    name: str
    arguments: str
    """JSON, redacted."""
    effect: bool = False
    """It can change something outside of the sandbox."""


class ToolAnswered(Body, type="tool.answered"):
    """What a tool gave, and what it changed in the session's workspace."""

    call: int
    id: str
    name: str
    text: str
    """What the model is told, redacted."""
    exit_code: int | None = Field(default=None, exclude_if=lambda code: code is None)
    seconds: float = Field(default=0.0, exclude_if=not_)
    failed: bool = Field(default=False, exclude_if=not_)
    """It wasn't carried out, or its program didn't succeed."""
    running: bool = Field(default=False, exclude_if=not_)
    """It left programs running in the background."""
    images: tuple[Image, ...] = Field(default=(), exclude_if=not_)
    """Pictures that the model is shown, as they are."""
    changes: dict[str, StoredFile | None] = Field(default_factory=dict, exclude_if=not_)
    """Files by path as they are now, where the call changed them; None is one that was removed."""
    left_out: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Paths that it changed and that can't be taken over, a line each with the reason."""


class CodeCalled(Body, type="code.called"):
    """The model's program is about to call a tool with effects. The call is never repeated by itself."""

    id: str
    """Of the model's call that runs the program."""
    name: str
    arguments: str
    """JSON, redacted, shortened."""


class CodeAnswered(Body, type="code.answered", durable=False):
    """What that call gave."""

    id: str
    name: str
    text: str
    """Redacted and shortened; the program has all of it."""
