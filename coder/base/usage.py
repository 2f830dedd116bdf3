"""Tokens of a call and their price."""

from decimal import Decimal
from operator import not_

from pydantic import Field

from sandbox.result import Value

MILLION = 1_000_000


class Usage(Value):
    """Tokens of one call, as the endpoint counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Input tokens that the endpoint read from its cache."""
    cache_write_tokens: int = Field(default=0, exclude_if=not_)
    """Input tokens that the endpoint wrote to its cache, if it charges for that."""
    reasoning_tokens: int = 0
    """Output tokens that the model used for reasoning."""
    is_estimate: bool = Field(default=False, exclude_if=not_)
    """Whether the counts are estimated from characters, as the endpoint reported none."""

    def __add__(self, other: "Usage") -> "Usage":
        sums = {name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields}
        return Usage(**{**sums, "is_estimate": self.is_estimate or other.is_estimate})

    def __sub__(self, other: "Usage") -> "Usage":
        differences = {name: getattr(self, name) - getattr(other, name) for name in Usage.model_fields}
        return Usage(**{**differences, "is_estimate": self.is_estimate})


class Used(Value):
    """Tokens and cost of an incomplete or rejected answer."""

    usage: Usage
    cost_usd: Decimal | None = None
    """Cost in US dollars; None if the price is unknown."""


class Price(Value):
    """US dollars per million tokens."""

    input: Decimal = Field(ge=0, allow_inf_nan=False)
    output: Decimal = Field(ge=0, allow_inf_nan=False)
    """Price of output, including reasoning."""
    cached: Decimal | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Price of cached input; None: the price of other input."""

    def of(self, usage: Usage) -> Decimal:
        """Return the cost of these tokens in US dollars."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        cached_price = self.input if self.cached is None else self.cached
        uncached = usage.input_tokens - cached
        return (self.input * uncached + cached_price * cached + self.output * usage.output_tokens) / MILLION
