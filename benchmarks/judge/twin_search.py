"""Search for twins of a case's tests that fail with its own patch, where the tests still pass."""

import ast
import random
from collections.abc import Mapping, Sequence

from benchmarks.judge.consistent_twins import PLACES, inputs_of, probe, told
from benchmarks.judge.decoys import OTHERS, Disguised, TestNode, disguise, found_tests, variants_of
from benchmarks.judge.inherited_tests import Tests, heirs_in
from benchmarks.judge.pytest_run import Job, TestRun, run_jobs
from benchmarks.judge.repository_mode import RepositoryMode, Twins, name_of
from benchmarks.suite import RepositoryCase
from sandbox import Sandbox

_TWIN_RUNS = 32
"""At most, to find twins that fail without ending the process."""
_OTHER_PLACES = 2
"""Where a test that the base passes may be changed, at most."""
_OTHERS_SHARE, _OTHERS_MORE_S = 0.5, 0.1
"""Time for twins of tests that the base passes: of the suite's own time, and beside it."""
_LIMIT_FACTOR, _LIMIT_MORE_S = 4.0, 0.5
"""Wall time of a twin, by that of its test."""
_MORE_FACTOR, _MORE_S = 1.0, 0.5
"""Time for more twins than one of each test that has to be won, by that of the suite."""
_PLACE_STEPS = ((0, 1), (1, 3), (3, 6))

Found = dict[str, Twins]
Seen = dict[str, dict[str, dict[int, str]]]
_Variants = list[tuple[str, int]]


