"""Scripted: a dialogue that a person wrote. It shows what we do with answers, not what a model can."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Self

from coder.errors import ModelError
from coder.models.abilities import Abilities
from coder.models.model import Answer, ChatMessage, Form, OnRetry, Sampling, ToolCall
from coder.models.recording import Request
from coder.models.tokens import estimated_usage
from coder.text.sanitize import count_of


class Scripted:
    """A model whose answers a person wrote, given in order whatever is asked. It proves no model's skill."""

    def __init__(
        self,
        answers: Sequence[str | Sequence[ToolCall] | Answer],
        *,
        name: str = "scripted/dialogue",
        abilities: Abilities | None = None,
    ) -> None:
        """Take what is answered: a text, the tools that are called, or all of an answer."""
        self._answers = tuple(answers)
        self._name = name
        self.abilities = abilities or Abilities()
        self.requests: list[Request] = []
        """What was asked so far."""

    @property
    def name(self) -> str:
        """Begins with `scripted/`, unless it was given."""
        return self._name

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """Nothing."""
        return Decimal(0)

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        on_token: Callable[[str], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Answer:
        """The next answer.

        Raises:
            ModelError: the script has come to its end.
        """
        if len(self.requests) == len(self._answers):
            raise ModelError(
                f"The script has {count_of(len(self._answers), 'answer')}, and one more was asked for."
            )
        said = self._answers[len(self.requests)]
        self.requests.append(Request(messages=tuple(messages), sampling=sampling, form=form))
        answer = said if isinstance(said, Answer) else self._answer(said, messages)
        if on_token is not None:
            on_token(answer.text)
        return answer

    def _answer(self, said: str | Sequence[ToolCall], messages: Sequence[ChatMessage]) -> Answer:
        text, calls = (said, ()) if isinstance(said, str) else ("", tuple(said))
        usage = estimated_usage(messages, len(text))
        return Answer(text=text, tool_calls=calls, model=self._name, usage=usage, cost_usd=Decimal(0))

    async def close(self) -> None:
        """Nothing is open."""
