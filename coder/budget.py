"""Budget: which limit of the user's the next call would break. Pure; reservations count as spent."""

from collections.abc import Sequence
from decimal import Decimal
from math import ceil

from coder.bodies import BudgetReached, CallIntended
from coder.models.model import ChatMessage, Form
from coder.state import State

# Cautious: English has about four characters a token, code about three; other scripts have up to two tokens a
# character with older tokenizers.
_TOKENS_PER_ASCII = 1 / 3
_TOKENS_PER_OTHER = 2
_PER_MESSAGE = 8
_PER_IMAGE = 2000
"""What the dearest provider counts for a picture of common size."""


def input_tokens(messages: Sequence[ChatMessage], form: Form | None = None) -> int:
    """Tokens that a request will have at most."""
    texts = [message.content for message in messages]
    texts += [call.arguments + call.name for message in messages for call in message.tool_calls]
    if form is not None:
        texts.append(form.model_dump_json())
    images = sum(len(message.images) for message in messages)
    return sum(map(_tokens, texts)) + _PER_MESSAGE * len(messages) + _PER_IMAGE * images


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


def _tokens(text: str) -> int:
    plain = len(text) if text.isascii() else sum(character.isascii() for character in text)
    return ceil(plain * _TOKENS_PER_ASCII) + (len(text) - plain) * _TOKENS_PER_OTHER
