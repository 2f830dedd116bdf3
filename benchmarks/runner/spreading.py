"""Spread the samples of a benchmark: in this process, or over a fleet of `coder serve`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.executors.executor import J, JobFailed, Node, O, Opening
from benchmarks.executors.facts import ProbeJob, WorkerFacts, check_facts
from benchmarks.executors.http_node import HttpNode
from benchmarks.executors.pool import NodePool
from benchmarks.executors.wire import Wire
from benchmarks.judge.digest import judge_digest
from benchmarks.judge.judge import Judge
from benchmarks.runner.case_attempt import CaseAttempt
from benchmarks.runner.sample_job import (
    Answering,
    SampleJob,
    SampleOutcome,
    SamplePool,
    SampleWire,
    give_up,
    on_this_machine,
    step_of_sample,
)
from benchmarks.runner.spread import Spread, load_tokens
from coder.base.errors import MachineError
from coder.models.shared_budget import SharedBudget

if TYPE_CHECKING:
    from benchmarks.executors.ray_nodes import RayNode


async def open_fleet(
    stack: AsyncExitStack,
    addresses: Sequence[str],
    tokens: Path | None,
    wire: Wire[J, O],
    give_up: Callable[[J, JobFailed], O],
    around: Callable[[HttpNode[J, O]], Node[J, O]] | None = None,
) -> NodePool[J, O]:
    """Open a pool of workers, all of this version, this judge and one level of isolation.

    Raises:
        NodeLost: a worker can't be reached, or its sandbox fails its probe.
        UsageError: a worker has another version, judge, level or token.
    """
    token_by_address = load_tokens(tokens)
    nodes = [
        HttpNode(address, token_by_address.get(address), wire, judge=judge_digest()) for address in addresses
    ]
    for node in nodes:
        stack.push_async_callback(node.close)
    facts = await asyncio.gather(*(node.open() for node in nodes))
    level = check_facts([*zip(addresses, facts, strict=True)], judge=judge_digest())
    pool = NodePool[J, O]([around(node) if around else node for node in nodes], give_up)
    pool.level = level
    return await stack.enter_async_context(pool)


async def open_cluster(
    stack: AsyncExitStack,
    address: str,
    opening: Opening,
    give_up: Callable[[J, JobFailed], O],
    *,
    is_judging: bool = True,
    budget: tuple[str, SharedBudget] | None = None,
) -> NodePool[J, O]:
    """Open a pool of a Ray cluster's actors, all of this version, this judge and one level of isolation.

    Args:
        address: address of a cluster, or `local`.
        opening: opens the worker of an actor.
        is_judging: whether jobs only judge and are short; else each is sent alone, to a free slot.
        budget: what workers may spend together, and the name by which they find it (`RayPurse`).

    Raises:
        MachineError: the cluster or an actor doesn't answer, or a sandbox fails its probe.
        UsageError: no machine judges, or one has another version, judge or level.
    """
    from benchmarks.executors.ray_nodes import answering_nodes, open_ray, start_actors

    units = await stack.enter_async_context(open_ray(address))
    purse = _start_budget(stack, *budget) if budget is not None else None
    nodes = await answering_nodes(start_actors(opening, units))
    for node in nodes:
        stack.push_async_callback(node.close)
        if purse is not None:
            node.on_lost = partial(purse.forfeit.remote, node.id)
    facts = await asyncio.gather(*(_probe(node) for node in nodes))
    if not is_judging:
        for node, one in zip(nodes, facts, strict=True):
            node.batch, node.room = 1, one.slots
    pool = NodePool[J, O](nodes, give_up)
    named_facts = [(node.name, one) for node, one in zip(nodes, facts, strict=True)]
    pool.level = check_facts(named_facts, judge=judge_digest())
    return await stack.enter_async_context(pool)


def _start_budget(stack: AsyncExitStack, name: str, budget: SharedBudget) -> Any:  # noqa: ANN401
    """Start the actor of a budget, which knows at the end what was spent."""
    import ray

    from benchmarks.executors.ray_budget import start_budget

    actor = start_budget(name, budget)

    async def end() -> None:
        with suppress(ray.exceptions.RayError):  # the cluster may be gone
            budget.spent, budget.refused = await actor.amounts.remote()
        ray.kill(actor)

    stack.push_async_callback(end)
    return actor


async def _probe(node: "RayNode[Any, Any]") -> WorkerFacts:
    """Return a node's facts. Raises MachineError if its sandbox fails its probe."""
    async for _, facts in node.work([ProbeJob()], lambda _: None):
        if isinstance(facts, JobFailed):
            raise MachineError(f"{node.name} can't judge: {facts.error}") from facts.error
        assert isinstance(facts, WorkerFacts)
        return facts
    raise MachineError(f"{node.name} doesn't state what it is.")


