"""The flags, each with one meaning in every command that has it, and the groups in which commands take them.

Their names are keys of configuration. A group is the parameters of a function: typer sees them as the
command's own, and the command finds their values in `context.params`.
"""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

Text = str | None
Words = list[str] | None
Count = int | None
Number = float | None
Choice = bool | None
File = Path | None


def _flag(flags: str, help: str, metavar: str | None = None) -> Any:  # noqa: ANN401 - typer's private type
    return typer.Option(*flags.split(), help=help, metavar=metavar, show_default=False)


ModelName = Annotated[Text, _flag("--model -m", "Who answers.", "PROVIDER/MODEL")]
BaseUrl = Annotated[Text, _flag("--base-url", "An OpenAI-compatible endpoint.", "URL")]
Fallback = Annotated[Words, _flag("--fallback", "Asked when the model can't answer. Repeatable.", "MODEL")]
PlannerModel = Annotated[Text, _flag("--planner-model", "Who plans, if someone else.", "MODEL")]
CoderModel = Annotated[Text, _flag("--coder-model", "Who writes code, if someone else.", "MODEL")]
Price = Annotated[
    Text, _flag("--price", "The model's price: US dollars per million tokens in and out.", "IN,OUT")
]
Record = Annotated[File, _flag("--record", "Write every model call to a file.", "FILE")]
Replay = Annotated[File, _flag("--replay", "Take every answer from a recorded file.", "FILE")]
SandboxName = Annotated[
    Text,
    _flag(
        "--sandbox",
        "Where programs run: auto|bubblewrap|docker; by name only restricted|unsafe-host.",
        "NAME",
    ),
]
Image = Annotated[Text, _flag("--image", "The image of --sandbox docker.", "NAME")]
Cpus = Annotated[Number, _flag("--cpus", "Processors that one program may keep busy.", "N")]
Runtime = Annotated[Text, _flag("--runtime", "Of Docker's containers, such as runsc.", "NAME")]
Network = Annotated[
    Words,
    _flag("--network", "A host that programs may reach, or registries. Repeatable.", "HOST[:PORT]"),
]
Show = Annotated[Words, _flag("--show", "Ignored file or folder that programs need. Repeatable.", "PATH")]
AddDir = Annotated[Words, _flag("--add-dir", "Another folder for programs to read. Repeatable.", "DIR")]
Python = Annotated[File, _flag("--python", "The interpreter that programs get.", "FILE")]
Kernel = Annotated[Choice, _flag("--kernel/--no-kernel", "Run code as cells of a Jupyter kernel.")]
Strategy = Annotated[
    Text,
    _flag("--strategy", "auto|act|one-shot|repair|best-of-n|escalate (auto).", "NAME"),
]
Tool = Annotated[
    Words,
    _flag("--tool", "A function of yours that the model may call. Repeatable.", "MODULE:FUNCTION"),
]
StrongModel = Annotated[Text, _flag("--strong-model", "Asked where the model has failed twice.", "MODEL")]
Plan = Annotated[Choice, _flag("--plan/--no-plan", "Plan first; by default when the task has steps.")]
EditFormat = Annotated[
    Text,
    _flag("--edit-format", "How changes are asked for: whole|search-replace|diff|patch.", "FORM"),
]
Samples = Annotated[Count, _flag("--samples", "Fresh starts (2); side by side where it acts.", "N")]
Repairs = Annotated[Count, _flag("--repairs", "Repairs of each start (3).", "N")]
MaxCalls = Annotated[Count, _flag("--max-calls", "Model calls (8).", "N")]
MaxTokens = Annotated[Count, _flag("--max-tokens", "Tokens of all calls.", "N")]
MaxCost = Annotated[Number, _flag("--max-cost", "Cost of all calls ($1).", "USD")]
MaxCallCost = Annotated[Number, _flag("--max-call-cost", "Cost of one call.", "USD")]
Timeout = Annotated[Number, _flag("--timeout", "Time of the whole run (600).", "SECONDS")]
ProgramTimeout = Annotated[Number, _flag("--program-timeout", "Time of one program (10).", "SECONDS")]
TestTimeout = Annotated[Number, _flag("--test-timeout", "Time of one test command (300).", "SECONDS")]
Temperature = Annotated[Number, _flag("--temperature", "Of the model, 0 to 2.", "T")]
TopP = Annotated[Number, _flag("--top-p", "Of the model, above 0 up to 1.", "P")]
Seed = Annotated[Count, _flag("--seed", "Of the model (0).", "N")]
EffortName = Annotated[
    Text, _flag("--effort", "How much the model reasons (its own default).", "low|medium|high")
]
MaxAnswerTokens = Annotated[
    Count,
    _flag("--max-answer-tokens", "Of one answer, reasoning included (the model's own limit).", "N"),
]
ModelTimeout = Annotated[Number, _flag("--model-timeout", "Longest silence of the model (600).", "SECONDS")]
Memory = Annotated[Count, _flag("--memory", "Memory of one program (512).", "MIB")]
Pids = Annotated[Count, _flag("--pids", "Processes of one program (128).", "N")]
Keep = Annotated[bool, _flag("--keep", "Write the best files also when unsolved.")]
Allow = Annotated[Words, _flag("--allow", "Let this test, or file that runs by itself, be changed.", "PATH")]
Apply = Annotated[
    Choice, _flag("--apply/--no-apply", "Write what solves it into the folder, or only show the diff.")
]
AcceptUnverified = Annotated[
    bool, _flag("--accept-unverified", "Code that nothing could check will do: write it, exit 0.")
]
Require = Annotated[Text, _flag("--require", "Only a given test shows that it is done, no new one.", "tests")]
Commit = Annotated[bool, _flag("--commit", "Commit what was written, when its tests pass.")]
Branch = Annotated[Text, _flag("--branch", "Commit it on a new branch; the folder stays as it is.", "NAME")]
Read = Annotated[Words, _flag("--read", "Show these files, ignored ones too; not to be changed.", "GLOB")]
Test = Annotated[Text, _flag("--test", 'Solved when it passes: "pytest -q".', "CMD")]
Install = Annotated[bool, _flag("--install", "Install what the tests need into a cache first; asks before.")]
InstallWith = Annotated[
    Text, _flag("--install-with", 'Install with this command: "pip install -r dev.txt".', "CMD")
]
Yes = Annotated[bool, _flag("--yes -y", "Don't ask.")]
Json = Annotated[bool, _flag("--json", "Print one JSON document on stdout.")]
Jsonl = Annotated[bool, _flag("--jsonl", "Print every event as a line of JSON, as it happens.")]
Quiet = Annotated[bool, _flag("--quiet -q", "Only results and errors.")]
Verbose = Annotated[bool, _flag("--verbose -v", "Show answers and output as they come.")]


