"""The tokens of a call, and what they cost by a price of US dollars per million."""

from decimal import Decimal
from typing import ClassVar, Unpack

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

MILLION = 1_000_000


class Grown(BaseModel):
    """A logged value whose later fields, which came after the first release, are left out where empty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    _later: ClassVar[tuple[str, ...]] = ()
    _zeros: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(
        cls, *, later: tuple[str, ...] = (), zeros: tuple[str, ...] = (), **config: Unpack[ConfigDict]
    ) -> None:
        """Take the names of `later` fields, and of those whose 0 says something."""
        super().__init_subclass__(**config)
        cls._later, cls._zeros = later, zeros

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        document: dict[str, object] = plain(self)
        return {
            name: value
            for name, value in document.items()
            if value or name not in self._later or (value == 0 and name in self._zeros)
        }


class Usage(Grown, later=("is_estimate", "cache_write_tokens")):
    """Tokens of one call, as the endpoint counted them."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Of the input: what the endpoint had in its cache."""
    cache_write_tokens: int = 0
    """Of the input: what the endpoint took into its cache, where it charges for that."""
    reasoning_tokens: int = 0
    """Of the output."""
    is_estimate: bool = False
    """The endpoint counted nothing, and we count by characters."""


class Used(BaseModel):
    """What an answer has used that never was one: it broke off, or was not taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    usage: Usage
    cost_usd: Decimal | None = None
    """None where no price is known."""


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
