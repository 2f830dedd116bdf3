"""SharedBudget: a limit on the cost of several runs together. Each call reserves its cost first."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Unpack

from coder.base.errors import ModelError, SharedBudgetEmpty
from coder.base.usage import Used
from coder.models.abilities import MIN_ANSWER, affordable_tokens
from coder.models.abilities import reserved as reserved_tokens
from coder.models.answer_parts import Retry, Switch
from coder.models.model import Answer, Asking, ChatMessage, Model
from coder.models.tokens import input_tokens
from coder.models.wrapper import Wrapper

SHARES = 4
"""A call may reserve this fraction (1/SHARES) of the free amount, so that others can run meanwhile."""


class SharedBudget:
    """US dollars for several runs in one event loop. A reservation counts as spent until its call ends."""

    def __init__(self, usd: Decimal, *, spent: Decimal = Decimal(0)) -> None:
        """Set the limit and the amount already spent."""
        self.usd = usd
        self.spent = spent
        self._reserved = Decimal(0)
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def free(self) -> Decimal:
        """Amount neither spent nor reserved."""
        return self.usd - self.spent - self._reserved

    async def reserve(self, usd: Decimal) -> None:
        """Reserve an amount for one call; wait while other calls may return parts of their reservations.

        Raises:
            SharedBudgetEmpty: the amount won't become available.
        """
        while self.spent + self._reserved + usd > self.usd:
            if self.spent + usd > self.usd:
                raise self._empty()
            release: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(release)
            await release
        self._reserved += usd

    def lose(self, usd: Decimal) -> None:
        """Count the cost of a failed attempt of a call that is repeated.

        Raises:
            SharedBudgetEmpty: the reservations exceed the remaining amount.
        """
        self.spent += usd
        if self.spent + self._reserved > self.usd:
            raise self._empty()

    def settle(self, reserved: Decimal, used: Decimal) -> None:
        """Replace the reservation of an ended call by its actual cost."""
        self._reserved -= reserved
        self.spent += used
        waiting, self._waiting = self._waiting, []
        for release in waiting:
            if not release.done():
                release.set_result(None)

    def _empty(self) -> SharedBudgetEmpty:
        return SharedBudgetEmpty(
            f"the next call could go over the ${self.usd} of all runs together (${self.spent:.4f} used)"
        )


class BudgetedModel(Wrapper):
    """A model whose calls are paid from a shared budget; a call of unknown cost costs its reservation."""

    def __init__(self, model: Model, purse: SharedBudget) -> None:
        """Take a model with a known price."""
        super().__init__(model)
        self._purse = purse

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Reserve the cost of a call, and return the model's answer.

        Raises:
            SharedBudgetEmpty: the budget doesn't suffice, or the price isn't known.
        """
        sampling, on_retry = asking["sampling"], asking.get("on_retry")
        tokens_in, max_output = input_tokens(messages, asking.get("form")), reserved_tokens(self, sampling)
        affordable_output = affordable_tokens(self.price, tokens_in, max_output, self._purse.free / SHARES)
        if affordable_output < max_output:
            max_output = min(max_output, max(affordable_output, MIN_ANSWER))
            asking["sampling"] = sampling.model_copy(update={"room": max_output})
        reserved = self.price(tokens_in, max_output)
        if reserved is None:
            raise SharedBudgetEmpty(
                f"the price of {self.name} is unknown, and a limit is set on the cost of all runs"
            )
        await self._purse.reserve(reserved)
        used = reserved  # an interrupted call may cost the whole reservation

        async def tell(event: Retry | Switch) -> None:
            if on_retry is not None:
                await on_retry(event)
            self._purse.lose(_cost(event.lost))

        asking["on_retry"] = tell
        try:
            answer = await self._model.answer(messages, **asking)
            used = answer.cost_usd if answer.cost_usd is not None else reserved
        except ModelError as error:
            used = _cost(error.lost)
            raise
        except SharedBudgetEmpty:
            used = Decimal(0)
            raise
        finally:
            self._purse.settle(reserved, used)
        return answer


def _cost(lost: Used | None) -> Decimal:
    return (lost.cost_usd or Decimal(0)) if lost is not None else Decimal(0)
