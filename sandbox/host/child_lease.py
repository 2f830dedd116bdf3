"""A child on loan for one run: what watches it meanwhile, and how it goes back to its pool."""

from collections.abc import Mapping, Sequence

from sandbox.host.child import Child
from sandbox.host.disk_watch import DiskBounds, DiskWatch
from sandbox.host.execution import Execution
from sandbox.host.pool import Pool


class ChildLease:
    """One child with its execution. It is returned once, whatever became of it."""

    def __init__(self, pool: Pool, child: Child, execution: Execution, bounds: DiskBounds | None) -> None:
        """`bounds` are what has to be looked at while its program runs."""
        self.child, self.execution = child, execution
        self._pool, self._bounds = pool, bounds
        self._watch: DiskWatch | None = None

    async def begin(
        self, job: Mapping[str, object], *, stdin: bytes | int = b"", extra: Sequence[int] = ()
    ) -> None:
        """Hand over its job; `extra` descriptors are closed here."""
        await self.execution.begin(job, stdin=stdin, extra=list(extra))
        if self._bounds is not None and self.child.reaper is not None:
            self._watch = DiskWatch(self._bounds, self.child.reaper, lambda: self.execution.end("disk"))

    async def abandon(self) -> None:
        """End the run, and wait until all of it is dead."""
        self.execution.close()
        await self.child.gone.wait()

    def give_back(self) -> None:
        """End what is left of the run, and let the pool have the child's place."""
        self.execution.close()
        if self._watch is not None:
            self._watch.close()
        self._pool.give_back(self.child)
