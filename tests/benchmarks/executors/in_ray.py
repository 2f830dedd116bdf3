"""Run by a Python that has Ray, in a network namespace of its own: verdicts of a cluster. Prints JSON.

python -m tests.benchmarks.executors.in_ray
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
import ray
from ray.cluster_utils import Cluster

from benchmarks.executors.pool import NodePool
from benchmarks.executors.ray_nodes import answering_nodes, start_actors
from benchmarks.rewards.judge_actor import JudgeActor
from benchmarks.rewards.rewarder import Rewarder
from benchmarks.runner.judge_for import open_bench_worker
from benchmarks.runner.sample_job import SamplePool, give_up
from benchmarks.runner.spreading import open_cluster
from coder.run.settings import Settings
from tests.benchmarks.executors.answers import SUITE, answers, local_verdicts, verdicts
from tests.benchmarks.executors.nodes import AT_ONCE, Number, waiting
from tests.benchmarks.executors.nodes import give_up as number_given_up
from tests.benchmarks.executors.test_pool import outcomes

BEGAN = time.monotonic()
EACH = 12
OPENING = partial(open_bench_worker, SUITE, Settings())


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[SamplePool]:
    async with AsyncExitStack() as stack:
        yield await open_cluster(stack, address, OPENING, give_up)


def kill_worker(pool: SamplePool) -> None:
    """Kill the first actor's process."""
    os.kill(int(pool.nodes[0].name.rpartition("/")[2]), signal.SIGKILL)


def kill_machine(cluster: Cluster, pool: SamplePool) -> None:
    """Kill a raylet and its actor, as when a machine loses power."""
    machine = cluster.worker_nodes.copy().pop()
    for process in machine.all_processes["raylet"]:
        os.kill(process.process.pid, signal.SIGKILL)
    for node in pool.nodes:
        if machine.node_id.startswith(node.name.split()[1].partition("/")[0]):
            os.kill(int(node.name.rpartition("/")[2]), signal.SIGKILL)


def plain(by_sample: dict[tuple[str, int], Any]) -> dict[str, Any]:
    """Verdicts as JSON."""
    return {
        f"{case} {sample}": one.model_dump(mode="json") for (case, sample), one in sorted(by_sample.items())
    }


def note(text: str) -> None:
    """Say how far it is."""
    print(f"{time.monotonic() - BEGAN:.1f} s: {text}", file=sys.stderr, flush=True)


async def spread(cluster: Cluster) -> dict[str, Any]:
    """What two and three nodes say, and what they say if a worker or a raylet is killed."""
    result: dict[str, Any] = {"local": plain(await local_verdicts(EACH))}
    note("local")
    for nodes in (2, 3):
        async with opened(cluster.address) as pool:
            result[f"nodes {nodes}"] = plain(await verdicts(pool, EACH))
            result[f"shares {nodes}"] = [tally.done for tally in pool.tallies]
        note(f"{nodes} nodes")
        if nodes == 2:
            cluster.add_node(num_cpus=2, resources={"judge": 1})
            cluster.wait_for_nodes()
    async with opened(cluster.address) as pool:
        result["worker killed"] = plain(await verdicts(pool, EACH, {20: partial(kill_worker, pool)}))
        note("worker killed")
        result["worker losses"] = [tally.model_dump() for tally in pool.tallies]
    async with opened(cluster.address) as pool:
        for node in pool.nodes:
            node.patience_s = 5  # type: ignore[attr-defined]
        result["raylet killed"] = plain(
            await verdicts(pool, EACH, {20: partial(kill_machine, cluster, pool)})
        )
        note("raylet killed")
        result["raylet losses"] = [tally.model_dump() for tally in pool.tallies]
    return result


async def efficiency(cluster: Cluster) -> dict[str, Any]:
    """Samples that wait, on one node and on two with twice the samples.

    The most that each worker had at once, and the seconds; the best of two rounds.
    """
    seconds: dict[int, list[float]] = {1: [], 2: []}
    at_once: dict[int, list[int]] = {}
    for _ in range(2):
        for count in seconds:
            nodes = await answering_nodes(start_actors(waiting, count))
            assert len(nodes) == count
            for node in nodes:
                node.room, node.batch = 8, 1
            async with NodePool[Number, int](nodes, number_given_up) as pool:
                await outcomes(pool, 8 * count)  # the worker opens
                began = time.monotonic()
                numbers = await outcomes(pool, 48 * count)
                seconds[count].append(time.monotonic() - began)
            workers = {number // AT_ONCE for number in numbers}
            most = [
                max(number % AT_ONCE for number in numbers if number // AT_ONCE == one) for one in workers
            ]
            at_once[count] = max(at_once.get(count, []), most)
    one, two = min(seconds[1]), min(seconds[2])
    return {"one_s": one, "two_s": two, "efficiency": one / two, "at_once": [at_once[1], at_once[2]]}


def rewards() -> dict[str, Any]:
    """Rewards by a Rewarder with Ray, and of an actor in a loop as verl's, beside those of this process."""
    jobs = [job for job in answers(2) if job.answer is not None]
    prompts = [job.case.prompt for job in jobs]
    texts = [job.answer.text for job in jobs if job.answer is not None]
    with Rewarder(SUITE, processes=1) as here:
        expected = here(prompts, texts)
    with Rewarder(SUITE, ray=True) as spread_rewarder:
        spread_rewards = spread_rewarder(prompts, texts)
    actor = ray.remote(resources={"judge": 1})(JudgeActor).remote(SUITE)
    steps = []
    for step in range(2):  # rollouts are scored while the next ones are made
        half = slice(step, None, 2)
        scores = actor.score.remote(prompts[half], texts[half])
        steps.append(ray.get(scores) == expected[half])
    ray.get(actor.close.remote())
    ray.kill(actor)
    note("rewards")
    return {"here": expected, "ray": spread_rewards, "actor steps": steps}


def main() -> None:
    began = time.monotonic()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "resources": {"judge": 1}})
    cluster.add_node(num_cpus=2, resources={"judge": 1})
    cluster.wait_for_nodes()
    ray.init(address=cluster.address, log_to_driver=False, logging_level="error")
    note("started")
    result = {"starting_s": round(time.monotonic() - began, 1)}
    result |= asyncio.run(spread(cluster))
    result["waiting"] = asyncio.run(efficiency(cluster))
    note("waiting")
    result |= rewards()
    result["seconds"] = round(time.monotonic() - began, 1)
    print(json.dumps(result))
    sys.stdout.flush()
    with contextlib.suppress(Exception):
        ray.shutdown()
        cluster.shutdown()


if __name__ == "__main__":
    main()
