"""Find the mode of a case that is judged among twins: which twins, and how often."""

import asyncio
import math
import random
from collections.abc import Mapping

from benchmarks.judge.decoys import TWINS, chosen
from benchmarks.judge.mode import GUESS, RepositoryMode
from benchmarks.judge.twin_search import Search
from benchmarks.suite import RepositoryCase
from sandbox import Sandbox

_ROUNDS_FACTOR, _ROUNDS_MORE_S = 1.0, 0.5
"""Time for further judgements (factor of the suite's, seconds); beyond it, bound guessing all tests."""


async def with_twins(
    sandbox: Sandbox,
    case: RepositoryCase,
    gold: Mapping[str, bytes],
    pinned: RepositoryMode,
    seconds: Mapping[str, float],
) -> RepositoryMode:
    """The mode among twins; plain if a test that the base fails has no failing twin."""
    search = Search(sandbox, case, gold, pinned, seconds)
    known = dict[str, int]()
    twins, seen = await asyncio.gather(search.twins(), search.seen())
    twins_of = {
        f"{path}::{one}": (path, name)
        for path in twins.keys() | seen.keys()
        for name in {**twins.get(path, {}), **seen.get(path, {})}
        for one in (name, *search.heirs[path].get(name, ()))
    }
    bare = next((node for node in pinned.needed if node.partition("[")[0] not in twins_of), None)
    if bare is not None:
        reason = f"no twin of {bare} fails with the case's own patch"
        return pinned.model_copy(update={"how": "plain", "twins": twins, "reason": reason})
    for test in {node.partition("[")[0] for node in pinned.needed}:
        path, name = twins_of[test]
        is_seen = name in seen.get(path, {})
        known[test] = TWINS if is_seen else len(chosen(twins[path][name], random.Random(0)))
    found = {"twins": twins, "seen": seen, "rounds": _rounds(known, pinned, seconds)}
    return pinned.model_copy(update={"how": "decoyed", **found})


def _rounds(twins: Mapping[str, int], pinned: RepositoryMode, seconds: Mapping[str, float]) -> int:
    """Judgements until guessing any one test is unlikely; if that takes too long, guessing all of them."""
    wanted = math.log(1 / GUESS)
    each = math.ceil(wanted / math.log(1 + min(twins.values())))
    whole = sum(seconds.get(node, 0.0) for node in pinned.nodes)
    once = sum(seconds.get(node, 0.0) for node in pinned.needed) * (1 + max(twins.values()))
    if (each - 1) * once <= _ROUNDS_FACTOR * whole + _ROUNDS_MORE_S:
        return each
    return math.ceil(wanted / sum(math.log(1 + count) for count in twins.values()))
