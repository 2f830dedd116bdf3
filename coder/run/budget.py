"""Find the limit that a call would exceed or has exceeded. Reservations count as spent."""

from decimal import Decimal

from coder.models.abilities import MIN_ANSWER, PriceOf, affordable_tokens
from coder.run.event_types import BudgetReached, CallAnswered, CallIntended, Limit
from coder.run.records.spend import Spend
from coder.run.settings import Budget


def calls_reached(budget: Budget) -> str:
    """Return the message for a used-up limit of calls."""
    return f"the limit of {budget.max_calls} model call{'' if budget.max_calls == 1 else 's'} was reached"


def room_for_answer(spend: Spend, *, tokens_in: int, most: int, price: PriceOf) -> tuple[int, Limit | None]:
    """Return the tokens that the budget leaves for an answer, up to `most`, and the limit that binds.

    An answer may use half of the remainder, so that a repair remains possible, and at least 4,096 tokens.
    """
    budget, prompt_usd = spend.budget, price(tokens_in, 0) or Decimal(0)
    usd_left = budget.max_cost - spend.usd - prompt_usd
    limits: list[tuple[int, Limit | None]] = [
        (most, None),
        (affordable_tokens(price, tokens_in, most, usd_left / 2), "cost"),
    ]
    if budget.max_tokens is not None:
        limits.append(((budget.max_tokens - spend.tokens - tokens_in) // 2, "tokens"))
    if budget.max_call_cost is not None:
        limits.append((affordable_tokens(price, tokens_in, most, budget.max_call_cost - prompt_usd), "call"))
    room, limit = min(limits, key=lambda pair: pair[0])
    return max(room, min(MIN_ANSWER, most)), limit


def over_budget(spend: Spend, intent: CallIntended) -> BudgetReached | None:
    """Return the limit that the next call would break, reservations included, or None."""
    budget, reserved = spend.budget, intent.reserved_usd or Decimal(0)
    if spend.calls >= budget.max_calls:
        return BudgetReached(limit="calls", text=calls_reached(budget))
    if budget.max_call_cost is not None and reserved > budget.max_call_cost:
        text = f"the next call could cost ${reserved:.4f}, more than the ${budget.max_call_cost} that one may"
        return BudgetReached(limit="call", text=text, least=reserved)
    return spent_budget(spend, "the next call", tokens=intent.reserved_tokens, usd=reserved)


def spent_budget(
    spend: Spend, what: str = "asking again", *, tokens: int = 0, usd: Decimal = Decimal(0)
) -> BudgetReached | None:
    """Return the limit that these additional tokens and dollars would break, or None."""
    budget, needed, cost = spend.budget, spend.tokens + tokens, spend.usd + usd
    if budget.max_tokens is not None and needed > budget.max_tokens:
        text = f"{what} could go over the limit of {budget.max_tokens} tokens ({spend.tokens} used)"
        return BudgetReached(limit="tokens", text=text, least=Decimal(needed))
    if cost > budget.max_cost:
        text = f"{what} could go over the limit of ${budget.max_cost} (${spend.usd:.4f} used)"
        return BudgetReached(limit="cost", text=text, least=cost)
    return None


def is_spent_on_reasoning(answer: CallAnswered) -> bool:
    """Whether an answer used up its tokens by reasoning, before any text or tool call."""
    if answer.finish != "length" or answer.text.strip() or answer.tool_calls:
        return False
    # Some endpoints report hidden reasoning only in the token counts.
    is_hidden = not answer.text and answer.usage.output_tokens > 0 and not answer.usage.is_estimate
    return is_hidden or bool(answer.reasoning or answer.usage.reasoning_tokens)


def no_room(
    answer: CallAnswered, budget: Budget, *, bound_by: Limit | None, own: int | None
) -> BudgetReached:
    """Return the limit to raise after an answer that was all reasoning, with a message.

    Args:
        bound_by: the limit of the budget that bounded the answer.
        own: maximum tokens of the model's answers, if known.
    """
    used = answer.usage.output_tokens
    text = f"the model used up the {used:,} tokens of its answer by reasoning, so that no answer came"
    if bound_by is not None:
        least = 2 * budget.max_call_cost if bound_by == "call" and budget.max_call_cost is not None else None
        return BudgetReached(limit=bound_by, text=f"{text}; the budget left no more", least=least)
    if own is not None and used >= own:
        return BudgetReached(limit="answer", text=f"{text}; that is its maximum: name another model")
    return BudgetReached(limit="answer", text=text, least=Decimal(2 * used))
