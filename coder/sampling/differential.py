"""Telling apart: further inputs on which candidates that did the same so far may do something else.

Differential testing (McKeeman 1998, "Differential Testing for Software"), led by what it finds: inputs that
told candidates apart are the ones that the next are made from. By rule and by a seed that comes from the
inputs, so that a run that is gone on with tries the same ones. Counts bound it, and a candidate's own time;
no clock of ours does, or a busy machine would choose otherwise.
"""

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from random import Random

from coder.sampling.behaviour import FAILED, PATIENCE_S, described, quick_behaviour
from coder.sampling.inputs import Arguments
from coder.sampling.mutate import constants_of, varied
from sandbox import Sandbox

ROUNDS, INPUTS_A_ROUND = 4, 64
_AT_ONCE = 2
"""Candidates that are called at the same time."""
_GONE = f"{FAILED}gone"
"""What a candidate gives once its process has ended at an earlier input."""


async def told_apart(
    sandbox: Sandbox, sources: Sequence[str], name: str, *, inputs: Sequence[Arguments]
) -> list[tuple[str, ...]]:
    """What each source's function gives for further inputs that most of them can take.

    Ends as soon as no two of them are alike.

    Args:
        sources: of candidates.
        inputs: what is known to be asked of the function.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    seed = described(list(inputs)).encode("utf-8", "surrogatepass")  # of a set `repr` is another each time
    chance = Random(int.from_bytes(sha256(seed).digest()))
    constants = constants_of(sources)
    known = list(inputs)
    told: list[list[str]] = [[] for _ in sources]
    runs = [_Run(sandbox, source, name) for source in sources]
    turn = asyncio.Semaphore(_AT_ONCE)
    for _ in range(ROUNDS):
        further = varied(known, INPUTS_A_ROUND, constants=constants, chance=chance)
        async with asyncio.TaskGroup() as group:
            rows = [group.create_task(run.give(further, turn)) for run in runs]
        for arguments, *column in zip(further, *(row.result() for row in rows), strict=True):
            if _can_be_taken(column):
                known += [arguments] if len(set(column)) > 1 else []
                for row, given in zip(told, column, strict=True):
                    row.append(given)
        if len(set(map(tuple, told))) == len(told):
            break
    return list(map(tuple, told))


def _can_be_taken(column: Sequence[str]) -> bool:
    """Whether at least half of those that are still asked give a value: else it is none that was meant."""
    asked = [given for given in column if given != _GONE]
    return bool(asked) and 2 * sum(not given.startswith(FAILED) for given in asked) >= len(asked)


class _Run:
    """One candidate, and how much of its time is left."""

    def __init__(self, sandbox: Sandbox, source: str, name: str) -> None:
        self._sandbox, self._source, self._name = sandbox, source, name
        self._left = PATIENCE_S
        self._is_over = False

    async def give(self, inputs: Sequence[Arguments], turn: asyncio.Semaphore) -> list[str]:
        """What it gives for each; of one that hung or ended there is nothing any more."""
        given: list[str] = []
        if inputs and not self._is_over:
            async with turn:
                clock = asyncio.get_running_loop().time
                began = clock()
                given += await quick_behaviour(
                    self._sandbox, self._source, self._name, inputs=inputs, wall_s=self._left
                )
                self._left -= clock() - began
            self._is_over = len(given) < len(inputs) or self._left <= 0
        return [*given, *[_GONE] * (len(inputs) - len(given))]
