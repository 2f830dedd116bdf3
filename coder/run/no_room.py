"""No room: an answer that came to its limit before its first word, as its model has reasoned until then."""

from decimal import Decimal

from coder.run.event_types import BudgetReached, CallAnswered, Limit
from coder.run.settings import Budget


def is_spent_on_reasoning(answer: CallAnswered) -> bool:
    """Whether an answer came to its limit before its first word."""
    if answer.finish != "length" or answer.text.strip() or answer.tool_calls:
        return False
    # Some endpoints tell of hidden reasoning only by the tokens that they count.
    hidden = not answer.text and answer.usage.output_tokens > 0 and not answer.usage.is_estimate
    return hidden or bool(answer.reasoning or answer.usage.reasoning_tokens)


def no_room(
    answer: CallAnswered, budget: Budget, *, bound_by: Limit | None, own: int | None
) -> BudgetReached:
    """What is said of such an answer, and the limit that would have to be raised.

    Args:
        bound_by: the limit of the budget that left the answer no more.
        own: tokens that the model can answer with, where that is known.
    """
    used = answer.usage.output_tokens
    text = f"the model used up the {used:,} tokens of its answer by reasoning, so that no answer came"
    if bound_by is not None:
        least = 2 * budget.call_usd if bound_by == "call" and budget.call_usd is not None else None
        return BudgetReached(limit=bound_by, text=f"{text}; the budget left no more", least=least)
    if own is not None and used >= own:
        return BudgetReached(limit="answer", text=f"{text}; it has no more: name one that reasons less")
    return BudgetReached(limit="answer", text=text, least=Decimal(2 * used))
