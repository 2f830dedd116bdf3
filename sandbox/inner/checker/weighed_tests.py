"""Weigh tests as they pass: record what they exchanged, and run them again on other answers.

A copy of the process from the beginning of the test makes these runs, so that the test has its fixtures and
modules, and whatever it leaves behind is gone.
"""

from __future__ import annotations

import ast
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from sandbox.inner.bridge.codec import CodecError
from sandbox.inner.bridge.link import CandidateLink
from sandbox.inner.checker.constants_of_tests import Alter, ConstantsOfStatement, ConstantsOfTest
from sandbox.inner.checker.copies import Began, Copy, CopyRuns, make_copy
from sandbox.inner.checker.counter_trial import CounterTrial
from sandbox.inner.checker.evaluated import Evaluated
from sandbox.inner.checker.exchanges import Exchanged, Frames, RecordedLine
from sandbox.inner.checker.identities import names_in
from sandbox.inner.checker.line_trace import LineTrace, find_deciding_lines
from sandbox.inner.checker.named_exchanges import NamedExchanges

_MOST_RUNS = 30
"""Runs of one test for each of the things that are changed."""
_LEAST_S = 0.5
"""Seconds that each test gets for its runs, while there are some left."""


@dataclass
class _Shown:
    """What the tests of one function showed; those with parameters are one."""

    given: Counter[str] = field(default_factory=Counter)
    others: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    changed: dict[str, tuple[int, int]] = field(default_factory=dict)
    number: int = 0
    lines: Counter[int] = field(default_factory=Counter)
    items: Counter[int] = field(default_factory=Counter)
    evaluated: set[str] = field(default_factory=set)


