"""A folder that nobody has named, and that is no project, is worked on only if its user agrees, once."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from coder.base.errors import UsageError, own_command
from coder.base.text.sanitize import count_of
from coder.config.permissions import Permissions
from coder.run.questions import is_yes
from coder.show.render import folder_name
from coder.show.terminal import read_line
from coder.show.typed_words import is_too_wide
from coder.store import data_folder
from coder.workspace.folder import take_snapshot

_CHOICES = "[Y]es, [n]o: "


async def takes_folder(args: Mapping[str, Any]) -> bool | None:
    """Whether the current folder, which is no project, is worked on, as a person at a terminal says.

    A yes is kept. None: nobody can be asked.

    Raises:
        UsageError: a run can't read so many files.
        MachineError: the permissions can't be read or written.
    """
    if args["detach"] or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    place = _real(Path())
    permissions = Permissions(data_folder(os.environ), place)
    count = count_of(len(take_snapshot(place).files), "file")
    if args["yes"] or permissions.allowed.folder or permissions.allowed.tests:
        return True
    answer = await read_line(f"Work on {folder_name(str(place))}, {count}? {_CHOICES}")
    agrees = answer is not None and (not answer or is_yes(answer))
    if agrees:
        permissions.write(permissions.allowed.model_copy(update={"folder": True}))
    return agrees


async def require_own_folder(folder: Path, args: Mapping[str, Any], *, command: str) -> None:
    """Raise UsageError unless a folder that isn't named, and is no project, may be worked on."""
    place, name = _real(folder), f"{own_command()} {command}"
    if is_too_wide(place):
        raise UsageError(
            f"{place} holds more than a project, so it is worked on only if it is named. Go into the "
            f"project, or name it: {name} PATH"
        )
    if folder != Path():  # a file of it is named
        return
    if (takes := await takes_folder(args)) is None:
        raise UsageError(
            f"{place} is in no git repository and has no manifest such as pyproject.toml, so it is worked on "
            f"only if it is named: {name} ."
        )
    if not takes:
        raise UsageError(f"{place} is left alone. Name another folder: {name} PATH")


def note_no_folder(args: Mapping[str, Any]) -> None:
    """Print that a task works on no folder, if there are files that it might be about."""
    with os.scandir() as entries:
        has_files = any(entry.is_file() and not entry.name.startswith(".") for entry in entries)
    reason, advice = "this one isn't a project", "To work on it all the same, add: ."
    if is_wide := is_too_wide(Path()):
        reason = f"{folder_name(str(_real(Path())))} holds more than a project"
        advice = f"Go into the project, or name it: {own_command()} solve TASK PATH"
    if (has_files or is_wide) and not args["quiet"]:
        print(f"  · works on no folder, as {reason}. {advice}", file=sys.stderr)


def _real(folder: Path) -> Path:
    return folder.resolve()
