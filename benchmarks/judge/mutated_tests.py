"""Twins of a case's tests, with a constant changed, that fail with the case's own patch."""

import math
import random
from collections.abc import Mapping

from benchmarks.judge.decoys import TWINS, chosen
from benchmarks.judge.repository_mode import GUESS, RepositoryMode
from benchmarks.judge.twin_search import Search
from benchmarks.suite import RepositoryCase
from sandbox import Sandbox

_ROUNDS_FACTOR, _ROUNDS_MORE_S = 1.0, 0.5
"""Time for the judgements after the first one, by that of the suite, where a guess at all tests is enough."""


async def with_twins(
    sandbox: Sandbox,
    case: RepositoryCase,
    gold: Mapping[str, bytes],
    pinned: RepositoryMode,
    seconds: Mapping[str, float],
    *,
    reason: str,
) -> RepositoryMode:
    """The mode among twins, where each test that has to be won has one that fails.

    Args:
        seconds: that each node took.
        reason: why its tests can't all be decided apart from it.
    """
    search = Search(sandbox, case, gold, pinned, seconds)
    twins = await search.twins()
    twins_of = {
        f"{path}::{one}": (path, name)
        for path, names in twins.items()
        for name in names
        for one in (name, *search.heirs[path].get(name, ()))
    }
    bare = next((node for node in pinned.needed if node.partition("[")[0] not in twins_of), None)
    if bare is not None:
        reason = f"no twin of {bare} fails with the case's own patch"
        return pinned.model_copy(update={"how": "plain", "twins": twins, "reason": reason})
    seen, known = await search.seen(), {}
    for test in {node.partition("[")[0] for node in pinned.needed}:
        path, name = twins_of[test]
        is_seen = name in seen.get(path, {})
        known[test] = TWINS if is_seen else len(chosen(twins[path][name], random.Random(0)))
    found = {"twins": twins, "seen": seen, "rounds": _rounds(known, pinned, seconds)}
    return pinned.model_copy(update={"how": "decoyed", "reason": reason, **found})


def _rounds(twins: Mapping[str, int], pinned: RepositoryMode, seconds: Mapping[str, float]) -> int:
    """Judgements until a blind guess at any test is unlikely; where that takes long, at all of them."""
    wanted = math.log(1 / GUESS)
    each = math.ceil(wanted / math.log(1 + min(twins.values())))
    whole = sum(seconds.get(node, 0.0) for node in pinned.nodes)
    once = sum(seconds.get(node, 0.0) for node in pinned.needed) * (1 + max(twins.values()))
    if (each - 1) * once <= _ROUNDS_FACTOR * whole + _ROUNDS_MORE_S:
        return each
    return math.ceil(wanted / sum(math.log(1 + count) for count in twins.values()))
