"""`coder solve`: read the task from the command line, run it, and return the exit code."""

import os
from pathlib import Path
from typing import Annotated

import typer

from coder.show.flags import TASK_FLAGS, option, takes


@takes(TASK_FLAGS, "test answer_schema")
def solve(
    context: typer.Context,
    words: Annotated[
        str | None, typer.Argument(metavar='"TASK"', help='The task in words; "-" reads standard input.')
    ] = None,
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="Folder or file that the task is about.")
    ] = None,
    file: Annotated[Path | None, option("--file", "Read the task from .md, .yaml or .json.", "FILE")] = None,
    test_file: Annotated[
        list[Path] | None, option("--test-file", "Tests to pass. Repeatable.", "FILE")
    ] = None,
    check: Annotated[list[str] | None, option("--check", '"assert f(2) == 4". Repeatable.', "CODE")] = None,
    picture: Annotated[
        list[Path] | None, option("--picture", "Show the model a picture or a PDF. Repeatable.", "FILE")
    ] = None,
) -> None:
    """Write code for a task, run it in a sandbox, and stop when the tests pass.

    Without PATH the code goes to stdout and nothing is written. Tests, checks and examples in the task decide
    when it is done; with none of them the run ends unverified.
    """
    from coder.config.task_file import read_task
    from coder.people.cli.solve_run import run_task  # imported late: --help doesn't need it
    from coder.run.task import Task
    from coder.workspace.git.found import find_repository

    test, read = context.params["test"], context.params["read"]
    if file is not None and words is not None and path is None:
        path, words = Path(words), None
    if path is None and test is not None and not test_file and find_repository(Path.cwd()) is not None:
        path = Path()  # a test command in a repository is about that repository

    def task() -> Task:
        return read_task(
            words,
            file=file,
            workspace=path,
            test=test,
            test_files=tuple(test_file or ()),
            checks=tuple(check or ()),
            pictures=tuple(picture or ()),
            answer_schema=context.params["answer_schema"],
            read=tuple(read or ()),
            is_users=words != "-"
            and not os.environ.get("CI"),  # in CI, another person may have written the task
        )

    raise typer.Exit(run_task(context, task, workspace=path, file=file))
