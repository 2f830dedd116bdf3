"""Run passing tests once more on the recorded answers, with one of these or a constant of the test changed.

A test that tells right from wrong fails then. The candidate isn't called: what it would do doesn't matter.
"""

from __future__ import annotations

import ast
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from types import CodeType
from typing import Any, Generic, Literal, TypeVar

from sandbox.inner.bridge.codec import CodecError, encode
from sandbox.inner.checker.exchanges import (
    Exchanged,
    Frames,
    RecordedLine,
    Recording,
    change_answer,
    empty_answer,
    other_error,
)
from sandbox.inner.checker.other_values import Unchangeable, change, constants_in
from sandbox.inner.checker.request_trials import RequestTrials

Changed = Literal["values", "errors", "kinds", "constants", "nothing"]
"""What was changed: a value that was returned, the text of an error, the class of one that no statement
raised, a constant of the test; all values at once, to empty ones of their kinds."""
Test = TypeVar("Test")
"""A test as it can be run, with one of its constants changed or not."""
_ASKED_SHARE = 0.5
"""Share of changes of a call's answer that change what the candidate asked for it of the test's objects."""
MOST_RUNS = 200
"""Runs for each of the things that are changed."""
_MOST_ERRORS = 8
"""Errors whose class is changed."""
_FACTOR, _EXTRA_S = 12.0, 0.05
"""CPU seconds of one run: a multiple of the unchanged one's, and some more."""
_ALL_FACTOR, _ALL_EXTRA_S = 6.0, 4.0
"""So, of all runs; each kind of change takes half of what is left."""
_LEAST_RUNS, _LONGER_S = 20, 6.0
"""Runs of each kind of change that are made even when its time is over; CPU seconds that they may take."""
_REQUESTS_FACTOR, _REQUESTS_EXTRA_S = 3.0, 4.0
"""So, of all runs about single requests."""
_MOST_CHARACTERS = 1 << 16
"""Characters of a test's source whose constants are changed."""
_MOST_EXCHANGES = 50_000
_MOST_DRAWN = 1_000
"""Constants that are drawn, as some have no other value."""


class Unusable(Exception):
    """A run that shows nothing: the test asked for what wasn't recorded."""


class _TooLong(BaseException):
    """A run took far longer than the unchanged one."""


