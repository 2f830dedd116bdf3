"""Load the public catalogue into the cache: from its address, from another one, or from a file."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from math import inf
from pathlib import Path

from pydantic import ValidationError

from coder.errors import MachineError, ModelUnavailable, UsageError
from coder.fs.atomic_replace import replacing
from coder.fs.safe_open import read_named
from coder.models.catalog import FILE, Catalog, Header, Listed, ListedProvider, catalog_of, written
from coder.models.http_download import download
from coder.usage import Price

SOURCE = "https://models.dev/api.json"
LARGEST = 64 << 20
"""Bytes; the catalogue had 2 MB in 2026."""
CHAT = "/chat/completions"


async def update_catalog(folder: Path, *, source: str = SOURCE) -> Catalog:
    """Load the catalogue, check it, and put it into the folder in one step.

    Args:
        source: a file, or an address that begins with https://.

    Raises:
        UsageError: the file can't be read, the address isn't https, or what is there is no catalogue.
        ModelUnavailable: the address doesn't answer.
        MachineError: the folder can't be written.
    """
    content = await asyncio.to_thread(_read, source)
    catalog = parse_catalog(content, source=source, date=datetime.now(UTC).isoformat(timespec="seconds"))
    await asyncio.to_thread(_put, folder, written(catalog))
    return catalog


def parse_catalog(content: bytes, *, source: str, date: str = "") -> Catalog:
    """The catalogue in a JSON document of models.dev, or in a reduced one of the same facts.

    Raises:
        UsageError: it is neither.
    """
    try:
        document = json.loads(content)
        found = document.get("providers", document)
        providers = {str(name): _provider(row) for name, row in found.items()}
        models = sum(len(row.models) for row in providers.values())
        if not models:
            raise ValueError("it lists no model")
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise UsageError(f"{source} is no catalogue of models ({what}). The public one: {SOURCE}") from error
    return catalog_of(providers, Header(source=source, date=date, models=models))


def _provider(row: Mapping[str, object]) -> ListedProvider:
    url = row.get("base_url", row.get("api"))
    variables, models = row.get("env", []), row["models"]
    if not (isinstance(variables, list) and isinstance(models, dict)):
        raise TypeError("a provider is no provider")
    return ListedProvider(
        name=str(row["name"]),
        url=url.removesuffix(CHAT).rstrip("/") if isinstance(url, str) else None,
        variables=tuple(map(str, variables)),
        models={str(name): _model(str(name), facts) for name, facts in models.items()},
    )


def _model(name: str, row: Mapping[str, object]) -> Listed:
    limit, prices, kinds = (_table(row, name) for name in ("limit", "cost", "modalities"))
    into = kinds.get("input")
    return Listed(
        context=_count(limit.get("context", row.get("context"))),
        max_output=_count(limit.get("output", row.get("max_output"))),
        price=_price(prices or row, is_free=name.endswith(":free")),
        tools=row.get("tool_call") is True,
        reasoning=row.get("reasoning") is True,
        structured=row.get("structured_output") is True,
        images="image" in into if isinstance(into, list) else False,
    )


def _price(row: Mapping[str, object], *, is_free: bool) -> Price | None:
    into, out, cached = (row.get(name) for name in ("input", "output", "cache_read"))
    if not _is_price(into) or not _is_price(out):
        return None
    if into == out == 0 and not is_free:
        return None  # what a subscription pays for is listed so: its price isn't known
    # By way of their text: 0.1 is meant, not the nearest binary fraction.
    from_cache = Decimal(str(cached)) if _is_price(cached) else None
    return Price(input=Decimal(str(into)), output=Decimal(str(out)), cached=from_cache)


def _is_price(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < inf


def _table(row: Mapping[str, object], name: str) -> Mapping[str, object]:
    table = row.get(name)
    return table if isinstance(table, dict) else {}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None


def _read(source: str) -> bytes:
    if "://" in source:
        try:
            return download(source, most=LARGEST)
        except ModelUnavailable as error:
            raise ModelUnavailable(f"{error} A copy can be given with --from FILE.") from error
    return read_named(Path(source).expanduser(), limit=LARGEST)


def _put(folder: Path, content: bytes) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(folder / FILE) as file:
            file.write(content)
    except OSError as error:
        raise MachineError(f"The catalogue can't be written into {folder}: {error.strerror}.") from error
