"""Judge a script by its stdout for each of its runs."""

from decimal import Decimal, DecimalException
from itertools import zip_longest

from benchmarks.judge.mode import with_setup
from benchmarks.judge.verdicts import DraftVerdict, has_unknown_killer, output_end, timeout_reason
from benchmarks.suite import ScriptCase, ScriptRun
from benchmarks.verdict import Outcome
from sandbox import Limits, PythonCode, Result, Sandbox

_MAX_STDOUT = 8 << 20
"""Maximum size of a script's stdout, in bytes."""


async def judge_script(sandbox: Sandbox, case: ScriptCase, code: str) -> DraftVerdict:
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
        result = await sandbox.run(program, limits=limits, stdin=run.stdin.encode(), fresh=True)
        draft.cpu_s += result.cpu_s
        draft.wall_s += result.wall_s
        draft.outcome, detail = _read_run(result, run, case)
        if draft.outcome != "passed":
            draft.detail = f"run {number} of {len(case.runs)}: {detail}"
            draft.output, draft.died = output_end(result), has_unknown_killer(result)
            break
    return draft


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
    equal = are_equal_numbers if case.compare == "numbers" else str.__eq__
    pairs = enumerate(zip_longest(*(_lines(text, case) for text in (result.stdout, run.stdout))), 1)
    for line, (actual, expected) in pairs:
        if actual is None or expected is None or not equal(actual, expected):
            return "failed", f"line {line} is {actual!r}, expected {expected!r}"
    return "passed", ""


def _lines(text: str, case: ScriptCase) -> list[str]:
    if case.compare == "numbers":
        return [line.strip() for line in text.strip().split("\n")]
    return [line.rstrip() for line in text.rstrip().splitlines()]


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
