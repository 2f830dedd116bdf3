"""A model at a price that the user gave."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from coder.errors import ModelError
from coder.models import Answer, ChatMessage, Form, Model, OnRetry, Retry, Sampling, Switch, Usage
from coder.models.model import Used
from coder.models.wrapper import Wrapper

MILLION = Decimal(1_000_000)


class Priced(Wrapper):
    """Answers as the model inside does; what it costs is computed from the price that was given."""

    def __init__(self, model: Model, into: Decimal, out: Decimal) -> None:
        """Take US dollars per million tokens, into the model and out of it."""
        super().__init__(model)
        self._into = into
        self._out = out

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        on_token: Callable[[str], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Answer:
        """Answer one conversation.

        Raises:
            ModelError: as the model inside does.
        """

        async def tell(event: Retry | Switch) -> None:
            if on_retry is not None:
                await on_retry(event.model_copy(update={"lost": self._priced(event.lost)}))

        try:
            answer = await self._model.answer(
                messages, sampling=sampling, form=form, on_token=on_token, on_retry=tell
            )
        except ModelError as error:
            error.lost = self._priced(error.lost)
            raise
        return answer.model_copy(update={"cost_usd": self._of(answer.usage)})

    def price(self, input_tokens: int, output_tokens: int) -> Decimal:
        """US dollars for so many tokens."""
        return (input_tokens * self._into + output_tokens * self._out) / MILLION

    def _of(self, usage: Usage) -> Decimal:
        return self.price(usage.input_tokens, usage.output_tokens)

    def _priced(self, lost: Used | None) -> Used | None:
        return lost.model_copy(update={"cost_usd": self._of(lost.usage)}) if lost is not None else None
