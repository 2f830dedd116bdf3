"""`coder models`: list the models, and load the catalogue of them."""

import json as json_format
import os
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Annotated, cast

import typer
from typer.core import TyperGroup

from coder.base.errors import own_command
from coder.base.fs.private_folder import cache_folder
from coder.base.text.sanitize import one_line
from coder.config.layers import load
from coder.models.catalog import Catalog, Listed, UserModels
from coder.models.catalog_update import SOURCE, update_catalog
from coder.models.providers import Provider, providers, set_variables
from coder.show.flags import Json, group, option
from coder.show.interrupt import run_until_interrupted
from coder.show.styling import download_bar
from coder.show.tables import Column, TextTable, print_blocks

HELP = ["-h", "--help"]
NOTHING_FOUND = 1
NAME_CHARACTERS = 120


class _Group(TyperGroup):
    """A command group that lists models unless one of its commands is named."""

    def parse_args(self, ctx: object, args: list[str]) -> list[str]:
        """Pass words that name no command to `list`."""
        if not args or (args[0] not in self.commands and args[0] not in HELP):
            args = ["list", *args]
        return super().parse_args(cast(typer.Context, ctx), args)


app = group(
    cls=_Group,
    help="List models, or load the catalogue of them. `coder models WORD` is `coder models list WORD`.",
)


class ListedModel(Listed, frozen=True):
    """One row of the list of models."""

    model: str
    """Name as `provider/model`, for --model."""
    key_is_set: bool
    """Whether the environment has a key for the provider."""


@app.command("list")
def list_models(
    word: Annotated[str | None, typer.Argument(metavar="[WORD]", help="Part of a model's name.")] = None,
    min_context: Annotated[int, option("--min-context", "That can read as much.", "TOKENS", min=0)] = 0,
    max_price: Annotated[
        float | None, option("--max-price", "A million tokens cost no more, in and out.", "USD", min=0)
    ] = None,
    tools: Annotated[bool, option("--tools", "That call tools.")] = False,
    reasoning: Annotated[bool, option("--reasoning", "That reason first.")] = False,
    images: Annotated[bool, option("--images", "That see pictures.")] = False,
    pdf: Annotated[bool, option("--pdf", "That read PDFs.")] = False,
    json: Json = False,
) -> None:
    """List the models that can be named, with context, prices and abilities."""
    book = load().book
    catalog = book.catalog()
    rows = [
        row
        for row in _rows(catalog, book, os.environ)
        if (word or "").lower() in row.model.lower()
        and (row.context or 0) >= min_context
        and (max_price is None or _costs_at_most(row, max_price))
        and (row.tools or not tools)
        and (row.reasoning or not reasoning)
        and (row.images or not images)
        and (row.pdf or not pdf)
    ]
    if json:
        typer.echo(json_format.dumps([row.model_dump() for row in rows], indent=2, default=float))
    else:
        _print(rows)
    if not catalog.providers:
        typer.echo(
            f"Only what is known without the catalogue. Load it with: {own_command()} models update", err=True
        )
    elif not json:
        typer.echo(f"{len(rows):,} of {catalog.size:,} models, as of {one_line(catalog.date)}", err=True)
    raise typer.Exit(0 if rows else NOTHING_FOUND)


@app.command()
def update(
    source: Annotated[str, option("--from", "A copy of the catalogue; https only.", "FILE|URL")] = SOURCE,
) -> None:
    """Load the public catalogue of models.dev into your cache, so that its providers can be named."""
    with download_bar("models") as on_progress:
        work = update_catalog(cache_folder(), source=source, on_progress=on_progress)
        catalog = run_until_interrupted(work)
    callable_providers = {provider.name for provider, _, _ in catalog.rows(providers())}
    typer.echo(f"{catalog.size:,} models; {len(callable_providers)} providers can be called by name")


def _rows(catalog: Catalog, book: UserModels, environ: Mapping[str, str]) -> Iterator[ListedModel]:
    provider_table = providers()
    names: set[str] = set()
    for provider, model, facts in catalog.rows(provider_table):
        names.add(f"{provider.name}/{model}")
        yield _row(provider, model, facts, book, environ)
    for provider in provider_table:
        default = provider.default_model
        if default and f"{provider.name}/{default}" not in names:
            yield _row(provider, default, Listed(), book, environ)


def _row(
    provider: Provider, model: str, facts: Listed, book: UserModels, environ: Mapping[str, str]
) -> ListedModel:
    name = f"{provider.name}/{model}"
    own_price = book.prices.get(name)
    prices = (
        {"input_usd": own_price.input, "output_usd": own_price.output, "cached_usd": own_price.cached}
        if own_price
        else {}
    )
    values = facts.model_dump() | prices
    return ListedModel(**values, model=name, key_is_set=bool(set_variables(provider.key_variables, environ)))


def _costs_at_most(row: ListedModel, usd: float) -> bool:
    return row.input_usd is not None and float(max(row.input_usd, row.output_usd or 0)) <= usd


def _print(rows: Iterable[ListedModel]) -> None:
    ordered = sorted(rows, key=lambda row: (not row.key_is_set, row.model))
    width = min(56, max((len(row.model) for row in ordered), default=0))
    columns = (
        Column("key", width=1),
        Column("model", width=width, is_whole=True),
        Column("context", width=5, is_number=True, is_whole=True),
        Column("$ in/M", width=8, is_number=True, is_whole=True),
        Column("$ out/M", width=8, is_number=True, is_whole=True),
        Column("abilities"),
    )
    print_blocks([TextTable(columns, [_cells(row) for row in ordered])])


def _cells(row: ListedModel) -> tuple[str, ...]:
    return (
        "✓" if row.key_is_set else "",
        one_line(row.model, width=NAME_CHARACTERS),
        _short(row.context),
        _usd(row.input_usd),
        _usd(row.output_usd),
        " ".join(name for name in ("tools", "reasoning", "images", "pdf") if getattr(row, name)),
    )


def _short(tokens: int | None) -> str:
    if tokens is None:
        return "?"
    return f"{tokens / 1e6:.3g}M" if tokens >= 1_000_000 else f"{tokens // 1000}k"


def _usd(price: Decimal | None) -> str:
    return "?" if price is None else f"${float(price):.4g}"
