"""The public catalogue of providers and models (models.dev), as it was last loaded into the cache.

It is not trusted: a row can neither replace a built-in provider nor send the provider's key elsewhere. The
user's configuration of models is here, too; it takes precedence.
"""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from coder.base.errors import UsageError
from coder.base.text.redact import names_secret
from coder.base.usage import Price
from coder.models.endpoint import RateLimits, parts_of
from coder.models.providers import Provider, address_variables
from sandbox.result import Value

FILE = "models.json"
CHAT = "/chat/completions"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
SHARED = frozenset({"amazonaws.com", "azure.com", "googleapis.com", "aliyuncs.com"})
"""Sites whose customers have their own subdomains."""
OTHER_SHAPES = ("/anthropic", "/ai-sdk")
"""Parts of an address that show another protocol."""


def _if_valid(value: object, check: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401
    try:
        return check(value)
    except ValidationError:
        return None


def _is_said(value: object) -> bool:
    return value is True or (isinstance(value, list) and "image" in value)


def _has_pdf(value: object) -> bool:
    return value is True or (isinstance(value, list) and "pdf" in value)


_Count = Annotated[int | None, Field(gt=0, strict=True), WrapValidator(_if_valid)]
_Usd = Annotated[Decimal | None, Field(ge=0, allow_inf_nan=False), WrapValidator(_if_valid)]
_Flag = Annotated[bool, BeforeValidator(_is_said)]


def _named(inner: str, *path: str) -> AliasChoices:
    """Return a field's path in a row of models.dev, and its name in a reduced row."""
    return AliasChoices(AliasPath(*path), inner)


class Listed(BaseModel, frozen=True, validate_by_name=True):
    """One model of the catalogue; unreadable values keep their defaults."""

    context: _Count = Field(default=None, validation_alias=_named("context", "limit", "context"))
    """Tokens of prompt and answer together."""
    max_output: _Count = Field(default=None, validation_alias=_named("max_output", "limit", "output"))
    input_usd: _Usd = Field(default=None, validation_alias=_named("input", "cost", "input"))
    """US dollars per million tokens, as in the next fields."""
    output_usd: _Usd = Field(default=None, validation_alias=_named("output", "cost", "output"))
    cached_usd: _Usd = Field(default=None, validation_alias=_named("cache_read", "cost", "cache_read"))
    tools: _Flag = Field(default=False, validation_alias="tool_call")
    reasoning: _Flag = False
    temperature: Annotated[bool | None, Field(strict=True), WrapValidator(_if_valid)] = None
    """Whether it accepts sampling parameters such as temperature and seed; None: not listed."""
    images: _Flag = Field(default=False, validation_alias=AliasPath("modalities", "input"))
    pdf: Annotated[bool, BeforeValidator(_has_pdf)] = Field(
        default=False, validation_alias=AliasPath("modalities", "input")
    )

    @property
    def price(self) -> Price | None:
        """The listed price; None if input or output has none."""
        if self.input_usd is None or self.output_usd is None:
            return None
        return Price(input=self.input_usd, output=self.output_usd, cached=self.cached_usd)


class ListedProvider(BaseModel, frozen=True, validate_by_name=True):
    """One provider of the catalogue."""

    url: str | None = Field(default=None, validation_alias=AliasChoices("api", "base_url"))
    """None: it has no OpenAI-compatible address, or a different one for each customer."""
    env: tuple[str, ...] = ()
    """Environment variables with its key and parts of its address."""
    models: dict[str, Any]

    def listed(self, model: str) -> Listed:
        """Return the details of one of the provider's models."""
        try:
            row = Listed.model_validate(self.models[model])
        except ValidationError:
            return Listed()
        if row.input_usd or row.output_usd or model.endswith(":free"):
            return row
        # Models of a subscription are listed at price 0, so their price is unknown.
        return row.model_copy(update=dict.fromkeys(("input_usd", "output_usd", "cached_usd")))


class Catalog(BaseModel, frozen=True):
    """Providers and their models, by the catalogue's name of the provider."""

    date: str = ""
    """Time of loading: UTC, ISO 8601."""
    providers: dict[str, ListedProvider] = {}

    @property
    def size(self) -> int:
        """The number of models."""
        return sum(len(provider.models) for provider in self.providers.values())

    def model(self, provider: Provider, model: str) -> Listed | None:
        """Return the details of a model; None if it isn't listed."""
        listed = self.providers.get(provider.catalog or provider.name)
        return listed.listed(model) if listed is not None and model in listed.models else None

    def provider(self, name: str, table: Iterable[Provider]) -> Provider | None:
        """Return a listed provider; None if it can't be called.

        Args:
            table: providers known without the catalogue; their keys may only be sent to their hosts.
        """
        listed = self.providers.get(name)
        url = listed.url.removesuffix(CHAT).rstrip("/") if listed is not None and listed.url else None
        if listed is None or url is None or not is_callable(url):
            return None
        parts = address_variables(url)
        keys = tuple(key for key in listed.env if key not in parts)
        if any(_is_anothers(key, table, url) for key in keys) or any(map(names_secret, parts)):
            return None  # a key in a host name would be visible to name servers
        is_local = parts_of(url).hostname in LOOPBACK
        return Provider(name=name, url=url, key_variables=keys, by_name_only=True, is_local=is_local)

    def rows(self, table: Iterable[Provider]) -> Iterator[tuple[Provider, str, Listed]]:
        """Yield provider, model name and details of each model that can be called."""
        rows = list(table)
        rows_by_name = {row.catalog or row.name: row for row in rows}
        for name, listed in self.providers.items():
            provider = rows_by_name.get(name) or self.provider(name, rows)
            if provider is not None:
                yield from ((provider, model, listed.listed(model)) for model in listed.models)


def is_callable(url: str) -> bool:
    """Whether an address uses OpenAI's protocol over an encrypted connection."""
    parts = parts_of(url)
    is_safe = parts.scheme == "https" or parts.hostname in LOOPBACK or url.startswith("${")
    return is_safe and not any(shape in parts.path for shape in OTHER_SHAPES)


def _is_anothers(key: str, table: Iterable[Provider], url: str) -> bool:
    """Whether a variable holds the key of a known provider that has another host than `url`."""
    owners = [row for row in table if key in row.key_variables and not row.is_local]
    return bool(owners) and all(_site(row.url) != _site(url) for row in owners)


def _site(url: str) -> str:
    """Return the part of the host that belongs to one owner: two labels, or more on a shared site."""
    host = parts_of(url).hostname or ""
    site = ".".join(host.split(".")[-2:])
    return host if site in SHARED else site


def read_catalog(folder: Path) -> Catalog:
    """Read the catalogue in a folder; return an empty one if there is no usable file."""
    try:
        return Catalog.model_validate_json((folder / FILE).read_bytes())
    except (OSError, ValueError):
        return Catalog()


class UserModels(Value):
    """The tables `[aliases]`, `[prices]`, `[limits]` of the user's file, and the catalogue's folder."""

    aliases: dict[str, str] = Field(default_factory=dict)
    """Another name for `provider/model`."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """Prices by `provider/model`; they take precedence over every list."""
    limits: dict[str, RateLimits] = Field(default_factory=dict)
    """Rate limits by provider."""
    cache: Path | None = None
    """Folder of the catalogue; None if there is no catalogue."""

    def meant(self, name: str) -> str:
        """Return the model that a name means, after resolving aliases.

        Raises:
            UsageError: the aliases form a cycle.
        """
        chain = [name]
        while (name := self.aliases.get(name, name)) != chain[-1]:
            if name in chain:
                circle = " → ".join([*chain, name])
                raise UsageError(f"The alias {chain[0]!r} leads back to itself: {circle}.")
            chain.append(name)
        return name

    def catalog(self) -> Catalog:
        """Return the cached catalogue, or an empty one."""
        return read_catalog(self.cache) if self.cache is not None else Catalog()
