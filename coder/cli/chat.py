"""`coder chat`: a conversation in a folder, message by message."""

import os
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from coder.chat.reader import PlainReader, Reader
from coder.chat.session import open_session, reopen_session
from coder.chat.terminal import open_terminal
from coder.cli import options
from coder.cli.answerer import Answerer, opened
from coder.cli.backend import see_backend
from coder.cli.dialogue import Dialogue
from coder.cli.interrupt import run_until_interrupted
from coder.cli.onlooker import Onlooker
from coder.cli.options import given_flags
from coder.cli.screen import Screen
from coder.config import Config, Loaded, load
from coder.configfile import user_file
from coder.doors import asked_again
from coder.errors import LogNewer, UsageError
from coder.models.casting import Asked
from coder.models.model import Model
from coder.reading import read_workspace
from coder.settings import Budget, Settings
from coder.state import State, fold_all
from coder.store import SqliteLog, data_folder
from coder.task import Task
from coder.taskfile import lint_words, split_command

USUAL = {"calls": 200, "seconds": 4 * 3600.0}
"""Limits of a conversation where the user names none: it is many tasks. That of cost is a run's."""

NO_TOOLKIT = 'Plain input; for history and completion: pip install "coder-agent[chat]"'


def chat(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(metavar="[PATH]", help="Folder or file to talk about (here).")
    ] = None,
    resume: Annotated[
        str | None, typer.Option("--resume", metavar="RUN", help="Go on with a conversation, or from a run.")
    ] = None,
    test: Annotated[
        str | None, typer.Option("--test", metavar="CMD", help='What must pass: "pytest -q".')
    ] = None,
    lint: options.Lint = None,
    read: options.Read = None,
    commit: options.Commit = False,
    allow: options.Allow = None,
    model: options.ModelName = None,
    base_url: options.BaseUrl = None,
    fallback: options.Fallback = None,
    planner_model: options.PlannerModel = None,
    coder_model: options.CoderModel = None,
    cheap_model: options.CheapModel = None,
    strong_model: options.StrongModel = None,
    price: options.Price = None,
    record: options.Record = None,
    replay: options.Replay = None,
    sandbox: options.SandboxName = None,
    image: options.Image = None,
    runtime: options.Runtime = None,
    network: options.Network = None,
    python: options.Python = None,
    strategy: options.Strategy = None,
    plan: options.Plan = None,
    edit_format: options.EditFormat = None,
    samples: options.Samples = None,
    repairs: options.Repairs = None,
    max_calls: Annotated[
        int | None, typer.Option("--max-calls", metavar="N", help="Model calls of all messages (200).")
    ] = None,
    max_tokens: options.MaxTokens = None,
    max_cost: options.MaxCost = None,
    max_call_cost: options.MaxCallCost = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", metavar="SECONDS", help="Working time of all messages (14400)."),
    ] = None,
    program_timeout: options.ProgramTimeout = None,
    test_timeout: options.TestTimeout = None,
    temperature: options.Temperature = None,
    top_p: options.TopP = None,
    seed: options.Seed = None,
    memory: options.Memory = None,
    pids: options.Pids = None,
    cpus: options.Cpus = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Write what passes without asking.")] = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Talk about a folder: each message is a task, and you see and approve each change before it is written.

    /help lists the commands. From a pipe each line is a message, a command or an answer to a question.
    """
    folder = path or Path()
    if resume is not None and path is not None:
        raise UsageError("--resume goes on in the folder of its run: leave PATH out.")
    if resume is None and not folder.exists():
        raise UsageError(f"There is no {folder}. Make it, or name another one: coder chat PATH")
    loaded = load(given_flags(context), environ=os.environ, user_file=user_file(), workspace=folder)
    see_backend(loaded.config.sandbox or "auto", given_flags(context))
    screen = Screen(verbose=verbose, quiet=quiet, yes=yes)
    for note in loaded.notes:
        screen.note(note)
    task = Task(
        prompt="-",
        workspace=folder,
        test_command=split_command(test),
        lint_command=lint_words(lint),
        read=tuple(read or ()),
    )
    work = _chat(task, resume, loaded=loaded, screen=screen, given=context.params)
    raise typer.Exit(run_until_interrupted(work, run_id=lambda: screen.run_id))


async def _chat(
    task: Task, resume: str | None, *, loaded: Loaded, screen: Screen, given: Mapping[str, Any]
) -> int:
    async with AsyncExitStack() as stack:
        log = stack.enter_context(SqliteLog(data_folder(os.environ)))
        state = await _state(log, resume) if resume is not None else None
        settings = _settings(loaded.config, given, state)
        if state is not None:
            task = _gone_on_with(state.task, task)
        models = Models(_answerer(loaded, given, state), screen)
        stack.push_async_callback(models.close)
        model = await models.open()
        reader = _reader(task)
        watch = Onlooker(screen, reader, yes=given["yes"])
        if state is None:
            opening = open_session(log, task, settings=settings, model=model, watch=watch)
        else:
            screen.watch_model(model.name, has_folder=True)
            opening = reopen_session(log, state.run, task=task, settings=settings, model=model, watch=watch)
        session = await stack.enter_async_context(opening)
        dialogue = Dialogue(session, reader, screen=screen, switch=models.switch)
        if dialogue.asks:
            screen.tell(f"{model.name} in {session.root}; /help lists the commands, Ctrl-D ends")
        code = await dialogue.run()
        if session.begun:
            screen.tell(f"  next     coder chat --resume {session.run}   coder undo {session.run}")
        return 0 if dialogue.asks else code


class Models:
    """Who answers now. Another one can take over; who answered before is closed then."""

    def __init__(self, answerer: Answerer, screen: Screen) -> None:
        """Take what the user said about the model."""
        self._answerer = answerer
        self._screen = screen
        self._stack = AsyncExitStack()

    async def open(self) -> Model:
        """The model that was named, or can be found here.

        Raises:
            UsageError: a name, a price or a file that can't be used.
            ModelAuthError: no key is set for its provider.
        """
        return await self._opened(self._answerer)

    async def switch(self, name: str) -> Model:
        """Another one by its name; where that fails, the one before stays.

        Raises:
            UsageError: the name can't be used, or no price is known and there is a limit of cost.
            ModelAuthError: no key is set for its provider.
        """
        asked = Asked(model=name, roles=self._answerer.asked.roles)
        return await self._opened(replace(self._answerer, asked=asked, replay=None, price=None))

    async def close(self) -> None:
        """Close it."""
        await self._stack.aclose()

    async def _opened(self, answerer: Answerer) -> Model:
        stack = AsyncExitStack()
        model = await stack.enter_async_context(opened(answerer, self._screen.note))
        await self._stack.aclose()
        self._stack = stack
        return model


async def _state(log: SqliteLog, prefix: str) -> State:
    run = await log.resolve(prefix)
    try:
        return fold_all(await log.read(run))
    except ValueError as error:
        raise LogNewer(f"{run} was written by a newer version of coder: {error}. Update coder.") from error


def _settings(config: Config, given: Mapping[str, Any], state: State | None) -> Settings:
    """The settings from now on: of a conversation that goes on its own, with what was said anew."""
    if state is not None:
        before = (
            state.settings if state.settings.chat else _roomy(state.settings, named=_unusual(state.budget))
        )
        changed = config.answering(given["replay"]) | {"budget": config.budget(before.budget)}
        return before.model_copy(update=changed)
    settings = config.settings(allow=tuple(given["allow"] or ()), replay=given["replay"])
    named = settings.budget.model_fields_set
    return _roomy(settings, named=named).model_copy(update={"commit": given["commit"]})


def _roomy(settings: Settings, *, named: set[str]) -> Settings:
    """Settings with the limits of a conversation in place of a run's, but for those that were named."""
    wider = {name: limit for name, limit in USUAL.items() if name not in named}
    return settings.model_copy(update={"budget": settings.budget.model_copy(update=wider)})


