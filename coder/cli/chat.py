"""`coder chat`: a conversation in a folder, message by message."""

import os
from pathlib import Path
from typing import Annotated

import typer

from coder.console import options
from coder.console.options import (
    answering,
    given_flags,
    going_about,
    held,
    sandboxed,
    spending,
    takes,
    telling,
)


@takes(answering, sandboxed, going_about, spending, held, telling)
def chat(
    context: typer.Context,
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="Folder or file (here).")] = None,
    resume: Annotated[
        str | None,
        typer.Option("--resume", "--continue", metavar="RUN", help="Continue a conversation, or a run."),
    ] = None,
    test: options.Test = None,
    read: options.Read = None,
    commit: options.Commit = False,
    allow: options.Allow = None,
    max_calls: Annotated[
        int | None, typer.Option("--max-calls", metavar="N", help="Model calls of all messages (200).")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", help="Seconds for all messages (14400)."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write what passes without asking.")] = False,
) -> None:
    """Chat about a folder: each message is a task, and you approve each change before it is written.

    /help lists the commands. From a pipe each line is a message, a command or an answer to a question.
    """
    from coder.cli.conversing import Talk, talk
    from coder.config.layers import load, user_file
    from coder.config.schema import checked, flag
    from coder.config.task_file import split_command
    from coder.console.backend import see_backend  # here, not above: help is shown without
    from coder.console.screen import Screen
    from coder.errors import UsageError
    from coder.run.task import Task

    given = context.params

    def begin() -> Talk:
        folder = path or Path()
        if resume is not None and path is not None:
            raise UsageError("--resume works in the folder of its run: leave PATH out.")
        if resume is None and not folder.exists():
            raise UsageError(f"There is no {folder}. Make it, or name another one: coder chat PATH")
        named = given_flags(context)
        repository = folder if resume is None else None
        loaded = load(named, environ=os.environ, user_file=user_file(), workspace=repository)
        see_backend(loaded.config.sandbox or "auto", named)
        screen = Screen(verbose=given["verbose"], quiet=given["quiet"], yes=yes, jsonl=given["jsonl"])
        for note in loaded.notes:
            screen.note(note)
        task = Task(
            prompt="-",
            workspace=folder,
            test_command=split_command(test),
            read=tuple(read or ()),
        )
        return Talk(task, resume, loaded, checked(named, flag), given, screen)

    raise typer.Exit(talk(begin, as_json=given["json"], jsonl=given["jsonl"]))
