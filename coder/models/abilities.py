"""Known abilities of a model, and the limits of an answer that follow from them.

The room keeps the model's own limit, the user's and the budget. Where no limit is known, none is sent.
"""

import re
from collections.abc import Callable
from decimal import Decimal

from pydantic import BaseModel

from coder.models.model import Sampling

EMBEDDED = "SmolLM2-135M-Instruct"
"""The model that comes with the extra `local`."""
SMALL = 1_000_000_000
"""Parameters below which a model completes source better than it follows instructions."""
_ABLE = 4_000_000_000
"""Parameters from which on a model can act."""
_ROOM = 8192
"""Tokens that a model must be able to read to act: a dialogue of commands and outputs needs them."""
_SIZE = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)([MB])(?![A-Za-z\d])", re.IGNORECASE)
_UNITS = {"m": 1e6, "b": 1e9}
LEAST = 4096
"""Tokens that a budget has to hold for an answer, unless fewer were asked for."""
LARGEST = 131_072
"""Tokens that are reserved for an answer where no limit is known; few models write more."""
LEAST_IN_CONTEXT = 1024
"""Tokens that are asked for behind a prompt that may fill the context: its size is estimated cautiously."""
PriceOf = Callable[[int, int], Decimal | None]
"""US dollars for tokens in and out, as `Model.price`."""


class ModelFacts(BaseModel, frozen=True, extra="forbid"):
    """Facts about a model; None is unknown."""

    context: int | None = None
    """Tokens, prompt and answer together."""
    tools: bool | None = None
    max_output: int | None = None
    """Tokens of an answer, reasoning included."""
    sees: bool | None = None
    """Pictures."""


class Abilities(ModelFacts, frozen=True):
    """Facts about a model before the first call."""

    acts: bool | None = None
    """A recording: whether it was made with a model that acts. None: it isn't one, or is empty."""


def abilities_of(model: object) -> Abilities:
    """Abilities of a model, by its attribute `abilities`."""
    able: Abilities = getattr(model, "abilities", Abilities())
    return able


def parameters_of(name: str) -> int | None:
    """The number of parameters in a name such as `local/SmolLM2-135M-Instruct`, or None."""
    match = _SIZE.search(name)
    size = round(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    return size if size >= 10_000_000 else None  # `1m` is a context window: no smaller model writes anything


def goes_on(name: str) -> bool:
    """Whether a model continues an answer that we begin: it is local and small."""
    size = parameters_of(name)
    return name.startswith("local/") and size is not None and size < SMALL


def takes_tools(name: str, able: Abilities) -> bool:
    """Whether a model can work with tools: it isn't small, and its context holds a dialogue."""
    if able.acts is not None:
        return able.acts
    is_small = name.startswith("local/") or (parameters_of(name) or _ABLE) < _ABLE
    return not is_small and (able.context is None or able.context >= _ROOM)


def own_limit(name: str, listed: int | None) -> int | None:
    """Maximum tokens of an answer, by the model's size and the catalogue."""
    size = parameters_of(name)
    if size is None or size >= SMALL:
        return listed
    return min(listed or LEAST, LEAST)


def asked_for(sampling: Sampling, *, own: int | None, context: int | None, tokens_in: int) -> int | None:
    """Maximum tokens sent in a request; None leaves the endpoint's own limit."""
    limits = [limit for limit in (sampling.max_tokens, sampling.room, own) if limit is not None]
    if limits and context is not None:
        limits.append(max(LEAST_IN_CONTEXT, context - tokens_in))
    return min(limits, default=None)


def known_limit(model: object, sampling: Sampling) -> int | None:
    """Maximum tokens of an answer before the request; None if unknown."""
    limits = (sampling.max_tokens, sampling.room, abilities_of(model).max_output)
    return min((limit for limit in limits if limit is not None), default=None)


def reserved(model: object, sampling: Sampling) -> int:
    """Tokens to reserve for an answer."""
    return known_limit(model, sampling) or LARGEST


def affordable(price: PriceOf, tokens_in: int, most: int, usd: Decimal) -> int:
    """Tokens of an answer, up to `most`, that this sum pays for with their prompt."""
    whole, prompt = price(tokens_in, most), price(tokens_in, 0)
    if whole is None or prompt is None or whole - prompt <= usd:
        return most
    return int(most * max(usd, Decimal(0)) / (whole - prompt))
