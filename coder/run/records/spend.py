"""Spend: calls, tokens, cost, time and limits of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from coder.base.usage import Usage
from coder.models.model import Used
from coder.run import event_types
from coder.run.records.record import Handlers, keep, replace
from coder.run.settings import Budget


@dataclass(frozen=True, slots=True)
class Spend:
    """Usage of a run's budget."""

    budget: Budget
    """The limits of the whole run; a resume may change them."""
    calls: int = 0
    """Number of requests to models."""
    open_calls: Mapping[int, event_types.CallIntended] = field(default_factory=dict)
    """Requests without an answer, by number."""
    tool_calls: int = 0
    """Number of tool calls, including interrupted ones."""
    usage: Usage = field(default_factory=Usage)
    cost_usd: Decimal = Decimal(0)
    cost_known: bool = True
    seconds: float = 0.0
    """Wall time of the run's own work."""
    test_seconds: float = 0.0
    """Wall time of long tests, which isn't in `seconds`."""
    exhausted: event_types.BudgetReached | None = None

    @property
    def tokens(self) -> int:
        """Tokens used, including the reservations of open requests."""
        reserved = sum(call.reserved_tokens for call in self.open_calls.values())
        return self.usage.input_tokens + self.usage.output_tokens + reserved

    @property
    def usd(self) -> Decimal:
        """Cost so far, including the reservations of open requests."""
        reserved = (call.reserved_usd or Decimal(0) for call in self.open_calls.values())
        return sum(reserved, self.cost_usd)

    def plus(self, others: Sequence[Spend | event_types.AttemptEnded]) -> Spend:
        """Return the sum with the usage of other runs under the same limits, including their reservations."""
        total = self
        for other in others:
            total = replace(
                total,
                calls=total.calls + other.calls,
                usage=total.usage + other.usage,
                cost_usd=total.cost_usd + other.cost_usd,
            )
            if isinstance(other, Spend) and other.open_calls:
                requests = [*total.open_calls.values(), *other.open_calls.values()]
                total = replace(total, open_calls=dict(enumerate(requests)))
        return total


def _reserve(spend: Spend, body: event_types.CallIntended, state: object) -> Spend:
    return replace(spend, calls=spend.calls + 1, open_calls={**spend.open_calls, body.call: body})


def _settle(spend: Spend, body: event_types.CallAnswered, state: object) -> Spend:
    return _without_call(_add_usage(spend, body), body.call)


def _lose(spend: Spend, body: event_types.CallRetried | event_types.CallSwitched, state: object) -> Spend:
    return _add_usage(spend, body.lost)


def _fail(spend: Spend, body: event_types.ModelCallFailed, state: object) -> Spend:
    return _without_call(_add_usage(spend, body.lost), body.call)


def _count_tool_call(spend: Spend, body: event_types.ToolCalled, state: object) -> Spend:
    return replace(spend, tool_calls=spend.tool_calls + 1)


def _resume(spend: Spend, body: event_types.RunResumed, state: object) -> Spend:
    return replace(spend, budget=body.budget, exhausted=None)


def _add_attempt(spend: Spend, body: event_types.AttemptEnded, state: object) -> Spend:
    return replace(
        spend.plus([body]),
        tool_calls=spend.tool_calls + body.tool_calls,
        cost_known=spend.cost_known and body.cost_known,
        exhausted=body.exhausted or spend.exhausted,
    )


def _add_step(spend: Spend, body: event_types.FlowStepEnded, state: object) -> Spend:
    """Add the usage of the run that a step of a flow began."""
    if body.spent is None:
        return spend
    used = Used(usage=body.spent.usage, cost_usd=body.spent.cost_usd)
    return replace(_add_usage(spend, used), calls=spend.calls + body.spent.calls)


def _embed(spend: Spend, body: event_types.TextsEmbedded, state: object) -> Spend:
    return _add_usage(spend, Used(usage=body.usage, cost_usd=body.cost_usd)) if body.texts else spend


def _add_usage(spend: Spend, used: event_types.CallAnswered | Used | None) -> Spend:
    """Add the usage of a paid answer, complete or not."""
    if used is None:
        return spend
    return replace(
        spend,
        usage=spend.usage + used.usage,
        cost_usd=spend.cost_usd + (used.cost_usd or Decimal(0)),
        cost_known=spend.cost_known and used.cost_usd is not None,
    )


def _without_call(spend: Spend, number: int) -> Spend:
    others = {call: request for call, request in spend.open_calls.items() if call != number}
    return replace(spend, open_calls=others)


HANDLERS: Handlers = {
    event_types.CallIntended: _reserve,
    event_types.CallAnswered: _settle,
    event_types.CallRetried: _lose,
    event_types.CallSwitched: _lose,
    event_types.ModelCallFailed: _fail,
    event_types.ToolCalled: _count_tool_call,
    event_types.BudgetReached: keep("exhausted"),
    event_types.AttemptEnded: _add_attempt,
    event_types.RunResumed: _resume,
    event_types.FlowStepEnded: _add_step,
    event_types.TextsEmbedded: _embed,
}
