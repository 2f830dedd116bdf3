"""Record a model's answers for a replay (`recorded.py`)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Unpack

from coder.base.errors import ModelAuthError, ModelError, UsageError
from coder.base.text.redact import Redactor
from coder.base.usage import MILLION
from coder.models.abilities import abilities_of, reserved
from coder.models.answer_parts import Retry, Switch
from coder.models.model import Answer, Asking, ChatMessage, Model, Sampling
from coder.models.recording import (
    Failure,
    Header,
    RecordedCall,
    RecordedModel,
    Redact,
    open_recording,
    redact_request,
)
from coder.models.scripted import Scripted
from coder.models.tokens import input_tokens
from coder.models.wrapper import HasRoles, Wrapper


class Recorder(Wrapper):
    """A model whose answers are also written to a file, each when it is complete."""

    def __init__(self, model: Model, path: Path, *, redact: Redact | None = None) -> None:
        """Open the file; a recording of the same model is continued."""
        super().__init__(model)
        self._redact = redact or Redactor.from_environment().redact
        self._role = ""
        self._file = open_recording(path, _header(model))

    def role(self, participant: str) -> Model | None:
        """Return the model of a participant that has its own, recorded into the same file."""
        model = super().role(participant)
        if isinstance(model, Recorder):
            model._role = participant
        return model

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Return the model's answer; record it or the failure, unless the key was refused."""
        sampling, form, on_retry = asking["sampling"], asking.get("form"), asking.get("on_retry")
        tokens_in, max_output = input_tokens(messages, form), reserved(self, sampling)
        entry = RecordedCall(
            request=(request := redact_request(messages, sampling, form, redact=self._redact)),
            key=request.key,
            prices=self._prices(tokens_in, max_output, sampling),
            role=self._role,
            failure=Failure(kind=ModelError.__name__, message="whoever asked has ended the call"),
        )
        events: list[Retry | Switch] = []

        async def tell(event: Retry | Switch) -> None:
            events.append(event.model_copy(update={"reason": self._redact(event.reason)}))
            if on_retry is None:
                return
            try:
                await on_retry(event)
            except Exception:
                # The caller ends the call at a limit; in a replay, it does so at the same event.
                self._write(entry.model_copy(update={"told": tuple(events)}))
                raise

        asking["on_retry"] = tell
        try:
            answer = await self._model.answer(messages, **asking)
        except ModelAuthError:
            raise  # the user sets the key and starts again
        except ModelError as error:
            failure = Failure(kind=type(error).__name__, message=self._redact(str(error)), lost=error.lost)
            self._write(entry.model_copy(update={"failure": failure, "told": tuple(events)}))
            raise
        changes = {"answer": answer.redacted(self._redact), "failure": None, "told": tuple(events)}
        self._write(entry.model_copy(update=changes))
        return answer

    def _prices(self, tokens_in: int, max_output: int, sampling: Sampling) -> dict[int, Decimal]:
        """Return the prices with which the caller computes its remaining budget."""
        full_output = reserved(self, sampling.model_copy(update={"room": None}))
        prices = {tokens: self.price(tokens_in, tokens) for tokens in (0, max_output, full_output)}
        return {tokens: usd for tokens, usd in prices.items() if usd is not None}

    def _write(self, entry: RecordedCall) -> None:
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
        roles={
            name: _model_facts(role_model) for name, role_model in roles.items() if role_model is not None
        },
        **dict(_model_facts(model)),
    )


def _model_facts(model: Model) -> RecordedModel:
    prices = model.price(MILLION, 0), model.price(0, MILLION)
    usd_per_million = None if prices[0] is None or prices[1] is None else (prices[0], prices[1])
    abilities = abilities_of(model).model_dump(exclude={"acts"})
    return RecordedModel(model=model.name, usd_per_million=usd_per_million, **abilities)
