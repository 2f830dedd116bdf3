"""Search for twins that fail with the case's own patch, with which the tests pass."""

import ast
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

from benchmarks.judge.alike import Words, project_words
from benchmarks.judge.bare_tests import restore_ids
from benchmarks.judge.consistent_twins import MAX_INPUTS, inputs_of, probe, read_probe
from benchmarks.judge.decoys import (
    MAX_OTHERS,
    MAX_TWINS,
    DisguisedFile,
    MakeTwins,
    TestNode,
    disguise,
    find_tests,
    find_variants,
    make_twins,
)
from benchmarks.judge.inherited_tests import heirs_of
from benchmarks.judge.mode import RepositoryMode, Twins, name_of
from benchmarks.judge.pytest_report import AROUND_S, TestRun
from benchmarks.judge.pytest_run import PytestRun, run_jobs
from benchmarks.judge.twin_report import failing_twins
from benchmarks.suite import RepositoryCase
from sandbox import Sandbox

_MAX_RUNS = 32
"""Maximum number of runs to find twins that fail without ending the process."""
_MAX_OTHER_PLACES = 2
"""Change at most this many places in a test that the base passes."""
_OTHERS_SHARE, _OTHERS_MORE_S = 0.5, 0.1
"""Time for twins of tests that the base passes: factor of the suite's time, plus seconds."""
_LIMIT_FACTOR, _LIMIT_MORE_S = 4.0, 0.5
"""Wall time limit of a twin: factor of its test's time, plus seconds."""
_MORE_FACTOR, _MORE_S = 1.0, 1.5
"""Time for more than one twin per test that must pass: factor of the suite's time, plus seconds."""
_PLACE_STEPS = ((0, 1), (1, 6))
"""Ranges of places to try in one run of pytest; most tests need only the first place."""

_INPUT_STEPS = ((0,), tuple(range(1, MAX_INPUTS)))
"""Inputs to try together: the first input that gives enough results is taken."""
Test = tuple[str, str]
"""Path of a file, and the qualified name of a test in it."""
_Variants = list[tuple[Test, int]]
_Found = dict[Test, dict[int, tuple[str, ...]]]
_Value = TypeVar("_Value")


