"""The tokens of a call, and what they cost by a price of US dollars per million."""

from decimal import Decimal
from operator import not_

from pydantic import BaseModel, Field

MILLION = 1_000_000


class Usage(BaseModel, frozen=True, extra="forbid"):
    """Tokens of one call, as the endpoint counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Of the input: what the endpoint had in its cache."""
    cache_write_tokens: int = Field(default=0, exclude_if=not_)
    """Of the input: what the endpoint took into its cache, where it charges for that."""
    reasoning_tokens: int = 0
    """Of the output."""
    is_estimate: bool = Field(default=False, exclude_if=not_)
    """The endpoint counted nothing, and we count by characters."""

    def __add__(self, other: "Usage") -> "Usage":
        sums = {name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields}
        return Usage(**{**sums, "is_estimate": self.is_estimate or other.is_estimate})

    def __sub__(self, other: "Usage") -> "Usage":
        differences = {name: getattr(self, name) - getattr(other, name) for name in Usage.model_fields}
        return Usage(**{**differences, "is_estimate": self.is_estimate})


class Used(BaseModel, frozen=True, extra="forbid"):
    """What an incomplete or rejected answer has used."""

    usage: Usage
    cost_usd: Decimal | None = None
    """None where no price is known."""


class Price(BaseModel, frozen=True, extra="forbid"):
    """US dollars per million tokens."""

    input: Decimal = Field(ge=0, allow_inf_nan=False)
    output: Decimal = Field(ge=0, allow_inf_nan=False)
    """Reasoning is output, and costs as much."""
    cached: Decimal | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Of input that the endpoint had in its cache; None: the same as any input."""

    def of(self, usage: Usage) -> Decimal:
        """Cost of these tokens."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        from_cache = self.input if self.cached is None else self.cached
        fresh = usage.input_tokens - cached
        return (self.input * fresh + from_cache * cached + self.output * usage.output_tokens) / MILLION