def _unusual(budget: Budget) -> set[str]:
    """The limits of a run that somebody must have named: the log doesn't say which were."""
    return {name for name in USUAL if getattr(budget, name) != getattr(Budget(), name)}


def _gone_on_with(before: Task, given: Task) -> Task:
    """The task of a conversation that goes on, with the commands that were named anew."""
    named = {
        "test_command": given.test_command or before.test_command,
        "lint_command": given.lint_command or before.lint_command,
        "read": tuple(dict.fromkeys((*before.read, *given.read))),
    }
    return before.model_copy(update=named)


def _answerer(loaded: Loaded, given: Mapping[str, Any], state: State | None) -> Answerer:
    config = loaded.config
    same = state is not None and not config.answering(given["replay"])
    return Answerer(
        asked=asked_again(state) if same and state is not None else config.asked(),
        record=config.record,
        replay=state.settings.replay if same and state is not None else given["replay"],
        price=given["price"],
        must_know_price=loaded.cost_was_asked,
        book=loaded.book,
    )


def _reader(task: Task) -> Reader:
    """A terminal with all that prompt_toolkit gives, else plain lines."""
    assert task.workspace is not None
    if not (sys.stdin.isatty() and sys.stderr.isatty()) or os.environ.get("TERM") == "dumb":
        return PlainReader()
    names = list(read_workspace(task, lands=False).files)
    terminal = open_terminal(data_folder(os.environ), paths=lambda: names)
    if terminal is None:
        print(NO_TOOLKIT, file=sys.stderr)
    return terminal or PlainReader()
