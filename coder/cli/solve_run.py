"""Solving: from the flags that `coder solve` and `coder fix` share to a run."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer

from coder.agent import solve
from coder.cli.print_result import ended
from coder.config.layers import load, user_file
from coder.console.answerer import Answerer, opened
from coder.console.ask import ask_human
from coder.console.backend import see_backend
from coder.console.interrupt import run_until_interrupted
from coder.console.options import given_flags
from coder.console.screen import Screen
from coder.errors import Refused, UsageError
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.store import SqliteLog, data_folder


def solved(context: typer.Context, read_task: Callable[[], Task], *, workspace: Path | None) -> int:
    """Work on a task under the flags of this call, print what came of it, and return the exit code.

    Args:
        read_task: makes the task; what it raises is told as every error is.
        workspace: the user's folder or file, whose configuration may tighten.
    """
    given = context.params
    screen = Screen(verbose=given["verbose"], quiet=given["quiet"], yes=given["yes"], jsonl=given["jsonl"])

    def start() -> Run:
        loaded = load(given_flags(context), environ=os.environ, user_file=user_file(), workspace=workspace)
        for note in loaded.notes:
            screen.note(note)
        task = read_task()
        config = loaded.config
        see_backend(config.sandbox or "auto", given_flags(context))
        answerer = Answerer(
            asked=config.asked(),
            record=config.record,
            replay=given["replay"],
            price=given["price"],
            must_know_price=loaded.cost_was_asked,
            book=loaded.book,
            shows_pictures=bool(task.pictures),
            silence_s=config.model_timeout,
        )
        settings = config.settings(
            keep=given["keep"], allow=tuple(given["allow"] or ()), replay=given["replay"]
        )
        delivery = {key: given[key] for key in ("commit", "branch", "accept_unverified", "price")}
        settings = settings.model_copy(update=delivery | {"apply": given["apply"] is not False})
        work = _solve(task, settings=settings, answerer=answerer, screen=screen, given=given)
        return run_until_interrupted(screen.spinning(work), run_id=lambda: screen.run_id)

    return ended(start, screen, as_json=given["json"], jsonl=given["jsonl"])


async def _solve(
    task: Task, *, settings: Settings, answerer: Answerer, screen: Screen, given: Mapping[str, Any]
) -> Run:
    await _see_workspace(task.workspace, screen, yes=given["yes"])
    if given["install"] or given["install_with"] is not None:
        from coder.cli.installing import with_install  # hardly a task installs anything

        settings = await with_install(task, settings, given, screen)
    with SqliteLog(data_folder(os.environ)) as log:
        async with opened(answerer, screen.note) as model:
            return await solve(task, settings=settings, model=model, log=log, watch=screen)


async def _see_workspace(workspace: Path | None, screen: Screen, *, yes: bool) -> None:
    """See that the folder or file is there, or that the user wants it made: its name may be mistyped.

    Raises:
        Refused: the user doesn't.
        UsageError: nobody can be asked.
    """
    if workspace is None or yes or not _could_be_made(workspace):
        return
    if not screen.asks:
        raise UsageError(
            f"There is no {workspace}; nothing was called. Name what is there, or have it made: -y"
        )
    if not await ask_human(f"There is no {workspace}. Make it?"):
        raise Refused(f"{workspace} was not made, and nothing was called.")


def _could_be_made(path: Path) -> bool:
    """Whether it isn't there, and only it; what lies in no folder at all is refused whatever anybody says."""
    return not path.exists() and path.absolute().parent.exists()
