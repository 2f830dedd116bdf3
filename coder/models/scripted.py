"""Scripted: a model whose answers a person wrote."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Unpack

from coder.base.errors import ModelError
from coder.base.text.sanitize import count_of
from coder.models.abilities import Abilities
from coder.models.model import Answer, Asking, ChatMessage, ToolCall
from coder.models.recording import RecordedRequest
from coder.models.tokens import estimated_usage
from coder.models.wrapper import Closing


class Scripted(Closing):
    """A model that returns prepared answers in order, regardless of the request."""

    def __init__(
        self,
        answers: Sequence[str | Sequence[ToolCall] | Answer],
        *,
        name: str = "scripted/dialogue",
        abilities: Abilities | None = None,
    ) -> None:
        """Set the answers: texts, calls of tools, or `Answer` objects."""
        self._answers = tuple(answers)
        self.name = name
        self.abilities = abilities or Abilities()
        self.requests: list[RecordedRequest] = []
        """Requests so far."""

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Return zero."""
        return Decimal(0)

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Return the next answer.

        Raises:
            ModelError: no answer is left.
        """
        if len(self.requests) == len(self._answers):
            raise ModelError(
                f"The script has {count_of(len(self._answers), 'answer')}, and one more was asked for."
            )
        scripted = self._answers[len(self.requests)]
        form, on_token = asking.get("form"), asking.get("on_token")
        self.requests.append(
            RecordedRequest(messages=tuple(messages), sampling=asking["sampling"], form=form)
        )
        answer = scripted if isinstance(scripted, Answer) else self._answer(scripted, messages)
        if on_token is not None:
            on_token(answer.text)
        return answer

    def _answer(self, scripted: str | Sequence[ToolCall], messages: Sequence[ChatMessage]) -> Answer:
        text, calls = (scripted, ()) if isinstance(scripted, str) else ("", tuple(scripted))
        usage = estimated_usage(messages, len(text))
        return Answer(text=text, tool_calls=calls, model=self.name, usage=usage, cost_usd=Decimal(0))
