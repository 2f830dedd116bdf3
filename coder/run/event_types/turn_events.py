"""Events about calls of models, messages, calls of tools, and programs in the sandbox."""

from decimal import Decimal
from operator import not_
from typing import Literal

from pydantic import Field

from coder.models.answer_parts import Alternative, Image, Opaque
from coder.models.model import ChatMessage, Form, Sampling, ToolCall, Usage, Used
from coder.run.events import Body
from coder.run.found_tests import FoundTests
from coder.run.message import CheckLine, Message
from coder.run.stored_file import StoredFile
from sandbox.result import Value


class CallIntended(Body, type="model.requested", durable=False):
    """A model call will be made. Logged beforehand, so that the reservation counts as spent after a crash."""

    call: int
    participant: str
    key: str
    """SHA-256 of the redacted request."""
    messages: tuple[ChatMessage, ...]
    """Messages of the request after the first `kept` ones."""
    kept: int = Field(default=0, exclude_if=not_)
    """Number of messages of the run's dialogue (`State.dialogue`) with which the request begins."""
    in_dialogue: bool = Field(default=False, exclude_if=not_)
    """Whether the request is part of the dialogue; else it is independent."""
    sampling: Sampling
    form: Form | None = Field(default=None, exclude_if=not_)
    reserved_tokens: int
    reserved_usd: Decimal | None


class CallRetried(Body, type="model.retried", durable=False):
    """A model call failed, probably temporarily; it is repeated after `wait_s` seconds."""

    call: int
    attempt: int
    wait_s: float
    reason: str
    lost: Used | None = Field(default=None, exclude_if=not_)
    """Usage of the incomplete answer, estimated if the endpoint reported no counts."""


class CallSwitched(Body, type="model.switched", durable=False):
    """A model did not answer a call, and another model is called instead."""

    call: int
    model: str
    """Name (`provider/model`) of the model that did not answer."""
    next: str
    reason: str
    lost: Used | None = Field(default=None, exclude_if=not_)


class CallAnswered(Body, type="model.answered"):
    """A model answered a call; its actual usage replaces the reservation."""

    call: int
    key: str
    model: str
    fingerprint: str = Field(default="", exclude_if=not_)
    """What the endpoint says of the model that it served beside its name (`system_fingerprint`)."""
    endpoint: str = Field(default="", exclude_if=not_)
    """`provider/model` that was called, of an answer with calls."""
    is_written: bool = Field(default=False, exclude_if=not_)
    """Whether the calls were read from the answer's text."""
    text: str
    reasoning: str = Field(default="", exclude_if=not_)
    """The model's reasoning, if reported; later prompts don't quote it."""
    tool_calls: tuple[ToolCall, ...] = Field(default=(), exclude_if=not_)
    alternatives: tuple[Alternative, ...] = Field(default=(), exclude_if=not_)
    opaque: Opaque | None = Field(default=None, exclude_if=not_)
    finish: str
    usage: Usage
    cost_usd: Decimal | None
    seconds: float


class DialogueTaken(Body, type="dialogue.taken", durable=False):
    """Another participant acts now and continues its own dialogue; the previous dialogue pauses."""

    participant: str
    on_copy: bool = Field(default=False, exclude_if=not_)
    """Whether the participant works on a copy of the session's files, whose changes are discarded."""


class MessagesTaken(Body, type="messages.taken"):
    """The run received a person's messages while it worked; its next request contains them."""

    text: str
    """The messages, one below the other, without secrets."""
    ids: tuple[str, ...] = ()
    """Ids of the messages that were sent through the log, which may still contain them."""


class DialogueCleared(Body, type="dialogue.cleared"):
    """The user began a new dialogue, without the earlier messages."""


class ContextFolded(Body, type="context.folded"):
    """The dialogue was shortened for its model, or converted to plain text for a model without tools."""

    messages: tuple[ChatMessage, ...]
    """The whole dialogue from now on."""
    in_text: bool = Field(default=False, exclude_if=not_)
    """Whether the dialogue continues in plain text."""
    reason: str = Field(default="", exclude_if=not_)
    """Why it continues in plain text."""


