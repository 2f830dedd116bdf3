"""`coder fix`: make failing tests pass, those of the project or those of a given command."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from coder.base.errors import UsageError, own_command
from coder.config.project_tests.find import MANIFESTS
from coder.config.task_file import mending_task
from coder.people.cli.own_folder import require_own_folder
from coder.people.cli.solve_run import run_task
from coder.run.task import Task
from coder.show.command_groups import COMMAND
from coder.show.flags import TASK_FLAGS, check_folder, option, takes
from coder.show.typed_words import project_of, read_words


@takes(TASK_FLAGS, "test")
def fix(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH] [TEST|HINT] [-- CMD...]",
            help="Folder (here); a test that must pass, or what you know of the fault; the command (found).",
        ),
    ] = None,
    path: Annotated[Path | None, option("--path", "Folder to work on (here).", "PATH")] = None,
    hint: Annotated[str | None, option("--hint", "What you know of the fault.", "TEXT")] = None,
) -> None:
    """Make failing tests pass: the model works on a copy, and a change that passes is written back.

    Without a command the tests of the folder are found and run. Test files, and other files that decide
    whether they pass, are never changed.
    """
    given, test = context.meta.get(COMMAND, ()), context.params["test"]
    typed = read_words(words or (), given)
    if not given and typed.command:
        _tell_options_of_command(context, typed.command)
    folder = path or typed.folder or Path()
    hints = [text for text in (typed.hint, hint) if text]
    is_own = typed.folder is not None and any((folder / name).is_file() for name in MANIFESTS)
    project = None if test is not None or typed.command or path or is_own else project_of(folder)
    if project is not None:
        folder, inner = project
        where = "It is about" if typed.folder is not None else "I am in"
        hints += [f"{where} the folder `{inner}`."] if inner else []

    is_named = path is not None or any(Path(word).is_dir() for word in words or ())

    def task() -> Task:
        check_folder(folder, "Name the folder that the tests run in.")
        if not (project or is_named or test is not None or typed.command):
            asyncio.run(require_own_folder(folder, context.params, command="fix"))
        if test is not None and typed.command:
            raise UsageError(
                f"Two commands are given: --test {test!r}, and {typed.command[0]}. Leave one out."
            )
        words = typed.command
        command = (
            test
            if test is not None
            else (words[0] if len(words) == 1 and not (folder / words[0]).exists() else words) or None
        )
        return mending_task(
            command, folder, hint="\n\n".join(hints), read=tuple(context.params["read"] or ())
        )

    raise typer.Exit(run_task(context, task, workspace=folder))


def _tell_options_of_command(context: typer.Context, command: tuple[str, ...]) -> None:
    """Print which options of `coder fix` go to the command, as they follow its first word without `--`."""
    own = {name for param in context.command.params for name in param.opts if name.startswith("--")}
    own_options = [word for word in command[1:] if word.partition("=")[0] in own]
    if own_options:
        places = f"{own_command()} fix {' '.join(own_options)} … -- {command[0]} …"
        typer.echo(
            f"  ! {', '.join(own_options)} after {command[0]} is an option of {command[0]}. "
            f"If it is meant for {own_command()}: {places}",
            err=True,
        )
