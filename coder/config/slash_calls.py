"""Calls `/NAME ARGUMENTS` of commands (`commands/*.md`) and of skills: their text becomes the message.

Nothing in such a file is executed here: Claude's !`COMMAND` stays text, which a model may run in the sandbox.
"""

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from coder.base.errors import UsageError
from coder.base.text.sanitize import one_line
from coder.config.command_table import is_taken
from coder.config.frontmatter import read_frontmatter
from coder.config.plug_names import plug_name
from coder.config.plug_places import PlugFolder, places, reason_of
from coder.config.plugins import own_plugins, plugins_of_repository
from coder.config.skills import FILE_NAME

_NAME = re.compile(r"(?:[a-z0-9-]{1,64}:)?[^\W_][\w-]{0,63}")
_CALL = re.compile(rf"/({_NAME.pattern})(?:\s+(.*))?", re.DOTALL)
_PLACE = re.compile(r"\$(?:ARGUMENTS(?:\[(\d{1,2})\])?|(\d{1,2})(?!\d))")
_RUNS = re.compile(r"!`[^`\n]+`")
_NOT_RUN = "\n\n[No command between !` and ` was run. Run those whose output you need, in the sandbox.]"
_FILES = "\n\n[The files of this skill: call `skill` with its name, {name}.]"
MAX_DESCRIPTION = 200


@dataclass(frozen=True, slots=True)
class SlashCall:
    """A command or skill that a user can call, and its file."""

    name: str
    place: PlugFolder
    path: str
    """Path of the file, relative to `place`."""

    @property
    def is_skill(self) -> bool:
        """Whether it is a skill rather than a command."""
        return self.path.endswith(f"/{FILE_NAME}")

    @property
    def shown_path(self) -> str:
        """The file's path to display."""
        return self.place.shown(self.path)

    def description(self) -> str:
        """Return the file's description. Raises ValueError or OSError if it can't be used."""
        front = read_frontmatter(self.place.read(self.path))
        first_line = next((line.strip("# ") for line in front.body.splitlines() if line.strip()), "")
        return one_line(front.text("description") or first_line, width=MAX_DESCRIPTION)

    def unused(self) -> str:
        """Return a description of keys without an effect. Raises ValueError or OSError as `description`."""
        return read_frontmatter(self.place.read(self.path)).unused("name", "description", "allowed-tools")


@dataclass(frozen=True, slots=True)
class Message:
    """Message that replaces a call."""

    text: str
    is_own: bool
    """Whether the file is the user's own, not the repository's."""


class SlashCalls(NamedTuple):
    """Commands and skills that a user can call, and those whose names are taken."""

    usable: dict[str, SlashCall]
    """By name; the user's own win over the repository's, and commands over skills."""
    refused: list[SlashCall]
    """Those with the name of a command of the chat."""


def sort_calls(workspace: Path | None) -> SlashCalls:
    """Return the calls of the user's and a repository's files; for chats, tasks and `coder skills` alike."""
    calls = SlashCalls({}, [])
    for call in (*_calls("commands", workspace), *_calls("skills", workspace)):
        if is_taken(call.name, is_own=call.place.is_own):
            calls.refused.append(call)
        elif _NAME.fullmatch(call.name):
            calls.usable.setdefault(call.name, call)
    return calls


def slash_calls(workspace: Path | None) -> dict[str, SlashCall]:
    """Return the usable calls by name."""
    return sort_calls(workspace).usable


def message_of(line: str, workspace: Path | None) -> Message | None:
    """Return the message of a line that calls a command or a skill; None for any other line.

    Raises UsageError if the file can't be used.
    """
    match = _CALL.fullmatch(line.strip())
    if match is None or (call := slash_calls(workspace).get(match[1])) is None:
        return None
    try:
        body = read_frontmatter(call.place.read(call.path)).body.strip()
    except (OSError, ValueError) as error:
        raise UsageError(f"/{call.name}: {call.shown_path} can't be used: {reason_of(error)}.") from error
    text = with_arguments(body, (match[2] or "").strip())
    if not text.strip():
        raise UsageError(
            f"/{call.name} gives no message: {call.shown_path} holds nothing but its arguments. "
            f"Write what it is about behind it: /{call.name} WORDS"
        )
    text += _FILES.format(name=call.name) if call.is_skill else ""
    return Message(text + (_NOT_RUN if _RUNS.search(body) else ""), call.place.is_own)


def with_arguments(body: str, arguments: str) -> str:
    """Fill in `$ARGUMENTS`, `$ARGUMENTS[N]` and `$N` (from 0); if there are none, append the arguments."""
    try:
        words = shlex.split(arguments)
    except ValueError:  # an apostrophe
        words = arguments.split()
    is_filled = False

    def fill(match: re.Match[str]) -> str:
        nonlocal is_filled
        if match[1] is None and match[2] is None:
            is_filled = True
            return arguments
        index = int(match[1] if match[1] is not None else match[2])
        if not 0 <= index < len(words):
            return match[0] if match[2] is not None else ""
        is_filled = True
        return words[index]

    text = _PLACE.sub(fill, body)
    return text if is_filled or not arguments else f"{text}\n\nARGUMENTS: {arguments}"


def _calls(kind: str, workspace: Path | None) -> Iterator[SlashCall]:
    yield from (call for place in places(kind, workspace) for call in _calls_of(kind, place))
    plugins = own_plugins()[0] + (plugins_of_repository(workspace)[0] if workspace is not None else [])
    for plugin in plugins:
        place = PlugFolder(plugin.place.root, (*plugin.place.parts, kind))
        place = place if plugin.place.parts else PlugFolder(plugin.folder / kind)
        for call in _calls_of(kind, place):
            yield replace(call, name=f"{plugin.name}:{call.name}")


def _calls_of(kind: str, place: PlugFolder) -> Iterator[SlashCall]:
    for path in place.names() if kind == "commands" else place.names(FILE_NAME, depth=1):
        *folders, file = path.split("/")
        if kind == "commands":
            yield SlashCall(file.removesuffix(".md"), place, path)
        elif len(folders) == 1 and file == FILE_NAME:
            with suppress(ValueError):
                is_callable = _NAME.fullmatch(folders[0]) is not None
                yield SlashCall(folders[0] if is_callable else plug_name(folders[0]), place, path)