class CounterTrial(Generic[Test]):
    """The exchanges of a passing trial, and what the tests say to other ones."""

    def __init__(
        self,
        frames: Frames,
        exchanges: Iterable[Exchanged],
        run: Callable[[RecordedLine, Test], bool],
        *,
        seed: int,
        enough: int,
        most: int = MOST_RUNS,
    ) -> None:
        """Take the recorded frames and the exchanges in them.

        Args:
            run: runs the tests on a line; returns whether they pass. Raises Unusable if that can't be said.
            enough: failures by changes of one kind after which no more are tried; 1: nor of the others.
            most: runs for each of the things that are changed.

        Raises CodecError or RecursionError if the exchanges can't be read.
        """
        self.exchanges = list(islice(exchanges, _MOST_EXCHANGES + 1))
        self._most = most
        self._recording, self._run, self._seed, self._enough = Recording(frames), run, seed, enough
        self._value_places: dict[int, int | None] = {}
        self._usual_s = 0.0
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

    def try_requests(
        self,
        test: Test,
        targets: Collection[Exchanged],
        own: Mapping[str, int],
        *,
        parts: Collection[str] | None = None,
    ) -> Iterator[tuple[str, int, int]]:
        """Yield the same for each request of `targets`, as `RequestTrials.run`, with its arguments."""
        limit_s = _FACTOR * self._usual_s + _EXTRA_S

        def fails(changed: Mapping[int, bytes]) -> bool | None:
            try:
                return not self._passes(changed, test, limit_s=limit_s)
            except Unusable:
                return None

        frames, ends = self._recording.frames, _REQUESTS_FACTOR * self._usual_s + _REQUESTS_EXTRA_S
        yield from RequestTrials(
            frames,
            self.exchanges,
            targets,
            own,
            parts=parts,
            seed=self._seed,
            fails=fails,
            ends=time.process_time() + ends,
        ).run()

    def try_others(
        self,
        test: Test,
        changed_tests: Callable[[random.Random], Iterator[Test]],
        targets: Collection[Exchanged],
    ) -> Iterator[tuple[Changed, int, int]]:
        """Yield, for each kind of change, how many runs could be made, and how many of them failed.

        Args:
            changed_tests: yields the test with one constant changed, drawn by chance, any number of times.
            targets: exchanges whose answers are changed.
        """
        started = time.process_time()
        with suppress(Unusable):
            if not self._passes({}, test, limit_s=0.0):
                return
            usual_s = self._usual_s = time.process_time() - started
            ends = time.process_time() + _ALL_FACTOR * usual_s + _ALL_EXTRA_S
            self._value_places = {one.at: one.place for one in targets}
            values, errors = (
                [one.places for one in targets if one.is_error == is_error] for is_error in (False, True)
            )
            others = changed_tests(random.Random(self._seed))
            kinds: dict[Changed, Iterator[tuple[Mapping[int, bytes], Test]]] = {
                "values": self._changed_frames(values, test),
                "errors": self._changed_frames(errors, test),
                "kinds": self._other_errors(targets, test),
                "constants": (({}, other) for other in islice(others, self._most)),
                "nothing": self._emptied_frames(targets, test),
            }
            for kind, runs in kinds.items():
                now = time.process_time()
                if kind not in ("errors", "kinds") or errors:
                    tried, failed = self._count(runs, usual_s, now + (ends - now) / 2, ends + _LONGER_S)
                    yield kind, tried, failed
                    if failed == self._enough == 1:
                        return

    def fails_idle(self, test: Test) -> bool | None:
        """Whether the tests fail if calls only return None; None if that can't be said from recorded ones."""
        idle = encode(("value", None, (), ""))
        changed = {one.asked_at: self._recording.frames[one.asked_at][1][:1] + idle for one in self.exchanges}
        with suppress(Unusable):
            return not self._passes(changed, test, limit_s=_FACTOR * self._usual_s + _EXTRA_S)
        return None

    def _count(
        self, runs: Iterator[tuple[Mapping[int, bytes], Test]], usual_s: float, ends: float, last: float
    ) -> tuple[int, int]:
        """Count the runs that show something, and those that fail.

        Args:
            ends: time of this process after which no more are made, if there were enough.
            last: time after which no more are made.
        """
        tried = failed = 0
        for changed, test in runs:
            if failed == self._enough or time.process_time() > (ends if tried >= _LEAST_RUNS else last):
                break
            with suppress(Unusable):
                failed += not self._passes(changed, test, limit_s=_FACTOR * usual_s + _EXTRA_S)
                tried += 1
        return tried, failed

    def _changed_frames(
        self, places: Sequence[tuple[Sequence[int], Sequence[int]]], test: Test
    ) -> Iterator[tuple[Mapping[int, bytes], Test]]:
        chance = random.Random(self._seed)
        for _ in range(self._most if places else 0):
            answers, asks = chance.choice(places)
            at = chance.choice(asks if asks and (not answers or chance.random() < _ASKED_SHARE) else answers)
            with suppress(Unchangeable, CodecError, RecursionError):
                place = self._value_places.get(at)
                yield {at: change_answer(self._recording.frames[at][1], chance, place)}, test

    def _other_errors(
        self, targets: Collection[Exchanged], test: Test
    ) -> Iterator[tuple[Mapping[int, bytes], Test]]:
        unmeant = [one.at for one in targets if one.error and not one.error.startswith("raise ")]
        for at in unmeant[:_MOST_ERRORS]:
            with suppress(Unchangeable, CodecError, RecursionError):
                yield {at: other_error(self._recording.frames[at][1])}, test

    def _emptied_frames(
        self, targets: Collection[Exchanged], test: Test
    ) -> Iterator[tuple[Mapping[int, bytes], Test]]:
        changed, frames = {}, self._recording.frames
        for one in targets:
            with suppress(Unchangeable, CodecError, RecursionError):
                changed[one.at] = empty_answer(frames[one.at][1], one.place)
        if any(frame != frames[at][1] for at, frame in changed.items()):
            yield changed, test

    def _passes(self, changed: Mapping[int, bytes], test: Test, *, limit_s: float) -> bool:
        """Run the tests on recorded frames, with some changed. Raises Unusable."""
        line, passes = RecordedLine(self._recording, changed), False
        with _limited(limit_s) as ended:
            passes = self._run(line, test)
        if line.has_diverged:
            raise Unusable
        return passes and not ended


def changed_sources(
    sources: Sequence[str], called: str, codes: Sequence[CodeType], chance: random.Random
) -> Iterator[Sequence[CodeType]]:
    """Yield compiled tests, in one of which a constant is another.

    Args:
        called: name of the function under test in them.
        codes: the tests as they are.
    """
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
        for _ in range(_MOST_DRAWN if places else 0):
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
            yield [*codes[:number], other, *codes[number + 1 :]]


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
