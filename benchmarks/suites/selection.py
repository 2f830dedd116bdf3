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
    """Part of a suite that a run covers."""

    samples: int = 1
    filter: str | None = None
    """Globs, separated by `|`, of which the id of a case must match one, such as `HumanEval/1*`."""
    slice: tuple[int | None, int | None] = (None, None)
    """Range of the cases that match: from, to."""
    shuffle: bool = False
    seed: int = 0
    shard: tuple[int, int] = (1, 1)
    """Number (from 1) and count of shards: the id of a case determines its shard."""

    def within(self, suite: Suite) -> Suite:
        """Return the suite after filter and slice, as in reports of shards. Raises UsageError if empty."""
        if self.filter is None and self.slice == (None, None):
            return suite
        globs = ["*"] if self.filter is None else self.filter.split("|")
        cases = [case for case in suite.cases if any(fnmatch.fnmatch(case.id, glob) for glob in globs)]
        cases = cases[slice(*self.slice)]
        if not cases:
            raise UsageError(f"No case of {suite.name} is left by --filter and --slice.")
        return suite.model_copy(update={"cases": tuple(cases)})

    def cases(self, suite: Suite) -> list[Case]:
        """Return the selected cases, in the order of attempts."""
        number, shards = self.shard
        selected_cases = [
            case for case in self.within(suite).cases if shards == 1 or _hash(case.id) % shards == number - 1
        ]
        if self.shuffle:
            random.Random(self.seed).shuffle(selected_cases)
        return selected_cases

    def attempts(self, suite: Suite) -> Iterator[tuple[Case, int]]:
        """Yield case and number of each sample; each case comes once before any case is repeated."""
        cases = self.cases(suite)
        for sample in range(self.samples):
            for case in cases:
                yield case, sample

    def seed_of(self, case: str, sample: int) -> int:
        """Return the model's seed for one sample, derived from the run's seed, case and sample number."""
        return _hash(f"{self.seed}\0{case}\0{sample}") % (1 << 31)


def parse_shard(text: str) -> tuple[int, int]:
    """Parse `2/5` as (2, 5). Raises UsageError."""
    match = re.fullmatch(r"([0-9]+)/([0-9]+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise UsageError(f"--shard: a shard is written NUMBER/SHARDS, such as 1/4, not {text!r}.")
    return int(match[1]), int(match[2])


def parse_slice(text: str | None) -> tuple[int | None, int | None]:
    """Parse `10:20`, `:20` or `10:` as (from, to). Raises UsageError."""
    match = re.fullmatch(r"([0-9]*):([0-9]*)", ":" if text is None else text)
    if not match:
        raise UsageError(f"--slice: a slice is written FROM:TO, such as 0:20, not {text!r}.")
    return (int(match[1]) if match[1] else None, int(match[2]) if match[2] else None)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
