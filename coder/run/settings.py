"""Settings: how a run goes about its task, and the limits it keeps. Recorded in the run's first event."""

import os
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from coder.models.model import Effort, Sampling
from coder.run.message import EXPERT
from coder.run.option_table import OPTIONS

StrategyName = Literal["act", "one-shot", "repair", "best-of-n", "escalate"]
StrategyChoice = Literal["auto", StrategyName]

Approved = Literal["landing", "tools", "plan", "network"]
"""Writing files or a commit; a call of a tool with effects; the plan; a host that programs want to reach."""

EditFormat = Literal["whole", "search-replace"]
"""The form in which a model is asked for changes of files."""


ROLES = {"planner_model": "planner", "coder_model": "coder", "strong_model": EXPERT}
"""Option → the participant whose model it names."""


def option(name: str) -> Any:  # noqa: ANN401 - as pydantic's Field, whose type is the annotation's
    """Field of an option, as its row of the table declares it."""
    row = OPTIONS[name]
    return Field(default=row.default, description=row.help, ge=row.ge, gt=row.gt, le=row.le)


class Budget(BaseModel, frozen=True, extra="forbid"):
    """The limits of one run. Reaching one ends the run with status `limit`; `resume` may raise them."""

    samples: int = option("samples")
    """Fresh starts that don't only repeat an earlier answer; of a model that acts, sessions side by side."""
    repairs: int = option("repairs")
    """Repairs in one sample, after its first attempt."""
    max_calls: int = option("max_calls")
    max_tokens: int | None = option("max_tokens")
    max_cost: Decimal = option("max_cost")
    timeout: float = option("timeout")
    """Wall time of the run's own work; time between a stop and a resume isn't counted."""
    max_call_cost: Decimal | None = option("max_call_cost")
    """Most that one call may cost, as it is reserved."""

    def with_defaults(self, defaults: Mapping[str, Any]) -> "Budget":
        """The same, with these limits where none was named."""
        update = {name: limit for name, limit in defaults.items() if name not in self.model_fields_set}
        return self.model_copy(update=update)

    @property
    def calls_reached(self) -> str:
        """Message for spent calls."""
        return f"the limit of {self.max_calls} model call{'' if self.max_calls == 1 else 's'} was reached"