class AnsweringHere:
    """Node that answers samples in this process, and judges them on its worker."""

    batch = 1

    def __init__(
        self,
        node: HttpNode[SampleJob, SampleOutcome],
        answering: Answering,
        attempts: dict[str, CaseAttempt],
    ) -> None:
        """Take a worker, and paid attempts without a verdict by key, so that they aren't made twice."""
        assert node.facts is not None
        self._node, self._answering, self._attempts = node, answering, attempts
        self.name, self.room = node.name, node.facts.slots

    async def work(
        self, jobs: Sequence[SampleJob], on_slow: Callable[[str], None]
    ) -> AsyncIterator[tuple[str, SampleOutcome | JobFailed]]:
        """Yield key, and outcome or error, of samples, one after another. Raises NodeLost."""
        for job in jobs:
            answered_job = job
            if job.answer is None:
                if (attempt := self._attempts.get(job.key)) is None:
                    with step_of_sample("answering"):
                        attempt = await self._answering(job.case, job.sample)
                if attempt.cut or attempt.exit_code:
                    yield job.key, SampleOutcome(job.case, job.sample, attempt, None)
                    continue
                self._attempts[job.key] = attempt
                answered_job = SampleJob(job.case, job.sample, attempt)
            async for key, outcome in self._node.work([answered_job], on_slow):
                if not isinstance(outcome, JobFailed):
                    self._attempts.pop(key, None)
                yield key, outcome

    async def is_back(self) -> bool:
        """Poll a lost worker until it answers; return False if it is given up."""
        return await self._node.is_back()

    async def close(self) -> None:
        """Close the worker's connections."""
        await self._node.close()


@asynccontextmanager
async def open_executor(
    spread: Spread,
    judge: Judge,
    workers: int,
    answering: Answering | None,
    opening: Opening,
    budget: tuple[str, SharedBudget] | None = None,
) -> AsyncIterator[SamplePool]:
    """Open the executor of a benchmark's samples.

    Args:
        workers: number of concurrent samples on this machine.
        answering: answers samples in this process that have no answer yet.
        opening: opens the worker of a cluster's actor, which answers and judges.
        budget: what a cluster's workers may spend together, with its name.

    Raises:
        MachineError, UsageError: nodes can't be used (see `open_fleet`, `open_cluster`).
    """
    async with AsyncExitStack() as stack:
        if spread.ray is not None:
            is_judging = answering is None
            yield await open_cluster(
                stack, spread.ray, opening, give_up, is_judging=is_judging, budget=budget
            )
            return
        if not spread.addresses:
            yield await stack.enter_async_context(on_this_machine(judge, workers, answering))
            return
        attempts = dict[str, CaseAttempt]()
        around = None if answering is None else lambda node: AnsweringHere(node, answering, attempts)
        give_up_here = partial(give_up, attempts=attempts)
        yield await open_fleet(stack, spread.addresses, spread.tokens, SampleWire(), give_up_here, around)
