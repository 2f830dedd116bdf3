"""Search for twins of isolated tests that fail with the case's own patch."""

import asyncio
import contextlib
import random
from collections.abc import Mapping

from benchmarks.judge.apart_twins import changed_source, handing_tests
from benchmarks.judge.isolated_check import Open, run_apart
from benchmarks.judge.mode import RepositoryMode, Twins
from benchmarks.suite import RepositoryCase

_PLACES = 4
"""Most constants of a test that are changed."""


async def with_apart_twins(
    opened: Open, case: RepositoryCase, gold: Mapping[str, bytes], mode: RepositoryMode, longest: float
) -> RepositoryMode:
    """The mode with twins of the isolated tests in which the candidate's code may decide.

    Args:
        longest: seconds for each run.
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
        report = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                report = await run_apart(
                    opened, case, gold, [*twins], uses=mode.uses, sources=twins, helpers=mode.helpers
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
