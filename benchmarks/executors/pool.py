"""Spread jobs over nodes: lookahead, affinity, and another node for the jobs of a lost one."""

import asyncio
import os
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Generic, Self
from zlib import crc32

from benchmarks.executors.executor import J, JobFailed, NoAnswer, Node, NodeLost, NodeTally, O, Worker, failed
from coder.base.errors import MachineError

_LOOKAHEAD = 4
"""Look ahead for jobs whose usual node is free: by this many times the room of all nodes."""
_MAX_NO_ANSWERS = 3
"""Jobs to which a node may give no answer, one after another, before it is given up."""


class InProcess(Generic[J, O]):
    """Node whose worker runs in this process."""

    name = "local"
    batch = 1

    def __init__(self, worker: Worker[J, O], room: int) -> None:
        self._worker, self.room = worker, room

    async def work(
        self, jobs: Sequence[J], on_slow: Callable[[str], None]
    ) -> AsyncIterator[tuple[str, O | JobFailed]]:
        """Yield key, and outcome or error, of the jobs, one after another."""
        for job in jobs:
            yield job.key, await do_job(self._worker, job, partial(on_slow, job.key))

    async def is_back(self) -> bool:
        """Return True: this process can't be lost."""
        return True

    async def close(self) -> None:
        """Do nothing: whoever opened the worker closes it."""


async def do_job(worker: Worker[J, O], job: J, on_slow: Callable[[], None]) -> O | JobFailed:
    """Return the outcome of a job, or what its worker raised."""
    try:
        return await worker.do(job, on_slow)
    except Exception as error:  # noqa: BLE001 - `NodePool` decides what becomes of the job
        return failed(error)


class NodePool(Generic[J, O]):
    """JobExecutor over nodes; an async context manager. Concurrent calls of `map` share the nodes' room.

    What goes wrong for one job is the outcome of this job alone; the others continue.
    """

    def __init__(self, nodes: Sequence[Node[J, O]], give_up: Callable[[J, JobFailed], O]) -> None:
        """Take nodes.

        Args:
            give_up: returns the outcome of a job whose worker raised an error, or that lost its last node;
                raises the error if it concerns all jobs, which ends `map`.
        """
        self.nodes, self.give_up = nodes, give_up
        self.level: str | None = None
        """Mechanism that isolates candidates on all nodes; None if the opener of the worker knows it."""
        self.rooms = [asyncio.Semaphore(node.room) for node in nodes]
        self.is_up = [asyncio.Event() for _ in nodes]
        for event in self.is_up:
            event.set()
        self._tallies = [NodeTally(name=node.name) for node in nodes]
        self._returns: dict[int, asyncio.Task[None]] = {}
        self._unanswered: list[set[str]] = [set() for _ in nodes]
        """Keys of the jobs to which a node gave no answer since its last outcome."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        returns = [*self._returns.values()]
        for task in returns:
            task.cancel()
        await asyncio.gather(*returns, return_exceptions=True)
        await asyncio.gather(*(node.close() for node in self.nodes))

    @property
    def tallies(self) -> Sequence[NodeTally]:
        """Tally of each node."""
        return self._tallies

    @property
    def room(self) -> int:
        """Maximum number of jobs in flight."""
        return sum(node.room for node in self.nodes)

    def map(self, jobs: Iterable[J]) -> AsyncGenerator[O, None]:
        """Yield the outcome of each job once (see `JobExecutor.map`)."""
        return _Mapping(self, jobs).outcomes()

    def count(self, at: int, *, done: int = 0, lost: int = 0, retried: int = 0) -> None:
        """Add to a node's tally."""
        tally = self._tallies[at]
        self._tallies[at] = tally.model_copy(
            update={
                "done": tally.done + done,
                "lost": tally.lost + lost,
                "retried": tally.retried + retried,
            }
        )

    def is_gone(self, at: int) -> bool:
        """Whether a node is given up."""
        return self._tallies[at].is_gone

    def is_free(self, at: int) -> bool:
        """Whether a node accepts a job now."""
        return self.is_up[at].is_set() and not self.is_gone(at) and not self.rooms[at].locked()

    def lose(self, at: int) -> bool:
        """Count a loss, and give the node no jobs until it is back; return False if it is lost already."""
        if at in self._returns or self.is_gone(at):
            return False
        self.count(at, lost=1)
        self.is_up[at].clear()
        self._returns[at] = asyncio.create_task(self._wait_for(at))
        return True

    def count_unanswered(self, at: int, key: str) -> None:
        """Count a job to which a node gave no answer; give the node up if there are too many."""
        self._unanswered[at].add(key)
        if len(self._unanswered[at]) == _MAX_NO_ANSWERS:
            self._give_up_node(at)

    def count_answered(self, at: int) -> None:
        """Count an outcome of a node."""
        self.count(at, done=1)
        self._unanswered[at].clear()

    def _give_up_node(self, at: int) -> None:
        self._tallies[at] = self._tallies[at].model_copy(update={"is_gone": True})

    async def _wait_for(self, at: int) -> None:
        try:
            if not await self.nodes[at].is_back():
                self._give_up_node(at)
        finally:
            del self._returns[at]
            self.is_up[at].set()  # who waits looks whether it is gone


