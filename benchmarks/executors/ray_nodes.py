"""Nodes that are actors of a Ray cluster; each holds a worker open, with a sandbox of its machine.

Ray isolates nothing: candidates run in the sandbox that the worker opens, never in the actor's process. An
actor that dies is started again by Ray, on any machine that has the resource `judge`; its jobs are given to
nodes again by the pool, which alone counts outcomes.
"""

import asyncio
import contextlib
import os
import pickle
import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from typing import Any, Generic

from benchmarks.executors.executor import J, JobFailed, NodeLost, O, Opening
from benchmarks.executors.pool import do_job
from benchmarks.executors.processes import sendable
from coder.base.errors import MachineError, MissingExtra, UsageError

RESOURCE = "judge"
"""Resource of a machine that judges: one actor for each unit."""
BATCH = 16
"""Jobs per call: a call costs more than a verdict."""
_ROOM = 128
_GATHER_S = 0.02
"""Seconds within which an actor collects ended jobs to send them together."""
_PATIENCE_S = 60.0
"""Maximum time for a lost actor to come back, in seconds."""
_OPEN_S = 45.0
"""An actor that doesn't answer within this time isn't used, in seconds."""


class RayWorker:
    """Actor that holds a worker open; Ray makes one per node."""

    def __init__(self, opening: bytes) -> None:
        self._opening: Opening = pickle.loads(opening)  # ours, by a connection that Ray has let in
        self._opened, self._lock = AsyncExitStack(), asyncio.Lock()
        self._worker: Any = None

    async def place(self) -> tuple[int, str, str]:
        """Return the process id, and the ids of machine and actor."""
        import ray

        context = ray.get_runtime_context()
        return os.getpid(), context.get_node_id(), context.get_actor_id()

    async def work(self, jobs: Sequence[Any]) -> AsyncIterator[list[tuple[str, Any]]]:
        """Yield lists of key, and outcome or error, of jobs; a job with None is slow."""
        async with self._lock:
            if self._worker is None:
                self._worker = await self._opened.enter_async_context(self._opening())
        ended: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        tasks = [asyncio.create_task(self._do(job, ended)) for job in jobs]
        open_keys = {job.key for job in jobs}
        try:
            while open_keys:
                items = [await ended.get()]
                await asyncio.sleep(_GATHER_S if len(open_keys) > 1 else 0)
                while not ended.empty():
                    items.append(ended.get_nowait())
                open_keys -= {key for key, outcome in items if outcome is not None}
                yield items
        finally:
            for task in tasks:
                task.cancel()

    async def _do(self, job: Any, ended: "asyncio.Queue[tuple[str, Any]]") -> None:  # noqa: ANN401
        outcome = await do_job(self._worker, job, lambda: ended.put_nowait((job.key, None)))
        ended.put_nowait((job.key, sendable(outcome)))


class RayNode(Generic[J, O]):
    """An actor, as its driver sees it."""

    def __init__(self, actor: Any, name: str, *, id: str = "") -> None:  # noqa: ANN401
        """Take an actor, its name for display, and its id, which owns its reservations of the budget."""
        self.actor, self.name, self.id = actor, name, id
        self.room, self.batch, self.patience_s = _ROOM, BATCH, _PATIENCE_S
        self.on_lost: Callable[[], None] = lambda: None

    async def work(
        self, jobs: Sequence[J], on_slow: Callable[[str], None]
    ) -> AsyncIterator[tuple[str, O | JobFailed]]:
        """Yield key, and outcome or error, of each job as it ends. Raises NodeLost."""
        from ray.exceptions import RayError

        items = self.actor.work.options(num_returns="streaming").remote([*jobs])
        try:
            async for reference in items:
                for key, outcome in await reference:
                    if outcome is None:
                        on_slow(key)
                    else:
                        yield key, outcome
        except RayError as error:
            self.on_lost()
            raise NodeLost(f"{self.name} is lost: {type(error).__name__}") from error

    async def is_back(self) -> bool:
        """Wait until Ray has started the actor again, here or on another machine."""
        from ray.exceptions import RayError

        try:
            async with asyncio.timeout(self.patience_s):
                while True:
                    try:
                        await self.actor.place.remote()
                    except RayError:
                        await asyncio.sleep(1)
                    else:
                        return True
        except TimeoutError:
            return False

    async def close(self) -> None:
        """End the actor, with its sandboxes."""
        import ray

        with contextlib.suppress(Exception):  # the cluster may be gone
            ray.kill(self.actor)


@asynccontextmanager
async def open_ray(address: str) -> AsyncIterator[int]:
    """Connect to a cluster, or start one on this machine (`local`); yield its units of `judge`.

    If this process is connected to a cluster already, the connection and the cluster stay.

    Raises:
        MissingExtra: Ray isn't installed. MachineError: the cluster doesn't answer.
        UsageError: no machine of the cluster has the resource `judge`.
    """
    if find_spec("ray") is None:
        raise MissingExtra("Ray", "ray")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    was_connected = ray.is_initialized()
    if not was_connected:
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        if address == "local":
            options |= {
                "address": "local",
                "resources": {RESOURCE: 1},
                "include_dashboard": False,
                "_node_ip_address": "127.0.0.1",  # of several, Ray may choose one that doesn't reach itself
            }
        else:
            options["address"] = address
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ray.init(**options)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise MachineError(f"Ray at {address} doesn't answer: {error}") from error
    try:
        if not (units := int(ray.cluster_resources().get(RESOURCE, 0))):
            raise UsageError(
                f"No machine of the Ray cluster has the resource `{RESOURCE}`. Start those that judge with: "
                f"ray start --address=HEAD:6379 --resources='{{\"{RESOURCE}\": 1}}'"
            )
        yield units
    finally:
        if not was_connected:
            ray.shutdown()


def start_actors(opening: Opening, count: int) -> list[Any]:
    """Start actors, spread over the machines that judge."""
    import ray

    actor_class = ray.remote(
        num_cpus=0,
        resources={RESOURCE: 1},
        max_restarts=-1,
        max_task_retries=0,  # the pool gives jobs to nodes again: a verdict is counted there, once
        max_concurrency=1000,
        scheduling_strategy="SPREAD",
    )(RayWorker)
    content = pickle.dumps(opening)
    return [actor_class.remote(content) for _ in range(count)]


async def answering_nodes(actors: Sequence[Any]) -> list[RayNode[Any, Any]]:
    """Return nodes of actors that answer; end the other actors, such as those of a machine just lost.

    Raises:
        MachineError: no actor answers.
    """
    import ray

    tasks = [asyncio.ensure_future(_place(actor)) for actor in actors]
    await asyncio.wait(tasks, timeout=_OPEN_S)
    answering = list[RayNode[Any, Any]]()
    for actor, task in zip(actors, tasks, strict=True):
        if task.done() and task.exception() is None:
            pid, machine, actor_id = task.result()
            answering.append(RayNode(actor, f"ray {machine[:8]}/{pid}", id=actor_id))
        else:
            task.cancel()
            ray.kill(actor)
    if not answering:
        raise MachineError(f"None of Ray's {len(actors)} actors answers. See what it waits for: ray status")
    return answering


async def _place(actor: Any) -> tuple[int, str, str]:  # noqa: ANN401
    place: tuple[int, str, str] = await actor.place.remote()
    return place
