"""Run the task of `coder solve` or `coder fix` with the given options, and report its end."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from coder.base.errors import CoderError, MachineError, Refused, StoreRefused, UsageError, own_command
from coder.base.text.ascii_json import ascii_json
from coder.base.text.sanitize import printable, visible
from coder.config.layers import Loaded, load
from coder.config.task_file import options_of
from coder.engine.options import Options
from coder.engine.teams.strategies import with_roles
from coder.people.cli.installing import solve_with_packages, with_install
from coder.people.cli.run_settings import new_settings
from coder.run.model_choice import open_models
from coder.run.reducer import fold_all
from coder.run.run import Run, summarize
from coder.run.task import Task
from coder.show import render
from coder.show.command_groups import COMMAND
from coder.show.failure import exit_code_of, report, single
from coder.show.flags import check_backend, collector_url, given_flags
from coder.show.given_tests import keep_tests, with_given_tests
from coder.show.interrupt import run_until_interrupted
from coder.show.screen import Screen
from coder.show.signals import INTERRUPTED
from coder.show.terminal import ask_human
from coder.store import open_log

if TYPE_CHECKING:
    from coder.config.mcp_servers import Mcp
    from coder.show.traces.collector import Collector


def run_task(
    context: typer.Context,
    read_task: Callable[[], Task],
    *,
    workspace: Path | None,
    file: Path | None = None,
) -> int:
    """Work on a task under the flags of this call, print the result, and return the exit code.

    Args:
        file: the task file, whose options may lower limits.
    """

    def begin(screen: Screen) -> Coroutine[Any, Any, Run]:
        flags = given_flags(context)
        loaded = load(flags, workspace=workspace, task=options_of(file))
        for note in loaded.notes:
            screen.note(note)
        task = with_given_tests(read_task(), no_test=context.params["no_test"], tell=screen.note)
        check_backend(loaded.config.options.sandbox, flags)
        return solve_and_keep_tests(task, loaded, screen)

    async def solve_and_keep_tests(task: Task, loaded: Loaded, screen: Screen) -> Run:
        run = await solve_task(task, loaded, context.params, screen)
        if context.params["test"] is not None or context.meta.get(COMMAND):  # not that of a task file
            keep_tests(task.workspace, task.test_command or (), tell=screen.note)
        return run

    return carry_out(context.params, begin)


async def solve_task(task: Task, loaded: Loaded, args: Mapping[str, Any], screen: Screen) -> Run:
    """Work on a task with the values of all flags. Raises the errors of `solve`."""
    settings = new_settings(loaded, args)
    options = Options(tools=load_tools(args, loaded), watch=screen)
    if args["team"] is not None:
        from coder.engine.teams.named_team import for_team, load_team  # imported late: few runs have a team

        options["team"], options["stop"] = load_team(args["team"], loaded)
        drops = tuple(name for name in ("strategy", "samples") if args[name] is None)
        settings = for_team(settings, drops=drops)
    await _check_workspace(task.workspace, screen, yes=args["yes"])
    settings = await with_install(task, settings, args, screen)
    settings = with_roles(settings, options.get("team"))
    asks = screen.asks or args["detach"] or bool(settings.approve)
    people = {"asks": settings.asks and asks, "is_attended": screen.is_attended}
    settings = settings.model_copy(update=people)
    open_model = open_models(
        loaded.config.models().model_copy(update={"roles": settings.roles}),
        settings,
        note=screen.note,
        book=loaded.book,
        record=args["record"],
        must_know_price=loaded.cost_was_asked,
        pictures=task.pictures,
    )
    with open_log() as log:
        async with open_model as model:
            options |= Options(settings=settings, model=model, log=log)
            return await solve_with_packages(task, options, args, screen)


def load_tools(args: Mapping[str, Any], loaded: Loaded) -> "Sequence[Callable[..., object] | Mcp]":
    """Return the functions of --tool, and the MCP servers of --mcp and of the user's file."""
    servers: Sequence[Mcp] = ()
    if args["mcp"] or loaded.servers:
        from coder.config.mcp_servers import mcp_named

        servers = mcp_named(args["mcp"], loaded.servers)
    if not args.get("tool"):
        return servers
    from coder.tools.named_functions import functions_named

    return (*functions_named(args["tool"]), *servers)


async def _check_workspace(workspace: Path | None, screen: Screen, *, yes: bool) -> None:
    """Check that the folder or file exists, or that the user wants it made. Raises Refused, UsageError."""
    if workspace is None or yes or not _could_be_made(workspace):
        return
    if not screen.asks:
        raise UsageError(
            f"There is no {workspace}; no model was called. Name an existing path, or have it created: -y"
        )
    if not await ask_human(f"There is no {workspace}. Make it?"):
        raise Refused(f"{workspace} was not created, and no model was called.")


