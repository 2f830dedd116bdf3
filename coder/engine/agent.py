"""Entry point: solve a task. `resume.py` continues a run that stopped, or forks one at a step."""

import asyncio
from contextlib import AsyncExitStack
from typing import Unpack

from coder.base.text.guards import guards_for
from coder.config.project_tests.find import with_found_tests
from coder.engine.loop import run_until_stopped
from coder.engine.open_run import log_of, open_environment, open_journal
from coder.engine.options import Options
from coder.engine.teams.strategies import choose_strategy, with_roles
from coder.run.find_target import find_target
from coder.run.model_choice import asked_of, logged_models, open_models
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.run.watch import note_of
from coder.store import new_run_id
from coder.workspace.deliver import require_committable
from coder.workspace.read import read_workspace, started, with_unread


async def solve(task: Task, **options: Unpack[Options]) -> Run:
    """Write code for a task, run it in a sandbox, and repair it until its tests pass or a limit ends the run.

    Raises:
        UsageError: the task is invalid, or it is to mend tests and none are found; no model was called.
        SandboxError: no sandbox can be opened here. A model was called only if such a sandbox opened before.
        LogDamaged, LogNewer, MachineError: the log can't be used.
        Refused: a guard or a hook refused the prompt; no model was called, and nothing is logged.
    """
    settings = options.get("settings") or Settings()
    if task.workspace is not None:  # a resume may happen in another folder
        task = task.model_copy(update={"workspace": task.workspace.absolute()})
    prompt = guards_for(options.get("guards")).check(task.prompt, "prompt")
    task = task.with_prompt(prompt)
    async with AsyncExitStack() as stack:
        log = options["log"] = log_of(stack, options)
        if settings.in_place and options.get("sandbox") is None:  # a caller's sandbox knows its own place
            from coder.environment.in_place import require_in_place

            settings = require_in_place(task, settings)
        task = with_unread(task, settings)
        require_committable(task, settings)
        snapshot = read_workspace(task, lands=settings.lands)
        run = options.get("run_id") or new_run_id()
        context = ""
        if settings.hooks:
            from coder.engine.session_hooks import open_hooks  # imported late: few runs have hooks

            folder = str(snapshot.root) if snapshot.root is not None else None
            context = await open_hooks(stack, settings.hooks, run, options).submit(task.prompt, folder)
        task = with_found_tests(task, settings, snapshot.files)
        target = find_target(task, snapshot.files)
        environment = open_environment(task, settings, snapshot.files, options, target=target)
        workbench = await stack.enter_async_context(environment)
        team, stop = options.get("team"), options.get("stop")
        settings = with_roles(settings, team)
        if (model := options.get("model")) is None:
            note = note_of(options.get("watch"))
            opening = open_models(asked_of(settings), settings, note=note, pictures=task.pictures)
            model = await stack.enter_async_context(opening)
        settings = settings.model_copy(update=logged_models(asked_of(settings)))
        settings = await choose_strategy(settings, task, model, workbench, team=team, stop=stop)
        if settings.strategy == "act":
            from coder.environment.python_line import look_at_python  # imported late: only models with tools

            look_at_python(workbench, snapshot.files)
        journal = await open_journal(stack, run, log, options)
        run_started = started(
            snapshot,
            task,
            settings,
            model=model.name,
            target=target,
            sandbox=workbench.opened,
            context=workbench.redactor.redact(context),
        )
        await journal.append(run_started)
        journal.hold(snapshot.files)
        return await run_until_stopped(journal, model, workbench, options)


def solve_sync(task: Task, **options: Unpack[Options]) -> Run:
    """Run `solve` without an event loop, with the arguments and errors of `solve`."""
    return asyncio.run(solve(task, **options))
