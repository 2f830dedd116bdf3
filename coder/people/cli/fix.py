"""`coder fix -- CMD…`: make a command pass that fails, in the folder where the user is."""

from pathlib import Path
from typing import Annotated

import typer

from coder.base.errors import own_command
from coder.show.command_groups import WORDS
from coder.show.flags import TASK_FLAGS, check_folder, option, takes


@takes(TASK_FLAGS)
def fix(
    context: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="-- CMD...", help="The command that must pass: pytest -q")
    ] = None,
    path: Annotated[
        Path, option("--path", "Folder to work on, where the command runs (here).", "PATH")
    ] = Path("."),
    hint: Annotated[str | None, option("--hint", "What you know of the fault.", "TEXT")] = None,
) -> None:
    """Make a failing command pass: the model works on a copy, and a change that passes is written back.

    Test files, and other files that decide whether the command passes, are never changed.
    """
    from coder.base.errors import UsageError
    from coder.config.task_file import mending_task
    from coder.people.cli.solve_run import run_task  # imported late: --help doesn't need it
    from coder.run.task import Task

    def task() -> Task:
        if not command:
            raise UsageError(
                f"Nothing to fix. Give the command that must pass: {own_command()} fix -- pytest -q"
            )
        check_folder(path, f"Name the folder that {command[0]} runs in.")
        _tell_options_of_command(context, command)
        line = command[0] if len(command) == 1 and not (path / command[0]).exists() else tuple(command)
        return mending_task(line, path, hint=hint, read=tuple(context.params["read"] or ()))

    raise typer.Exit(run_task(context, task, workspace=path))


def _tell_options_of_command(context: typer.Context, command: list[str]) -> None:
    """Print which options of `coder fix` go to the command, as they follow its first word without `--`."""
    words = context.meta[WORDS]
    if words[: len(words) - len(command)][-1:] == ("--",):
        return
    own = {name for param in context.command.params for name in param.opts if name.startswith("--")}
    own_options = [word for word in command[1:] if word.partition("=")[0] in own]
    if own_options:
        places = f"{own_command()} fix {' '.join(own_options)} … -- {command[0]} …"
        typer.echo(
            f"  ! {', '.join(own_options)} after {command[0]} is an option of {command[0]}. "
            f"If it is meant for {own_command()}: {places}",
            err=True,
        )
