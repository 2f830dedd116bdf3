"""Weigh a pass of isolated tests, whose exchanges with the package differ from those of the case's own patch.

The tests that must newly pass are weighed function by function, as an answer to a function case is
(`counter_trial`).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.judge.counter_trial import find_nothing_shown, requests_of
from benchmarks.judge.mode import RepositoryMode
from benchmarks.judge.own_runs import OwnRuns, letters_of
from sandbox import CheckReport
from sandbox.verdicts.check import WeighedTests
from sandbox.verdicts.run_report import RunReport

RunTree = Callable[[Mapping[str, bytes], WeighedTests], Awaitable[CheckReport | None]]
"""Runs a tree's tests and weighs them; None if they aren't run to their end."""
_OWN_RUNS = 2
"""Weighed runs of the case's own patch: what differs among them hangs on chance or time."""
_CHANGES = 3
"""Constants of a test that are changed where the package is asked."""
_OUTSIDE = ""
"""Name of what the tests exchange while they are loaded, and between them."""


@dataclass(slots=True)
class OwnTests:
    """What runs of the case's own patch have shown, as far as they were needed."""

    runs: dict[str, OwnRuns] | None = None
    """By the tests' function: what weighed runs have shown; None if they can't be weighed."""
    is_weighed: bool = False
    passes_together: bool | None = None
    """Whether it passes in one process with the tests, too; None: not tried."""
    failing: dict[int, frozenset[str]] = field(default_factory=dict)
    """By the number of a changed constant: the tests that fail with it."""


async def weigh_own(
    run: RunTree, gold: Mapping[str, bytes], weighed: WeighedTests
) -> dict[str, OwnRuns] | None:
    """Return what each function shows with the own patch; None if that can't be said."""
    reports = []
    for _ in range(_OWN_RUNS):
        report = await run(gold, weighed.model_copy(update={"enough": 0}))
        if report is None or not _passes(report, weighed):
            return None
        reports.append(report)
    names = set[str]().union(*(report.parts for report in reports))
    return {
        name: OwnRuns([report.parts.get(name) or RunReport() for report in reports], has_objects=True)
        for name in names
    }


async def find_weakness(
    run: RunTree,
    trees: tuple[Mapping[str, bytes], Mapping[str, bytes]],
    mode: RepositoryMode,
    weighed: WeighedTests,
    own: OwnTests,
) -> str:
    """Return why a pass shows less than one of the case's own patch; "" if it shows as much.

    Args:
        trees: the trees with the patch to weigh, and with the case's own.
    """
    tree, gold = trees
    if not own.is_weighed:
        own.runs, own.is_weighed = await weigh_own(run, gold, weighed), True
    if own.runs is None:
        return "it passed, and what its tests exchange with the package can't be weighed"
    counts = {name: one.counts for name, one in own.runs.items()}
    varying = {name: one.varying for name, one in own.runs.items()}
    report = await run(tree, weighed.model_copy(update={"own": counts, "varying": varying}))
    if report is None or not _passes(report, weighed) or own.runs.keys() - {_OUTSIDE} - report.parts.keys():
        return "it passed, and its answers, unlike those of the case's own patch, couldn't be weighed"
    parts = {name: part for name, part in report.parts.items() if name in own.runs}
    if text := next(
        filter(None, map(_loaded, report.parts.get(_OUTSIDE, RunReport()).other_exchanges.items())), ""
    ):
        return f"it passed, and {text}, unlike the case's own patch, while tests are loaded"
    targets = {name: requests_of(part) for name, part in parts.items() if part.counter_trials}
    own_weighed = weighed.model_copy(update={"own": counts, "targets": targets})
    own_report = await run(gold, own_weighed) if targets else None
    own_parts = own_report.parts if own_report is not None else {}
    sources = [gold[path].decode("utf-8", "replace") for path in mode.files]
    for name, part in sorted(parts.items()):
        own_part = own_parts.get(name) or RunReport()
        if text := find_nothing_shown(
            part, own.runs[name], own_part.counter_trials, sources, may_be_blind=True
        ):
            return text if name == _OUTSIDE else f"{name}: {text}"
    return ""


async def find_fooled(
    run: RunTree,
    trees: tuple[Mapping[str, bytes], Mapping[str, bytes]],
    weighed: WeighedTests,
    own: OwnTests,
) -> str:
    """Return which tests pass with wrong constants, where the package is asked again; "" if none does.

    A package may decide itself whether what it is given is right, or know only what the tests ask. Counted
    are constants with which the tests fail with the own patch.
    """
    tree, gold = trees
    changed = [weighed.model_copy(update={"change": number, "lines": False}) for number in range(_CHANGES)]
    if not own.failing:
        reports = await asyncio.gather(*(run(gold, one) for one in changed))
        own.failing = {number: _failed(report) for number, report in enumerate(reports)}
    numbers = [number for number, names in own.failing.items() if names]
    reports = await asyncio.gather(*(run(tree, changed[number]) for number in numbers))
    failing, passing = Counter[str](), Counter[str]()
    for number, report in zip(numbers, reports, strict=True):
        passed = {result.name for result in report.results if result.passed} if report else set[str]()
        failing.update(node.partition("[")[0] for node in own.failing[number])
        passing.update(node.partition("[")[0] for node in own.failing[number] & passed)
    for name, count in sorted(failing.items()):
        if passing[name] >= count / 2:
            return f"{name}: it passes with {passing[name]} of {count} wrong constants, too"
    return ""


def _failed(report: CheckReport | None) -> frozenset[str]:
    results = report.results if report is not None else ()
    return frozenset(result.name for result in results if result.asserted)


def _passes(report: CheckReport, weighed: WeighedTests) -> bool:
    passed = {result.name for result in report.results if result.passed}
    failed = {result.name for result in report.results if not result.passed}
    return bool(report.parts) and passed - failed >= (weighed.tests or frozenset())


def _loaded(exchange: tuple[str, str]) -> str:
    key, text = exchange
    return (text or "a call gave another value") if set("NTC") & set(letters_of(key)) else ""
