"""Run passing tests on recorded answers of which one request's is another: changed, cut short, or another's.

Each request is counted by itself, as changes of harmless answers would hide those that no test looks at.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from sandbox.inner.bridge.codec import CodecError
from sandbox.inner.checker.exchanges import Exchanged, Frames, Part, change_answer, parts_in, shorten_answer
from sandbox.inner.checker.other_values import Unchangeable

Changes = Mapping[int, bytes]
"""Frames that replace recorded ones, by index."""
Fails = Callable[[Changes], "bool | None"]
"""Runs the tests with frames replaced; None if that shows nothing."""
_MOST_REQUESTS, _MOST_RUNS, _MOST_OF_TEXT, _ENOUGH = 64, 300, 500, 8
"""Requests whose answers are changed; runs for each, for texts; failures after which no more are made."""
_MOST_SWAPPED, _MOST_TAKING = 12, 6
"""Requests whose answers are given to others, and requests that get each of these."""


@dataclass
class _Group:
    """Answers to one request, of which one part is changed."""

    part: Part
    chance: Random
    most: int
    places: list[int] = field(default_factory=list)
    tried: int = 0
    failed: int = 0
    runs: int = 0

    @property
    def is_decided(self) -> bool:
        return self.failed == _ENOUGH or self.runs == self.most


def parts_by_request(frames: Frames, exchanges: Sequence[Exchanged]) -> set[str]:
    """Return what answers consist of: PART REQUEST for each. Raises CodecError."""
    return {
        f"{part} {one.request}"
        for one in exchanges
        if not one.is_error
        for part in parts_in(frames[one.at][1])
    }


class RequestTrials:
    """The trials of each request that the case's own answer answers otherwise."""

    def __init__(
        self,
        frames: Frames,
        exchanges: Sequence[Exchanged],
        targets: Collection[Exchanged],
        own: Mapping[str, int],
        *,
        parts: Collection[str] | None,
        seed: int,
        fails: Fails,
        ends: float,
    ) -> None:
        """Take the exchanges of a passing trial, and those of them to be changed.

        Args:
            own: how often each exchange took place with the case's own answer.
            parts: what its answers consist of, as `parts_by_request`; others aren't changed. None: anything.
            ends: time of this process after which no more runs are made.
        """
        self._frames, self._exchanges, self._seed = frames, exchanges, seed
        self._parts, self._fails, self._ends = parts, fails, ends
        chosen = sorted({one.request for one in targets if not one.is_error})
        if len(chosen) > _MOST_REQUESTS:
            chosen = Random(seed).sample(chosen, _MOST_REQUESTS)
        self._targets = [one for one in targets if one.request in chosen and not one.is_error]
        self._own: dict[str, set[str]] = {}
        for key in own:
            request, _, answer = key.partition(":")
            self._own.setdefault(request, set()).add(answer)

    def run(self) -> Iterator[tuple[str, int, int]]:
        """Yield, for each kind of change and request, how many runs showed something, and how many failed."""
        yield from self._swapped()
        yield from self._cut()
        yield from self._changed()  # last, as these are as many as the time allows

    def _changed(self) -> Iterator[tuple[str, int, int]]:
        groups: dict[str, _Group] = {}
        for one in self._targets:
            if one.asks:  # what it asked for shows more than its value
                continue
            for part in parts_in(self._frames[one.at][1]):
                name = f"{part} {one.request}"
                if self._parts is None or name in self._parts:
                    most = _MOST_OF_TEXT if part == "printed" or "T" in one.letters else _MOST_RUNS
                    group = groups.setdefault(name, _Group(part, Random(f"{self._seed} {name}"), most))
                    group.places.append(one.at)
        value_places = {one.at: one.place for one in self._targets}
        while (pending := [one for one in groups.values() if not one.is_decided]) and not self._is_over():
            for group in pending:
                group.runs += 1
                at = group.chance.choice(group.places)
                with suppress(Unchangeable, CodecError, RecursionError):
                    frame = self._frames[at][1]
                    changed = change_answer(frame, group.chance, value_places[at], group.part)
                    failed = self._fails({at: changed})
                    group.tried += failed is not None
                    group.failed += bool(failed)
        yield from ((name, one.tried, one.failed) for name, one in groups.items())

    def _cut(self) -> Iterator[tuple[str, int, int]]:
        """Try answers without their last items or lines: one fails if either of two shorter ones does."""
        same: dict[tuple[str, bytes], list[Exchanged]] = {}
        for one in self._targets:
            same.setdefault((one.request, self._frames[one.at][1]), []).append(one)
        for (_, frame), (one, *_) in same.items():
            tried = failed = 0
            places = [other.at for other in same[one.request, frame]]
            with suppress(Unchangeable, CodecError, RecursionError):
                for others in shorten_answer(frame, one.place):
                    outcomes = [
                        self._fails(dict.fromkeys(places, other)) for other in others if not self._is_over()
                    ]
                    tried += None not in outcomes and bool(outcomes)
                    failed += True in outcomes
            if tried:
                yield f"{'end' if 'T' in one.letters else 'cut'} {one.request}", tried, failed

    def _swapped(self) -> Iterator[tuple[str, int, int]]:
        """Try each answer in place of those that the case's own answer gives to other requests.

        One of a call's own arguments would be another value there.
        """
        calls: dict[str, list[int]] = {}
        for one in self._exchanges:
            if one.is_call and not one.is_error and one.request in self._own:
                calls.setdefault(one.request, []).append(one.at)
        given = {
            one.request: one.at for one in self._targets if one.request in calls and "l" not in one.letters
        }
        for request in sorted(given)[:_MOST_SWAPPED]:
            by_answer = {
                min(self._own[other]): other
                for other in sorted(calls, reverse=True)
                if not self._own[other] & self._own[request]
            }
            frame, outcomes = self._frames[given[request]][1], list[bool | None]()
            for _, other in sorted(by_answer.items())[:_MOST_TAKING]:
                if not self._is_over():
                    outcomes.append(self._fails(dict.fromkeys(calls[other], frame)))
            yield f"swap {request}", len(outcomes) - outcomes.count(None), outcomes.count(True)

    def _is_over(self) -> bool:
        return time.process_time() > self._ends
