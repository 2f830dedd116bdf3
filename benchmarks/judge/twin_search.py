"""Search for twins that fail with the case's own patch, where the tests still pass."""

import ast
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

from benchmarks.judge.alike import Words, project_words
from benchmarks.judge.bare_tests import with_own_ids
from benchmarks.judge.consistent_twins import PLACES, inputs_of, probe, told
from benchmarks.judge.decoys import (
    OTHERS,
    TWINS,
    Disguised,
    MakeTwins,
    TestNode,
    disguise,
    found_tests,
    twins_of,
    variants_of,
)
from benchmarks.judge.inherited_tests import heirs_of
from benchmarks.judge.mode import RepositoryMode, Twins, name_of
from benchmarks.judge.pytest_report import AROUND_S, TestRun
from benchmarks.judge.pytest_run import Job, run_jobs
from benchmarks.judge.twin_report import failing_twins
from benchmarks.suite import RepositoryCase
from sandbox import Sandbox

_TWIN_RUNS = 32
"""Most attempts to find twins that fail without ending the process."""
_OTHER_PLACES = 2
"""Most places changed in a test that the base passes."""
_OTHERS_SHARE, _OTHERS_MORE_S = 0.5, 0.1
"""Time for twins of tests that the base passes: multiple of the suite's time, and seconds added."""
_LIMIT_FACTOR, _LIMIT_MORE_S = 4.0, 0.5
"""Wall time of a twin, as a multiple of its test's."""
_MORE_FACTOR, _MORE_S = 1.0, 1.5
"""Time for more than one twin per test that must pass, as a multiple of the suite's."""
_PLACE_STEPS = ((0, 1), (1, 6))
"""Places tried at once: each step costs a start of pytest, and most tests need the first place alone."""

Test = tuple[str, str]
"""Path of a file, and the qualified name of a test in it."""
_Variants = list[tuple[Test, int]]
_Found = dict[Test, dict[int, tuple[str, ...]]]
_Value = TypeVar("_Value")


