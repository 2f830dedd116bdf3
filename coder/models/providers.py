"""The known providers: the table in providers.toml first, then what other packages add by entry point.

A package adds its own with an entry point of the group `coder.providers` that names a Provider or a sequence
of them. The order counts: with several keys set and no model named, the first in the table is used.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from coder.models.provider import Provider

ENTRY_POINTS = "coder.providers"


class Found(BaseModel):
    """A provider for which a key is set. It holds the variable's name, never its value."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Provider
    variable: str


@cache
def built_in() -> tuple[Provider, ...]:
    """The table of providers.toml, in its order."""
    table = tomllib.loads(files("coder.models").joinpath("providers.toml").read_text(encoding="utf-8"))
    return tuple(Provider(name=name, **row) for name, row in table.items())


def providers() -> tuple[Provider, ...]:
    """The built-in table, then what other packages add; a name that is taken stays as it was."""
    rows = {provider.name: provider for provider in built_in()}
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        loaded: Provider | Sequence[Provider] = entry.load()
        for provider in [loaded] if isinstance(loaded, Provider) else loaded:
            rows.setdefault(provider.name, provider)
    return tuple(rows.values())


def named(name: str, table: Iterable[Provider]) -> Provider | None:
    """The provider of this name, or that the catalogue calls so."""
    rows = list(table)
    exact = next((row for row in rows if row.name == name), None)
    return exact or next((row for row in rows if row.catalog == name), None)


def found_endpoints(environ: Mapping[str, str], *, table: Iterable[Provider] | None = None) -> list[Found]:
    """Hosted providers whose key is set and says that they are meant, in table order."""
    rows = providers() if table is None else table
    return [
        Found(provider=provider, variable=variable)
        for provider in rows
        if not (provider.is_local or provider.by_name_only) and (variable := key_variable(provider, environ))
    ]


def key_variable(provider: Provider, environ: Mapping[str, str]) -> str | None:
    """Name of the first of the provider's variables that is set and not blank."""
    return next((name for name in provider.key_variables if environ.get(name, "").strip()), None)
