"""The flags, each with one meaning in every command that has it. Their names are keys of configuration."""

from pathlib import Path
from typing import Annotated

import typer

ModelName = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="PROVIDER/MODEL", help="Who answers.", show_default=False),
]
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="An OpenAI-compatible endpoint.")
]
Fallback = Annotated[
    list[str] | None,
    typer.Option("--fallback", metavar="MODEL", help="Asked when the model can't answer. Repeatable."),
]
PlannerModel = Annotated[
    str | None, typer.Option("--planner-model", metavar="MODEL", help="Who plans, if someone else.")
]
CoderModel = Annotated[
    str | None, typer.Option("--coder-model", metavar="MODEL", help="Who writes code, if someone else.")
]
CheapModel = Annotated[
    str | None,
    typer.Option("--cheap-model", metavar="MODEL", help="Who sums up what a model has no room for."),
]
Price = Annotated[
    str | None,
    typer.Option(
        "--price", metavar="IN,OUT", help="The model's price: US dollars per million tokens in and out."
    ),
]
Record = Annotated[
    Path | None, typer.Option("--record", metavar="FILE", help="Write every model call to a file.")
]
Replay = Annotated[
    Path | None, typer.Option("--replay", metavar="FILE", help="Take every answer from a recorded file.")
]
SandboxName = Annotated[
    str | None,
    typer.Option(
        "--sandbox",
        metavar="NAME",
        help="Where programs run: auto|bubblewrap|docker; by name only restricted|unsafe-host.",
    ),
]
Image = Annotated[str | None, typer.Option("--image", metavar="NAME", help="The image of --sandbox docker.")]
Cpus = Annotated[
    float | None, typer.Option("--cpus", metavar="N", help="Processors that one program may keep busy.")
]
Runtime = Annotated[
    str | None, typer.Option("--runtime", metavar="NAME", help="Of Docker's containers, such as runsc.")
]
Network = Annotated[
    list[str] | None,
    typer.Option(
        "--network", metavar="HOST[:PORT]", help="A host that programs may reach, or registries. Repeatable."
    ),
]
Show = Annotated[
    list[str] | None,
    typer.Option("--show", metavar="PATH", help="Ignored file or folder that programs need. Repeatable."),
]
AddDir = Annotated[
    list[str] | None,
    typer.Option("--add-dir", metavar="DIR", help="Another folder for programs to read. Repeatable."),
]
Python = Annotated[
    Path | None, typer.Option("--python", metavar="FILE", help="The interpreter that programs get.")
]
Kernel = Annotated[
    bool | None,
    typer.Option("--kernel/--no-kernel", help="Run code as cells of a Jupyter kernel.", show_default=False),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="NAME",
        help="auto|act|one-shot|repair|best-of-n|escalate (auto).",
    ),
]
Tool = Annotated[
    list[str] | None,
    typer.Option(
        "--tool", metavar="MODULE:FUNCTION", help="A function of yours that the model may call. Repeatable."
    ),
]
StrongModel = Annotated[
    str | None,
    typer.Option("--strong-model", metavar="MODEL", help="Asked where the model has failed twice."),
]
Plan = Annotated[
    bool | None, typer.Option("--plan/--no-plan", help="Plan first; by default when the task has steps.")
]
EditFormat = Annotated[
    str | None,
    typer.Option(
        "--edit-format", metavar="FORM", help="How changes are asked for: whole|search-replace|diff|patch."
    ),
]
Samples = Annotated[
    int | None, typer.Option("--samples", metavar="N", help="Fresh starts (2); side by side where it acts.")
]
Repairs = Annotated[int | None, typer.Option("--repairs", metavar="N", help="Repairs of each start (3).")]
MaxCalls = Annotated[int | None, typer.Option("--max-calls", metavar="N", help="Model calls (8).")]
MaxTokens = Annotated[int | None, typer.Option("--max-tokens", metavar="N", help="Tokens of all calls.")]
MaxCost = Annotated[float | None, typer.Option("--max-cost", metavar="USD", help="Cost of all calls ($1).")]
MaxCallCost = Annotated[
    float | None, typer.Option("--max-call-cost", metavar="USD", help="Cost of one call.")
]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="Time of the whole run (600).")
]
ProgramTimeout = Annotated[
    float | None, typer.Option("--program-timeout", metavar="SECONDS", help="Time of one program (10).")
]
TestTimeout = Annotated[
    float | None, typer.Option("--test-timeout", metavar="SECONDS", help="Time of one test command (300).")
]
Temperature = Annotated[
    float | None, typer.Option("--temperature", metavar="T", help="Of the model, 0 to 2.")
]
TopP = Annotated[float | None, typer.Option("--top-p", metavar="P", help="Of the model, above 0 up to 1.")]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Of the model (0).")]
EffortName = Annotated[
    str | None,
    typer.Option("--effort", metavar="low|medium|high", help="How much the model reasons (its own default)."),
]
MaxAnswerTokens = Annotated[
    int | None,
    typer.Option(
        "--max-answer-tokens", metavar="N", help="Of one answer, reasoning included (the model's own limit)."
    ),
]
ModelTimeout = Annotated[
    float | None,
    typer.Option("--model-timeout", metavar="SECONDS", help="Longest silence of the model (600)."),
]
Memory = Annotated[int | None, typer.Option("--memory", metavar="MIB", help="Memory of one program (512).")]
Pids = Annotated[int | None, typer.Option("--pids", metavar="N", help="Processes of one program (128).")]
Keep = Annotated[bool, typer.Option("--keep", help="Write the best files also when unsolved.")]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="PATH", help="Let this test, or file that runs by itself, be changed."),
]
Apply = Annotated[
    bool | None,
    typer.Option(
        "--apply/--no-apply",
        help="Write what solves it into the folder, or only show the diff.",
        show_default=False,
    ),
]
AcceptUnverified = Annotated[
    bool,
    typer.Option("--accept-unverified", help="Code that nothing could check will do: write it, exit 0."),
]
Require = Annotated[
    str | None,
    typer.Option("--require", metavar="tests", help="Only a given test shows that it is done, no new one."),
]
Commit = Annotated[bool, typer.Option("--commit", help="Commit what was written, when its tests pass.")]
Branch = Annotated[
    str | None,
    typer.Option("--branch", metavar="NAME", help="Commit it on a new branch; the folder stays as it is."),
]
Test = Annotated[
    str | None, typer.Option("--test", metavar="CMD", help='Solved when it passes: "pytest -q".')
]
Read = Annotated[
    list[str] | None,
    typer.Option("--read", metavar="GLOB", help="Show these files, ignored ones too; not to be changed."),
]
Lint = Annotated[
    str | None,
    typer.Option("--lint", metavar="CMD", help='Its new findings are mended too: "ruff check {files}".'),
]
Install = Annotated[
    bool, typer.Option("--install", help="Install what the tests need into a cache first; asks before.")
]
InstallWith = Annotated[
    str | None,
    typer.Option(
        "--install-with", metavar="CMD", help='Install with this command: "pip install -r dev.txt".'
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Jsonl = Annotated[bool, typer.Option("--jsonl", help="Print every event as a line of JSON, as it happens.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only results and errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show answers and output as they come.")]


def given_flags(context: typer.Context) -> dict[str, object]:
    """The flags of this call that are keys of the configuration; None where one wasn't given."""
    from coder.config.schema import Config  # for whoever asks for help, it is half of all that is loaded

    return {key: context.params[key] for key in Config.model_fields if key in context.params}
