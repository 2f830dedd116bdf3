"""The options of a run; each row defines a field, a flag, a configuration key and an environment variable.

`Settings` and `Budget` make their fields of the rows, `coder.show.flags` the flags, `coder.config` the
keys and variables. Plain data without pydantic, so that `--help` needn't load it.
"""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

Text = str | None
Words = list[str] | None
Count = int | None
Number = float | None
Choice = bool | None
File = Path | None


@dataclass(frozen=True, slots=True)
class Flag:
    """Description of a flag in the help."""

    kind: Any
    """Type of the value; the value is None if the flag isn't given."""
    help: str
    metavar: str | None = None
    short: str = ""
    common: bool = False
    """Whether `-h` shows the flag, too; `--help-all` shows all."""

    @property
    def text(self) -> str:
        """The help text."""
        return self.help


@dataclass(frozen=True, slots=True)
class Option(Flag):
    """A field of `Settings` or `Budget` that a user can set; flag, key and variable have its name."""

    default: Any = None
    acting: Any = None
    """Another default if the model works with tools; None: the same."""
    chatting: Any = None
    """Another default in a conversation; None: the same."""
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    is_lowerable: bool = False
    """Whether a repository may set a lower value."""
    one_call: bool = False
    """Whether the option belongs to one call of `coder` and can't be set by a file or variable."""
    commas: bool = False
    """Whether the flag's words may be separated by commas, as in a variable."""

    @property
    def text(self) -> str:
        """The help text with the defaults."""
        return f"{self.help[:-1]} ({self.defaults})." if self.defaults else self.help

    @property
    def defaults(self) -> str:
        """The defaults in words; empty for None, booleans and tuples."""
        if self.default is None or isinstance(self.default, bool | tuple):
            return ""
        variants = [(self.acting, "with act"), (self.chatting, "in a chat")]
        words = [self._shown(self.default)]
        words += [f"{self._shown(value)} {condition}" for value, condition in variants if value is not None]
        return "; ".join(words)

    def _shown(self, value: object) -> str:
        text = f"{value:g}" if isinstance(value, float) else str(value)
        return f"${text}" if self.metavar == "USD" else text


