"""Recorder writes down what a model says; Recorded says it again, without a connection.

A request is found by its key; the same request made again gets the next answer that was recorded for it.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from copy import copy
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Self

from coder.errors import ModelError, UsageError
from coder.models.cast import HasRoles
from coder.models.difference import difference
from coder.models.model import Answer, ChatMessage, Form, Model, OnRetry, Sampling
from coder.models.recording import Entry, Header, Redact, Request, open_recording, read_recording, redacted
from coder.models.scripted import Scripted
from coder.redact import redact

MILLION = 1_000_000


class Recorder:
    """A model whose answers are also written to a file, each as soon as it is complete."""

    def __init__(self, model: Model, path: Path, *, redact: Redact = redact) -> None:
        """Open the file; one that holds a recording of the same model is continued.

        Raises:
            UsageError: the file can't be written, or holds something else.
        """
        self._model = model
        self._redact = redact
        self._file = open_recording(path, _header(model))

    @property
    def name(self) -> str:
        """The recorded model's own name."""
        return self._model.name

    def role(self, participant: str) -> Model | None:
        """The model of a participant that has its own, recorded into the same file."""
        model = self._model.role(participant) if isinstance(self._model, HasRoles) else None
        if model is None:
            return None
        part = copy(self)
        part._model = model
        return part

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """The recorded model's own price."""
        return self._model.price(input_tokens, output_tokens)

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        on_token: Callable[[str], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Answer:
        """The model's answer, once it is written down; errors aren't recorded.

        Raises:
            ModelError: the model's own.
            UsageError: the file can't be written any more.
        """
        answer = await self._model.answer(
            messages, sampling=sampling, form=form, on_token=on_token, on_retry=on_retry
        )
        request = redacted(messages, sampling, form, redact=self._redact)
        written = answer.model_copy(update={"text": self._redact(answer.text)})
        entry = Entry(key=request.key, request=request, answer=written)
        try:
            self._file.write(entry.model_dump_json() + "\n")
            self._file.flush()
        except OSError as error:
            raise UsageError(
                f"The recording {self._file.name} can't be written: {error.strerror}."
            ) from error
        return answer

    async def close(self) -> None:
        """Close the file and the model. Idempotent."""
        self._file.close()
        await self._model.close()


class Recorded:
    """A model that says what was recorded. No connection is made."""

    def __init__(self, path: Path, *, redact: Redact = redact) -> None:
        """Read the whole recording.

        Raises:
            UsageError: it can't be read, or a line of it is damaged; the message has the line's number.
        """
        self._path = path
        self._redact = redact
        self.header, entries = read_recording(path)
        self._answers: dict[str, list[Answer]] = defaultdict(list)
        self._requests: dict[str, Request] = {}
        self._played: dict[str, int] = defaultdict(int)
        for entry in entries:
            self._answers[entry.key].append(entry.answer)
            self._requests[entry.key] = entry.request

    @property
    def name(self) -> str:
        """The name of the model that was recorded."""
        return self.header.model

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """What the tokens cost when they were recorded; None where that was unknown."""
        prices = self.header.usd_per_million
        if prices is None:
            return None
        return (prices[0] * input_tokens + prices[1] * output_tokens) / MILLION

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        on_token: Callable[[str], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Answer:
        """The recorded answer to this request; to the n-th of its kind the n-th answer.

        Raises:
            ModelError: the request was not recorded, or not so often; the message says what differs.
        """
        request = redacted(messages, sampling, form, redact=self._redact)
        answers, nth = self._answers.get(request.key, []), self._played[request.key]
        if nth >= len(answers):
            raise ModelError(self._unknown(request, nth))
        self._played[request.key] += 1
        if on_token is not None:
            on_token(answers[nth].text)
        return answers[nth]

    async def close(self) -> None:
        """Nothing is open."""

    def _unknown(self, request: Request, nth: int) -> str:
        if nth:
            return f"{self._path} answers this request {nth} times, and it was made once more."
        if not self._requests:
            return f"{self._path} holds no answer at all."
        return f"{self._path} has no answer to this request. {difference(request, self._requests.values())}"


def _header(model: Model) -> Header:
    prices = model.price(MILLION, 0), model.price(0, MILLION)
    known = None if prices[0] is None or prices[1] is None else (prices[0], prices[1])
    return Header(
        kind="scripted" if isinstance(model, Scripted) else "recorded",
        model=model.name,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        usd_per_million=known,
    )