class Search:
    """For variants of a case's tests that fail with its own patch, where the tests still pass."""

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
        self.heirs = {path: heirs_in(gold, path) for path in self._sources}
        """By file: the tests that classes have from others (`inherited_tests.py`)."""
        self._left = _TWIN_RUNS

    async def twins(self) -> Found:
        """By file; all of a test are of one place, since those of two places give away what they share.

        Places are tried until one of a test fails. Where there are many tests to be won, each has few twins:
        all of them have to be told.
        """
        places = {path: self._places(path) for path in self._sources}
        best: Found = {path: {} for path in places}
        for start, end in _PLACE_STEPS:
            lacking = {
                path: [
                    (name, place[0])
                    for name, some in names.items()
                    if name not in best[path]
                    for place in some[start:end]
                ]
                for path, names in places.items()
            }
            for path, names in (await self._failing(lacking)).items():
                for name, variants in names.items():
                    some = places[path][name]
                    one = max(variants, key=lambda variant: (len(some[variant // OTHERS]), -variant))
                    best[path][name] = {one: variants[one]}
        other = slice(1, OTHERS if self.cost(OTHERS) <= 0 else 2)
        more = {
            path: [
                (name, variant)
                for name in names.keys() & self._needed(path)
                for one in names[name]
                for variant in places[path][name][one // OTHERS][other]
            ]
            for path, names in best.items()
        }
        for path, names in (await self._failing(more)).items():
            for name, variants in names.items():
                best[path][name] = dict(sorted({**best[path][name], **variants}.items()))
        return best

    async def seen(self) -> Seen:
        """What the case's own patch gives for other inputs of the tests to be won, where it is plain."""
        found: Seen = {}
        tests = {
            path: {name: node for name, node, _ in found_tests(ast.parse(text))}
            for path, text in self._sources.items()
        }
        for place in range(PLACES if self.cost(PLACES * OTHERS) <= 0 else 0):
            asked = {
                path: {
                    name: range(place * OTHERS, (place + 1) * OTHERS)
                    for name in sorted(self._pinned.needed_names(path) & names.keys())
                    if name not in found.get(path, {})
                    and inputs_of(names[name]) > place
                    and name not in self.heirs[path]
                }
                for path, names in tests.items()
            }
            jobs, disguised = [], []
            for path, variants in asked.items():
                if variants:
                    hidden = disguise(self._sources[path], variants, random.Random(self._case.id), _probes)
                    disguised.append((path, hidden))
                    jobs.append(self._job(path, hidden))
            runs = await self._run(jobs) if jobs else []
            for (path, hidden), run in zip(disguised, runs, strict=True):
                for node, text in run.failures.items():
                    name, variant = hidden.variants.get(name_of(node), ("", 0))
                    if name and node not in run.left and (value := told(text, tests[path][name])) is not None:
                        found.setdefault(path, {}).setdefault(name, {})[variant] = value
            for names in found.values():
                for name in [name for name, some in names.items() if len(some) < OTHERS]:
                    del names[name]
        return found

    def cost(self, twins: int) -> float:
        """Seconds over what may be spent on so many twins of each test that has to be won."""
        needed = sum(
            self._seconds.get(test, 0.0) for test in {node.partition("[")[0] for node in self._pinned.needed}
        )
        return needed * twins - _MORE_FACTOR * sum(self._seconds.values()) - _MORE_S

    def _needed(self, path: str) -> set[str]:
        """Tests that have to be won, or that another class has from them."""
        names = self._pinned.needed_names(path)
        heirs = self.heirs[path]
        return {one for one in {*names, *heirs} if not names.isdisjoint((one, *heirs.get(one, ())))}

    def _places(self, path: str) -> dict[str, list[list[int]]]:
        """Where tests may be changed: the needed ones in all places, of the others the quick ones in few."""
        wanted = {name_of(node) for node in self._pinned.nodes_of(path)}
        heirs, needed = self.heirs[path], self._needed(path)
        found = variants_of(self._sources[path])
        others = [
            name
            for name in found
            if name not in needed and not wanted.isdisjoint((name, *heirs.get(name, ())))
        ]
        whole = sum(self._seconds.values())
        budget = _OTHERS_SHARE * whole + _OTHERS_MORE_S
        quick: set[str] = set()
        for name in sorted(others, key=lambda name: self._seconds.get(f"{path}::{name}", 0.0)):
            budget -= _OTHER_PLACES * self._seconds.get(f"{path}::{name}", 0.0)
            if budget > 0:
                quick.add(name)
        return {
            name: some if name in needed else some[:_OTHER_PLACES]
            for name, some in found.items()
            if name in needed or name in quick
        }

    async def _failing(self, variants: Mapping[str, _Variants]) -> Found:
        """Those variants that fail.

        One that ends the process takes the others with it, and is left out. So does one that can't be
        collected, and as nobody knows which one it is, they are tried by halves.
        """
        waiting = [(path, some) for path, some in variants.items() if some]
        found: Found = {}
        while waiting and self._left:
            self._left -= 1
            tried, waiting = waiting, []
            disguised = [
                disguise(self._sources[path], _by_name(some), random.Random(self._case.id))
                for path, some in tried
            ]
            jobs = [self._job(path, hidden) for (path, _), hidden in zip(tried, disguised, strict=True)]
            runs = await self._run(jobs)
            for (path, some), hidden, run in zip(tried, disguised, runs, strict=True):
                if run.done and run.passed:
                    for name, valid in _valid(run, path, hidden, self.heirs[path], self._pinned).items():
                        found.setdefault(path, {}).setdefault(name, {}).update(valid)
                elif unended := {hidden.variants.get(name_of(node)) for node in run.unended} - {None}:
                    waiting.append((path, [one for one in some if one not in unended]))
                elif len(some) > 1:
                    middle = len(some) // 2
                    waiting += [(path, some[:middle]), (path, some[middle:])]
        return found

    async def _run(self, jobs: Sequence[Job]) -> list[TestRun]:
        return await run_jobs(self._sandbox, self._case, self._gold, jobs, plugins=self._pinned.plugins)

    def _job(self, path: str, hidden: Disguised) -> Job:
        """A trial, in which a test that takes much longer than its own time is ended."""
        tests = {**hidden.real, **{new: name for new, (name, _) in hidden.variants.items()}}
        limits = {
            new: _LIMIT_FACTOR * self._seconds.get(f"{path}::{name}", 0.0) + _LIMIT_MORE_S
            for new, name in tests.items()
        }
        return Job(path, hidden.source, frozenset(tests), limits)


def _probes(name: str, node: TestNode, variants: Sequence[int]) -> list[TestNode]:
    return [probe(node, variant) for variant in variants]


def _by_name(variants: _Variants) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, variant in variants:
        found.setdefault(name, []).append(variant)
    return found


def _valid(run: TestRun, path: str, hidden: Disguised, heirs: Tests, pinned: RepositoryMode) -> Twins:
    """The twins that fail in every class that has them, each with the parameters with which it does."""
    sound = {name for name in hidden.real.values() if _passes_still(run, path, hidden.real, name, pinned)}
    seen, failing = {_split(node)[0] for node in run.seen}, dict[str, set[str]]()
    for node in run.seen - run.passed - run.left:
        twin, parameters = _split(node)
        failing.setdefault(twin, set()).add(parameters)
    left = set(map(name_of, run.left))  # took too long, or left threads: with some parameters, perhaps
    places: dict[tuple[str, int], list[set[str]]] = {}
    for twin, one in hidden.variants.items():
        if twin in left:
            places.setdefault(one, []).append(set())
        elif twin in seen:
            places.setdefault(one, []).append(failing.get(twin, set()))
    found: Twins = {}
    for (name, variant), some in sorted(places.items()):
        everywhere = set[str].intersection(*some)
        if everywhere and sound.issuperset((name, *heirs.get(name, ()))):
            found.setdefault(name, {})[variant] = tuple(sorted(everywhere))
    return found


def _split(node: str) -> tuple[str, str]:
    """Qualified name of a node's test, and its parameters in brackets."""
    name, bracket, parameters = node.partition("::")[2].partition("[")
    return name, bracket + parameters


def _passes_still(run: TestRun, path: str, real: Mapping[str, str], name: str, mode: RepositoryMode) -> bool:
    """Whether a test passes under its new name as it did under its own."""
    new = next(one for one, old in real.items() if old == name)
    nodes = [node for node in mode.nodes_of(path) if _split(node)[0] == name]
    return all(node.replace(f"::{name}", f"::{new}", 1) in run.passed for node in nodes)
