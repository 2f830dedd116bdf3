"""Define the documents that a driver and a worker of `coder serve` exchange: POST /jobs, GET /worker."""

import hashlib
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, Field

from benchmarks.executors.executor import J_contra, O_co
from benchmarks.suite import FunctionCase, HarborCase, RepositoryCase, ScriptCase, UnreadableCase
from benchmarks.verdict import Evidence, Verdict
from coder.base.errors import UsageError
from sandbox.result import Value

MAX_CPU_S = 30.0
"""Maximum CPU time of a case that a worker judges, in seconds."""
MAX_JOBS = 512
HEARTBEAT_S = 5.0
"""Maximum time between two lines of a worker, in seconds; it sends an empty one if there is no outcome."""
WireCase = Annotated[FunctionCase | ScriptCase, Field(discriminator="kind")]


class WireJob(Value):
    """Answer to judge: a sample of a benchmark, or an answer to reward."""

    kind: Literal["sample", "answer"]
    key: str
    case: str = ""
    """Digest of the case (`digest_of`), which is sent once to each worker."""
    text: str
    sample: int = 0
    partial: bool = False
    slow_s: Annotated[float | None, Field(gt=0)] = None


class WireRequest(Value, defer_build=False):
    """Jobs, and the cases that the worker may not have."""

    judge: str
    """Digest of the driver's judge; a worker with another judge refuses the request."""
    cases: dict[str, WireCase] = Field(default_factory=dict)
    jobs: Annotated[tuple[WireJob, ...], Field(min_length=1, max_length=MAX_JOBS)]


class WireHead(BaseModel):
    """The part of a line that says what it is about; the remainder may be anything."""

    key: str = ""
    missing: str = ""


class WireLine(Value):
    """Line of a worker's answer: an outcome, or a case that it lacks. Empty lines keep the connection."""

    key: str = ""
    verdict: Verdict | None = None
    """Verdict on a sample."""
    evidence: Evidence = Evidence()
    answer: dict[str, Any] | None = None
    """Result of an answer (`JudgedAnswer`)."""
    missing: str = ""
    """Digest of a case to send again, with its jobs."""


class Wire(Protocol[J_contra, O_co]):
    """Translates jobs and outcomes of one kind."""

    def encode(self, job: J_contra) -> tuple[FunctionCase | ScriptCase, WireJob]:
        """Return the case, and the job without it. Raises UsageError if a worker can't do the job."""

    def decode(self, job: J_contra, line: WireLine) -> O_co:
        """Return the outcome of a job. Raises ValueError if the line has none."""


def digest_of(case: FunctionCase | ScriptCase) -> str:
    """Return the SHA-256 (hex) of a case in the form in which it is sent."""
    return hashlib.sha256(case.model_dump_json(by_alias=True).encode()).hexdigest()


def require_wire_case(case: object) -> FunctionCase | ScriptCase:
    """Return the case if a worker can judge it. Raises UsageError for other kinds and long time limits."""
    if isinstance(case, UnreadableCase):
        raise UsageError(case.reason)
    assert isinstance(case, FunctionCase | ScriptCase | RepositoryCase | HarborCase)
    if isinstance(case, RepositoryCase | HarborCase):
        raise UsageError(
            f"{case.id} is a {case.kind}; workers of --workers judge functions and scripts.\n"
            "Spread it with --ray, or with --shard and `coder bench merge`."
        )
    if case.timeout_s > MAX_CPU_S:
        raise UsageError(
            f"{case.id} has {case.timeout_s:g} CPU seconds, and a worker at most {MAX_CPU_S:g}.\n"
            "Spread it with --ray, or with --shard and `coder bench merge`."
        )
    return case


def sendable_text(text: str) -> str:
    """Replace lone surrogates in a text, which JSON in UTF-8 can't contain."""
    return text.encode(errors="replace").decode()
