"""Budget: which limit of the user's the next call would break. Pure; reservations count as spent."""

from decimal import Decimal

from coder.bodies import BudgetReached, CallIntended
from coder.state import State


def over_budget(state: State, intent: CallIntended) -> BudgetReached | None:
    """Which limit the next call would break, reservations counted, or None."""
    budget = state.budget
    if state.calls >= budget.calls:
        return BudgetReached(limit="calls", text=budget.calls_reached)
    tokens = state.spent_tokens + intent.reserved_tokens
    if budget.tokens is not None and tokens > budget.tokens:
        text = f"the next call could go over the limit of {budget.tokens} tokens ({state.spent_tokens} used)"
        return BudgetReached(limit="tokens", text=text, least=Decimal(tokens))
    reserved = intent.reserved_usd or Decimal(0)
    if budget.call_usd is not None and reserved > budget.call_usd:
        text = f"the next call could cost ${reserved:.4f}, more than the ${budget.call_usd} that one may"
        return BudgetReached(limit="call", text=text, least=reserved)
    if state.spent_usd + reserved > budget.cost_usd:
        text = f"the next call could go over the limit of ${budget.cost_usd} (${state.spent_usd:.4f} used)"
        return BudgetReached(limit="cost", text=text, least=state.spent_usd + reserved)
    return None


def spent_budget(state: State) -> BudgetReached | None:
    """Which limit the next try of a call that is being made would break, or None.

    What it has reserved stays reserved for the try; what broke off before has been used on top of that.
    """
    budget = state.budget
    if budget.tokens is not None and state.spent_tokens > budget.tokens:
        text = f"asking again could go over the limit of {budget.tokens} tokens"
        return BudgetReached(limit="tokens", text=text, least=Decimal(state.spent_tokens))
    if state.spent_usd > budget.cost_usd:
        text = f"asking again could go over the limit of ${budget.cost_usd}"
        return BudgetReached(limit="cost", text=text, least=state.spent_usd)
    return None