class Settings(BaseModel, frozen=True, extra="forbid"):
    """How a run goes about its task."""

    budget: Budget = Budget()
    model: str | None = option("model")
    """The model, as the user named it; weights by their absolute path. A resume asks the same one."""
    base_url: str | None = option("base_url")
    """Where the model answers, when the user named it."""
    fallback: tuple[str, ...] = option("fallback")
    """Models that are asked in this order when the one before can't answer."""
    planner_model: str | None = option("planner_model")
    coder_model: str | None = option("coder_model")
    strong_model: str | None = option("strong_model")
    members: dict[str, str] = {}
    """Member of a team → model, where it isn't the run's own."""
    replay: Path | None = option("replay")
    """The recording, absolute, that answers instead of a model."""
    price: str | None = option("price")
    """`IN,OUT` in US dollars per million tokens, where the user gave it; needed to open the model again."""
    strategy: StrategyChoice | None = option("strategy")
    """In a run's first event the one that was selected; None for a team."""
    team: str | dict[str, Any] | None = None
    """A team as data (`coder.engine.teams.spec`), or `module:Class` of one that a resume needs again."""
    stop: str | None = None
    """When a team as data is through, as its conditions are written; None: only what ends every run."""
    plan: bool | None = option("plan")
    """True: plan first; False: never; None: when the task has steps."""
    edit_format: EditFormat | None = option("edit_format")
    """None: by the model and the size of the files."""
    temperature: float | None = option("temperature")
    """None: 0 for the first sample, 0.8 for fresh starts."""
    top_p: float | None = option("top_p")
    seed: int = option("seed")
    effort: Effort | None = option("effort")
    """How much a model that reasons does so; None is the model's own."""
    max_answer_tokens: int | None = option("max_answer_tokens")
    """Reasoning included. None: the model's own limit, or what the budget leaves."""
    model_timeout: float = option("model_timeout")
    """Longest silence of a model, before its answer and in it, in seconds."""
    program_timeout: float = option("program_timeout")
    test_timeout: float = option("test_timeout")
    memory: int = option("memory")
    """In MiB."""
    processes: int = option("processes")
    cpus: float | None = option("cpus")
    """Processors that a program may keep busy; None is all."""
    sandbox: str = option("sandbox")
    image: str | None = option("image")
    """Of the Docker backend, and its runtime below."""
    runtime: str | None = option("runtime")
    network: tuple[str, ...] = option("network")
    """Hosts that programs may reach, `HOST`, `HOST:PORT`, `*.NAME`, or `registries`."""
    show: tuple[str, ...] = option("show")
    """Paths in the workspace of what is ignored and yet needed: programs see it, the log doesn't hold it."""
    add_dir: tuple[Path, ...] = option("add_dir")
    """Other folders that programs may read; relative ones are made absolute."""
    caches: bool = True
    """Programs find packages that this machine's installers have kept."""
    python: Path | None = option("python")
    installed: Path | None = None
    """An entry of the cache with what was installed for the run: its own interpreter, or Node's modules."""
    kernel: bool = option("kernel")
    """Run what is written as cells of a Jupyter kernel."""
    keep: bool = option("keep")
    """Land the best files also when the run was not solved."""
    accept_unverified: bool = option("accept_unverified")
    """Code that nothing could check is as good as solved: it lands, and the exit code is 0."""
    require: Literal["tests"] | None = option("require")
    """`tests`: tests or a check of the answer's own don't show that a task is done."""
    apply: bool = option("apply")
    """Write what solves the task into the user's folder; False: only show it."""
    chat: bool = False
    """A conversation: more messages follow, words alone are an answer, and the user confirms each change."""
    commit: bool = option("commit")
    """Commit what has landed, when it is solved."""
    branch: str | None = option("branch")
    """Commit it on this new branch instead, and leave the folder as it is."""
    asks: bool = True
    """A question of the model ends the run, status `waiting`; False: it is told that there is no answer."""
    approve: tuple[Approved, ...] = option("approve")
    """What waits for a person's yes, also where nobody is at the terminal: the run then ends as `waiting`."""
    served: Path | None = None
    """Folder of the client for whom a server began the run; when that dies, another server takes it over."""
    client: str | None = Field(default=None, exclude_if=lambda name: name is None)
    """Name of the token with which a server was asked for the run."""
    request: str | None = Field(default=None, exclude_if=lambda digest: digest is None)
    """SHA-256 of the request with an Idempotency-Key that began the run."""
    allow: tuple[str, ...] = option("allow")
    """Paths that run by themselves later (.envrc, workflows, …) which the user has allowed by name."""

    @property
    def roles(self) -> dict[str, str]:
        """Participant → model, where it isn't the run's own."""
        own = {role: name for key, role in ROLES.items() if (name := getattr(self, key)) is not None}
        return own | self.members

    @property
    def beside(self) -> dict[str, Path]:
        """Those folders by the names under which programs find them."""
        return {
            re.sub(r"^[^\w]+|[^\w.-]", "_", folder.name, flags=re.ASCII): folder for folder in self.add_dir
        }

    @property
    def lands(self) -> bool:
        """Files are written into the user's folder."""
        return self.apply and self.branch is None

    @property
    def commits(self) -> bool:
        """A commit is made of what solves the task."""
        return self.branch is not None or (self.commit and self.apply)

    @property
    def may_act(self) -> bool:
        """Whether the strategy lets a model that can work by tools."""
        return self.strategy in ("act", "escalate")

    def sampling(self, *, temperature: float = 0.0, seed: int = 0, most: int | None = None) -> Sampling:
        """Sampling at this temperature unless the user named one; `seed` is added to the user's."""
        limits = [limit for limit in (most, self.max_answer_tokens) if limit is not None]
        return Sampling(
            temperature=self.temperature if self.temperature is not None else temperature,
            top_p=self.top_p,
            seed=self.seed + seed,
            effort=self.effort,
            max_tokens=min(limits, default=None),
        )

    @field_validator("add_dir")
    @classmethod
    def _are_absolute(cls, folders: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(Path(os.path.abspath(folder)) for folder in folders)

    @field_validator("network")
    @classmethod
    def _can_be_read(cls, network: tuple[str, ...]) -> tuple[str, ...]:
        if network:
            from sandbox.network.allowed_hosts import parse_hosts

            parse_hosts(network)
        return network
