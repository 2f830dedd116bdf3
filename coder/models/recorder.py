"""Write down what a model says, so that it can be said again without it (`recorded.py`)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Unpack

from coder.errors import ModelAuthError, ModelError, UsageError
from coder.models.abilities import abilities_of, reserved
from coder.models.model import Answer, Asking, ChatMessage, Model, Retry, Sampling, Switch
from coder.models.recording import Entry, Failure, Header, Part, Redact, open_recording, redacted
from coder.models.scripted import Scripted
from coder.models.tokens import input_tokens
from coder.models.wrapper import HasRoles, Wrapper
from coder.text.redact import Redactor
from coder.usage import MILLION


class Recorder(Wrapper):
    """A model whose answers are also written to a file, each as soon as it is complete."""

    def __init__(self, model: Model, path: Path, *, redact: Redact | None = None) -> None:
        """Open the file; one that holds a recording of the same model is continued.

        Args:
            redact: takes secrets out of what is written; None knows the environment's and the shapes of keys.

        Raises:
            UsageError: the file can't be written, or holds something else.
        """
        super().__init__(model)
        self._redact = redact or Redactor.from_environment().redact
        self._role = ""
        self._file = open_recording(path, _header(model))

    def role(self, participant: str) -> Model | None:
        """The model of a participant that has its own, recorded into the same file."""
        part = super().role(participant)
        if isinstance(part, Recorder):
            part._role = participant
        return part

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """The model's answer, once it is written down; so is a failure, unless it is about a key.

        Raises:
            ModelError: the model's own.
            UsageError: the file can't be written any more.
        """
        sampling, form, on_retry = asking["sampling"], asking.get("form"), asking.get("on_retry")
        tokens_in, most = input_tokens(messages, form), reserved(self, sampling)
        asked = Entry(
            request=(request := redacted(messages, sampling, form, redact=self._redact)),
            key=request.key,
            reserved_usd=self.price(tokens_in, most),
            prices=self._prices(tokens_in, most, sampling),
            role=self._role,
            failure=Failure(kind=ModelError.__name__, message="whoever asked has ended the call"),
        )
        told: list[Retry | Switch] = []

        async def tell(event: Retry | Switch) -> None:
            told.append(event.model_copy(update={"reason": self._redact(event.reason)}))
            if on_retry is None:
                return
            try:
                await on_retry(event)
            except Exception:
                # A limit of the caller's ends the call here; in a replay it does so at the same event.
                self._write(asked.model_copy(update={"told": tuple(told)}))
                raise

        asking["on_retry"] = tell
        try:
            answer = await self._model.answer(messages, **asking)
        except ModelAuthError:
            raise  # after a missing key the recording starts again without this
        except ModelError as error:
            failure = Failure(kind=type(error).__name__, message=self._redact(str(error)), lost=error.lost)
            self._write(asked.model_copy(update={"failure": failure, "told": tuple(told)}))
            raise
        ended = {"answer": self._redacted(answer), "failure": None, "told": tuple(told)}
        self._write(asked.model_copy(update=ended))
        return answer

    def _prices(self, tokens_in: int, most: int, sampling: Sampling) -> dict[int, Decimal]:
        """What the caller has asked the price of, to see how much room the budget leaves."""
        whole = reserved(self, sampling.model_copy(update={"room": None}))
        prices = {tokens: self.price(tokens_in, tokens) for tokens in (0, most, whole)}
        return {tokens: usd for tokens, usd in prices.items() if usd is not None}

    def _redacted(self, answer: Answer) -> Answer:
        calls = [call.redacted(self._redact) for call in answer.tool_calls]
        texts = {name: self._redact(getattr(answer, name)) for name in ("text", "reasoning", "model")}
        beside = [one.model_copy(update={"text": self._redact(one.text)}) for one in answer.alternatives]
        kept = answer.opaque.unless_secret(self._redact) if answer.opaque else None
        more = {"tool_calls": tuple(calls), "alternatives": tuple(beside), "opaque": kept}
        return answer.model_copy(update={**texts, **more})

    def _write(self, entry: Entry) -> None:
        try:
            self._file.write(entry.model_dump_json() + "\n")
            self._file.flush()
        except OSError as error:
            raise UsageError(
                f"The recording {self._file.name} can't be written: {error.strerror}."
            ) from error

    async def close(self) -> None:
        """Close the file and the model. Idempotent."""
        self._file.close()
        await super().close()


def _header(model: Model) -> Header:
    roles = {name: model.role(name) for name in model.roles} if isinstance(model, HasRoles) else {}
    return Header(
        kind="scripted" if isinstance(model, Scripted) else "recorded",
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        roles={name: _part(other) for name, other in roles.items() if other is not None},
        **dict(_part(model)),
    )


def _part(model: Model) -> Part:
    prices = model.price(MILLION, 0), model.price(0, MILLION)
    known = None if prices[0] is None or prices[1] is None else (prices[0], prices[1])
    able = abilities_of(model)
    return Part(
        model=model.name,
        usd_per_million=known,
        context=able.context,
        tools=able.tools,
        max_output=able.max_output,
        sees=able.sees,
    )
