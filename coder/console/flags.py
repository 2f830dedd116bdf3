"""Groups of flags that several commands take, each written down once as the parameters of a function.

A command names the groups that it takes; typer sees all of them as the command's own, and the command finds
their values in `context.params`, where its own stand too.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from coder.console import options


def answering(
    model: options.ModelName = None,
    base_url: options.BaseUrl = None,
    fallback: options.Fallback = None,
    planner_model: options.PlannerModel = None,
    coder_model: options.CoderModel = None,
    cheap_model: options.CheapModel = None,
    strong_model: options.StrongModel = None,
    effort: options.EffortName = None,
    max_answer_tokens: options.MaxAnswerTokens = None,
    model_timeout: options.ModelTimeout = None,
    price: options.Price = None,
    record: options.Record = None,
    replay: options.Replay = None,
) -> None:
    """Who answers."""


def sandboxed(
    sandbox: options.SandboxName = None,
    image: options.Image = None,
    runtime: options.Runtime = None,
    network: options.Network = None,
    show: options.Show = None,
    add_dir: options.AddDir = None,
    python: options.Python = None,
) -> None:
    """Where programs run."""


def installing(install: options.Install = False, install_with: options.InstallWith = None) -> None:
    """What programs find installed."""


def held(
    program_timeout: options.ProgramTimeout = None,
    test_timeout: options.TestTimeout = None,
    memory: options.Memory = None,
    pids: options.Pids = None,
    cpus: options.Cpus = None,
) -> None:
    """What one program may use."""


def going_about(
    strategy: options.Strategy = None,
    plan: options.Plan = None,
    edit_format: options.EditFormat = None,
    temperature: options.Temperature = None,
    top_p: options.TopP = None,
    seed: options.Seed = None,
) -> None:
    """How the task is gone about."""


def calling(tool: options.Tool = None) -> None:
    """What a model that acts may call beside its own tools."""


def spending(
    samples: options.Samples = None,
    repairs: options.Repairs = None,
    max_calls: options.MaxCalls = None,
    max_tokens: options.MaxTokens = None,
    max_cost: options.MaxCost = None,
    max_call_cost: options.MaxCallCost = None,
    timeout: options.Timeout = None,
) -> None:
    """Limits of the whole run."""


def landing(
    apply: options.Apply = None,
    commit: options.Commit = False,
    branch: options.Branch = None,
    keep: options.Keep = False,
    allow: options.Allow = None,
    accept_unverified: options.AcceptUnverified = False,
    require: options.Require = None,
) -> None:
    """What becomes of the files."""


def telling(
    yes: options.Yes = False,
    json: options.Json = False,
    jsonl: options.Jsonl = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """What is asked and printed."""


GOING_ON = (landing, answering, sandboxed, going_about, calling, spending, held, telling)
"""What every command has that goes on with a run."""
WORKING = (landing, installing, *GOING_ON[1:])
"""What every command has that works on a task to its end."""


def takes(*groups: Callable[..., None]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command with the flags of these groups behind its own; one that it has itself is its own."""

    def with_flags(command: Callable[..., None]) -> Callable[..., None]:
        own = dict(inspect.signature(command).parameters)
        more = {name: flag for group in groups for name, flag in inspect.signature(group).parameters.items()}
        together = own | {name: flag for name, flag in more.items() if name not in own}

        @functools.wraps(command)
        def called(**given: Any) -> None:  # noqa: ANN401 - of whatever type typer makes of each
            command(**{name: value for name, value in given.items() if name in own})

        called.__signature__ = inspect.Signature(list(together.values()))  # type: ignore[attr-defined]
        called.__annotations__ = {name: flag.annotation for name, flag in together.items()}
        return called

    return with_flags
