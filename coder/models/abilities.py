"""Known abilities of a model, and the limits of an answer that follow from them.

An answer is limited by the model, the user and the budget. If no limit is known, none is sent.
"""

import re
from collections.abc import Callable
from decimal import Decimal

from coder.models.model import Sampling
from sandbox.result import Value

EMBEDDED = "SmolLM2-135M-Instruct"
"""The model that comes with the extra `local`."""
SMALL = 1_000_000_000
"""A model with fewer parameters completes source better than it follows instructions."""
_MIN_PARAMETERS = 4_000_000_000
"""A model needs this many parameters to work with tools."""
_MIN_CONTEXT = 8192
"""A model needs a context of this many tokens to work with tools, because dialogues with outputs are long."""
_SIZE_IN_NAME = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?)([MB])(?![A-Za-z\d])", re.IGNORECASE)
_UNITS = {"m": 1e6, "b": 1e9}
MIN_ANSWER = 4096
"""A budget must allow this many tokens for an answer, unless fewer were requested."""
DEFAULT_RESERVATION = 131_072
"""Reserve this many tokens for an answer if no limit is known; few models write more."""
MIN_REQUESTED = 1024
"""Request at least this many tokens, since the estimate of the prompt may be too high."""
PriceOf = Callable[[int, int], Decimal | None]
"""Function like `Model.price`: US dollars for input and output tokens."""


class ModelFacts(Value):
    """Facts about a model; None means unknown."""

    context: int | None = None
    """Tokens of prompt and answer together."""
    tools: bool | None = None
    max_output: int | None = None
    """Tokens of an answer, reasoning included."""
    sees: bool | None = None
    """Whether it accepts pictures."""
    reads_pdf: bool | None = None
    """Whether it accepts PDFs."""


class Abilities(ModelFacts):
    """Facts about a model that are known before its first call."""

    acts: bool | None = None
    """Whether a recording contains calls of tools; None: not a recording, or an empty one."""


def abilities_of(model: object) -> Abilities:
    """Return a model's attribute `abilities`; all are unknown if it has none."""
    abilities: Abilities = getattr(model, "abilities", Abilities())
    return abilities


def parameters_of(name: str) -> int | None:
    """Return the number of parameters from a name such as `local/SmolLM2-135M-Instruct`, or None."""
    match = _SIZE_IN_NAME.search(name)
    size = round(float(match[1]) * _UNITS[match[2].lower()]) if match else 0
    return size if size >= 10_000_000 else None  # `1m` is a context window, not a size


def continues_text(name: str) -> bool:
    """Whether a model should continue a begun answer, because it is local and small."""
    size = parameters_of(name)
    return name.startswith("local/") and size is not None and size < SMALL


def takes_tools(name: str, abilities: Abilities) -> bool:
    """Whether a model can work with tools: it isn't small, and its context is large enough."""
    if abilities.acts is not None:
        return abilities.acts
    is_small = name.startswith("local/") or (parameters_of(name) or _MIN_PARAMETERS) < _MIN_PARAMETERS
    return not is_small and (abilities.context is None or abilities.context >= _MIN_CONTEXT)


def model_limit(name: str, listed: int | None) -> int | None:
    """Return the maximum tokens of an answer, by the model's size and the catalogue."""
    size = parameters_of(name)
    if size is None or size >= SMALL:
        return listed
    return min(listed or MIN_ANSWER, MIN_ANSWER)


def request_limit(sampling: Sampling, *, own: int | None, context: int | None, tokens_in: int) -> int | None:
    """Return the maximum tokens to send in a request; None leaves the endpoint's limit."""
    limits = [limit for limit in (sampling.max_tokens, sampling.room, own) if limit is not None]
    if limits and context is not None:
        limits.append(max(MIN_REQUESTED, context - tokens_in))
    return min(limits, default=None)


def answer_limit(model: object, sampling: Sampling) -> int | None:
    """Return the maximum tokens of an answer; None if unknown."""
    limits = (sampling.max_tokens, sampling.room, abilities_of(model).max_output)
    return min((limit for limit in limits if limit is not None), default=None)


def reserved(model: object, sampling: Sampling) -> int:
    """Return how many tokens to reserve for an answer."""
    return answer_limit(model, sampling) or DEFAULT_RESERVATION


def affordable_tokens(price: PriceOf, tokens_in: int, max_output: int, usd: Decimal) -> int:
    """Return the answer tokens, up to `max_output`, that a sum can buy in addition to the prompt."""
    full_price, prompt_price = price(tokens_in, max_output), price(tokens_in, 0)
    if full_price is None or prompt_price is None or full_price - prompt_price <= usd:
        return max_output
    return int(max_output * max(usd, Decimal(0)) / (full_price - prompt_price))
