"""Settings: how a run goes about its task, and the limits it keeps. Recorded in the run's first event."""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, field_validator

from coder.models.model import Effort, Sampling

StrategyName = Literal["act", "one-shot", "repair", "best-of-n", "escalate"]
StrategyChoice = Literal["auto", StrategyName]

Approved = Literal["landing", "tools", "plan", "network"]
"""Writing files or a commit; a call of a tool with effects; the plan; a host that programs want to reach."""

EditFormat = Literal["whole", "search-replace"]
"""The form in which a model is asked for changes of files."""


class Budget(BaseModel, frozen=True, extra="forbid"):
    """The limits of one run. Reaching one ends the run with status `limit`; `resume` may raise them."""

    samples: int = Field(default=2, ge=1, le=1000)
    """Fresh starts that don't only repeat an earlier answer; of a model that acts, sessions side by side."""
    repairs: int = Field(default=3, ge=0, le=100)
    """Repairs in one sample, after its first attempt."""
    calls: int = Field(default=8, ge=1, le=100_000)
    tokens: int | None = Field(default=None, ge=1)
    cost_usd: Decimal = Field(default=Decimal("1"), ge=0)
    seconds: float = Field(default=600.0, gt=0, le=7 * 86_400)
    """Wall time of the run's own work; time between a stop and a resume isn't counted."""
    call_usd: Decimal | None = Field(default=None, ge=0)
    """Most that one call may cost, as it is reserved."""

    def with_defaults(self, defaults: Mapping[str, Any]) -> "Budget":
        """The same, with these limits where none was named."""
        update = {name: limit for name, limit in defaults.items() if name not in self.model_fields_set}
        return self.model_copy(update=update)

    @property
    def calls_reached(self) -> str:
        """Message for spent calls."""
        return f"the limit of {self.calls} model call{'' if self.calls == 1 else 's'} was reached"


class Settings(BaseModel, frozen=True, extra="forbid"):
    """How a run goes about its task."""

    budget: Budget = Budget()
    model: str | None = None
    """The model, as the user named it; weights by their absolute path. A resume asks the same one."""
    base_url: str | None = None
    """Where the model answers, when the user named it."""
    fallbacks: tuple[str, ...] = ()
    """Models that are asked in this order when the one before can't answer."""
    roles: dict[str, str] = {}
    """Participant → model, where it isn't the run's own."""
    replay: Path | None = None
    """The recording, absolute, that answers instead of a model."""
    price: str | None = None
    """`IN,OUT` in US dollars per million tokens, where the user gave it; needed to open the model again."""
    strategy: StrategyChoice | None = None
    """In a run's first event the one that was selected; None for a team."""
    team: str | dict[str, Any] | None = None
    """A team as data (`coder.engine.teams.spec`), or `module:Class` of one that a resume needs again."""
    stop: str | None = None
    """When a team as data is through, as its conditions are written; None: only what ends every run."""
    plan: bool | None = None
    """True: plan first; False: never; None: when the task has steps."""
    edit_format: EditFormat | None = None
    """None: by the model and the size of the files."""
    temperature: float | None = Field(default=None, ge=0, le=2)
    """None: 0 for the first sample, 0.8 for fresh starts."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int = 0
    effort: Effort | None = None
    """How much a model that reasons does so; None is the model's own."""
    max_answer_tokens: int | None = Field(default=None, ge=16)
    """Reasoning included. None: the model's own limit, or what the budget leaves."""
    model_timeout_s: float = Field(default=600.0, gt=0, le=86_400)
    """Longest silence of a model, before its answer and in it."""
    program_timeout_s: float = Field(default=10.0, gt=0, le=86_400)
    test_timeout_s: float = Field(default=300.0, gt=0, le=86_400)
    memory_mb: int = Field(default=512, ge=16)
    processes: int = Field(default=128, ge=1)
    cpus: float | None = Field(default=None, gt=0, le=1024)
    """Processors that a program may keep busy; None is all."""
    backend: str = "auto"
    image: str | None = None
    """Of the Docker backend, and its runtime below."""
    runtime: str | None = None
    network: tuple[str, ...] = ()
    """Hosts that programs may reach, `HOST`, `HOST:PORT`, `*.NAME`, or `registries`."""
    show: tuple[str, ...] = ()
    """Paths in the workspace of what is ignored and yet needed: programs see it, the log doesn't hold it."""
    add_dirs: tuple[Path, ...] = ()
    """Other folders, absolute, that programs may read."""
    caches: bool = True
    """Programs find packages that this machine's installers have kept."""
    python: Path | None = None
    installed: Path | None = None
    """An entry of the cache with what was installed for the run: its own interpreter, or Node's modules."""
    kernel: bool = False
    """Run what is written as cells of a Jupyter kernel."""
    keep: bool = False
    """Land the best files also when the run was not solved."""
    accept_unverified: bool = False
    """Code that nothing could check is as good as solved: it lands, and the exit code is 0."""
    require: Literal["tests"] | None = None
    """`tests`: tests or a check of the answer's own don't show that a task is done."""
    apply: bool = True
    """Write what solves the task into the user's folder; False: only show it."""
    chat: bool = False
    """A conversation: more messages follow, words alone are an answer, and the user confirms each change."""
    commit: bool = False
    """Commit what has landed, when it is solved."""
    branch: str | None = None
    """Commit it on this new branch instead, and leave the folder as it is."""
    asks: bool = True
    """A question of the model ends the run, status `waiting`; False: it is told that there is no answer."""
    approve: tuple[Approved, ...] = ()
    """What waits for a person's yes, also where nobody is at the terminal: the run then ends as `waiting`."""
    served: Path | None = None
    """Folder of the client for whom a server began the run; when that dies, another server takes it over."""
    client: str | None = Field(default=None, exclude_if=lambda name: name is None)
    request: str | None = Field(default=None, exclude_if=lambda digest: digest is None)
    """SHA-256 of the request with an Idempotency-Key that began the run."""
    """Name of the token with which a server was asked for the run."""
    allow: tuple[str, ...] = ()
    """Paths that run by themselves later (.envrc, workflows, …) which the user has allowed by name."""

    @property
    def beside(self) -> dict[str, Path]:
        """Those folders by the names under which programs find them."""
        return {
            re.sub(r"^[^\w]+|[^\w.-]", "_", folder.name, flags=re.ASCII): folder for folder in self.add_dirs
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

    @field_validator("network")
    @classmethod
    def _can_be_read(cls, network: tuple[str, ...]) -> tuple[str, ...]:
        if network:
            from sandbox.network.allowed_hosts import parse_hosts

            parse_hosts(network)
        return network