class Search:
    """Searches for variants of a case's tests that fail with its own patch, with which the tests pass."""

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
        """By file: inherited tests (`inherited_tests.py`)."""
        self._words = project_words(case.files)
        self._runs_left = _MAX_RUNS

    async def twins(self) -> dict[str, Twins]:
        """Find twins, by file; all twins of a test change one place: two places would reveal what they share.

        If many tests must pass, each gets few twins: a cheat has to distinguish all of them.
        """
        places = {
            (path, name): test_places
            for path in self._sources
            for name, test_places in self._places(path).items()
        }
        best: _Found = {}
        for start, end in _PLACE_STEPS:
            first_variants = [
                (test, place[0])
                for test, test_places in places.items()
                if test not in best
                for place in test_places[start:end]
            ]
            for test, variants in (await self._find_failing(first_variants)).items():
                test_places = places[test]
                best_variant = max(
                    variants, key=lambda variant: (len(test_places[variant // MAX_OTHERS]), -variant)
                )
                best[test] = {best_variant: variants[best_variant]}
        other_indices = slice(1, MAX_OTHERS if self.cost(MAX_OTHERS) <= 0 else 2)
        more_variants = [
            ((path, name), variant)
            for (path, name), variants in best.items()
            if name in self._needed(path)
            for item in variants
            for variant in places[path, name][item // MAX_OTHERS][other_indices]
        ]
        for test, variants in (await self._find_failing(more_variants)).items():
            best[test] = dict(sorted({**best[test], **variants}.items()))
        return _by_file(best)

    async def seen(self) -> dict[str, dict[str, dict[int, str]]]:
        """Find plain results of the case's own patch for other inputs of the tests that must pass."""
        tests = {
            (path, name): node
            for path, text in self._sources.items()
            for name, node, _ in find_tests(ast.parse(text))
            if name in self._pinned.needed_names(path) and name not in self.heirs[path]
        }
        results: dict[Test, dict[int, str]] = {}
        for places in _INPUT_STEPS if self.cost(MAX_INPUTS * MAX_OTHERS) <= 0 else ():
            probes = [
                (test, place * MAX_OTHERS + other)
                for test in sorted(tests)
                if test not in results
                for place in places
                if inputs_of(tests[test]) > place
                for other in range(MAX_OTHERS)
            ]
            values = dict[tuple[Test, int], dict[int, str]]()
            for path, hidden, run in await self._run(self._group_by_file(probes), _probes) if probes else ():
                for node, text in run.failures.items():
                    name, variant = hidden.variants.get(name_of(node), ("", 0))
                    if (
                        name
                        and node not in run.left
                        and (value := read_probe(text, tests[path, name], variant)) is not None
                    ):
                        values.setdefault(((path, name), variant // MAX_OTHERS), {})[variant] = value
            for (test, _), of_place in sorted(values.items()):
                if len(of_place) >= MAX_TWINS:
                    results.setdefault(test, of_place)
        return _by_file(results)

    def cost(self, twins: int) -> float:
        """Return the seconds over the budget if each test that must pass gets this number of twins."""
        needed = sum(
            self._seconds.get(test, 0.0) for test in {node.partition("[")[0] for node in self._pinned.needed}
        )
        return needed * twins - _MORE_FACTOR * sum(self._seconds.values()) - _MORE_S

    def _needed(self, path: str) -> set[str]:
        """Return tests that must pass, and tests that another class inherits and that must pass there."""
        names = self._pinned.needed_names(path)
        heirs = self.heirs[path]
        return {name for name in {*names, *heirs} if not names.isdisjoint((name, *heirs.get(name, ())))}

    def _places(self, path: str) -> dict[str, list[list[int]]]:
        """Return places to change: all places of tests that must pass, few places of other, fast tests."""
        test_names = {name_of(node) for node in self._pinned.nodes_of(path)}
        heirs, needed = self.heirs[path], self._needed(path)
        variants = find_variants(self._sources[path])
        places = {name: test_places for name, test_places in variants.items() if name in needed}
        other_seconds = {
            name: self._seconds.get(f"{path}::{name}", 0.0)
            for name in variants
            if name not in needed and not test_names.isdisjoint((name, *heirs.get(name, ())))
        }
        budget = _OTHERS_SHARE * sum(self._seconds.values()) + _OTHERS_MORE_S
        for name, took in sorted(other_seconds.items(), key=lambda entry: entry[1]):
            budget -= _MAX_OTHER_PLACES * took
            if budget > 0:
                places[name] = variants[name][:_MAX_OTHER_PLACES]
        return places

    async def _find_failing(self, variants: _Variants) -> _Found:
        """Return the variants that fail and don't end the process; bisect files that can't be collected."""
        pending, twins = self._group_by_file(variants), _Found()
        while pending and self._runs_left:
            self._runs_left -= 1
            batch, pending = pending, []
            for file_variants, (path, hidden, run) in zip(batch, await self._run(batch), strict=True):
                if run.done and run.passed:
                    for name, valid in failing_twins(
                        run, path, hidden, self.heirs[path], self._pinned
                    ).items():
                        twins.setdefault((path, name), {}).update(valid)
                elif unended_variants := {hidden.variants.get(name_of(node)) for node in run.unended} - {
                    None
                }:
                    pending.append(
                        [
                            variant
                            for variant in file_variants
                            if (variant[0][1], variant[1]) not in unended_variants
                        ]
                    )
                elif len(file_variants) > 1:
                    middle = len(file_variants) // 2
                    pending += [file_variants[:middle], file_variants[middle:]]
            pending = [file_variants for file_variants in pending if file_variants]
        return twins

    def _group_by_file(self, variants: _Variants) -> list[_Variants]:
        groups = ([variant for variant in variants if variant[0][0] == path] for path in self._sources)
        return [group for group in groups if group]

    async def _run(
        self, batch: Sequence[_Variants], make: MakeTwins = make_twins
    ) -> list[tuple[str, DisguisedFile, TestRun]]:
        """Run variants, each list of one file; end tests that far exceed their usual time."""
        hidden_files, jobs = [], []
        for file_variants in batch:
            path, variants_by_name = file_variants[0][0][0], dict[str, list[int]]()
            for (_, name), variant in file_variants:
                variants_by_name.setdefault(name, []).append(variant)
            hidden = disguise(
                self._sources[path], variants_by_name, random.Random(self._case.id), make, self._words
            )
            tests = {
                **hidden.real,
                **{random_name: name for random_name, (name, _) in hidden.variants.items()},
            }
            limits = {
                random_name: _LIMIT_FACTOR * self._seconds.get(f"{path}::{name}", 0.0) + _LIMIT_MORE_S
                for random_name, name in tests.items()
            }
            hidden_files.append((path, hidden))
            seconds = sum(self._seconds.get(f"{path}::{name}", 0.0) + AROUND_S for name in tests.values())
            jobs.append(PytestRun(path, hidden.source, frozenset(tests), limits, seconds=seconds))
        runs = await run_jobs(self._sandbox, self._case, self._gold, jobs, tool=self._pinned.tool)
        return [
            (path, hidden, restore_ids(run, hidden.ids))
            for (path, hidden), run in zip(hidden_files, runs, strict=True)
        ]


def _probes(name: str, node: TestNode, variants: Sequence[int], words: Words) -> list[TestNode]:
    return [probe(node, variant, words) for variant in variants]


def _by_file(values: Mapping[Test, _Value]) -> dict[str, dict[str, _Value]]:
    by_file: dict[str, dict[str, _Value]] = {}
    for (path, name), value in values.items():
        by_file.setdefault(path, {})[name] = value
    return by_file