OPTIONS_BY_HEADING: dict[str, dict[str, Option]] = {
    "Evidence": {
        "no_test": Option(
            bool,
            "Look for no test command in the folder; forget the one given earlier.",
            default=False,
            one_call=True,
        ),
        "require": Option(Text, "Accept only the given tests as proof, not new ones.", "tests"),
    },
    "Delivery": {
        "apply": Option(
            Choice,
            "Write a solution into the folder, or only show the diff.",
            default=True,
            common=True,
            one_call=True,
        ),
        "commit": Option(
            bool, "Commit the written files if the tests pass.", default=False, common=True, one_call=True
        ),
        "branch": Option(Text, "Commit on a new branch; leave the folder unchanged.", "NAME", one_call=True),
        "keep": Option(bool, "Write the best attempt even if it is unsolved.", default=False, one_call=True),
        "allow": Option(
            Words, "Allow changes to this protected file, such as a test.", "PATH", default=(), one_call=True
        ),
        "accept_unverified": Option(
            bool, "Write code that no test could check, and exit 0.", default=False, one_call=True
        ),
        "approve": Option(
            Words, "Ask before each: landing, tools, plan or network.", "WHAT", default=(), commas=True
        ),
    },
    "Model": {
        "model": Option(Text, "The model to ask.", "PROVIDER/MODEL", "-m", common=True),
        "base_url": Option(Text, "An OpenAI-compatible endpoint.", "URL", common=True),
        "api": Option(Text, "Protocol of the main model (its own).", "chat|responses|messages"),
        "fallback": Option(Words, "Model to use if the first can't answer. Repeatable.", "MODEL", default=()),
        "planner_model": Option(Text, "Another model for the plan.", "MODEL"),
        "coder_model": Option(Text, "Another model for the code.", "MODEL"),
        "strong_model": Option(Text, "Model to use after two failed attempts.", "MODEL"),
        "effort": Option(Text, "How much the model reasons (its own default).", "low|medium|high"),
        "max_answer_tokens": Option(
            Count, "Tokens of one answer, reasoning included (the model's limit).", "N", ge=16
        ),
        "model_timeout": Option(
            Number, "Longest silence of the model.", "SECONDS", default=600.0, gt=0, le=86_400
        ),
        "temperature": Option(Number, "Sampling temperature, 0 to 2.", "T", ge=0, le=2),
        "top_p": Option(Number, "Nucleus sampling, above 0 up to 1.", "P", gt=0, le=1),
        "seed": Option(Count, "Seed of sampling.", "N", default=0),
        "price": Option(
            Text, "Price in US dollars per million input and output tokens.", "IN,OUT", one_call=True
        ),
        "replay": Option(File, "Take every answer from a recorded file.", "FILE", one_call=True),
    },
    "Sandbox": {
        "sandbox": Option(
            Text,
            "auto|bubblewrap|docker|container.",
            "NAME",
            default="auto",
            common=True,
        ),
        "in_place": Option(
            Choice,
            "Work in the folder itself, inside a container that is thrown away: no copy, no landing.",
            default=False,
        ),
        "image": Option(Text, "Image of --sandbox docker, or its archive for bubblewrap.", "NAME|FILE.tar"),
        "runtime": Option(Text, "Runtime of Docker's containers, such as runsc.", "NAME"),
        "network": Option(
            Words,
            "A host that programs may reach, or registries. Repeatable.",
            "HOST[:PORT]",
            default=(),
            common=True,
            commas=True,
        ),
        "secret": Option(
            Words,
            "Your variable for one host; programs see a placeholder. Repeatable.",
            "NAME@HOST",
            default=(),
        ),
        "show": Option(Words, "Ignored path to copy into the sandbox. Repeatable.", "PATH", default=()),
        "add_dir": Option(Words, "Another folder for programs to read. Repeatable.", "DIR", default=()),
        "docs": Option(Words, "Documents that the model may search. Repeatable.", "PATH", default=()),
        "embedder": Option(Text, "Search --docs by meaning, too.", "wordllama|PROVIDER/MODEL|NAME@URL"),
        "python": Option(File, "The interpreter that programs get.", "FILE"),
        "lessons": Option(
            Choice, "Tell the model what mended like failures in this folder before.", default=False
        ),
        "kernel": Option(Choice, "Run code as cells of a Jupyter kernel.", default=False),
    },
    "Strategy": {
        "strategy": Option(Text, "auto|act|one-shot|repair|best-of-n|escalate (auto).", "NAME", common=True),
        "plan": Option(Choice, "Plan first; by default when the task has steps."),
        "edit_format": Option(Text, "How changes are asked for: whole|search-replace.", "FORM"),
        "samples": Option(
            Count,
            "Fresh starts; parallel sessions with act.",
            "N",
            default=2,
            acting=1,
            ge=1,
            le=1000,
            is_lowerable=True,
        ),
        "repairs": Option(
            Count, "Repairs after each fresh start.", "N", default=3, ge=0, le=100, is_lowerable=True
        ),
    },
    "Limits": {
        "max_calls": Option(
            Count,
            "Model calls.",
            "N",
            default=8,
            acting=100,
            chatting=200,
            ge=1,
            le=100_000,
            common=True,
            is_lowerable=True,
        ),
        "max_tokens": Option(Count, "Tokens of all calls.", "N", ge=1, is_lowerable=True),
        "max_cost": Option(
            Number,
            "Cost of all calls.",
            "USD",
            default=Decimal(1),
            acting=Decimal(3),
            ge=0,
            common=True,
            is_lowerable=True,
        ),
        "max_call_cost": Option(Number, "Cost of one call.", "USD", ge=0, is_lowerable=True),
        "timeout": Option(
            Number,
            "Time of the whole run.",
            "SECONDS",
            default=600.0,
            acting=1800.0,
            chatting=4 * 3600.0,
            gt=0,
            le=7 * 86_400,
            common=True,
            is_lowerable=True,
        ),
        "program_timeout": Option(
            Number, "Time of one program.", "SECONDS", default=10.0, gt=0, le=86_400, is_lowerable=True
        ),
        "test_timeout": Option(
            Number, "Time of one test command.", "SECONDS", default=300.0, gt=0, le=86_400, is_lowerable=True
        ),
        "memory": Option(Count, "Memory of one program.", "MIB", default=512, ge=16, is_lowerable=True),
        "processes": Option(Count, "Processes of one program.", "N", default=128, ge=1, is_lowerable=True),
        "cpus": Option(
            Number, "Processors that one program may keep busy.", "N", gt=0, le=1024, is_lowerable=True
        ),
    },
}
"""Options by their heading in the help."""
OPTIONS = {name: option for options in OPTIONS_BY_HEADING.values() for name, option in options.items()}
KEYS = tuple(name for name, option in OPTIONS.items() if not option.one_call)
"""Options that a file or variable may set."""
LOWERED = tuple(name for name, option in OPTIONS.items() if option.is_lowerable)
"""Options that a repository may set to a lower value."""
MANY_STEPS = {name: option.acting for name, option in OPTIONS.items() if option.acting is not None}
"""Default limits of an attempt that consists of many small steps."""
OF_A_CONVERSATION = {name: option.chatting for name, option in OPTIONS.items() if option.chatting is not None}
"""Default limits of a conversation, which consists of many tasks."""
