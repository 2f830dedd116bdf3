"""Prompts of MCP servers as commands of a chat, `/SERVER:PROMPT ARGUMENTS`. What a server sends is data."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from coder.base.errors import UsageError
from coder.base.text.sanitize import one_line
from coder.engine.chat.chat_session import ChatSession
from coder.models.abilities import abilities_of
from coder.models.answer_parts import Image
from coder.people.chat.between_messages import start_servers

if TYPE_CHECKING:
    from mcp_types import Prompt, PromptArgument

_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)
_WIDTH = 200


@runtime_checkable
class PromptServer(Protocol):
    """An MCP server that may have prompts."""

    @property
    def name(self) -> str:
        """Name of the server."""

    @property
    def prompts(self) -> "list[Prompt]":
        """The prompts that the started server lists."""

    async def prompt(
        self, name: str, arguments: dict[str, str], *, sees: bool
    ) -> tuple[str, tuple[Image, ...]]:
        """Return the text and the pictures of a prompt. Raises ValueError if the server gives none."""


@dataclass(frozen=True, slots=True)
class PromptCall:
    """A prompt that a user can call."""

    server: PromptServer
    prompt: "Prompt"

    @property
    def name(self) -> str:
        """Name of the command."""
        return f"{self.server.name}:{self.prompt.name}"

    @property
    def usage(self) -> str:
        """The command with its arguments; those in brackets may be left out."""
        arguments = [self._shown(argument) for argument in self.prompt.arguments or ()]
        return one_line(" ".join([f"/{self.name}", *arguments]), width=_WIDTH)

    @property
    def description(self) -> str:
        """The server's description."""
        return one_line(self.prompt.description or self.prompt.title or "", width=_WIDTH)

    def _shown(self, argument: "PromptArgument") -> str:
        return argument.name.upper() if argument.required else f"[{argument.name.upper()}]"

    def arguments(self, line: str) -> dict[str, str]:
        """Return the arguments in a line, by position or as NAME=VALUE; the only one has the whole line.

        Raises UsageError if a required one is missing, or there are too many.
        """
        declared = self.prompt.arguments or []
        names = [argument.name for argument in declared]
        words = [line.strip()] if len(names) == 1 and line.strip() else _words(line)
        named = [word for word in words if "=" in word and word.partition("=")[0] in names]
        given = {word.partition("=")[0]: word.partition("=")[2] for word in named}
        free = [name for name in names if name not in given]
        unnamed = [word for word in words if word not in named]
        given |= dict(zip(free, unnamed, strict=False))
        missing = [item.name for item in declared if item.required and not given.get(item.name)]
        if missing or len(unnamed) > len(free):
            reason = f"{one_line(missing[0])} is missing" if missing else "there are too many arguments"
            raise UsageError(f"/{self.name}: {reason}. Write: {self.usage}")
        return given


def prompt_calls(session: ChatSession) -> dict[str, PromptCall]:
    """Return the prompts of the servers that have started, by the names of their commands."""
    servers = [item for item in session.kept_environment.tools if isinstance(item, PromptServer)]
    calls = [PromptCall(server, prompt) for server in servers for prompt in server.prompts]
    return {call.name: call for call in calls if _NAME.fullmatch(call.prompt.name)}


async def find_prompt(session: ChatSession, line: str) -> PromptCall | None:
    """Return the prompt that a line calls; start the servers if the line names one of them."""
    name, _, _ = line.strip().removeprefix("/").partition(" ")
    if name.partition(":")[0] not in [server.name for server in session.tools] or ":" not in name:
        return None
    if (call := prompt_calls(session).get(name)) is None:
        await start_servers(session)
    return call or prompt_calls(session).get(name)


async def message_of_prompt(
    session: ChatSession, call: PromptCall, line: str
) -> tuple[str, tuple[Image, ...]]:
    """Return the text and the pictures of a prompt that a line calls.

    Raises UsageError if the arguments don't fit, or the server gives no text.
    """
    arguments = call.arguments(line.strip().partition(" ")[2])
    sees = abilities_of(session.model).sees is not False
    try:
        text, images = await call.server.prompt(call.prompt.name, arguments, sees=sees)
    except ValueError as error:
        raise UsageError(f"/{call.name}: {one_line(str(error), width=400)}") from error
    if not text.strip() and not images:
        raise UsageError(f"/{call.name}: the server gives no text.")
    return text, images


def prompt_rows(calls: Sequence[PromptCall]) -> list[tuple[str, str]]:
    """Return each command with its description, for a list of commands."""
    return [(call.usage, call.description) for call in calls]


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # an apostrophe
        return line.split()
