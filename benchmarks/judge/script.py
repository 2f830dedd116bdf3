"""Judge a script by its stdout for each of its runs."""

import json
from decimal import Decimal, DecimalException
from itertools import zip_longest
from math import isfinite

from benchmarks.judge.function_trial import Pair
from benchmarks.judge.mode import with_setup
from benchmarks.judge.verdicts import DraftVerdict, has_unknown_killer, output_end, timeout_reason
from benchmarks.suite import ScriptCase, ScriptRun, Tolerance
from benchmarks.verdict import Outcome
from sandbox import Limits, PythonCode, Result, Sandbox

_MAX_STDOUT = 8 << 20
"""Maximum size of a script's stdout, in bytes."""
_WRONG = 9
"""Exit code of a checker that refuses an output."""
_CALL = f"""

def _decide():
    import json, os, sys
    function, texts = check, json.load(sys.stdin)
    try:
        verdict = function(*texts)
    except BaseException as error:
        verdict = False
        kind = "" if isinstance(error, AssertionError) else f"{{type(error).__name__}}: "
        print(f"{{kind}}{{error}}", file=sys.stderr)
    if not isinstance(verdict, bool):
        raise TypeError(f"check returned {{verdict!r}}: it has to return True or False")
    sys.stderr.flush()
    os._exit(0 if verdict else {_WRONG})


_decide()
"""


async def judge_script(pair: Pair, case: ScriptCase, code: str) -> DraftVerdict:
    """Judge one answer: every run must exit with 0 and print the expected output, as the case compares it."""
    code = with_setup(case, code)
    limits = Limits(
        cpu_s=case.timeout_s,
        wall_s=case.wall_s or case.longest_s,
        behind=case.behind,
        stdout_bytes=_MAX_STDOUT,
    )
    draft = DraftVerdict("passed")
    for number, run in enumerate(case.runs, 1):
        program = PythonCode(source=code, filename="solution.py", arguments=run.arguments)
        result = await pair.candidate.run(program, limits=limits, stdin=run.stdin.encode(), fresh=True)
        draft.cpu_s += result.cpu_s
        draft.wall_s += result.wall_s
        draft.outcome, detail = _read_run(result, run, case)
        if draft.outcome == "passed" and case.checker is not None:
            draft.outcome, detail = await _decide_by_checker(pair.checker, case.checker, run, result, limits)
            draft.of_case = draft.outcome == "infrastructure"
        if draft.outcome != "passed":
            draft.detail = f"run {number} of {len(case.runs)}: {detail}"
            draft.output, draft.died = output_end(result), has_unknown_killer(result)
            break
    return draft


async def _decide_by_checker(
    sandbox: Sandbox, checker: str, run: ScriptRun, result: Result, limits: Limits
) -> tuple[Outcome, str]:
    """Call the case's own `check` on a run's output, in the checker's sandbox.

    What it raises refuses the output, as checkers read numbers from it, and so does its time limit.
    """
    program = PythonCode(source=f"{checker}\n{_CALL}", filename="checker.py")
    texts = json.dumps([run.stdin, result.stdout, run.stdout]).encode()
    verdict = await sandbox.run(program, limits=limits, stdin=texts, fresh=True)
    if verdict.ok:
        return "passed", ""
    last_line = "".join(verdict.stderr.strip().splitlines()[-1:])
    if verdict.exit_code == _WRONG:
        return "failed", last_line or "the checker refuses what it printed"
    if verdict.killed_by is not None:
        return "failed", f"the checker reached its limit ({verdict.killed_by}) with what it printed"
    return "infrastructure", f"the case's checker can't decide: {last_line}"


def _read_run(result: Result, run: ScriptRun, case: ScriptCase) -> tuple[Outcome, str]:
    if result.killed_by in ("wall", "cpu") or result.cpu_s > case.timeout_s:
        return "timeout", timeout_reason(case.timeout_s)
    if not result.ok:
        ending = (
            f"exit code {result.exit_code}" if result.exit_code is not None else f"signal {result.signal}"
        )
        last_line = result.stderr.strip().splitlines()[-1:]
        return "error", f"it ended with {result.killed_by or ending}: {''.join(last_line)}"
    if result.truncated:
        return "failed", f"it printed more than {_MAX_STDOUT:,} bytes"
    if case.checker is not None:
        return "passed", ""
    pairs = enumerate(zip_longest(*(_lines(text, case) for text in (result.stdout, run.stdout))), 1)
    for line, (actual, expected) in pairs:
        if actual is None or expected is None or not _are_equal(actual, expected, case):
            return "failed", f"line {line} is {actual!r}, expected {expected!r}"
    return "passed", ""


def _lines(text: str, case: ScriptCase) -> list[str]:
    if case.compare == "numbers":
        return [line.strip() for line in text.strip().split("\n")]
    return [line.rstrip() for line in text.rstrip().splitlines()]


def _are_equal(actual: str, expected: str, case: ScriptCase) -> bool:
    if case.tolerance is not None:
        return are_near(actual, expected, case.tolerance)
    return are_equal_numbers(actual, expected) if case.compare == "numbers" else actual == expected


def are_near(actual: str, expected: str, tolerance: Tolerance) -> bool:
    """Whether two lines are equal but for their blanks and small errors of numbers."""
    expected_words = expected.split()
    words = actual.split(maxsplit=len(expected_words))  # no more: an answer can print millions
    return len(words) == len(expected_words) and all(
        word == other or _is_near(word, other, tolerance)
        for word, other in zip(words, expected_words, strict=True)
    )


def _is_near(actual: str, expected: str, tolerance: Tolerance) -> bool:
    try:
        value, right = float(actual), float(expected)
    except ValueError:
        return False
    if "_" in actual:  # a number in a source of Python alone
        return False
    largest = max(tolerance.absolute, tolerance.relative * abs(right))
    return isfinite(value) and isfinite(right) and abs(value - right) <= largest


def are_equal_numbers(actual: str, expected: str) -> bool:
    """Whether two lines are equal, or are lists of equal numbers, as in LiveCodeBench."""
    expected_words = expected.split()
    words = actual.split(maxsplit=len(expected_words))  # no more: an answer can print millions
    try:
        return actual == expected or (
            len(words) == len(expected_words)
            and all(Decimal(a) == Decimal(b) for a, b in zip(words, expected_words, strict=True))
        )
    except DecimalException:  # words, or a signaling NaN
        return False
