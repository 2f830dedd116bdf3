"""Settings: options and limits of a run, recorded in its first event."""

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from operator import not_
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from coder.models.endpoint import Api, name_for_log
from coder.models.model import Effort, Sampling
from coder.run.extensions import Hook, Rules, Skill, Subagent
from coder.run.message import EXPERT
from coder.run.option_table import OPTIONS
from sandbox.result import Value

StrategyName = Literal["act", "one-shot", "repair", "best-of-n", "escalate"]
StrategyChoice = Literal["auto", StrategyName]

Approved = Literal["landing", "tools", "plan", "network"]
"""What a person must approve: files or a commit, calls of tools with effects, the plan, network hosts."""

EditFormat = Literal["whole", "search-replace"]

ROLES = {"planner_model": "planner", "coder_model": "coder", "strong_model": EXPERT}
"""Participant whose model an option names, by option."""


def option(name: str) -> Any:  # noqa: ANN401 - as pydantic's Field, whose type is the annotation's
    """Return the pydantic field of an option, as the option table declares it."""
    row = OPTIONS[name]
    return Field(default=row.default, description=row.help, ge=row.ge, gt=row.gt, le=row.le)


class Budget(Value):
    """The limits of one run. Reaching a limit ends the run with status `limit`; `resume` may raise limits."""

    samples: int = option("samples")
    """Fresh starts, not counting those that repeat an earlier answer; with tools, parallel sessions."""
    repairs: int = option("repairs")
    max_calls: int = option("max_calls")
    max_tokens: int | None = option("max_tokens")
    max_cost: Decimal = option("max_cost")
    timeout: float = option("timeout")
    """Wall time of the run's own work; time between a stop and a resume isn't counted."""
    max_call_cost: Decimal | None = option("max_call_cost")

    def with_defaults(self, defaults: Mapping[str, Any]) -> "Budget":
        """Return a copy with these limits, except for those that the user set."""
        update = {name: limit for name, limit in defaults.items() if name not in self.model_fields_set}
        return self.model_copy(update=update)


