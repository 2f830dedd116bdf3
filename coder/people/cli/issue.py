"""`coder issue`: work on an issue or a review comment of GitHub or GitLab, and propose what is shown."""

import os
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coder.show.flags import TASK_FLAGS, option, takes

if TYPE_CHECKING:
    from coder.people.forge.handle import Handled
    from coder.people.forge.request import ForgeRequest
    from coder.run.run import Run
    from coder.run.state import State
    from coder.show.screen import Screen

_OWN_DELIVERY = ("apply", "commit", "branch", "keep", "accept_unverified", "approve", "detach")
"""Flags that this command sets itself, because the forge is where a change goes."""
_FLAGS = " ".join(["test", *(name for name in TASK_FLAGS.split() if name not in _OWN_DELIVERY)])


@takes(_FLAGS)
def issue(
    context: typer.Context,
    event: Annotated[
        Path | None,
        option("--event", "The event ($GITHUB_EVENT_PATH, $TRIGGER_PAYLOAD in GitLab).", "FILE"),
    ] = None,
    event_name: Annotated[
        str | None, option("--event-name", "Its kind ($GITHUB_EVENT_NAME).", "NAME")
    ] = None,
    path: Annotated[Path, option("--path", "Clone of the repository (here).", "PATH")] = Path("."),
    prompt: Annotated[str, option("--prompt", "More instructions for the model.", "TEXT")] = "",
    trigger_phrase: Annotated[
        str, option("--trigger-phrase", "What a text must have to be a request.", "TEXT")
    ] = "@coder",
    label: Annotated[str, option("--label", "Label that makes an issue a request.", "NAME")] = "",
    branch_prefix: Annotated[
        str, option("--branch-prefix", "Beginning of the names of branches.", "TEXT")
    ] = "coder/",
) -> None:
    """Work on an issue or a review comment of GitHub or GitLab; open a pull request if tests show the change.

    Otherwise a comment says what is missing. Only people with write access are answered. The token is
    $GITHUB_TOKEN, or $GITLAB_TOKEN.
    """
    from coder.people.forge.request import NothingToDo, Trigger

    try:
        request = _request(event, event_name, Trigger(phrase=trigger_phrase, label=label))
    except NothingToDo as reason:
        typer.echo(f"Nothing to do: {reason}.", err=True)
        _write_outputs({"status": "nothing-to-do", "exit-code": 0})
        return
    raise typer.Exit(_answer(context, request, path, instructions=prompt, branch_prefix=branch_prefix))


def _is_gitlab() -> bool:
    return bool(os.environ.get("GITLAB_CI"))


def _request(event: Path | None, name: str | None, trigger: Any) -> "ForgeRequest":  # noqa: ANN401
    from coder.base.errors import UsageError
    from coder.base.fs.safe_open import read_named
    from coder.people.forge.github_event import github_request
    from coder.people.forge.gitlab_event import gitlab_request

    variable = "TRIGGER_PAYLOAD" if _is_gitlab() else "GITHUB_EVENT_PATH"
    if event is None and not os.environ.get(variable):
        raise UsageError(f"There is no event: ${variable} isn't set. Name the file with --event FILE.")
    document = read_named(event or Path(os.environ[variable]), limit=_MAX_EVENT)
    if _is_gitlab():
        return gitlab_request(document, trigger)
    kind = name or os.environ.get("GITHUB_EVENT_NAME")
    if not kind:
        raise UsageError("The event's kind isn't known: $GITHUB_EVENT_NAME isn't set. Give --event-name.")
    return github_request(kind, document, trigger)


_MAX_EVENT = 32 << 20
"""Bytes of an event; GitHub sends at most 25 MB."""


def _answer(
    context: typer.Context, request: "ForgeRequest", path: Path, *, instructions: str, branch_prefix: str
) -> int:
    """Handle a request, and return the exit code."""
    from coder.people.cli.solve_run import carry_out
    from coder.people.forge.connect import connected
    from coder.people.forge.handle import Handler

    args = {**context.params, "detach": False}
    handled: list[Handled] = []

    def begin(screen: "Screen") -> Coroutine[Any, Any, "Run"]:
        async def solve(prompt: str, delivery: Mapping[str, object]) -> "tuple[Run, State]":
            return await _solve(prompt, path, context, {**args, **delivery}, screen)

        async def work() -> "Run":
            async with connected(request.repository, path, is_gitlab=_is_gitlab()) as (forge, remote):
                handler = Handler(forge, remote, solve, branch_prefix, instructions)
                handled.append(await handler.handle(request))
            if handled[0].url is not None:
                screen.tell(f"  pull request  {handled[0].url}")
            return handled[0].run

        return work()

    exit_code = carry_out(args, begin)
    fields: dict[str, object] = {"status": "error", "exit-code": exit_code}
    if handled:
        run = handled[0].run
        fields |= {"status": run.status, "run": run.run_id, "cost": run.cost}
        fields |= {"pull-request": handled[0].url, "branch": handled[0].branch}
    _write_outputs(fields)
    return exit_code


async def _solve(
    prompt: str, path: Path, context: typer.Context, args: Mapping[str, Any], screen: "Screen"
) -> "tuple[Run, State]":
    """Solve the task of a request; return the run and its state, which has the tests before the change."""
    from coder.config.layers import load
    from coder.config.task_file import read_task
    from coder.people.cli.solve_run import solve_task
    from coder.run.reducer import fold_all
    from coder.show.flags import check_backend, given_flags
    from coder.store import open_log

    flags = given_flags(context)
    loaded = load(flags, workspace=path)
    for note in loaded.notes:
        screen.note(note)
    task = read_task(
        prompt,
        file=None,
        workspace=path,
        test=args["test"],
        test_files=(),
        checks=(),
        read=tuple(args["read"] or ()),
    ).model_copy(update={"is_quoted": True})
    check_backend(loaded.config.options.sandbox, flags)
    run = await solve_task(task, loaded, args, screen)
    with open_log() as log:
        return run, fold_all(await log.read(run.run_id))


def _write_outputs(fields: Mapping[str, object]) -> None:
    """Append outputs of the step, a line each, to the file that GitHub names."""
    from coder.base.text.sanitize import one_line

    if not (place := os.environ.get("GITHUB_OUTPUT")):
        return
    lines = [
        f"{name}={one_line('' if value is None else str(value), width=500)}" for name, value in fields.items()
    ]
    with Path(place).open("a", encoding="utf-8") as file:
        file.write("\n".join([*lines, ""]))