class ModelCallFailed(Body, type="model.failed"):
    """A model call failed after all retries."""

    call: int
    error: str
    message: str
    lost: Used | None = Field(default=None, exclude_if=not_)


class Spoken(Body, type="message.spoken", durable=False):
    """A participant's turn ended with a message."""

    message: Message


class BaselineTest(Value):
    """The result of one test before the change."""

    name: str
    passed: bool


LONG_TESTS_S = 30.0
"""A test command that takes this many seconds is run as rarely as possible, outside the run's time limit."""


class PytestSetup(Value):
    """Files and folders of pytest's configuration, relative to the workspace."""

    config: str | None
    """The settings file, if any."""
    rootdir: str
    confcutdir: str
    """The outermost folder whose conftest.py is loaded."""
    paths: tuple[str, ...] = ()
    """Folders of the workspace on sys.path before a conftest.py is loaded, such as those of `pythonpath`."""


class PytestCall(Value):
    """One call of pytest by a test command's script."""

    python: str
    """Path of the interpreter, in the sandbox."""
    folder: str
    """The working folder, relative to the workspace."""
    arguments: tuple[str, ...] = ()
    environment: dict[str, str] = Field(default_factory=dict)
    """Variables that the script has set."""
    setup: PytestSetup


class BaselineTaken(Body, type="baseline.taken", durable=False):
    """The test command ended on the unchanged files."""

    passed: bool
    """Whether all runs of the command passed."""
    found: FoundTests | None = Field(default=None, exclude_if=not_)
    """The command, if it was found in the folder; None: it was given."""
    tests: tuple[BaselineTest, ...] = ()
    """Tests with the same result in all runs."""
    flaky: tuple[str, ...] = ()
    """Tests with different results on the same files."""
    first: CheckLine | None = None
    """The first test that failed."""
    feedback: str = ""
    """The first failure, shortened for a prompt."""
    failures: str = Field(default="", exclude_if=not_)
    """Names of all failed tests and the first three failures in full, for models with a large context."""
    runs: int = 0
    seconds: float = 0.0
    """Seconds of the first run."""
    is_cut: bool = Field(default=False, exclude_if=not_)
    """Whether the time limit stopped the tests; `tests` then has the finished ones and the stopped one."""
    endless: str = Field(default="", exclude_if=not_)
    """The stopped test, if it didn't end alone either."""
    alone_s: float = Field(default=0.0, exclude_if=not_)
    """Seconds of a further run with only the stopped test."""
    told: bool = True
    """Whether the command reported single tests; False: only its exit code is known."""
    lessons: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Lessons from earlier runs in the same folder: what fixed similar failures."""
    pytest: PytestSetup | None = Field(default=None, exclude_if=not_)
    """Configuration of a command that calls pytest; None if pytest reported none."""
    calls: tuple[PytestCall, ...] = Field(default=(), exclude_if=not_)
    """Known calls of pytest by a command that is a script."""
    opened: dict[str, tuple[str, ...]] = Field(default_factory=dict, exclude_if=not_)
    """Files that opened or imported a file during a Python test command, by the path of the opened file."""
    missing: tuple[str, ...] = ()
    """Modules that the command reports as missing and that the folder doesn't contain."""
    ignored: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Modules that the tests import, and that the sandbox lacks as git ignores their files."""
    offline: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Tests that fail for want of the network, and don't count where they still do."""
    unserved: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Tests that fail as no service answers, and don't count where they still do beside a mended one."""
    sources: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Folders that only coder has put on PYTHONPATH, as their projects aren't installed."""
    is_preliminary: bool = Field(default=False, exclude_if=not_)
    """Whether another run follows, with its own event; verdicts don't use this one."""
    is_repeat: bool = Field(default=False, exclude_if=not_)
    """Whether an earlier event has the same results, except for flaky tests."""

    @property
    def before(self) -> dict[str, bool]:
        """Whether each test passed, by name."""
        return {test.name: test.passed for test in self.tests}

    @property
    def uncounted(self) -> frozenset[str]:
        """Tests that don't count where they lack the network or a service with a change, too."""
        return frozenset((*self.offline, *self.unserved))

    @property
    def is_long(self) -> bool:
        """Whether the test command takes long."""
        return self.seconds >= LONG_TESTS_S