def _could_be_made(path: Path) -> bool:
    """Return whether a path is missing, but its folder exists."""
    return not path.exists() and path.absolute().parent.exists()


@asynccontextmanager
async def traced_to_collector(args: Mapping[str, Any], screen: Screen) -> "AsyncIterator[Collector | None]":
    """Send the screen's events to a collector, if any. Raises UsageError if extra or address is missing."""
    if (url := collector_url(args["otlp"])) is None:
        yield None
        return
    from coder.show.tracing import collecting  # imported late: few runs are traced

    async with collecting(url, screen.note, content=args["otel_content"]) as screen.also:
        yield screen.also


def carry_out(args: Mapping[str, Any], begin: Callable[[Screen], Coroutine[Any, Any, Run]]) -> int:
    """Run a command's work, print the result, return the exit code."""
    screen = Screen(**{name: args[name] for name in ("verbose", "quiet", "yes", "json", "jsonl", "detach")})

    async def traced_run(work: Coroutine[Any, Any, Run]) -> Run:
        with closing(work):  # the work isn't begun if the collector can't be used
            async with traced_to_collector(args, screen):
                return await screen.spinning(work)

    try:
        require_one_form(args)
        run = run_until_interrupted(traced_run(begin(screen)), run_id=lambda: screen.run_id)
    except Exception as error:  # noqa: BLE001 - --json prints a document in every case
        screen.clear()
        exit_code = exit_code_of(error)
        if screen.run_id is not None and exit_code in (MachineError.exit_code, StoreRefused.exit_code):
            screen.tell(f"  next     {own_command()} resume {screen.run_id}")
        report(error)  # last, so that stderr ends with the error
        if args["json"]:
            print(_failure(single(error), exit_code, screen.run_id))
        return exit_code
    screen.verdict(run)
    if args["json"]:
        print(ascii_json(run, indent=2))
    elif not args["jsonl"]:
        text = _stdout_text(run, screen)
        print(visible(text) if sys.stdout.isatty() else text, end="")
    return run.exit_code


def require_one_form(args: Mapping[str, Any]) -> None:
    """Raise UsageError if both --json and --jsonl are set."""
    if args["json"] and args["jsonl"]:
        raise UsageError("--json and --jsonl exclude each other: one document, or a line for each event.")


def _failure(error: BaseException, exit_code: int, run_id: str | None) -> str:
    """Return the document of a failed run: the same keys, null for unknown values."""
    message = str(error) if isinstance(error, CoderError) else f"{type(error).__name__}: {error}"
    fields = _fields_so_far(run_id) | {
        "status": "interrupted" if exit_code == INTERRUPTED else "error",
        "reason": message.partition("\n")[0],
        "verified": "none",
        "error": message,
        "exit_code": exit_code,
    }
    return json.dumps(dict.fromkeys(Run.model_fields) | fields, indent=2)


def _fields_so_far(run_id: str | None) -> dict[str, object]:
    """Return the fields of an interrupted run, from the log."""
    if run_id is None:
        return {}
    try:
        with open_log() as log:
            state = fold_all(asyncio.run(log.read(run_id)))
    except (CoderError, ValueError):  # the log itself may have failed
        return {"run_id": run_id}
    return summarize(state).model_dump(mode="json")


def _shares_stderr() -> bool:
    """Whether stdout is where stderr is, a terminal or a file, which has the verdict already."""
    try:
        return sys.stdout.isatty() or os.path.sameopenfile(sys.stdout.fileno(), sys.stderr.fileno())
    except (OSError, ValueError):  # a stream is closed, or no file
        return False


def _stdout_text(run: Run, screen: Screen) -> str:
    """Return the text for stdout: the output of a flow, an answer by a schema or in words, or the patch
    unless it was shown.

    Without a folder and a schema, it is the code.
    """
    if run.flow is not None:
        has_output = run.status == "finished" and run.answer is not None
        return f"{json.dumps(run.answer, indent=2, ensure_ascii=False)}\n" if has_output else ""
    if run.answer_problem is not None:
        return "" if run.answer_problem else f"{json.dumps(run.answer, indent=2, ensure_ascii=False)}\n"
    if run.words:
        return _with_newline(printable(run.words))
    if screen.has_folder:
        has_result = run.landed or run.status in ("solved", "unverified")
        patch = run.patch if has_result and not screen.showed_diff else ""
        # Programs that read a patch skip the text before it.
        return patch if _shares_stderr() else f"{render.verdict(run)}\n{patch}"
    if run.status not in ("solved", "unverified"):
        return ""
    if len(run.files) == 1:
        (text,) = run.files.values()
        return _with_newline(text)
    return "".join(f"# {path}\n{_with_newline(text)}" for path, text in sorted(run.files.items()))


def _with_newline(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
