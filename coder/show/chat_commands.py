"""Chat commands: parse a line, and describe each command. Pure."""

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from coder.base.errors import UsageError, own_command
from coder.base.text.dropped_paths import begins_with_dropped
from coder.base.text.sanitize import one_line, suggest_nearest
from coder.config.command_table import COMMANDS, OTHER_NAMES

_ELSEWHERE = {
    "memory": "{coder} memory lists what runs have learned; your notes are the files AGENTS.md and CLAUDE.md",
    "init": "ask for an AGENTS.md in a message",
    "review": "ask for a review in a message",
    "resume": "leave by /quit, then {coder} chat --resume RUN; {coder} ls lists the runs",
    "config": "{coder} config shows each setting",
    "settings": "{coder} config shows each setting",
    "status": "{coder} doctor says what works on this machine",
    "doctor": "{coder} doctor says what works on this machine",
    "export": "{coder} export RUN prints the patch, {coder} show RUN the dialogue",
}
"""Replacements for other agents' commands that don't exist here, by command name."""


@dataclass(frozen=True, slots=True)
class ChatCommand:
    """A chat line that is a command, not a message to the model."""

    name: str
    rest: str = ""


def is_lone_answer(line: str) -> bool:
    """Return whether the line is a single letter that answers a question with choices."""
    return line.strip().lower() in ("y", "n", "q")


def is_command(line: str) -> bool:
    """Return whether the line is a command, known or not; no command is sent to the model."""
    text = line.strip()
    is_program = text.startswith("!") and bool(text[1:].strip())
    return is_program or (text[:1] == "/" and text[:2] != "//" and not begins_with_dropped(text))


def is_message(lines: Sequence[str]) -> bool:
    """Return whether lines that arrive at once are one pasted message, not commands or single-letter
    answers.
    """
    return len(lines) > 1 and not all(is_command(line) or is_lone_answer(line) for line in lines)


def reason_against_command(line: str) -> str:
    """Return the reason why a command typed at a question isn't run: unknown, or for the prompt only."""
    try:
        parse_line(line)
    except UsageError as error:
        return f"  ! {one_line(str(error), width=300)}"
    return "  ! commands run at the prompt: answer this question first"


def parse_line(line: str, calls: Collection[str] = ()) -> ChatCommand | str:
    """Parse a line into a command or a message; `//` begins a message that starts with a slash.

    Args:
        calls: names of the user's and the repository's commands and skills.

    Raises UsageError if there is no such command.
    """
    text = line.strip()
    if not is_command(text):
        return text.removeprefix("/") if text.startswith("//") else text
    if text.startswith("!"):
        return ChatCommand("!", text[1:].strip())
    name, rest = [*text[1:].split(maxsplit=1), "", ""][:2]
    name = name if name in calls else OTHER_NAMES.get(name, name)
    if name not in COMMANDS and name not in calls:
        if (place := _ELSEWHERE.get(name)) is not None:
            raise UsageError(f"There is no command /{name} here: {place.format(coder=own_command())}.")
        hint = suggest_nearest(name, [*COMMANDS, *calls]) or "."
        raise UsageError(f"There is no command /{name}{hint} See: /help")
    return ChatCommand(name, rest.strip())


def words_of(text: str) -> list[str]:
    """Return the words of a command's arguments, split as by a shell.

    Raises UsageError if a quotation isn't closed.
    """
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text!r} can't be read as words: {error}.") from error


def help_rows(calls: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Return each command with its description, then the names of user's and repository's commands."""
    rows = [(f"/{name} {arguments}".strip(), words) for name, (arguments, words) in COMMANDS.items()]
    rows += [("!COMMAND", "run a command in the sandbox, and show it to the model")]
    rows += [("@PATH", "in a message: that file is meant")]
    own = " ".join(f"/{name}" for name in calls)
    return [*rows, (own, "your own: see coder skills")] if own else rows