class ProgramStarted(Body, type="program.started", durable=False):
    """A program will run in the sandbox, on a workspace with exactly these files."""

    what: str
    before: dict[str, str]
    """SHA-256 of each file by path; in a large folder, only of files that changed since they were read."""


class ConfirmationStarted(Body, type="confirmation.started", durable=False):
    """Tests that passed will be run again, apart from the code under test."""

    tests: int


Stage = Literal["before", "after", "altered"]
"""Code of a trial: without the change, with it, or with it but for what its functions do."""


class Tried(Value):
    """One run of new tests or of the answer's check."""

    command: str
    on: Stage
    only: tuple[str, ...] = ()
    """Selected tests, at most 20; empty: all."""
    status: str
    exit_code: int | None
    seconds: float
    failed: tuple[str, ...] = ()
    """Failed tests, at most 20."""
    passed: int = 0


class ProgramFinished(Body, type="program.finished", durable=False):
    """A program in the sandbox ended."""

    what: str
    status: str
    exit_code: int | None
    seconds: float
    after: dict[str, str]
    """SHA-256 (hex) of the workspace's files after the run, by path."""
    tried: tuple[Tried, ...] = Field(default=(), exclude_if=not_)
    """Commands that were run for evidence, in order."""


class ToolCalled(Body, type="tool.called", durable=False):
    """A tool will be called; a resume doesn't call it again."""

    call: int
    """Number of the model call that requested the tool."""
    id: str
    """The tool call's id in the dialogue; empty for edits in the text of an answer."""
    name: str
    arguments: str
    """JSON, redacted."""
    effect: bool = False
    """Whether the tool can change something outside of the sandbox."""


class ToolAnswered(Body, type="tool.answered"):
    """A tool returned a result, and changed these files of the workspace."""

    call: int
    id: str
    name: str
    text: str
    """The result for the model, redacted."""
    exit_code: int | None = Field(default=None, exclude_if=lambda code: code is None)
    seconds: float = Field(default=0.0, exclude_if=not_)
    failed: bool = Field(default=False, exclude_if=not_)
    """Whether the call wasn't executed or its program failed."""
    refused: bool = Field(default=False, exclude_if=not_)
    """Whether the tool refused the call, with `text` as the reason."""
    running: bool = Field(default=False, exclude_if=not_)
    """Whether the call left programs running in the background."""
    images: tuple[Image, ...] = Field(default=(), exclude_if=not_)
    """Pictures for the model."""
    changes: dict[str, StoredFile | None] = Field(default_factory=dict, exclude_if=not_)
    """New contents of changed files, by path; None is a removed file."""
    left_out: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Changed paths that can't be taken over, one line each with the reason."""


class HookFailed(Body, type="hook.failed", durable=False):
    """A hook couldn't be run, or ended with an error that blocks nothing; the pending action continues."""

    event: str
    command: str
    """Redacted."""
    reason: str
    """Redacted, on one line."""
    of_repository: bool = Field(default=False, exclude_if=not_)
    needs: str = Field(default="", exclude_if=not_)
    """The program that the sandbox lacks, if that is why."""


class TextsEmbedded(Body, type="texts.embedded"):
    """An embedder received a query or texts of the user's documents; `error` says why it gets no more."""

    model: str
    texts: int
    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    """None: the price is unknown."""
    error: str = Field(default="", exclude_if=not_)
    """Redacted, on one line; empty if all texts were embedded."""


class CodeCalled(Body, type="code.called"):
    """The model's program will call a tool with effects. A resume doesn't repeat the call."""

    id: str
    """Id of the model's call that runs the program."""
    name: str
    arguments: str
    """JSON, redacted, shortened."""


class CodeAnswered(Body, type="code.answered", durable=False):
    """A tool with effects returned its result to the model's program."""

    id: str
    name: str
    text: str
    """The result, redacted and shortened; the program gets it in full."""
