"""Which cases, how often, in which order: the samples of a run, the same ones however often it is asked."""

import fnmatch
import hashlib
import random
import re
from collections.abc import Iterator

from benchmarks.suite import Case, Suite
from benchmarks.verdict import Value
from coder.errors import UsageError


class Selection(Value):
    """What of a suite a run is about."""

    samples: int = 1
    """Of each case."""
    filter: str | None = None
    """A glob that ids must match, such as `HumanEval/1*`."""
    slice: tuple[int | None, int | None] = (None, None)
    """Of the cases that are left: from, to."""
    shuffle: bool = False
    seed: int = 0
    shard: tuple[int, int] = (1, 1)
    """Number (from 1) and how many: each case is in exactly one, told by its id alone."""

    def within(self, suite: Suite) -> Suite:
        """The suite of the cases that filter and slice leave: a report is about these, whatever the shard."""
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
        """The chosen cases, in the order in which they are tried."""
        number, shards = self.shard
        chosen = [
            case for case in self.within(suite).cases if shards == 1 or _hash(case.id) % shards == number - 1
        ]
        if self.shuffle:
            random.Random(self.seed).shuffle(chosen)
        return chosen

    def attempts(self, suite: Suite) -> Iterator[tuple[Case, int]]:
        """Case and number of each sample. All cases come once before any comes again."""
        cases = self.cases(suite)
        for sample in range(self.samples):
            for case in cases:
                yield case, sample

    def seed_of(self, case: str, sample: int) -> int:
        """Of the model's randomness for one sample: from this run's seed, the case and the number."""
        return _hash(f"{self.seed}\0{case}\0{sample}") % (1 << 31)


def parse_shard(text: str) -> tuple[int, int]:
    """`2/5` as (2, 5)."""
    found = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise UsageError(f"--shard: a shard is written NUMBER/SHARDS, such as 1/4, not {text!r}.")
    return int(found[1]), int(found[2])


def parse_slice(text: str | None) -> tuple[int | None, int | None]:
    """`10:20`, `:20` or `10:` as (from, to)."""
    found = re.fullmatch(r"([0-9]*):([0-9]*)", ":" if text is None else text)
    if not found:
        raise UsageError(f"--slice: a slice is written FROM:TO, such as 0:20, not {text!r}.")
    return (int(found[1]) if found[1] else None, int(found[2]) if found[2] else None)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
