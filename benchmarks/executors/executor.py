"""Define the interface between jobs and their executors: `JobExecutor.map(jobs)` yields outcomes.

A Worker does jobs in its own process; a Node is a worker as its driver sees it; a NodePool executes jobs on
nodes. Only the driver writes a log: a job may be done twice, but its outcome is yielded once.
"""

import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pydantic import Field

from coder.base.errors import MachineError
from sandbox.result import Value


class Job(Protocol):
    """Piece of work that can be sent to another process."""

    @property
    def key(self) -> str:
        """Name of the job, unique within one `map`."""

    @property
    def group(self) -> str:
        """Name of a group: its jobs share a worker's cached results, and go to one node if it is free."""

    @property
    def max_tries(self) -> int:
        """Number of nodes that may be lost while they do the job before it is given up."""


J = TypeVar("J", bound=Job)
J_contra = TypeVar("J_contra", bound=Job, contravariant=True)
O_co = TypeVar("O_co", covariant=True)
O = TypeVar("O")  # noqa: E741 - outcome, beside J


class NodeLost(MachineError):
    """A node has ended or is unreachable; other nodes do its jobs, if there are any."""


class NoAnswer(NodeLost):
    """A node answers by what no worker sends, as a proxy before it or another program does."""


@dataclass(frozen=True, slots=True)
class JobFailed:
    """Error of one job, which a node yields in place of its outcome."""

    error: Exception
    trace: str
    """Traceback, which the error loses on its way from another process."""


def failed(error: Exception) -> JobFailed:
    """Return the failure of a job by an error that was just caught."""
    return JobFailed(error, "".join(traceback.format_exception(error)))


class Worker(Protocol[J_contra, O_co]):
    """Does jobs in the process that opened it."""

    async def do(self, job: J_contra, on_slow: Callable[[], None]) -> O_co:
        """Do one job; `on_slow` is called when the job lets others run first."""


Opening = Callable[[], AbstractAsyncContextManager[Worker[Any, Any]]]
"""Opens a worker in any process. It is pickled, so it is a `partial` of a module-level function."""


class Node(Protocol[J_contra, O_co]):
    """Worker as its driver sees it."""

    name: str
    room: int
    """Maximum number of jobs in flight, over all calls."""
    batch: int
    """Maximum number of jobs per call."""

    def work(
        self, jobs: Sequence[J_contra], on_slow: Callable[[str], None]
    ) -> AsyncIterator[tuple[str, O_co | JobFailed]]:
        """Yield key, and outcome or error, of each job as it ends. Raises NodeLost."""

    async def is_back(self) -> bool:
        """Wait until a lost node works again; return False if it is given up."""

    async def close(self) -> None:
        """End the node, or disconnect from it."""


class JobExecutor(Protocol[J_contra, O_co]):
    """Does any number of jobs concurrently, on any nodes."""

    def map(self, jobs: Iterable[J_contra]) -> AsyncGenerator[O_co, None]:
        """Yield the outcome of each job once, in the order in which they end.

        Jobs are taken from the iterable only when nodes have room for them, so it may be long. Close the
        iterator to end early. Raises MachineError if no node is left.
        """

    @property
    def tallies(self) -> Sequence["NodeTally"]:
        """Tally of each node."""


class NodeTally(Value):
    """Counts of a node's jobs and losses."""

    name: str
    done: int = Field(default=0, ge=0)
    lost: int = Field(default=0, ge=0)
    """Number of times that the node was lost."""
    retried: int = Field(default=0, ge=0)
    """Number of jobs that were in flight when the node was lost, and were assigned again."""
    is_gone: bool = False
