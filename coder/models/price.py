"""Price: what tokens cost, in US dollars per million."""

from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field

from coder.models.model import Usage

MILLION = 1_000_000


class Price(BaseModel):
    """US dollars per million tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: Decimal = Field(ge=0, allow_inf_nan=False)
    output: Decimal = Field(ge=0, allow_inf_nan=False)
    """Reasoning is output, and costs as much."""
    cached: Decimal | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Of input that the endpoint had in its cache; None: the same as any input."""

    def of(self, usage: Usage) -> Decimal:
        """What so many tokens cost."""
        cached = min(usage.cached_tokens, usage.input_tokens)
        from_cache = self.input if self.cached is None else self.cached
        fresh = usage.input_tokens - cached
        return (self.input * fresh + from_cache * cached + self.output * usage.output_tokens) / MILLION
