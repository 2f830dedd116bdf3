"""Open the user's editor on the files of a change."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from coder.base.errors import UsageError
from coder.base.text.sanitize import is_binary
from coder.people.cli.host_programs import run_attached


async def edit_files(files: Mapping[str, str | None], *, environ: Mapping[str, str]) -> dict[str, str | None]:
    """Open files in the user's editor and return the results.

    Raises UsageError if there is no editor, or the editor failed.
    """
    command = shlex.split(environ.get("VISUAL") or environ.get("EDITOR") or "")
    if not command:
        raise UsageError("No editor is named. Set EDITOR, such as: export EDITOR=nano")
    texts = {path: text for path, text in files.items() if text is not None and not is_binary(text)}
    with TemporaryDirectory(prefix="coder-edit-") as folder:
        copies = {path: _copy(Path(folder), path, text) for path, text in texts.items()}
        try:
            exit_code = await run_attached(command[0], *command[1:], *map(str, copies.values()))
        except OSError as error:
            raise UsageError(f"The editor {command[0]!r} can't be started: {error.strerror}.") from error
        if exit_code != 0:
            raise UsageError(
                f"The editor {command[0]!r} ended with {exit_code}, so nothing was taken from it."
            )
        return {**files, **{path: _text(copy) for path, copy in copies.items()}}


def _copy(folder: Path, path: str, text: str) -> Path:
    path_of_copy = (folder / path).resolve()
    if not path_of_copy.is_relative_to(folder.resolve()):
        raise UsageError(f"{path} leaves the folder, so it isn't opened.")
    path_of_copy.parent.mkdir(parents=True, exist_ok=True)
    path_of_copy.write_text(text, encoding="utf-8", newline="")
    return path_of_copy


def _text(copy: Path) -> str:
    try:
        with copy.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError as error:
        raise UsageError(f"{copy.name} is gone after the editor, so nothing was taken from it.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{copy.name} is no UTF-8 text any more.") from error
