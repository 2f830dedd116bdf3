"""Twins of isolated tests: those that fail with the case's own patch, and runs of them with an answer's."""

import asyncio
import random
import secrets
from collections.abc import Mapping

from benchmarks.judge.apart_twins import changed_source, handing_tests
from benchmarks.judge.candidate_tree import Tree
from benchmarks.judge.isolated_check import Open, passed_apart, run_apart
from benchmarks.judge.mode import RepositoryMode, Twins
from benchmarks.suite import RepositoryCase

_APART_RUNS = 2
"""Most runs of twins of isolated tests, each with another constant."""
_PLACES = 4
"""Most constants of a test that are changed."""


async def with_apart_twins(
    opened: Open, case: RepositoryCase, gold: Mapping[str, bytes], mode: RepositoryMode, longest: float
) -> RepositoryMode:
    """The mode with twins of the isolated tests in which the candidate's code may decide.

    Args:
        longest: CPU seconds for each run.
    """
    sources = {path: gold[path].decode("utf-8", "replace") for path in mode.files}
    handing = {
        path: handing_tests(text, mode.needed_names(path), mode.computing_lines(path))
        for path, text in sources.items()
    }
    chance, found = random.Random(case.id), dict[str, Twins]()
    for number in range(_PLACES):
        tried = {
            path: {
                name: chance.choice(places[number]) for name, places in tests.items() if number < len(places)
            }
            for path, tests in handing.items()
        }
        tried = {path: variants for path, variants in tried.items() if variants}
        if not tried:
            break
        twins = {path: changed_source(sources[path], variants) for path, variants in tried.items()}
        report = await run_apart(
            opened,
            case,
            gold,
            [*twins],
            uses=mode.uses,
            sources=twins,
            helpers=mode.helpers,
            longest=longest,
        )
        failed = (
            {one.name for one in report.results if not one.passed and one.asserted}
            if report and report.ended
            else set[str]()
        )
        for path, variants in tried.items():
            for name, variant in variants.items():
                nodes = tuple(sorted(node for node in failed if node.partition("[")[0] == f"{path}::{name}"))
                if nodes:
                    found.setdefault(path, {}).setdefault(name, {})[variant] = nodes
    return mode.model_copy(update={"twins_apart": found})


async def fooled_apart(opened: Open, case: RepositoryCase, tree: Tree, mode: RepositoryMode) -> set[str]:
    """Isolated tests whose twin passes: the candidate decides them, and says yes to everything."""
    chance = secrets.SystemRandom()
    most = max((len(twins) for tests in mode.twins_apart.values() for twins in tests.values()), default=0)
    order = {
        (path, name): chance.sample(sorted(twins), len(twins))
        for path, tests in mode.twins_apart.items()
        for name, twins in tests.items()
    }

    async def run(number: int) -> set[str]:
        variant_of = {test: variants[number % len(variants)] for test, variants in order.items()}
        sources = {
            path: changed_source(
                tree.files[path].decode("utf-8", "replace"), {name: variant_of[path, name] for name in tests}
            )
            for path, tests in mode.twins_apart.items()
        }
        report = await run_apart(
            opened,
            case,
            tree.files,
            [*sources],
            uses=mode.uses,
            sources=sources,
            helpers=mode.helpers,
        )
        wrong = {
            node for (path, name), one in variant_of.items() for node in mode.twins_apart[path][name][one]
        }
        return wrong & passed_apart(report.results) if report is not None else set()

    return set[str]().union(*await asyncio.gather(*map(run, range(min(most, _APART_RUNS)))))