class Settings(Value):
    """Options of a run. Those that a user can set are described in the option table; docstrings add to it."""

    budget: Budget = Budget()
    model: str | None = option("model")
    """The user's name of the model; weights as an absolute path. A resume uses the same model."""
    base_url: str | None = option("base_url")
    api: Api | None = option("api")
    fallback: tuple[str, ...] = option("fallback")
    planner_model: str | None = option("planner_model")
    coder_model: str | None = option("coder_model")
    strong_model: str | None = option("strong_model")
    members: dict[str, str] = Field(default_factory=dict)
    """Models by team member, for members that don't use the main model."""
    replay: Path | None = option("replay")
    """Absolute path of a recording that answers instead of a model."""
    price: str | None = option("price")
    strategy: StrategyChoice | None = option("strategy")
    """The strategy; in a run's first event, the selected one. None for a team."""
    team: str | dict[str, Any] | None = None
    """A team as data (`coder.engine.teams.spec`), or the `module:Class` of a team, for a resume."""
    stop: str | None = None
    """Condition that ends a team as data; None: only the conditions of every run."""
    plan: bool | None = option("plan")
    """True: plan first; False: never; None: when the task has steps."""
    edit_format: EditFormat | None = option("edit_format")
    """None: chosen by the model and the size of the files."""
    temperature: float | None = option("temperature")
    """None: 0 for the first sample, 0.8 for further ones; or the model's own, with `model_temperature`."""
    model_temperature: bool = False
    top_p: float | None = option("top_p")
    seed: int = option("seed")
    effort: Effort | None = option("effort")
    max_answer_tokens: int | None = option("max_answer_tokens")
    """Maximum tokens of an answer, reasoning included; None: the model's limit or the budget."""
    model_timeout: float = option("model_timeout")
    """Longest silence of a model in seconds, before and during its answer."""
    program_timeout: float = option("program_timeout")
    test_timeout: float = option("test_timeout")
    memory: int = option("memory")
    processes: int = option("processes")
    cpus: float | None = option("cpus")
    """Processors that a program may keep busy; None: all."""
    sandbox: str = option("sandbox")
    in_place: bool = option("in_place")
    """Whether the model works in the user's folder itself, with the rights of this process; nothing lands."""
    image: str | None = option("image")
    runtime: str | None = option("runtime")
    network: tuple[str, ...] = option("network")
    """Hosts that programs may reach, `HOST`, `HOST:PORT`, `*.NAME`, or `registries`."""
    secret: tuple[str, ...] = option("secret")
    """`NAME@HOST`: the user's variables whose values only requests to that host contain, and no program."""
    show: tuple[str, ...] = option("show")
    """Ignored paths of the workspace that programs need; the log doesn't contain them."""
    add_dir: tuple[Path, ...] = option("add_dir")
    """Other folders that programs may read; relative ones are made absolute."""
    docs: tuple[Path, ...] = option("docs")
    """Files and folders of documents that the model may search; relative ones are made absolute."""
    embedder: str | None = option("embedder")
    """`wordllama`, or the user's name of a model; an address without its secret parts."""
    lessons: bool = option("lessons")
    notes: dict[str, str] = Field(default_factory=dict, exclude_if=not_)
    """The user's own notes for agents, by the path of their file."""
    skills: tuple[Skill, ...] = Field(default=(), exclude_if=not_)
    """The user's own skills; those of the repository are among its files."""
    rules: Rules | None = Field(default=None, exclude_if=not_)
    """Rules of the user's settings files."""
    hooks: tuple[Hook, ...] = Field(default=(), exclude_if=not_)
    """Hooks of the user's settings files; those of the repository are among its files."""
    no_hooks: bool = Field(default=False, exclude_if=not_)
    """Whether the user's settings files turn off all hooks, also those of the repository."""
    subagents: tuple[Subagent, ...] = Field(default=(), exclude_if=not_)
    """The user's own subagents; those of the repository are among its files."""
    subagent: Subagent | None = Field(default=None, exclude_if=not_)
    """The subagent that does the run's task for another run."""
    caches: bool = True
    """Whether programs can use the caches of this machine's package installers."""
    python: Path | None = option("python")
    judged_elsewhere: bool = Field(default=False, exclude_if=not_)
    """Whether the run ends as the model hands in its work: it is judged elsewhere, not run or landed here."""
    installed: Path | None = None
    """Cache folder with dependencies that were installed for the run: an interpreter, or Node's modules."""
    kernel: bool = option("kernel")
    keep: bool = option("keep")
    accept_unverified: bool = option("accept_unverified")
    require: Literal["tests"] | None = option("require")
    no_test: bool = option("no_test")
    apply: bool = option("apply")
    chat: bool = False
    """Whether it is a conversation: more messages follow, words are an answer, the user confirms changes."""
    ask_tool: bool = Field(default=False, exclude_if=not_)
    """Whether a conversation's model gets the tool `ask`: its user can answer while it works."""
    commit: bool = option("commit")
    branch: str | None = option("branch")
    asks: bool = True
    """Whether a model's question ends the run as `waiting`; False: the model is told that nobody answers."""
    is_attended: bool = Field(default=False, exclude_if=not_)
    """Whether a person at a terminal decides on each change, also on one that doesn't pass."""
    approve: tuple[Approved, ...] = option("approve")
    """What a person must approve; if nobody is at the terminal, the run ends as `waiting`."""
    served: Path | None = None
    """Folder of the server's client that began the run; another server may take over the run."""
    client: str | None = Field(default=None, exclude_if=not_)
    """Name of the token with which a server's client requested the run."""
    request: str | None = Field(default=None, exclude_if=not_)
    """SHA-256 of the request with an Idempotency-Key that began the run."""
    allow: tuple[str, ...] = option("allow")
    """Paths of files that may later run by themselves (.envrc, workflows, …), allowed by the user."""

    @property
    def roles(self) -> dict[str, str]:
        """Models by participant, for those that don't use the main model."""
        models = {role: name for key, role in ROLES.items() if (name := getattr(self, key)) is not None}
        return models | self.members

    @property
    def beside(self) -> dict[str, Path]:
        """The folders of `add_dir` by the names under which programs find them."""
        return {
            re.sub(r"^[^\w]+|[^\w.-]", "_", folder.name, flags=re.ASCII): folder for folder in self.add_dir
        }

    @property
    def lands(self) -> bool:
        """Whether files are written into the user's folder."""
        return self.apply and self.branch is None and not self.in_place

    @property
    def commits(self) -> bool:
        """Whether the solution is committed."""
        return self.branch is not None or (self.commit and self.apply)

    @property
    def may_act(self) -> bool:
        """Whether the strategy lets a capable model work with tools."""
        return self.strategy in ("act", "escalate")

    def sampling(self, *, temperature: float = 0.0, seed: int = 0, most: int | None = None) -> Sampling:
        """Return sampling parameters: the user's temperature, else `temperature`; `seed` plus the user's."""
        limits = [limit for limit in (most, self.max_answer_tokens) if limit is not None]
        default = None if self.model_temperature else temperature
        return Sampling(
            temperature=self.temperature if self.temperature is not None else default,
            top_p=self.top_p,
            seed=self.seed + seed,
            effort=self.effort,
            max_tokens=min(limits, default=None),
        )

    @field_validator("add_dir", "docs")
    @classmethod
    def _are_absolute(cls, folders: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(Path(os.path.abspath(folder)) for folder in folders)

    @field_validator("embedder")
    @classmethod
    def _has_no_secret(cls, embedder: str | None) -> str | None:
        return embedder and name_for_log(embedder)

    @field_validator("network")
    @classmethod
    def _can_be_read(cls, network: tuple[str, ...]) -> tuple[str, ...]:
        if network:
            from sandbox.network.allowed_hosts import parse_hosts

            parse_hosts(network)
        return network
