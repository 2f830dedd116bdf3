"""Weigh a pass that was decided apart from the code: whether its tests would tell other answers from these.

There is no right answer to compare with, so only tests that accept every other answer limit the strength.
"""

import re
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import replace

from coder.run.verdict_words import join_names
from coder.verify.finding import Finding, limit_to_reached
from sandbox import CheckReport
from sandbox.verdicts.check import WeighedTests
from sandbox.verdicts.run_report import RunReport

_SECONDS = 3.0
"""Time for all runs on other answers."""
_NAMES_NAN = re.compile(r"\b(?:is)?nan\b", re.IGNORECASE)
"""What a test names that expects no number."""
_LEAST_RUNS = 10
"""Other answers that a test must have accepted."""
_CHANGES = 3
"""Constants that are changed in a test that compares objects of the code's own class."""
_INPUTS, _LEAST_INPUTS = 16, 2
"""Constants that are changed in a test whose answers are all alike; other calls that this has to lead to."""
_SHARE_OF_INPUTS = 8
"""Changed constants among which one has to lead to another call."""
_PLAIN = frozenset("NTCez")
"""Letters of plain answers."""
_EQUATES = ("__eq__", "__ne__", "__contains__")
"""Comparisons whose answer hangs on the whole of their operands."""


def weighed(tests: Collection[str] | None = None) -> WeighedTests:
    """Return how a run's tests are weighed; `tests`: names of the tests, None: all."""
    names = None if tests is None else frozenset(tests)
    return WeighedTests(tests=names, seed=1, enough=1, seconds=_SECONDS)


_Run = Callable[[int], Awaitable[CheckReport]]


async def limit_to_shown(
    finding: Finding,
    report: CheckReport,
    sources: Collection[str],
    run: Callable[[WeighedTests], Awaitable[CheckReport]],
) -> Finding:
    """Return a passed finding: at most `inside`, with a remark, if its tests tell less than they seem to.

    Args:
        sources: sources of the tests.
        run: runs them once more.
    """
    finding = limit_to_reached(finding, report)
    if finding.strength != "outside":
        return finding
    changed = _ChangedRuns(run)
    remark = (
        next(_remarks(report, sources), "")
        or await _fooled_by_objects(report, changed)
        or await _told_from_nothing(report, changed)
    )
    if not remark:
        return finding
    return replace(finding, strength="inside", note=" ".join(filter(None, (finding.note, remark))))


async def _fooled_by_objects(report: CheckReport, run: _Run) -> str:
    """Return a remark if objects of the code's own class decide a test, and can't tell others from these.

    With a constant of the test changed, either the test passes each time, or an object is compared with
    another one than before, or holds another item, and never says otherwise.
    """
    compared = {name for name, part in report.parts.items() if "q" in _letters(part)}
    passing, alike = set(compared), Counter[str]()
    for number in range(_INPUTS):
        changed = await run(number) if compared else report
        failed = {one.name for one in changed.results if not one.passed}
        for name in compared & changed.parts.keys():
            outcomes = [*_compared_anew(report.parts[name], changed.parts[name])]
            alike[name] += len(outcomes)
            compared = compared if all(outcomes) else compared - {name}
        fails = {name for name in passing if any(one.startswith(name) for one in failed)}
        passing = (passing - fails) & changed.parts.keys() & compared
        if number + 1 >= _CHANGES and passing:
            break
        if number + 1 >= _LEAST_RUNS:
            compared = {name for name in compared if alike[name]}
        if not compared:
            return ""
    accepted = passing or {name for name in compared if alike[name] >= _LEAST_INPUTS}
    if not accepted:
        return ""
    names = join_names(sorted(accepted), most=3)
    return f"Objects of your own class decide a test, and it passes with other constants, too: {names}"


def _compared_anew(part: RunReport, changed: RunReport) -> Iterator[bool]:
    """Yield, for each comparison with one operand changed, whether it is answered as before.

    Where both have changed, the other one is made from it, or from its copy.
    """
    before = {key.partition(":")[0] for key in part.given}
    given = [(key.partition(":")[0].split("-"), _answer_of(key)) for key in part.given]
    for key in changed.given:
        request, *_ = key.partition(":")
        operation, *operands = request.split("-")
        if request in before or operation not in _EQUATES:
            continue
        answers = {
            answer
            for (other, *others), answer in given
            if other == operation and sum(map(str.__eq__, operands, others)) == 1
        }
        if answers:
            yield _answer_of(key) in answers


async def _told_from_nothing(report: CheckReport, run: _Run) -> str:
    """Return a remark if each answer is the same one, or the first argument, also to other arguments.

    Tests that pass with such answers can't tell them from right ones.
    """
    answers = {key for name, part in report.parts.items() if name for key in _answers(part)}
    kinds: dict[str, Callable[[str], bool]] = {}
    if all("f" in _letters_of(key) for key in answers):
        kinds["its first argument"] = lambda key: "f" in _letters_of(key)
    if len({_answer_of(key) for key in answers}) == 1:
        kinds["the same value"] = lambda key: _answer_of(key) in map(_answer_of, answers)
    requests, others = {key.partition(":")[0] for key in answers}, set[str]()
    for number in range(_INPUTS if answers and kinds else 0):
        changed = await run(number)
        parts = [part for name, part in changed.parts.items() if name in report.parts]
        others |= {key for part in parts for key in _answers(part) if key.partition(":")[0] not in requests}
        kinds = {name: is_so for name, is_so in kinds.items() if all(map(is_so, others))}
        if not kinds or (number >= _LEAST_INPUTS and len(others) * _SHARE_OF_INPUTS < number):
            return ""
    if len(others) < _LEAST_INPUTS:
        return ""
    return f"The tests pass, and the code gives {next(iter(kinds))} for other arguments, too"


class _ChangedRuns:
    """Runs with one constant of each test changed, each made once."""

    def __init__(self, run: Callable[[WeighedTests], Awaitable[CheckReport]]) -> None:
        self._run, self._reports = run, dict[int, CheckReport]()

    async def __call__(self, number: int) -> CheckReport:
        if number not in self._reports:
            self._reports[number] = await self._run(weighed().model_copy(update={"change": number}))
        return self._reports[number]


def _remarks(report: CheckReport, sources: Collection[str]) -> Iterator[str]:
    if report.parts and not any(part.given for part in report.parts.values()):
        yield "The tests ask nothing of your code"
    expects_nan = any(map(_NAMES_NAN.search, sources))
    for name, part in report.parts.items():
        if not expects_nan and "n" in _letters(part):
            yield f"A test passed with an answer that is not a number (NaN): {name}"
        if "d" in _letters(part):
            yield f"A test asks for two names, and your code has one object, or equal ones, for both: {name}"
        tried, failed = part.counter_trials.get("values", (0, 0))
        is_told = failed or part.counter_trials.get("constants", (0, 0))[1]
        if tried >= _LEAST_RUNS and not is_told:
            yield f"A test passes with {tried} other answers, too: {name}"


def _letters(part: RunReport) -> set[str]:
    """Return what the answers in a test are, as `Exchanged.letters`."""
    return {letter for key in part.given for letter in _letters_of(key)}


def _answers(part: RunReport) -> set[str]:
    """Return the exchanges in which a call gave plain data or a named object, or raised an error."""
    calls = (key for key in part.given if key.startswith("call-"))
    return {key for key in calls if set(_letters_of(key)) & (_PLAIN | {"r", "v"})}


def _letters_of(key: str) -> str:
    return key.rpartition(":")[2]


def _answer_of(key: str) -> str:
    return key.split(":", 2)[1]
