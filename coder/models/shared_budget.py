"""SharedBudget: a limit for several runs together. Each call reserves its cost first."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import Unpack

from coder.base.errors import ModelError, SharedBudgetEmpty
from coder.base.usage import Used
from coder.models.abilities import LEAST, affordable
from coder.models.abilities import reserved as reserved_tokens
from coder.models.model import Answer, Asking, ChatMessage, Model, Retry, Switch
from coder.models.tokens import input_tokens
from coder.models.wrapper import Wrapper

SHARES = 4
"""One in so many of what is free may be reserved for a long answer, so that others are asked meanwhile."""


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
        """Reserve an amount for one call; wait if other calls may return part of theirs.

        Raises:
            SharedBudgetEmpty: there can't be as much.
        """
        while self.spent + self._reserved + usd > self.usd:
            if self.spent + usd > self.usd:
                raise self._empty()
            given_back: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(given_back)
            await given_back
        self._reserved += usd

    def lose(self, usd: Decimal) -> None:
        """Count tokens of a failed try of a call that is repeated.

        Raises:
            SharedBudgetEmpty: what is reserved exceeds what is left.
        """
        self.spent += usd
        if self.spent + self._reserved > self.usd:
            raise self._empty()

    def settle(self, reserved: Decimal, used: Decimal) -> None:
        """Replace the reservation of an ended call by its cost."""
        self._reserved -= reserved
        self.spent += used
        waiting, self._waiting = self._waiting, []
        for given_back in waiting:
            if not given_back.done():
                given_back.set_result(None)

    def _empty(self) -> SharedBudgetEmpty:
        return SharedBudgetEmpty(
            f"the next call could go over the ${self.usd} of all runs together (${self.spent:.4f} used)"
        )


class Pursed(Wrapper):
    """A model whose calls are paid from a shared budget; one of unknown cost costs its reservation."""

    def __init__(self, model: Model, purse: SharedBudget) -> None:
        """Take a model whose price is known."""
        super().__init__(model)
        self._purse = purse

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """The model's answer, once its cost is reserved.

        Raises:
            SharedBudgetEmpty: the budget doesn't suffice, or the price isn't known.
        """
        sampling, on_retry = asking["sampling"], asking.get("on_retry")
        tokens_in, most = input_tokens(messages, asking.get("form")), reserved_tokens(self, sampling)
        share = affordable(self.price, tokens_in, most, self._purse.free / SHARES)
        if share < most:
            most = min(most, max(share, LEAST))
            asking["sampling"] = sampling.model_copy(update={"room": most})
        reserved = self.price(tokens_in, most)
        if reserved is None:
            raise SharedBudgetEmpty(
                f"the price of {self.name} is unknown, and a limit is set on the cost of all runs"
            )
        await self._purse.reserve(reserved)
        used = reserved  # an interrupted call may cost all of its reservation

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
