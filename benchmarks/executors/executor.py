"""Define the seam between jobs and where they are done: `Executor.map(jobs)` yields outcomes.

A Worker does jobs in its own process; a Node is a worker as its driver sees it; a Pool is an Executor over
nodes. Only the driver writes a log: a job may be done twice, but its outcome is yielded once.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from pydantic import Field

from coder.base.errors import MachineError
from sandbox.result import Value


class Job(Protocol):
    """Piece of work that can be sent to another process."""

    @property
    def key(self) -> str:
        """Name that no other job of the same `map` has."""

    @property
    def group(self) -> str:
        """Jobs of one group share what a worker finds out first, and go to one node if that is free."""

    @property
    def max_tries(self) -> int:
        """Number of nodes that may be lost under the job before it is given up."""


J = TypeVar("J", bound=Job)
J_contra = TypeVar("J_contra", bound=Job, contravariant=True)
O_co = TypeVar("O_co", covariant=True)
O = TypeVar("O")  # noqa: E741 - outcome, beside J


class NodeLost(MachineError):
    """A node has ended or is out of reach: its jobs are done by others, if there are any."""


class Worker(Protocol[J_contra, O_co]):
    """Does jobs, in the process that has opened it."""

    async def do(self, job: J_contra, on_slow: Callable[[], None]) -> O_co:
        """Do one job; `on_slow` is called when the job lets others run first."""


Opening = Callable[[], AbstractAsyncContextManager[Worker[Any, Any]]]
"""Opens a worker, in whatever process. A partial of a module's function: it is pickled."""


class Node(Protocol[J_contra, O_co]):
    """Worker as its driver sees it."""

    name: str
    room: int
    """Maximum number of jobs in flight, over all calls."""
    batch: int
    """Maximum number of jobs per call."""

    def work(
        self, jobs: Sequence[J_contra], on_slow: Callable[[str], None]
    ) -> AsyncIterator[tuple[str, O_co]]:
        """Yield key and outcome of each job, as they end. Raises NodeLost; what a worker raises, too."""

    async def is_back(self) -> bool:
        """Wait until a lost node works again; return False if it is given up."""

    async def close(self) -> None:
        """End the node, or leave it."""


class Executor(Protocol[J_contra, O_co]):
    """Does jobs somewhere, any number at once."""

    def map(self, jobs: Iterable[J_contra]) -> AsyncGenerator[O_co, None]:
        """Yield the outcome of each job once, in the order in which they end.

        Jobs are taken from the iterable when there is room for them, so that it may be long. Close the
        iterator to end early. Raises MachineError: no node is left; what a worker raises, too.
        """

    @property
    def tallies(self) -> Sequence["NodeTally"]:
        """What each node has done so far."""


class NodeTally(Value):
    """What a node has done."""

    name: str
    done: int = Field(default=0, ge=0)
    lost: int = Field(default=0, ge=0)
    """Number of times that the node was lost."""
    retried: int = Field(default=0, ge=0)
    """Jobs that were in flight at a loss, and were given to a node again."""
    is_gone: bool = False
