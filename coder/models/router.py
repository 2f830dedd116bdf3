"""Router: several models in order; when one can't answer, the next is asked, and the log says so."""

from collections.abc import Sequence
from time import monotonic
from typing import Literal, Unpack

from coder.errors import ContextTooLong, ModelError, ModelUnavailable, RateLimited
from coder.models.abilities import abilities_of
from coder.models.model import Answer, Asking, ChatMessage, Model, Switch, Used
from coder.models.wrapper import Several

Cause = Literal["limit", "outage", "context", "refusal"]
REST_S: dict[Cause, float] = {"limit": 30.0, "outage": 60.0}
"""How long a model isn't asked first any more."""
_RESTS: dict[object, float] = {}
"""Until when each place rests, by the monotonic clock."""


class Router(Several):
    """Asks the first of its models that is not resting.

    A limit or an outage lets a model rest, for all runs of this process, and asks the next; a conversation
    that is too long goes to one that may read more; a refusal to answer goes to the next. What no other model
    could heal is raised at once: a wrong key, an unknown name, a bad request.
    """

    def __init__(self, models: Sequence[Model], *, places: Sequence[str] = ()) -> None:
        """Take at least one model.

        Args:
            places: of each model, what all routers of this process know it by, so that it rests for all.
        """
        super().__init__(models)
        self._places: Sequence[object] = places or [object() for _ in models]

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        """The first answer that one of the models gives. After a switch, `on_token` starts anew.

        Raises:
            ModelError: the last model's, when none answered.
        """
        left = self._in_order()
        on_retry = asking.get("on_retry")
        lost: Used | None
        while True:
            at = left.pop(0)
            model = self._models[at]
            try:
                answer = await model.answer(messages, **asking)
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
                following = self._models[left[0]].name
                await on_retry(Switch(model=model.name, next=following, reason=reason, lost=lost))

    def _in_order(self) -> list[int]:
        """Those that don't rest, in order, then those that do."""
        now = monotonic()
        return sorted(range(len(self._models)), key=lambda at: _RESTS.get(self._places[at], 0.0) > now)

    def _others(self, left: list[int], at: int, cause: Cause | None) -> list[int]:
        """Which of those that are left may answer where this one didn't."""
        if cause is None:
            return []
        if cause in REST_S:
            _RESTS[self._places[at]] = monotonic() + REST_S[cause]
        if cause != "context":
            return left
        contexts = [abilities_of(model).context for model in self._models]
        held = contexts[at]
        return [o for o in left if held is None or (context := contexts[o]) is None or context > held]


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
