"""`coder fix -- CMD…`: make a command pass that fails, in the folder where the user is."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from coder.cli import options
from coder.cli.solving import solved
from coder.errors import UsageError
from coder.task import Task
from coder.taskfile import lint_words


def fix(
    context: typer.Context,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="-- CMD...", help="The command that must pass: pytest -q")
    ] = None,
    path: Annotated[
        Path, typer.Option("--path", metavar="PATH", help="Folder to work on, where the command runs (here).")
    ] = Path("."),
    hint: Annotated[
        str | None, typer.Option("--hint", metavar="TEXT", help="What you know of the fault.")
    ] = None,
    lint: options.Lint = None,
    read: options.Read = None,
    apply: options.Apply = True,
    commit: options.Commit = False,
    branch: options.Branch = None,
    keep: options.Keep = False,
    allow: options.Allow = None,
    model: options.ModelName = None,
    base_url: options.BaseUrl = None,
    fallback: options.Fallback = None,
    planner_model: options.PlannerModel = None,
    coder_model: options.CoderModel = None,
    cheap_model: options.CheapModel = None,
    price: options.Price = None,
    record: options.Record = None,
    replay: options.Replay = None,
    sandbox: options.SandboxName = None,
    image: options.Image = None,
    runtime: options.Runtime = None,
    network: options.Network = None,
    python: options.Python = None,
    kernel: options.Kernel = None,
    plan: options.Plan = None,
    edit_format: options.EditFormat = None,
    samples: options.Samples = None,
    repairs: options.Repairs = None,
    max_calls: options.MaxCalls = None,
    max_tokens: options.MaxTokens = None,
    max_cost: options.MaxCost = None,
    max_call_cost: options.MaxCallCost = None,
    timeout: options.Timeout = None,
    program_timeout: options.ProgramTimeout = None,
    test_timeout: options.TestTimeout = None,
    temperature: options.Temperature = None,
    top_p: options.TopP = None,
    seed: options.Seed = None,
    memory: options.Memory = None,
    pids: options.Pids = None,
    cpus: options.Cpus = None,
    yes: options.Yes = False,
    json: options.Json = False,
    jsonl: options.Jsonl = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Make a command pass that fails: it runs on a copy of the folder, and what made it pass is written back.

    The files of tests, and those through which the command decides, are never changed.
    """

    def task() -> Task:
        if not command:
            raise UsageError("Nothing to fix. Give the command that must pass: coder fix -- pytest -q")
        if not path.is_dir():
            raise UsageError(f"There is no folder {path}. Name the one that {command[0]} runs in.")
        return Task(
            prompt=_prompt(command, hint),
            workspace=path,
            mends=True,
            test_command=tuple(command),
            lint_command=lint_words(lint),
            read=_globs(read),
        )

    raise typer.Exit(solved(context, task, workspace=path))


def _globs(read: list[str] | None) -> tuple[str, ...]:
    return tuple(read or ())


def _prompt(command: list[str], hint: str | None) -> str:
    said = f"Make `{shlex.join(command)}` pass.\n\nIt fails. Find the fault in the code, and mend it."
    return f"{said}\n\n{hint}" if hint else said
