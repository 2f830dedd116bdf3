"""`coder config`: show each setting, and the source of its value."""

import json as json_format
import os
from pathlib import Path
from typing import Annotated

import typer

from coder.base.errors import UsageError
from coder.base.fs.private_folder import data_folder
from coder.base.text.sanitize import one_line
from coder.config.layers import load, usual_user_file
from coder.config.schema import Config
from coder.models.endpoint import for_log, name_for_log
from coder.run.option_table import KEYS
from coder.show.flags import Json
from coder.show.tables import Column, TextTable, print_blocks
from coder.store import usual_places

_DEFAULT = "default"
_COLUMNS = (Column("setting", width=17, is_whole=True), Column("value", width=24, wraps=True), Column("from"))


def config(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PATH]", help="The folder to work in; its [tool.coder] may tighten limits (.)."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show each setting, and where its value comes from: a default, your file, a variable, the repository."""
    folder = path or Path()
    if not folder.exists():
        raise UsageError(f"There is no {folder}. Name a folder, or none for this one.")
    file = usual_user_file()
    loaded = load(workspace=folder, all_notes=True)
    rows = {key: (_value(loaded.config, key), loaded.origins.get(key, _DEFAULT)) for key in KEYS}
    if json:
        document = {
            "file": str(file),
            "settings": {key: {"value": value, "from": origin} for key, (value, origin) in rows.items()},
            "notes": loaded.notes,
        }
        typer.echo(json_format.dumps(document, indent=2, default=str))
        return
    print_blocks(
        [TextTable(_COLUMNS, [_cells(key, *value_and_origin) for key, value_and_origin in rows.items()])]
    )
    missing_note = "" if file.exists() else ", which isn't there"
    typer.echo(f"  · your file is {file}{missing_note}", err=True)
    places = usual_places()
    log = "the database of CODER_LOG" if places.log else str(data_folder())
    typer.echo(f"  · runs are kept in {one_line(log, width=200)}", err=True)
    if places.blobs:
        typer.echo(
            f"  · their long contents are kept in {one_line(_shown_place(places.blobs), width=200)}", err=True
        )
    for note in loaded.notes:
        typer.echo(f"  · {one_line(note, width=200)}", err=True)


def _shown_place(address: str) -> str:
    """Return an address of blobs as it can be shown: a malformed one may have a password anywhere."""
    if os.path.isabs(os.path.expanduser(address)):  # of an unknown user, Path's raises
        return address
    return for_log(address) if address.startswith("s3://") else "a place that can't be used, see CODER_BLOBS"


def _value(config: Config, key: str) -> object:
    """Return a setting's value with keys removed, as a name or an address may hold a key."""
    value = config.value(key)
    if isinstance(value, str):
        return for_log(value) if key == "base_url" else name_for_log(value)
    return [name_for_log(str(item)) for item in value] if isinstance(value, tuple) else value


def _cells(key: str, value: object, origin: str) -> tuple[str, ...]:
    return (key, one_line(_format_value(value), width=48), one_line(origin))


def _format_value(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list():
            return ", ".join(value) or "none"
        case _:
            return str(value)
