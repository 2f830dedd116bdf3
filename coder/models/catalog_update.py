"""Load the public catalogue into the cache from its address, another address or a file."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import from_json

from coder.base.errors import MachineError, ModelUnavailable, UsageError
from coder.base.fs.atomic_replace import replacing
from coder.base.fs.safe_open import read_named
from coder.models.catalog import FILE, Catalog
from coder.models.http_download import OnProgress, download

SOURCE = "https://models.dev/api.json"
MAX_CATALOG = 64 << 20
"""Maximum bytes of the catalogue, which had 2 MB in 2026."""


async def update_catalog(
    folder: Path, *, source: str = SOURCE, on_progress: OnProgress | None = None
) -> Catalog:
    """Load the catalogue from a file or an https address, check it, and save it in a folder.

    Args:
        on_progress: called with each piece of a download.

    Raises:
        UsageError: the source can't be read, isn't https, or isn't a catalogue.
        ModelUnavailable: the address doesn't answer.
        MachineError: the folder can't be written.
    """
    content = await asyncio.to_thread(_read, source, on_progress)
    catalog = parse_catalog(content, source=source, date=datetime.now(UTC).isoformat(timespec="seconds"))
    await asyncio.to_thread(_put, folder, catalog)
    return catalog


def parse_catalog(content: bytes, *, source: str, date: str = "") -> Catalog:
    """Parse a JSON catalogue, as models.dev or the cache has it.

    Raises:
        UsageError: the content isn't a catalogue.
    """
    try:
        document = from_json(content)
        catalog = Catalog.model_validate({"date": date, "providers": document.get("providers", document)})
        if not catalog.size:
            raise ValueError("it lists no model")
    except (ValueError, AttributeError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise UsageError(
            f"{source} is no catalogue of models ({reason}). The public one: {SOURCE}"
        ) from error
    return catalog


def _read(source: str, on_progress: OnProgress | None) -> bytes:
    if "://" in source:
        try:
            return download(source, max_bytes=MAX_CATALOG, on_progress=on_progress)
        except ModelUnavailable as error:
            raise ModelUnavailable(f"{error} A copy can be given with --from FILE.") from error
    return read_named(Path(source).expanduser(), limit=MAX_CATALOG)


def _put(folder: Path, catalog: Catalog) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(folder / FILE) as file:
            file.write(catalog.model_dump_json(exclude_defaults=True).encode())
    except OSError as error:
        raise MachineError(f"The catalogue can't be written into {folder}: {error.strerror}.") from error
