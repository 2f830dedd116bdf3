"""`coder solve`: read the task from the command line, run it, and return the exit code."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from coder.base.errors import UsageError
from coder.config.task_file import holds_tests, read_task
from coder.people.cli.own_folder import note_no_folder, takes_folder
from coder.people.cli.solve_run import run_task
from coder.run.task import Task
from coder.show.command_groups import COMMAND
from coder.show.flags import TASK_FLAGS, option, takes
from coder.show.typed_words import folder_of_file, is_too_wide, project_of
from coder.workspace.read import require_replaceable


@takes(TASK_FLAGS, "test answer_schema")
def solve(
    context: typer.Context,
    words: Annotated[
        str | None, typer.Argument(metavar='"TASK"', help='The task in words; "-" reads standard input.')
    ] = None,
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH] [-- CMD...]", help="Folder or file that the task is about."),
    ] = None,
    file: Annotated[Path | None, option("--file", "Read the task from .md, .yaml or .json.", "FILE")] = None,
    stdout: Annotated[
        bool, option("--stdout", "Work on no folder, and print the code.", show_default=False)
    ] = False,
    test_file: Annotated[
        list[Path] | None, option("--test-file", "Tests to pass. Repeatable.", "FILE")
    ] = None,
    check: Annotated[list[str] | None, option("--check", '"assert f(2) == 4". Repeatable.', "CODE")] = None,
    picture: Annotated[
        list[Path] | None, option("--picture", "Show the model a picture or a PDF. Repeatable.", "FILE")
    ] = None,
) -> None:
    """Write code for a task, run it in a sandbox, and stop when the tests pass.

    Without PATH it works on the project that you are in, or on another folder if you agree. Else, and with
    --check, --test-file or --stdout, the code goes to stdout and nothing is written. Tests, checks and
    examples in the task decide when it is done, and so do the project's own tests, which are found.
    """
    command: tuple[str, ...] = context.meta.get(COMMAND, ())
    if words is None and file is None and len(command) in (1, 2):  # `--` that ends the options
        words, path = command[0], Path(command[1]) if len(command) == 2 else path
        command = ()
    if file is not None and words is not None and path is None:
        path, words = Path(words), None
    test, read = context.params["test"], context.params["read"]
    where, named_file = "", None
    is_alone = stdout or check or test_file or (path is None and holds_tests(file))
    if path is None and not is_alone:
        if (project := project_of(Path())) is not None:
            path, inner = project
            where = f"I am in the folder `{inner}`." if inner else ""
        elif file is None:
            is_taken = not is_too_wide(Path()) and asyncio.run(takes_folder(context.params))
            path = Path() if is_taken else None
            if path is None:
                note_no_folder(context.params)
    elif path is not None and path.is_file() and not is_too_wide(path.absolute().parent):
        named_file = path
        path, inner = folder_of_file(path)
        where = f"It is about `{inner}`."

    def task() -> Task:
        if named_file is not None and context.params["apply"] is not False:
            require_replaceable(named_file)
        if test is not None and command:
            raise UsageError(f"Two commands are given: --test {test!r}, and {command[0]}. Leave one out.")
        task = read_task(
            words,
            file=file,
            workspace=path,
            test=test if test is not None else _command(command, path),
            test_files=tuple(test_file or ()),
            checks=tuple(check or ()),
            pictures=tuple(picture or ()),
            answer_schema=context.params["answer_schema"],
            read=tuple(read or ()),
            is_users=words != "-"
            and not os.environ.get("CI"),  # in CI, another person may have written the task
        )

        return task.with_prompt(f"{task.prompt}\n\n{where}") if where else task

    raise typer.Exit(run_task(context, task, workspace=path, file=file))


def _command(words: tuple[str, ...], folder: Path | None) -> str | tuple[str, ...] | None:
    """Return the command behind `--`; a whole line may be given as one word."""
    is_line = len(words) == 1 and not ((folder or Path()) / words[0]).exists()
    return words[0] if is_line else words or None
