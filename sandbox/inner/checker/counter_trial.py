"""Run passing tests once more on the recorded answers, with one of these or a constant of the test changed.

A test that tells right from wrong fails then. The candidate isn't called: what it would do doesn't matter.
"""

from __future__ import annotations

import ast
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import CodeType
from typing import Any, Literal

from sandbox.inner.bridge.codec import CodecError
from sandbox.inner.checker.exchanges import (
    Exchanged,
    Frames,
    RecordedLine,
    change_answer,
    empty_answer,
    read_exchanges,
)
from sandbox.inner.checker.other_values import Unchangeable, change, constants_in

Changed = Literal["values", "errors", "constants", "nothing"]
"""What was changed: a value that was returned, the text of an error, a constant of the test; all values at
once, to empty ones of their kinds."""
Run = Callable[[RecordedLine, Sequence[CodeType]], bool]
"""Runs the compiled tests on a line; returns whether they pass. Raises Unusable if that can't be said."""
_ASKED_SHARE = 0.5
"""Share of changes of a call's answer that change what the candidate asked for it of the test's objects."""
MOST_RUNS = 200
"""Runs for each of the things that are changed."""
_FACTOR, _EXTRA_S = 12.0, 0.05
"""CPU seconds of one run: a multiple of the unchanged one's, and some more."""
_ALL_FACTOR, _ALL_EXTRA_S = 6.0, 6.0
"""So, of all runs; each kind of change takes half of what is left."""
_MOST_CHARACTERS = 1 << 16
"""Characters of a test's source whose constants are changed."""
_MOST_EXCHANGES = 50_000


class Unusable(Exception):
    """A run that shows nothing: the test asked for what wasn't recorded."""


class _TooLong(BaseException):
    """A run took far longer than the unchanged one."""


class CounterTrial:
    """The exchanges of a passing trial, and what the tests say to other ones."""

    def __init__(self, frames: Frames, entry: int | None, run: Run, *, seed: int, enough: int) -> None:
        """Take the recorded frames and the number of the function under test.

        `enough`: failures by changes of one kind after which no more are tried. Raises CodecError or
        RecursionError if the frames can't be read.
        """
        self.exchanges = list(read_exchanges(frames, entry))
        self._frames, self._run, self._seed, self._enough = frames, run, seed, enough
        if len(self.exchanges) > _MOST_EXCHANGES:
            raise CodecError(f"more than {_MOST_EXCHANGES:,} exchanges")

    def counts(self) -> dict[str, int]:
        """Return how often each exchange took place."""
        return dict(Counter(one.key for one in self.exchanges))

    def differing(self, own: Mapping[str, int]) -> list[Exchanged]:
        """Return the exchanges that another trial didn't have, or less often."""
        left, found = Counter(own), []
        for one in self.exchanges:
            left[one.key] -= 1
            if left[one.key] < 0:
                found.append(one)
        return found

    def try_others(
        self, sources: Sequence[str], called: str, targets: Collection[Exchanged]
    ) -> Iterator[tuple[Changed, int, int]]:
        """Yield, for each kind of change, how many runs could be made, and how many of them failed.

        Args:
            sources: the tests.
            called: name of the function under test in them.
            targets: exchanges whose answers are changed.
        """
        codes = [compile(source, "<test>", "exec", dont_inherit=True) for source in sources]
        started = time.process_time()
        with suppress(Unusable):
            if not self._passes(self._frames, codes, limit_s=0.0):
                return
            usual_s = time.process_time() - started
            ends = time.process_time() + _ALL_FACTOR * usual_s + _ALL_EXTRA_S
            values, errors = (
                [one.places for one in targets if one.is_error == is_error] for is_error in (False, True)
            )
            kinds: dict[Changed, Iterator[tuple[Frames, Sequence[CodeType]]]] = {
                "values": self._changed_frames(values, codes),
                "errors": self._changed_frames(errors, codes),
                "constants": self._changed_codes(sources, called, codes),
                "nothing": self._emptied_frames(targets, codes),
            }
            for kind, runs in kinds.items():
                now = time.process_time()
                if kind != "errors" or errors:
                    yield (kind, *self._count(runs, usual_s, now + (ends - now) / 2))

    def _count(
        self, runs: Iterator[tuple[Frames, Sequence[CodeType]]], usual_s: float, ends: float
    ) -> tuple[int, int]:
        tried = failed = 0
        for frames, codes in runs:
            if failed == self._enough or time.process_time() > ends:
                break
            with suppress(Unusable):
                failed += not self._passes(frames, codes, limit_s=_FACTOR * usual_s + _EXTRA_S)
                tried += 1
        return tried, failed

    def _changed_frames(
        self, places: Sequence[tuple[Sequence[int], Sequence[int]]], codes: Sequence[CodeType]
    ) -> Iterator[tuple[Frames, Sequence[CodeType]]]:
        chance = random.Random(self._seed)
        for _ in range(MOST_RUNS if places else 0):
            answers, asks = chance.choice(places)
            at = chance.choice(asks if asks and (not answers or chance.random() < _ASKED_SHARE) else answers)
            sent, received = self._frames[at]
            with suppress(Unchangeable, CodecError, RecursionError):
                other = change_answer(received, chance)
                yield [*self._frames[:at], (sent, other), *self._frames[at + 1 :]], codes

    def _emptied_frames(
        self, targets: Collection[Exchanged], codes: Sequence[CodeType]
    ) -> Iterator[tuple[Frames, Sequence[CodeType]]]:
        frames = list(self._frames)
        for one in targets:
            sent, received = frames[one.at]
            with suppress(Unchangeable, CodecError, RecursionError):
                frames[one.at] = sent, empty_answer(received)
        if frames != list(self._frames):
            yield frames, codes

    def _changed_codes(
        self, sources: Sequence[str], called: str, codes: Sequence[CodeType]
    ) -> Iterator[tuple[Frames, Sequence[CodeType]]]:
        chance = random.Random(self._seed)
        with suppress(SyntaxError, RecursionError):
            trees = [
                ast.parse(source, "<test>") if len(source) <= _MOST_CHARACTERS else None for source in sources
            ]
            places = [
                (number, constant)
                for number, tree in enumerate(trees)
                if tree is not None
                for constant in constants_in(tree, called)
            ]
            for _ in range(MOST_RUNS if places else 0):
                number, constant = chance.choice(places)
                tree, right = trees[number], constant.value
                assert tree is not None
                try:
                    constant.value = change(right, chance)
                    other = compile(tree, "<test>", "exec", dont_inherit=True)
                except (SyntaxError, ValueError, Unchangeable):
                    continue
                finally:
                    constant.value = right
                yield self._frames, [*codes[:number], other, *codes[number + 1 :]]

    def _passes(self, frames: Frames, codes: Sequence[CodeType], *, limit_s: float) -> bool:
        """Run the tests on recorded frames. Raises Unusable."""
        line, passes = RecordedLine(frames), False
        with _limited(limit_s) as ended:
            passes = self._run(line, codes)
        if line.has_diverged:
            raise Unusable
        return passes and not ended


@contextmanager
def _limited(seconds: float) -> Iterator[list[bool]]:
    """Raise `_TooLong` in the block after these seconds of CPU, again if the test catches it; 0: never."""
    ended: list[bool] = []

    is_over = False

    def end(*_: Any) -> None:
        if not is_over:
            ended.append(True)
            raise _TooLong

    try:
        before = signal.signal(signal.SIGVTALRM, end)
    except ValueError:  # not the main thread
        yield ended
        return
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds, seconds)
    try:
        yield ended
    except _TooLong:
        pass
    finally:
        is_over = True
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
