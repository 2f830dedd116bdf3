"""Room: how many tokens an answer may have, by the model's own limit, the user's word and the budget.

Nothing is sent where no limit is known: the endpoint's own holds then.
"""

from collections.abc import Callable
from decimal import Decimal

from coder.models.abilities import abilities_of
from coder.models.model import Sampling
from coder.models.size import SMALL, parameters_of

LEAST = 4096
"""Tokens that a budget has to hold for an answer, unless fewer were asked for."""
LARGEST = 131_072
"""Tokens that are reserved for an answer where no limit is known; few models write more."""
LEAST_IN_CONTEXT = 1024
"""Tokens that are asked for behind a prompt that may fill the context: its size is estimated cautiously."""

PriceOf = Callable[[int, int], Decimal | None]
"""US dollars for tokens in and out, as `Model.price`."""


def own_limit(name: str, listed: int | None) -> int | None:
    """Tokens that a model can answer with; a small one that goes on for longer has lost its thread.

    Args:
        name: `provider/model`, which often tells the size.
        listed: what the catalogue says of it.
    """
    size = parameters_of(name)
    if size is None or size >= SMALL:
        return listed
    return min(listed or LEAST, LEAST)


def asked_for(sampling: Sampling, *, own: int | None, context: int | None, tokens_in: int) -> int | None:
    """Tokens that an endpoint is asked to answer with at most; None leaves it its own limit."""
    limits = [limit for limit in (sampling.max_tokens, sampling.room, own) if limit is not None]
    if limits and context is not None:
        limits.append(max(LEAST_IN_CONTEXT, context - tokens_in))
    return min(limits, default=None)


def known_limit(model: object, sampling: Sampling) -> int | None:
    """Tokens of an answer at most, before it is asked for; None where no limit is known."""
    limits = (sampling.max_tokens, sampling.room, abilities_of(model).max_output)
    return min((limit for limit in limits if limit is not None), default=None)


def reserved(model: object, sampling: Sampling) -> int:
    """Tokens that are reserved for an answer."""
    return known_limit(model, sampling) or LARGEST


def affordable(price: PriceOf, tokens_in: int, most: int, usd: Decimal) -> int:
    """Tokens of an answer, `most` at most, that cost no more than this behind their prompt."""
    whole, prompt = price(tokens_in, most), price(tokens_in, 0)
    if whole is None or prompt is None or whole - prompt <= usd:
        return most
    return int(most * max(usd, Decimal(0)) / (whole - prompt))