class Search:
    """Search for variants of a case's tests that fail with its own patch, where the tests still pass."""

    def __init__(
        self,
        sandbox: Sandbox,
        case: RepositoryCase,
        gold: Mapping[str, bytes],
        pinned: RepositoryMode,
        seconds: Mapping[str, float],
    ) -> None:
        self._sandbox, self._case, self._gold, self._pinned = sandbox, case, gold, pinned
        self._seconds: dict[str, float] = {}
        for node, took in seconds.items():
            test = node.partition("[")[0]
            self._seconds[test] = max(took, self._seconds.get(test, 0.0))
        self._sources = {path: gold[path].decode("utf-8", "replace") for path in pinned.files}
        self.heirs = {path: heirs_of(ast.parse(text)) for path, text in self._sources.items()}
        """By file: the tests that classes have from others (`inherited_tests.py`)."""
        self._words = project_words(case.files)
        self._left = _TWIN_RUNS

    async def twins(self) -> dict[str, Twins]:
        """Twins by file; all twins of a test change one place, since two reveal what they share.

        Many tests that must pass get few twins each: a cheat has to distinguish all of them.
        """
        places = {(path, name): some for path in self._sources for name, some in self._places(path).items()}
        best: _Found = {}
        for start, end in _PLACE_STEPS:
            lacking = [
                (test, place[0])
                for test, some in places.items()
                if test not in best
                for place in some[start:end]
            ]
            for test, variants in (await self._failing(lacking)).items():
                some = places[test]
                one = max(variants, key=lambda variant: (len(some[variant // OTHERS]), -variant))
                best[test] = {one: variants[one]}
        other = slice(1, OTHERS if self.cost(OTHERS) <= 0 else 2)
        more = [
            ((path, name), variant)
            for (path, name), variants in best.items()
            if name in self._needed(path)
            for one in variants
            for variant in places[path, name][one // OTHERS][other]
        ]
        for test, variants in (await self._failing(more)).items():
            best[test] = dict(sorted({**best[test], **variants}.items()))
        return _by_file(best)

    async def seen(self) -> dict[str, dict[str, dict[int, str]]]:
        """Plain results of the case's own patch for other inputs of the tests that must pass."""
        tests = {
            (path, name): node
            for path, text in self._sources.items()
            for name, node, _ in found_tests(ast.parse(text))
            if name in self._pinned.needed_names(path) and name not in self.heirs[path]
        }
        found: dict[Test, dict[int, str]] = {}
        for place in range(PLACES if self.cost(PLACES * OTHERS) <= 0 else 0):
            asked = [
                (test, variant)
                for test in sorted(tests)
                if test not in found and inputs_of(tests[test]) > place
                for variant in range(place * OTHERS, (place + 1) * OTHERS)
            ]
            if not asked:
                break
            for path, hidden, run in await self._run(self._of_files(asked), _probes):
                for node, text in run.failures.items():
                    name, variant = hidden.variants.get(name_of(node), ("", 0))
                    if (
                        name
                        and node not in run.left
                        and (value := told(text, tests[path, name], variant)) is not None
                    ):
                        found.setdefault((path, name), {})[variant] = value
            found = {test: some for test, some in found.items() if len(some) >= TWINS}
        return _by_file(found)

    def cost(self, twins: int) -> float:
        """Seconds beyond the budget for so many twins of each test that must pass."""
        needed = sum(
            self._seconds.get(test, 0.0) for test in {node.partition("[")[0] for node in self._pinned.needed}
        )
        return needed * twins - _MORE_FACTOR * sum(self._seconds.values()) - _MORE_S

    def _needed(self, path: str) -> set[str]:
        """Tests that must pass, or that another class inherits from them."""
        names = self._pinned.needed_names(path)
        heirs = self.heirs[path]
        return {one for one in {*names, *heirs} if not names.isdisjoint((one, *heirs.get(one, ())))}

    def _places(self, path: str) -> dict[str, list[list[int]]]:
        """Places to change: all in tests that must pass, few in the fast ones among the others."""
        wanted = {name_of(node) for node in self._pinned.nodes_of(path)}
        heirs, needed = self.heirs[path], self._needed(path)
        found = variants_of(self._sources[path])
        places = {name: some for name, some in found.items() if name in needed}
        others = {
            name: self._seconds.get(f"{path}::{name}", 0.0)
            for name in found
            if name not in needed and not wanted.isdisjoint((name, *heirs.get(name, ())))
        }
        budget = _OTHERS_SHARE * sum(self._seconds.values()) + _OTHERS_MORE_S
        for name, took in sorted(others.items(), key=lambda one: one[1]):
            budget -= _OTHER_PLACES * took
            if budget > 0:
                places[name] = found[name][:_OTHER_PLACES]
        return places

    async def _failing(self, variants: _Variants) -> _Found:
        """The variants that fail, without those that end the process; uncollectable files are bisected."""
        waiting, found = self._of_files(variants), _Found()
        while waiting and self._left:
            self._left -= 1
            tried, waiting = waiting, []
            for some, (path, hidden, run) in zip(tried, await self._run(tried), strict=True):
                if run.done and run.passed:
                    for name, valid in failing_twins(
                        run, path, hidden, self.heirs[path], self._pinned
                    ).items():
                        found.setdefault((path, name), {}).update(valid)
                elif unended := {hidden.variants.get(name_of(node)) for node in run.unended} - {None}:
                    waiting.append([one for one in some if (one[0][1], one[1]) not in unended])
                elif len(some) > 1:
                    middle = len(some) // 2
                    waiting += [some[:middle], some[middle:]]
            waiting = [some for some in waiting if some]
        return found

    def _of_files(self, variants: _Variants) -> list[_Variants]:
        of_files = ([one for one in variants if one[0][0] == path] for path in self._sources)
        return [some for some in of_files if some]

    async def _run(
        self, tried: Sequence[_Variants], make: MakeTwins = twins_of
    ) -> list[tuple[str, Disguised, TestRun]]:
        """Run variants, each list of one file; end tests that far exceed their own time."""
        disguised, jobs = [], []
        for some in tried:
            path, of_name = some[0][0][0], dict[str, list[int]]()
            for (_, name), variant in some:
                of_name.setdefault(name, []).append(variant)
            hidden = disguise(self._sources[path], of_name, random.Random(self._case.id), make, self._words)
            tests = {**hidden.real, **{new: name for new, (name, _) in hidden.variants.items()}}
            limits = {
                new: _LIMIT_FACTOR * self._seconds.get(f"{path}::{name}", 0.0) + _LIMIT_MORE_S
                for new, name in tests.items()
            }
            disguised.append((path, hidden))
            seconds = sum(self._seconds.get(f"{path}::{name}", 0.0) + AROUND_S for name in tests.values())
            jobs.append(Job(path, hidden.source, frozenset(tests), limits, seconds=seconds))
        runs = await run_jobs(self._sandbox, self._case, self._gold, jobs, tool=self._pinned.tool)
        return [
            (path, hidden, with_own_ids(run, hidden.ids))
            for (path, hidden), run in zip(disguised, runs, strict=True)
        ]


def _probes(name: str, node: TestNode, variants: Sequence[int], words: Words) -> list[TestNode]:
    return [probe(node, variant, words) for variant in variants]


def _by_file(found: Mapping[Test, _Value]) -> dict[str, dict[str, _Value]]:
    of_file: dict[str, dict[str, _Value]] = {}
    for (path, name), value in found.items():
        of_file.setdefault(path, {})[name] = value
    return of_file