class Weighing:
    """The weighing of one job's tests."""

    def __init__(self, job: Mapping[str, Any], link: CandidateLink) -> None:
        """Take the fields of `sandbox.verdicts.check.WeighedTests`."""
        self._job, self._link = job, link
        self._names = NamedExchanges(by_attribute=not job["lines"])
        self._shown = dict[str, _Shown]()
        self._evaluated = Evaluated()
        self._lines: LineTrace | None = None
        self._seconds, self._waiting = float(job["seconds"]), len(job["tests"] or ())
        self._is_lost, self._read = False, 0
        self._path = self._name = ""
        self._tree = ast.Module([], [])
        self._number = 0
        self._before: tuple[dict[int, int], Counter[int]] = ({}, Counter())
        self._copy: Copy | None = None
        self._parameters: dict[str, Any] | None = None
        self._statement = ""
        self.replaced = ""
        """What is compiled in place of the statements of the test; "": these."""
        self._undo: Callable[[], object] = _as_it_is
        self._runs: CopyRuns | None = None
        self._line: RecordedLine | None = None

    @property
    def counts_lines(self) -> bool:
        """Whether the lines that run are counted."""
        return bool(self._job["lines"])

    @property
    def is_copy(self) -> bool:
        """Whether this process only runs a test again."""
        return self._runs is not None

    @contextmanager
    def reading(self, tree: ast.Module, number: int, *paths: str) -> Iterator[None]:
        """Weigh the tests of a file in the block; `paths`: the names under which it may be compiled."""
        self._number, self._tree, self._path = number, tree, paths[0]
        self._names.identities.asked = names_in(tree)
        self._lines = LineTrace(paths, find_deciding_lines(tree)) if self._job["lines"] else None
        with self._lines or nullcontext():
            yield
        self._lines = None

    def begin(self, name: str, parameters: dict[str, Any] | None = None, statement: str = "") -> None:
        """Note the start of a test. It returns again in each copy that runs the test on other answers.

        Args:
            statement: the test, if it is compiled after this.
        """
        if self.is_copy:
            return
        self._forget()
        if exchanges := self._take():
            self._count("", *exchanges)
        if self._is_lost or (self._job["tests"] is not None and name not in self._job["tests"]):
            return
        self._name, self._parameters, self._statement = name, parameters, statement
        if self._job["change"] is not None:
            self._undo = self._alter(self._job["change"])
            return
        if self._lines is not None:
            self._before = self._lines.counts.copy(), self._lines.items.copy()
        if self._job["enough"] and self._seconds > 0:
            try:
                self._copy = make_copy(self._serve)
            except Began:
                return
        self._evaluated.digests.clear()
        self._evaluated.__enter__()

    def end(self, name: str, *, passed: bool) -> None:
        """Weigh a test that has ended."""
        if self._runs is not None:
            usable = self._line is not None and not self._line.has_diverged and self._link.gone is None
            self._runs.end(passed=passed, usable=usable)
        self._evaluated.__exit__()
        taken = self._take()
        if name == self._name and taken is not None:
            if self._job["change"] is not None:
                self._count(_function(name), *taken)
            elif passed:
                self._weigh(_function(name), *taken)
        self._forget()

    def skip(self) -> None:
        """Note that the test is left out."""
        if self._runs is not None:
            self._runs.end(passed=False, usable=False)
        self._evaluated.__exit__()
        self._take()
        self._forget()

    def reports(self) -> Iterator[tuple[object, ...]]:
        """Yield reports on each function, each with its name first; nothing if not all could be weighed."""
        for name, shown in () if self._is_lost else self._shown.items():
            own = self._own(name)
            yield name, "given", dict(shown.given) if own is None else {}, shown.sizes, []
            if own is not None:
                varying = self._job["varying"].get(name, ())
                fewer = {
                    key: count
                    for key, count in own.items()
                    if shown.given[key] < count and key.partition(":")[0] not in varying
                }
                yield name, "differing", shown.others, fewer
            for kind, (tried, failed) in shown.changed.items():
                yield name, "changed", kind, tried, failed
            yield name, "lines", shown.number, dict(shown.lines), dict(shown.items)
            yield name, "weighed", sorted(shown.evaluated)

    def _own(self, name: str) -> Mapping[str, int] | None:
        return None if self._job["own"] is None else self._job["own"].get(name, {})

    def _alter(self, number: int) -> Callable[[], object]:
        """Make a change of one of the test's constants; return what takes it back."""
        changes = self._constants(deepcopy(self._tree)).changed(random.Random(self._job["seed"]))
        alter = next(islice(changes, number, None), None)
        if alter is None:
            return _as_it_is
        shown = self._shown.setdefault(_function(self._name), _Shown())
        shown.changed["constants"] = 1, 0
        undo: Callable[[], object] = alter()
        return undo

    def _constants(self, tree: ast.Module) -> ConstantsOfTest | ConstantsOfStatement:
        if self._statement:
            return ConstantsOfStatement(self._statement, self._replace)
        name = _function(self._name).partition("::")[2]
        return ConstantsOfTest(tree, self._path, name, self._parameters)

    def _replace(self, source: str) -> None:
        self.replaced = source

    def _forget(self) -> None:
        self._name = ""
        self._undo()
        self._undo = _as_it_is
        if self._copy is not None:
            self._copy.end()
            self._copy = None

    def _take(self) -> tuple[list[Exchanged], Frames] | None:
        """Read the frames since the last time; None if that can't be done."""
        log = self._link.frame_log
        frames = log.frames[self._read :]
        self._read += len(frames)
        try:
            exchanges = self._names.read(frames)
        except (CodecError, RecursionError, TypeError, ValueError, LookupError, AttributeError):
            self._is_lost = True  # frames of an odd candidate
        self._is_lost = self._is_lost or not log.is_whole or self._link.gone is not None
        return None if self._is_lost else (exchanges, frames)

    def _weigh(self, name: str, exchanges: list[Exchanged], frames: Frames) -> None:
        shown = self._shown.setdefault(name, _Shown())
        shown.number = self._number
        self._trace(shown)
        shown.evaluated |= self._evaluated.digests
        chosen = self._count(name, exchanges, frames)
        if self._job["targets"] is not None:
            targets = self._job["targets"].get(name, ())
            chosen = [one for one in exchanges if one.request in targets]
        elif self._job["own"] is None:
            chosen = exchanges
        is_about_constants = self._job["targets"] is not None
        if self._copy is None or not (chosen or is_about_constants):
            return
        left, self._waiting = max(self._waiting, 1), self._waiting - 1
        seconds = min(self._seconds, max(_LEAST_S, self._seconds / left))
        started = time.monotonic()
        places = [
            (
                one.request,
                one.answer,
                one.letters,
                one.at,
                one.asks,
                one.asked_at,
                one.place,
                one.size,
                one.error,
            )
            for one in exchanges
        ]
        numbers = {id(one): number for number, one in enumerate(exchanges)}
        job = (list(frames), places, [numbers[id(one)] for one in chosen], self._own(name), seconds)
        for kind, tried, failed in self._copy.ask(job) or ():
            before = shown.changed.get(kind, (0, 0))
            shown.changed[kind] = before[0] + tried, before[1] + failed
        self._seconds -= time.monotonic() - started

    def _count(self, name: str, exchanges: list[Exchanged], frames: Frames) -> list[Exchanged]:
        """Count exchanges; return those that the right answer doesn't have, or less often."""
        own, shown, found = self._own(name), self._shown.setdefault(name, _Shown()), list[Exchanged]()
        kinds = {_letters(key) for key, text in shown.others.items() if text}
        for one in exchanges:
            shown.given[one.key] += 1
            shown.sizes[one.request] = min(one.size, shown.sizes.get(one.request, one.size))
            if own is None or shown.given[one.key] <= own.get(one.key, 0) or self._varies(name, own, one):
                continue
            found.append(one)
            kind = one.letters
            shown.others.setdefault(one.key, "" if kind in kinds else self._names.show(frames, one))
            kinds.add(kind)
        return found

    def _varies(self, name: str, own: Mapping[str, int], one: Exchanged) -> bool:
        """Whether an answer is one of those that vary with the right answer, too."""
        if one.request not in self._job["varying"].get(name, ()):
            return False
        return any(
            key.startswith(f"{one.request}:") and set(one.letters) <= set(_letters(key)) for key in own
        )

    def _trace(self, shown: _Shown) -> None:
        if self._lines is None or not self._lines.is_complete:
            return
        counts, items = self._before
        for line, count in self._lines.counts.items():
            shown.lines[line] += count - counts.get(line, 0)
            shown.items[line] += self._lines.items[line] - items[line]

    def _serve(self, job: tuple[Any, ...]) -> list[tuple[str, int, int]]:
        """In the copy: return how often the test was run on each kind of changes, and failed."""
        frames, places, chosen, own, seconds = job
        runs, chance = CopyRuns(seconds), random.getstate()

        def run(line: RecordedLine, alter: Alter) -> bool:
            return runs.passes(partial(self._begin_again, runs, line, alter, chance))

        exchanges = [Exchanged(*one) for one in places]
        targets = [exchanges[number] for number in chosen]
        trial = CounterTrial(
            frames, exchanges, run, seed=self._job["seed"], enough=self._job["enough"], most=_MOST_RUNS
        )
        changed = self._constants(self._tree).changed
        found: list[tuple[str, int, int]] = [*trial.try_others(_as_it_is, changed, targets)]
        return found if own is None else [*found, *trial.try_requests(_as_it_is, targets, own)]

    def _begin_again(self, runs: CopyRuns, line: RecordedLine, alter: Alter, chance: Any) -> None:
        self._runs, self._line = runs, line
        if self._lines is not None:
            sys.settrace(None)
        random.setstate(chance)
        self._link.replay(line)
        alter()


def _function(name: str) -> str:
    """Return the name of a test without its parameters."""
    return name.partition("[")[0] if "::" in name else name


def _letters(key: str) -> str:
    return key.rpartition(":")[2]


def _as_it_is() -> None:
    """Change nothing."""
