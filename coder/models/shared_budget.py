"""SharedBudget: a limit on the cost of several runs together. Each call reserves its cost first."""

import asyncio
import itertools
from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol, Unpack

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
_MIN_ROOM = 512
"""Leave at least this many tokens for an answer."""


class Purse(Protocol):
    """Protocol: a limit on the cost of several runs, in this process or another one."""

    async def free(self) -> Decimal:
        """Return the amount neither spent nor reserved, in US dollars."""

    async def reserve(self, usd: Decimal) -> int:
        """Reserve an amount for one call; wait while other calls may return parts of their reservations.

        Returns:
            The number of the reservation.

        Raises:
            SharedBudgetEmpty: the amount won't become available.
        """

    async def lose(self, usd: Decimal) -> None:
        """Count the cost of a failed attempt of a call that is repeated.

        Raises:
            SharedBudgetEmpty: the reservations exceed the remaining amount.
        """

    def settle(self, number: int, used: Decimal) -> None:
        """Replace the reservation of an ended call by its actual cost."""


class SharedBudget:
    """Purse in this event loop. A reservation counts as spent until its call ends."""

    def __init__(self, usd: Decimal, *, spent: Decimal = Decimal(0)) -> None:
        """Set the limit and the amount already spent."""
        self.usd = usd
        self.spent = spent
        self.refused = Decimal(0)
        """Amount that the last refused call was to reserve; 0 before one is refused."""
        self._reservations: dict[int, tuple[str, Decimal]] = {}
        """Owner and amount of each open reservation."""
        self._forfeits: dict[int, Decimal] = {}
        self._numbers = itertools.count(1)
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def _reserved(self) -> Decimal:
        return sum((usd for _, usd in self._reservations.values()), Decimal(0))

    async def free(self) -> Decimal:
        """Return the amount neither spent nor reserved, in US dollars."""
        return self.usd - self.spent - self._reserved

    def try_reserve(self, usd: Decimal, owner: str = "") -> int | None:
        """Reserve an amount; return the reservation's number, or None if calls in flight may free enough.

        Raises:
            SharedBudgetEmpty: the amount won't become available.
        """
        if self.spent + usd > self.usd:
            self.refused = usd
            raise self._empty()
        if self.spent + self._reserved + usd > self.usd:
            return None
        number = next(self._numbers)
        self._reservations[number] = (owner, usd)
        return number

    async def reserve(self, usd: Decimal) -> int:
        """Reserve an amount for one call (see `Purse.reserve`)."""
        while (number := self.try_reserve(usd)) is None:
            release: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(release)
            await release
        return number

    async def lose(self, usd: Decimal) -> None:
        """Count the cost of a failed attempt of a call that is repeated (see `Purse.lose`)."""
        self.spent += usd
        if self.spent + self._reserved > self.usd:
            raise self._empty()

    def settle(self, number: int, used: Decimal) -> None:
        """Replace the reservation of an ended call by its actual cost."""
        self.spent -= self._forfeits.pop(number, Decimal(0))
        self._reservations.pop(number, None)
        self.spent += used
        self._release()

    def forfeit(self, owner: str) -> None:
        """Count all reservations of a lost owner as spent; settling one later returns its unused part."""
        for number in [number for number, row in self._reservations.items() if row[0] == owner]:
            _, usd = self._reservations.pop(number)
            self._forfeits[number] = usd
            self.spent += usd
        self._release()

    def _release(self) -> None:
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

    def __init__(self, model: Model, purse: Purse) -> None:
        """Wrap a model with a known price."""
        super().__init__(model)
        self._purse = purse
        self._longest: int | None = None
        """Tokens of the longest answer so far; None before the first."""

    @property
    def _least_room(self) -> int:
        """Tokens that an answer gets at least: twice the longest so far."""
        return MIN_ANSWER if self._longest is None else min(MIN_ANSWER, max(_MIN_ROOM, 2 * self._longest))

    async def _reserve(self, tokens_in: int, most: int) -> tuple[int, int, Decimal]:
        """Reserve for an answer of up to `most` tokens; return the reservation, its tokens and its amount."""
        while True:
            longest, share = self._longest, await self._purse.free() / SHARES
            affordable_output = affordable_tokens(self.price, tokens_in, most, share)
            max_output = min(most, max(affordable_output, self._least_room))
            reserved = self.price(tokens_in, max_output)
            if reserved is None:
                raise SharedBudgetEmpty(
                    f"the price of {self.name} is unknown, and a limit is set on the cost of all runs"
                )
            try:
                return await self._purse.reserve(reserved), max_output, reserved
            except SharedBudgetEmpty:
                if self._longest == longest:  # else an answer has shown meanwhile how long they are
                    raise

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """Reserve the cost of a call, and return the model's answer.

        Raises:
            SharedBudgetEmpty: the budget doesn't suffice, or left the answer less room than it took, or the
                price isn't known.
        """
        sampling, on_retry = asking["sampling"], asking.get("on_retry")
        tokens_in, most = input_tokens(messages, asking.get("form")), reserved_tokens(self, sampling)
        number, max_output, reserved = await self._reserve(tokens_in, most)
        if max_output < most:
            asking["sampling"] = sampling.model_copy(update={"room": max_output})
        used = reserved  # an interrupted call may cost the whole reservation

        async def tell(event: Retry | Switch) -> None:
            if on_retry is not None:
                await on_retry(event)
            await self._purse.lose(_cost(event.lost))

        asking["on_retry"] = tell
        try:
            answer = await self._model.answer(messages, **asking)
            used = answer.cost_usd if answer.cost_usd is not None else reserved
            self._longest = max(self._longest or 0, answer.usage.output_tokens)
        except ModelError as error:
            used = _cost(error.lost)
            raise
        except SharedBudgetEmpty:
            used = Decimal(0)
            raise
        finally:
            self._purse.settle(number, used)
        if max_output < most and answer.finish == "length":  # no failure of the model's
            empty = SharedBudgetEmpty(
                f"the budget of all runs together left an answer {max_output:,} tokens, and it took more"
            )
            empty.lost = Used(usage=answer.usage, cost_usd=used)
            raise empty
        return answer


def _cost(lost: Used | None) -> Decimal:
    return (lost.cost_usd or Decimal(0)) if lost is not None else Decimal(0)
