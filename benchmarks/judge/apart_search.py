"""Find twins of isolated tests that fail with the case's own patch, and run these twins with an answer."""

import asyncio
import random
import secrets
from collections.abc import Mapping

from benchmarks.judge.apart_twins import find_deciding_tests, replace_constants
from benchmarks.judge.candidate_tree import Tree
from benchmarks.judge.isolated_check import Open, passed_apart, run_apart
from benchmarks.judge.mode import RepositoryMode, Twins
from benchmarks.suite import RepositoryCase

_MAX_RUNS = 2
"""Run twins of isolated tests at most this often, each time with another constant."""
_MAX_PLACES = 4
"""Change at most this many constants of a test."""


async def add_apart_twins(
    opened: Open, case: RepositoryCase, gold: Mapping[str, bytes], mode: RepositoryMode, longest: float
) -> RepositoryMode:
    """Return the mode with twins of the isolated tests whose verdict the candidate's code can influence.

    Args:
        longest: maximum CPU seconds of each run.
    """
    sources = {path: gold[path].decode("utf-8", "replace") for path in mode.files}
    deciding = {
        path: find_deciding_tests(text, mode.needed_names(path), mode.computing_lines(path))
        for path, text in sources.items()
    }
    chance, apart_twins = random.Random(case.id), dict[str, Twins]()
    for number in range(_MAX_PLACES):
        variants_by_path = {
            path: {
                name: chance.choice(places[number]) for name, places in tests.items() if number < len(places)
            }
            for path, tests in deciding.items()
        }
        variants_by_path = {path: variants for path, variants in variants_by_path.items() if variants}
        if not variants_by_path:
            break
        twins = {
            path: replace_constants(sources[path], variants) for path, variants in variants_by_path.items()
        }
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
            {result.name for result in report.results if not result.passed and result.asserted}
            if report and report.ended
            else set[str]()
        )
        for path, variants in variants_by_path.items():
            for name, variant in variants.items():
                nodes = tuple(sorted(node for node in failed if node.partition("[")[0] == f"{path}::{name}"))
                if nodes:
                    apart_twins.setdefault(path, {}).setdefault(name, {})[variant] = nodes
    return mode.model_copy(update={"twins_apart": apart_twins})


async def find_fooled_tests(opened: Open, case: RepositoryCase, tree: Tree, mode: RepositoryMode) -> set[str]:
    """Return isolated tests whose twins pass: the candidate decides these tests and accepts any value."""
    chance = secrets.SystemRandom()
    max_count = max(
        (len(twins) for tests in mode.twins_apart.values() for twins in tests.values()), default=0
    )
    order = {
        (path, name): chance.sample(sorted(twins), len(twins))
        for path, tests in mode.twins_apart.items()
        for name, twins in tests.items()
    }

    async def run(number: int) -> set[str]:
        variant_of = {test: variants[number % len(variants)] for test, variants in order.items()}
        sources = {
            path: replace_constants(
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
        twin_nodes = {
            node
            for (path, name), variant in variant_of.items()
            for node in mode.twins_apart[path][name][variant]
        }
        return twin_nodes & passed_apart(report.results) if report is not None else set()

    return set[str]().union(*await asyncio.gather(*map(run, range(min(max_count, _MAX_RUNS)))))
