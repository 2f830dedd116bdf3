"""The file of a recording: JSON Lines.

The first line is a Header; each further line is a RecordedCall, whose key is a hash of its request. Requests
and answers are redacted before they are written.
"""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import not_
from pathlib import Path
from typing import Literal, Self, TextIO, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator

from coder.base.errors import UsageError
from coder.models.abilities import ModelFacts
from coder.models.answer_parts import Retry, Switch
from coder.models.model import Answer, ChatMessage, Form, Sampling, Used
from sandbox.result import Value

Redact = Callable[[str], str]
Line = TypeVar("Line", bound=BaseModel)

FORMAT = 1
_DURATION = re.compile(r"\b\d+(?:\.\d+)? ?(?:ms|s|seconds?)\b")


class RecordedModel(ModelFacts):
    """Facts about a recorded model."""

    model: str
    usd_per_million: tuple[Decimal, Decimal] | None = None
    """Prices of input and output tokens."""


class Header(RecordedModel):
    """First line of a recording: facts about the model and the models of roles."""

    coder_recording: int = FORMAT
    kind: Literal["recorded", "scripted"]
    """scripted: a person wrote the answers, so the recording doesn't show a model's skill."""
    date: str
    """UTC, ISO 8601."""
    roles: dict[str, RecordedModel] = Field(default={}, exclude_if=not_)
    """Models of participants that have their own."""


class RecordedRequest(Value):
    """A request, redacted."""

    messages: tuple[ChatMessage, ...]
    sampling: Sampling
    form: Form | None = Field(default=None, exclude_if=not_)

    @property
    def key(self) -> str:
        """SHA-256 (hex) of the canonical JSON."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def timeless_key(self) -> str:
        """Key without the durations after the first answer, because equal commands take different times."""
        first_answer = next(
            (index for index, message in enumerate(self.messages) if message.role == "assistant"),
            len(self.messages),
        )
        later = [
            message
            if message.role == "assistant"
            else message.model_copy(update={"content": _DURATION.sub("0 s", message.content)})
            for message in self.messages[first_answer:]
        ]
        return self.model_copy(update={"messages": (*self.messages[:first_answer], *later)}).key


class Failure(Value):
    """The error of a call that failed after its retries."""

    kind: str
    """The name of a ModelError."""
    message: str
    lost: Used | None = Field(default=None, exclude_if=not_)
    """Usage of the incomplete answer."""


class RecordedCall(Value):
    """One line of a recording: a call and its outcome."""

    key: str
    request: RecordedRequest
    answer: Answer | None = Field(default=None, exclude_if=not_)
    failure: Failure | None = Field(default=None, exclude_if=not_)
    told: tuple[Retry | Switch, ...] = Field(default=(), exclude_if=not_)
    """Retries and switches during the call; a replay reports them without waiting."""
    prices: dict[int, Decimal] = Field(default={}, exclude_if=not_)
    """US dollars of the call by tokens of the answer, so that a replay reserves as much."""
    role: str = Field(default="", exclude_if=not_)
    """The participant, if its own model was called; empty for the run's model."""

    @model_validator(mode="after")
    def _ended_once(self) -> Self:
        if (self.answer is None) == (self.failure is None):
            raise ValueError("a call ends with an answer or a failure")
        return self


def redact_request(
    messages: Sequence[ChatMessage], sampling: Sampling, form: Form | None = None, *, redact: Redact
) -> RecordedRequest:
    """Return a redacted request, to be recorded or looked up."""
    return RecordedRequest(
        messages=tuple(
            message.model_copy(
                update={
                    "content": redact(message.content),
                    "tool_calls": tuple(call.redacted(redact) for call in message.tool_calls),
                }
            )
            for message in messages
        ),
        sampling=sampling.model_copy(update={"room": None}),
        form=form,
    )


def read_recording(path: Path) -> tuple[Header, list[RecordedCall]]:
    """Return the header and the calls of a recording.

    Raises:
        UsageError: the file can't be read, isn't a recording, or has a damaged line, which the message names.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"The recording {path} can't be read: {error.strerror}.") from error
    if not lines:
        raise UsageError(f"{path} is empty: a recording begins with its header.")
    header = _parsed(Header, path, 1, lines[0])
    if header.coder_recording > FORMAT:
        raise UsageError(
            f"{path} has format {header.coder_recording}, newer than this version reads ({FORMAT})."
        )
    entries = [_parsed(RecordedCall, path, number, line) for number, line in enumerate(lines[1:], start=2)]
    for number, entry in enumerate(entries, start=2):
        if entry.key != entry.request.key:
            raise UsageError(f"Line {number} of {path}: its key doesn't belong to its request.")
    return header, entries


def open_recording(path: Path, header: Header) -> TextIO:
    """Open a recording for appending: a new file with this header, or a recording of the same model.

    Raises:
        UsageError: the file can't be written, or isn't a recording of the model.
    """
    try:
        if path.exists() and path.stat().st_size:
            existing, _ = read_recording(path)
            if (existing.model, existing.kind) != (header.model, header.kind):
                raise UsageError(
                    f"{path} holds answers of {existing.model}, not of {header.model}. Name another file."
                )
            return path.open("a", encoding="utf-8")
        file = path.open("w", encoding="utf-8")
        file.write(header.model_dump_json() + "\n")
        file.flush()
        return file
    except OSError as error:
        raise UsageError(f"The recording {path} can't be written: {error.strerror}.") from error


def _parsed(kind: type[Line], path: Path, number: int, line: bytes) -> Line:
    try:
        return kind.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        location = ".".join(map(str, problem["loc"]))
        detail = f"{location}: {problem['msg']}" if location else problem["msg"]
        raise UsageError(f"Line {number} of {path} is damaged ({detail}).") from error
