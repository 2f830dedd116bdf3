"""Providers from providers.toml and from other packages; the cost of a call.

A package adds providers with an entry point in the group `coder.providers` that names a Provider or a
sequence of them. If no model is named and several keys are set, the first provider in the table is used.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from coder.base.errors import UsageError
from coder.models.endpoint import Dialect, Endpoint, is_address, without_credentials
from coder.models.model import Usage
from sandbox.interpreter.plugins import find_plugins

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Provider(Dialect):
    """An endpoint's address, keys and dialect. `api="responses"` is valid only for the built-in address."""

    name: str
    url: str
    """Base URL; `${VARIABLE}` in it is filled from the environment."""
    url_variable: str | None = None
    """Environment variable that replaces the base URL."""
    default_model: str | None = None
    """Model if only the provider is named; None: the first that the endpoint lists."""
    catalog: str | None = None
    """Name in the public catalogue, if it differs from `name`; users may use both."""
    by_name_only: bool = False
    """Whether the provider must be named, because its key is often set for other purposes."""
    context: int | None = None
    """Default context of the provider's models in tokens; None: it depends on the model."""
    context_variable: str | None = None
    """Environment variable that sets the context."""

    def context_in(self, environ: Mapping[str, str]) -> int | None:
        """Return the context of the provider's models in tokens; None: it depends on the model."""
        setting = environ.get(self.context_variable or "", "")
        return int(setting) if setting.isdecimal() and int(setting) > 0 else self.context


def address(provider: Provider, environ: Mapping[str, str]) -> str:
    """Return the base URL with values from the environment.

    Raises:
        UsageError: a variable of the address isn't set, or its value can't be part of an address.
    """
    replacement = environ.get(provider.url_variable or "", "").strip()
    if replacement:
        if not is_address(replacement):
            raise UsageError(f"The value of {provider.url_variable} is no base URL, such as {provider.url}.")
        return replacement

    def value(match: re.Match[str]) -> str:
        text = environ.get(match[1], "").strip()
        if not text:
            raise UsageError(
                f"The address of {provider.name} has a part of your own, which isn't set. Set {match[1]}."
            )
        # A part such as a region must not change the host; only the first part may be a whole address.
        pattern = r"https?://[^\s@?#]+" if match.start() == 0 else r"[A-Za-z0-9._-]+"
        if not re.fullmatch(pattern, text):
            raise UsageError(f"The value of {match[1]} can't be part of the address of {provider.name}.")
        return text.rstrip("/")

    url = _VARIABLE.sub(value, provider.url)
    if not is_address(url):
        raise UsageError(
            f"{provider.name} has no address that can be called: {without_credentials(url) or provider.url}"
        )
    return url


def address_variables(url: str) -> tuple[str, ...]:
    """Return the environment variables in a base URL."""
    return tuple(_VARIABLE.findall(url))


ENTRY_POINTS = "coder.providers"


class KeyedProvider(NamedTuple):
    """A provider with an API key in the environment, and the variable's name."""

    provider: Provider
    variable: str


@cache
def built_in() -> tuple[Provider, ...]:
    """Return the providers of providers.toml, in the file's order."""
    table = tomllib.loads(files("coder.models").joinpath("providers.toml").read_text(encoding="utf-8"))
    return tuple(Provider(name=name, **row) for name, row in table.items())


def providers() -> tuple[Provider, ...]:
    """Return the built-in providers, then other packages' providers with new names."""
    rows = {provider.name: provider for provider in built_in()}
    for entry in sorted(find_plugins(ENTRY_POINTS), key=lambda entry: entry.name):
        loaded: Provider | Sequence[Provider] = entry.load()
        for provider in [loaded] if isinstance(loaded, Provider) else loaded:
            rows.setdefault(provider.name, provider)
    return tuple(rows.values())


def find_provider(name: str, table: Iterable[Provider]) -> Provider | None:
    """Return the provider with this name, or else with this name in the catalogue; None if there is none."""
    rows = list(table)
    match = next((row for row in rows if row.name == name), None)
    return match or next((row for row in rows if row.catalog == name), None)


def find_keyed_providers(
    environ: Mapping[str, str], *, table: Iterable[Provider] | None = None
) -> list[KeyedProvider]:
    """Return the hosted providers with an API key in the environment, in table order."""
    rows = providers() if table is None else table
    return [
        KeyedProvider(provider, keys[0])
        for provider in rows
        if not (provider.is_local or provider.by_name_only)
        and (keys := set_variables(provider.key_variables, environ))
    ]


def set_variables(variables: Iterable[str], environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables that are set and not blank."""
    return tuple(name for name in variables if environ.get(name, "").strip())


def cost(endpoint: Endpoint, usage: Usage) -> Decimal | None:
    """Return the cost of one call in US dollars; 0 for a local model, None if the price is unknown."""
    if endpoint.price is not None:
        return endpoint.price.of(usage)
    if endpoint.is_free:
        return Decimal(0)
    if endpoint.is_local:
        return None  # the price list has no local servers
    # Imported here, because its price table takes 0.1 s to load.
    import genai_prices

    tokens = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=(cache_reads := min(usage.cached_tokens, usage.input_tokens)),
        cache_write_tokens=min(usage.cache_write_tokens, usage.input_tokens - cache_reads),
    )
    try:
        calculation = genai_prices.calc_price(tokens, endpoint.model, provider_api_url=endpoint.shown_url)
    except LookupError:
        return endpoint.listed_price.of(usage) if endpoint.listed_price is not None else None
    return calculation.total_price


def provider_of(model: str) -> str | None:
    """Return the provider of a model of this name in the price list; None if unknown."""
    from genai_prices import data_snapshot

    try:
        provider, _ = data_snapshot.get_snapshot().find_provider_model(model, None, None, None)
    except LookupError:
        return None
    return provider.id