def given_flags(context: typer.Context) -> dict[str, object]:
    """The flags of this call that are keys of the configuration; None where one wasn't given."""
    from coder.config.schema import Config  # half of all that `--help` would load

    return {key: context.params[key] for key in Config.model_fields if key in context.params}


def answering(
    model: ModelName = None,
    base_url: BaseUrl = None,
    fallback: Fallback = None,
    planner_model: PlannerModel = None,
    coder_model: CoderModel = None,
    strong_model: StrongModel = None,
    effort: EffortName = None,
    max_answer_tokens: MaxAnswerTokens = None,
    model_timeout: ModelTimeout = None,
    price: Price = None,
    record: Record = None,
    replay: Replay = None,
) -> None:
    """Who answers."""


def sandboxed(
    sandbox: SandboxName = None,
    image: Image = None,
    runtime: Runtime = None,
    network: Network = None,
    show: Show = None,
    add_dir: AddDir = None,
    python: Python = None,
) -> None:
    """Where programs run."""


def installing(install: Install = False, install_with: InstallWith = None) -> None:
    """What programs find installed."""


def held(
    program_timeout: ProgramTimeout = None,
    test_timeout: TestTimeout = None,
    memory: Memory = None,
    pids: Pids = None,
    cpus: Cpus = None,
) -> None:
    """What one program may use."""


def going_about(
    strategy: Strategy = None,
    plan: Plan = None,
    edit_format: EditFormat = None,
    temperature: Temperature = None,
    top_p: TopP = None,
    seed: Seed = None,
) -> None:
    """How the task is gone about."""


def calling(tool: Tool = None) -> None:
    """What a model that acts may call beside its own tools."""


def spending(
    samples: Samples = None,
    repairs: Repairs = None,
    max_calls: MaxCalls = None,
    max_tokens: MaxTokens = None,
    max_cost: MaxCost = None,
    max_call_cost: MaxCallCost = None,
    timeout: Timeout = None,
) -> None:
    """Limits of the whole run."""


def landing(
    apply: Apply = None,
    commit: Commit = False,
    branch: Branch = None,
    keep: Keep = False,
    allow: Allow = None,
    accept_unverified: AcceptUnverified = False,
    require: Require = None,
) -> None:
    """Where the files go."""


def telling(
    yes: Yes = False,
    json: Json = False,
    jsonl: Jsonl = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """What is asked and printed."""


GOING_ON = (landing, answering, sandboxed, going_about, calling, spending, held, telling)
"""Flags of every command that continues a run."""
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
