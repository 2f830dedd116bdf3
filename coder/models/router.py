"""Router: several models in order; when one can't answer, the next is asked, and the log says so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from time import monotonic
from typing import Literal

from coder.errors import ContextTooLong, ModelError, ModelUnavailable, RateLimited
from coder.models.model import Answer, ChatMessage, Form, OnRetry, Sampling, Switch, Used
from coder.models.wrapper import Route, Wrapper

Cause = Literal["limit", "outage", "context", "refusal"]
CAUSES: tuple[Cause, ...] = ("limit", "outage", "context", "refusal")
LIMIT_REST_S = 30.0
OUTAGE_REST_S = 60.0
"""How long a model isn't asked first any more."""


@dataclass(slots=True)
class _Rest:
    """Until when a model isn't asked first, by the monotonic clock."""

    until: float = 0.0


_RESTS: dict[str, _Rest] = {}


class Router(Wrapper):
    """Asks the first of its models that is not resting.

    A limit or an outage lets a model rest, for all runs of this process, and asks the next; a conversation
    that is too long goes to one that may read more; a refusal to answer goes to the next. What no other model
    could heal is raised at once: a wrong key, an unknown name, a bad request.
    """

    def __init__(self, routes: Sequence[Route], *, on: Sequence[Cause] = CAUSES) -> None:
        """Take at least one route.

        Args:
            on: for which causes the next model is asked.
        """
        if not routes:
            raise ValueError("a router needs a model")
        super().__init__(routes[0].model)
        self._routes = tuple(routes)
        self._on = frozenset(on)
        self._rests = [
            _RESTS.setdefault(route.place, _Rest()) if route.place is not None else _Rest()
            for route in self._routes
        ]

    def price(self, input_tokens: int, output_tokens: int) -> Decimal | None:
        """The dearest model's: any of them may answer. None where one price isn't known."""
        prices = [route.model.price(input_tokens, output_tokens) for route in self._routes]
        known = [price for price in prices if price is not None]
        return max(known) if len(known) == len(prices) else None

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        on_token: Callable[[str], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Answer:
        """The first answer that one of the models gives. After a switch, `on_token` starts anew.

        Raises:
            ModelError: the last model's, when none answered.
        """
        left = self._in_order()
        lost: Used | None
        while True:
            at = left.pop(0)
            model = self._routes[at].model
            try:
                answer = await model.answer(
                    messages, sampling=sampling, form=form, on_token=on_token, on_retry=on_retry
                )
                left = self._others(left, at, "refusal") if answer.finish == "refusal" else []
                reason, lost = "it refused to answer", Used(usage=answer.usage, cost_usd=answer.cost_usd)
                if not left:
                    return answer
            except ModelError as error:
                left = self._others(left, at, _cause(error))
                reason, lost = str(error), error.lost
                if not left:
                    raise
            if on_retry is not None:
                name = self._routes[left[0]].model.name
                await on_retry(Switch(model=model.name, next=name, reason=reason, lost=lost))

    async def close(self) -> None:
        """Close every model. Idempotent."""
        for route in self._routes:
            await route.model.close()

    def _in_order(self) -> list[int]:
        """Those that don't rest, in order, then those that do."""
        now = monotonic()
        return sorted(range(len(self._routes)), key=lambda at: self._rests[at].until > now)

    def _others(self, left: list[int], at: int, cause: Cause | None) -> list[int]:
        """Which of those that are left may answer where this one didn't."""
        if cause in ("limit", "outage"):
            self._rests[at].until = monotonic() + (LIMIT_REST_S if cause == "limit" else OUTAGE_REST_S)
        if cause not in self._on:
            return []
        if cause != "context":
            return left
        held = self._routes[at].context
        contexts = {other: self._routes[other].context for other in left}
        return [o for o, context in contexts.items() if held is None or context is None or context > held]


def _cause(error: ModelError) -> Cause | None:
    """Why a model didn't answer; None for what asking another one would only hide."""
    match error:
        case ContextTooLong():
            return "context"
        case RateLimited():
            return "limit"
        case ModelUnavailable():
            return "outage"
        case _:
            return None
