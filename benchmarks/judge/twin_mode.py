"""Find the mode of a case that is judged among twins: which twins, and how often."""

import asyncio
import math
import random
from collections.abc import Mapping

from benchmarks.judge.decoys import MAX_TWINS, choose_twins
from benchmarks.judge.mode import MAX_GUESS, RepositoryMode
from benchmarks.judge.twin_search import Search
from benchmarks.suite import RepositoryCase
from sandbox import Sandbox

_ROUNDS_FACTOR, _ROUNDS_MORE_S = 1.0, 0.5
"""Time limit of further judgements: factor of the suite's time, plus seconds."""


async def add_twins(
    sandbox: Sandbox,
    case: RepositoryCase,
    gold: Mapping[str, bytes],
    pinned: RepositoryMode,
    seconds: Mapping[str, float],
) -> RepositoryMode:
    """Return the mode among twins; plain if a test that the base fails has no failing twin."""
    search = Search(sandbox, case, gold, pinned, seconds)
    twin_counts = dict[str, int]()
    twins, results = await asyncio.gather(search.twins(), search.seen())
    twins_of = {
        f"{path}::{test_name}": (path, name)
        for path in twins.keys() | results.keys()
        for name in {**twins.get(path, {}), **results.get(path, {})}
        for test_name in (name, *search.heirs[path].get(name, ()))
    }
    node_without_twin = next((node for node in pinned.needed if node.partition("[")[0] not in twins_of), None)
    if node_without_twin is not None:
        reason = f"no twin of {node_without_twin} fails with the case's own patch"
        return pinned.model_copy(update={"how": "plain", "twins": twins, "reason": reason})
    for test in {node.partition("[")[0] for node in pinned.needed}:
        path, name = twins_of[test]
        has_results = name in results.get(path, {})
        twin_counts[test] = (
            MAX_TWINS if has_results else len(choose_twins(twins[path][name], random.Random(0)))
        )
    fields = {"twins": twins, "seen": results, "rounds": _rounds(twin_counts, pinned, seconds)}
    return pinned.model_copy(update={"how": "decoyed", **fields})


def _rounds(twins: Mapping[str, int], pinned: RepositoryMode, seconds: Mapping[str, float]) -> int:
    """Return how many judgements make it unlikely to guess one test or, if that takes long, all tests."""
    needed_log = math.log(1 / MAX_GUESS)
    rounds = math.ceil(needed_log / math.log(1 + min(twins.values())))
    suite_s = sum(seconds.get(node, 0.0) for node in pinned.nodes)
    round_s = sum(seconds.get(node, 0.0) for node in pinned.needed) * (1 + max(twins.values()))
    if (rounds - 1) * round_s <= _ROUNDS_FACTOR * suite_s + _ROUNDS_MORE_S:
        return rounds
    return math.ceil(needed_log / sum(math.log(1 + count) for count in twins.values()))
