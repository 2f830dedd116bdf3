"""bash: run one command in the session."""

from dataclasses import dataclass

from pydantic import Field

from coder.models.model import JsonObject, ToolSpec
from coder.tools.command_result import (
    DEFAULT_TIMEOUT_S,
    MAX_TIMEOUT_S,
    MIN_TIME_S,
    command_result,
)
from coder.tools.shortened import DEFAULT_CHARACTERS, MAX_CHARACTERS
from coder.tools.tool import Arguments, Desk, ToolResult, read_arguments, spec_of


class _BashArguments(Arguments):
    command: str = Field(min_length=1, description="Script for bash, run in the workspace.")
    timeout_s: float = Field(
        DEFAULT_TIMEOUT_S, ge=1, le=MAX_TIMEOUT_S, description="Seconds before it is stopped."
    )
    background: bool = Field(False, description="Leave it running, for servers and watchers.")
    max_characters: int = Field(
        DEFAULT_CHARACTERS,
        ge=1_000,
        le=MAX_CHARACTERS,
        description="Of the output; a longer one is shown by its head and tail.",
    )


SPEC = spec_of(
    "bash",
    "Run a command and see what it prints (stdout and stderr), and its exit code. Files, processes and /tmp "
    "stay from call to call; the working directory and variables don't. There is no terminal and no input.",
    _BashArguments,
)


@dataclass(frozen=True, slots=True)
class Bash:
    """The tool `bash`."""

    spec: ToolSpec = SPEC
    effect: bool = False

    async def call(self, arguments: JsonObject, desk: Desk) -> ToolResult:
        """Run the command to its end or timeout, or start it in the background."""
        request = read_arguments(arguments, _BashArguments, name=SPEC.name)
        if request.background:
            from coder.tools.background import start_in_background  # imported late: few programs go on

            return await start_in_background(request.command, desk)
        left_s = max(desk.seconds_left(), MIN_TIME_S)
        wall_s = min(request.timeout_s, left_s)
        result = await desk.session.sh(request.command, wall_s=wall_s, on_output=desk.on_output)
        return command_result(result, desk, has_all=left_s < request.timeout_s, most=request.max_characters)
