"""Select cases, number and order of a run's samples, deterministically."""

import fnmatch
import hashlib
import random
import re
from collections.abc import Iterator

from benchmarks.suite import Case, Suite
from coder.base.errors import UsageError
from sandbox.result import Value


class Selection(Value):
    """The part of a suite that a run covers."""

    samples: int = 1
    filter: str | None = None
    """A glob that ids must match, such as `HumanEval/1*`."""
    slice: tuple[int | None, int | None] = (None, None)
    """Range of the remaining cases: from, to."""
    shuffle: bool = False
    seed: int = 0
    shard: tuple[int, int] = (1, 1)
    """Number (from 1) and count: each case is in exactly one shard, chosen by its id alone."""

    def within(self, suite: Suite) -> Suite:
        """The suite after filter and slice: the report covers it in any shard. Raises UsageError if empty."""
        if self.filter is None and self.slice == (None, None):
            return suite
        chosen = [
            case for case in suite.cases if self.filter is None or fnmatch.fnmatch(case.id, self.filter)
        ]
        chosen = chosen[slice(*self.slice)]
        if not chosen:
            raise UsageError(f"No case of {suite.name} is left by --filter and --slice.")
        return suite.model_copy(update={"cases": tuple(chosen)})

    def cases(self, suite: Suite) -> list[Case]:
        """The selected cases, in the order of attempts."""
        number, shards = self.shard
        chosen = [
            case for case in self.within(suite).cases if shards == 1 or _hash(case.id) % shards == number - 1
        ]
        if self.shuffle:
            random.Random(self.seed).shuffle(chosen)
        return chosen

    def attempts(self, suite: Suite) -> Iterator[tuple[Case, int]]:
        """Case and number of each sample; every case comes once before any repeats."""
        cases = self.cases(suite)
        for sample in range(self.samples):
            for case in cases:
                yield case, sample

    def seed_of(self, case: str, sample: int) -> int:
        """Seed of the model for one sample, from the run's seed, case and number."""
        return _hash(f"{self.seed}\0{case}\0{sample}") % (1 << 31)


def parse_shard(text: str) -> tuple[int, int]:
    """`2/5` as (2, 5). Raises UsageError."""
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"--shard: a shard is written NUMBER/SHARDS, such as 1/4, not {text!r}.")
    return int(found[1]), int(found[2])


def parse_slice(text: str | None) -> tuple[int | None, int | None]:
    """`10:20`, `:20` or `10:` as (from, to). Raises UsageError."""
    found = re.fullmatch(r"([0-9]*):([0-9]*)", ":" if text is None else text)
    if not found:
        raise UsageError(f"--slice: a slice is written FROM:TO, such as 0:20, not {text!r}.")
    return (int(found[1]) if found[1] else None, int(found[2]) if found[2] else None)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