class _Mapping(Generic[J, O]):
    """One call of `map`: its jobs, queued by node or in flight, and their outcomes."""

    def __init__(self, pool: NodePool[J, O], jobs: Iterable[J]) -> None:
        self._pool, self._source, self._is_exhausted = pool, iter(jobs), False
        self._queues: list[deque[J]] = [deque() for _ in pool.nodes]
        self._orphans: deque[J] = deque()
        """Jobs of lost nodes."""
        self._losses: Counter[str] = Counter()
        self._failed_at: dict[str, set[int]] = {}
        """Indexes of the nodes that were lost under a job, or gave it no answer."""
        self._in_flight: dict[str, int] = {}
        """Index of a job's node by key, while the job or its unread outcome occupies room."""
        self._unsettled = 0
        self._ended: asyncio.Queue[tuple[str, O] | None] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._feeds: list[asyncio.Task[None]] = []

    async def outcomes(self) -> AsyncGenerator[O, None]:
        """Yield outcomes as jobs end; when the iterator ends, no job is in flight."""
        running = asyncio.create_task(self._run())
        running.add_done_callback(lambda _: self._ended.put_nowait(None))
        try:
            while (item := await self._ended.get()) is not None:
                self._leave(item[0])
                yield item[1]
            try:
                await running
            except BaseExceptionGroup as errors:  # all nodes do the same: the first error suffices
                raise errors.exceptions[0] from None
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            for key in [*self._in_flight]:
                self._leave(key)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            self._feeds = [group.create_task(self._feed(at, group)) for at in range(len(self._pool.nodes))]
        if self._unsettled or not self._is_exhausted:
            names = ", ".join(node.name for node in self._pool.nodes)
            raise MachineError(f"No worker is left of {names}: all were lost, and none came back.")

    async def _feed(self, at: int, group: asyncio.TaskGroup) -> None:
        """Give a node jobs until there are none."""
        room = self._pool.rooms[at]
        while True:
            await self._pool.is_up[at].wait()
            if self._pool.is_gone(at):
                self._wake()  # others may take what it failed to do, or was to do
                return
            changed = self._changed
            if room.locked() and self._queues[at]:
                self._wake()  # others may take what waits here
            await room.acquire()
            jobs = list[J]()
            while (
                self._pool.is_up[at].is_set()
                and len(jobs) < self._pool.nodes[at].batch
                and (job := self._next(at)) is not None
            ):
                jobs.append(job)
                self._in_flight[job.key] = at
                if room.locked() or self._losses[job.key]:  # after a loss alone: it may be the cause
                    break
                await room.acquire()  # it doesn't wait
            else:
                room.release()
            if jobs:
                group.create_task(self._call(at, jobs))
            elif self._pool.is_up[at].is_set():
                await changed.wait()

    def _next(self, at: int) -> J | None:
        if (orphan := next((job for job in self._orphans if self._may_repeat(at, job)), None)) is not None:
            self._orphans.remove(orphan)
            return orphan
        queues, lookahead = self._queues, _LOOKAHEAD * self._pool.room
        while not queues[at] and not self._is_exhausted and sum(map(len, queues)) < lookahead:
            job = next(self._source, None)
            if job is None:
                self._is_exhausted = True
                self._end_if_done()
            else:
                self._unsettled += 1
                queues[crc32(job.group.encode()) % len(queues)].append(job)
        if queues[at]:
            return queues[at].popleft()
        busy = (queue for owner, queue in enumerate(queues) if not self._pool.is_free(owner))
        queue = max(busy, key=len, default=None)
        return queue.popleft() if queue else None

    def _may_repeat(self, at: int, job: J) -> bool:
        """Whether a node may do another's job: one that has failed it only if no other one is left."""
        left = {other for other in range(len(self._pool.nodes)) if not self._pool.is_gone(other)}
        failed_at = self._failed_at.get(job.key, set())
        return at not in failed_at or left <= failed_at

    async def _call(self, at: int, jobs: Sequence[J]) -> None:
        open_jobs, node = {job.key: job for job in jobs}, self._pool.nodes[at]
        outcomes, failure = aiter(node.work(jobs, self._leave)), None
        while failure is None:
            try:
                key, outcome = await anext(outcomes)
            except StopAsyncIteration:
                if not open_jobs:
                    return
                failure = failed(NodeLost(f"{node.name} left {len(open_jobs)} jobs unanswered."))
            except Exception as error:  # noqa: BLE001 - of the node, or of sending these jobs
                failure = failed(error)
            else:
                if (job := open_jobs.pop(key, None)) is None:  # counted once, even if a node says it twice
                    continue
                if isinstance(outcome, JobFailed):
                    if isinstance(outcome.error, NoAnswer):
                        self._pool.count_unanswered(at, key)
                    self._fail(at, job, outcome)
                else:
                    self._pool.count_answered(at)
                    self._settle(key, outcome)
        if (
            isinstance(failure.error, NodeLost)
            and self._pool.lose(at)
            and isinstance(failure.error, NoAnswer)
        ):
            self._pool.count_unanswered(at, next(iter(open_jobs), ""))
        for job in open_jobs.values():
            if len(jobs) > 1:  # then alone, as the cause may be one of its neighbors
                self._repeat(at, job, failure)
            else:
                self._fail(at, job, failure)

    def _fail(self, at: int, job: J, failure: JobFailed) -> None:
        if isinstance(failure.error, NodeLost):
            self._repeat(at, job, failure)
        else:
            self._settle(job.key, self._pool.give_up(job, failure))

    def _repeat(self, at: int, job: J, failure: JobFailed) -> None:
        self._losses[job.key] += 1
        self._failed_at.setdefault(job.key, set()).add(at)
        if self._losses[job.key] >= job.max_tries:
            self._settle(job.key, self._pool.give_up(job, failure))
            return
        self._pool.count(at, retried=1)
        self._leave(job.key)
        self._orphans.append(job)
        self._wake()

    def _settle(self, key: str, outcome: O) -> None:
        self._losses.pop(key, None)
        self._failed_at.pop(key, None)
        self._unsettled -= 1
        self._ended.put_nowait((key, outcome))
        self._end_if_done()

    def _end_if_done(self) -> None:
        if self._is_exhausted and not self._unsettled:
            for feed in self._feeds:  # it may wait for a room, a lost node or more jobs
                feed.cancel()

    def _leave(self, key: str) -> None:
        """Release a job's room in its node."""
        if (at := self._in_flight.pop(key, None)) is not None:
            self._pool.rooms[at].release()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def default_workers(model: str | None = None) -> int:
    """Return the default number of concurrent samples; two for a local model, which answers one at a time."""
    if model is not None and model.startswith("local/"):
        return 2
    return 2 * len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4
