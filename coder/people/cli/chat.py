"""`coder chat`: a conversation in a folder, message by message."""

from pathlib import Path
from typing import Annotated

import typer

from coder.show.flags import RESUME_FLAGS, option, takes

_UNUSED_FLAGS = ("require", "apply", "branch", "keep", "accept_unverified", "tool")


@takes("test read no_test", *(name for name in RESUME_FLAGS.split() if name not in _UNUSED_FLAGS))
def chat(
    context: typer.Context,
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="Folder or file (here).")] = None,
    resume: Annotated[str | None, option("--resume", "Continue a conversation, or a run.", "RUN")] = None,
    latest: Annotated[bool, option("--continue", "Continue the latest chat of PATH.")] = False,
    yes: Annotated[bool, option("--yes -y", "Write changes that pass without asking.")] = False,
) -> None:
    """Chat about a folder: each message is a task, and you approve each change before it is written.

    /help lists the commands. From a pipe each line is a message, a command or an answer to a question.
    """
    from coder.people.cli.conversing import talk  # imported late: --help doesn't need it

    raise typer.Exit(talk(context))
