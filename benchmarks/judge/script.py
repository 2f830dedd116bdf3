"""Judge a script by its stdout for each of its runs."""

from benchmarks.judge.verdicts import DraftVerdict, has_unknown_killer, output_end, timeout_reason
from benchmarks.suite import ScriptCase, ScriptRun
from benchmarks.verdict import Outcome
from sandbox import Limits, PythonCode, Result, Sandbox

_MAX_STDOUT = 8 << 20
"""Bytes."""


async def judge_script(sandbox: Sandbox, case: ScriptCase, code: str) -> DraftVerdict:
    """Judge one answer: every run must exit with 0 and print the expected output, up to trailing blanks."""
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
        draft.outcome, detail = _read_run(result, run, case.timeout_s)
        if draft.outcome != "passed":
            draft.detail = f"run {number} of {len(case.runs)}: {detail}"
            draft.output, draft.died = output_end(result), has_unknown_killer(result)
            break
    return draft


def _read_run(result: Result, run: ScriptRun, timeout_s: float) -> tuple[Outcome, str]:
    if result.killed_by in ("wall", "cpu") or result.cpu_s > timeout_s:
        return "timeout", timeout_reason(timeout_s)
    if not result.ok:
        ending = (
            f"exit code {result.exit_code}" if result.exit_code is not None else f"signal {result.signal}"
        )
        last_line = result.stderr.strip().splitlines()[-1:]
        return "error", f"it ended with {result.killed_by or ending}: {''.join(last_line)}"
    if result.truncated:
        return "failed", f"it printed more than {_MAX_STDOUT:,} bytes"
    printed_lines, expected_lines = _lines(result.stdout), _lines(run.stdout)
    if printed_lines == expected_lines:
        return "passed", ""
    pairs = enumerate(zip([*printed_lines, None], [*expected_lines, None], strict=False), 1)
    line, (actual, expected) = next(pair for pair in pairs if pair[1][0] != pair[1][1])
    return "failed", f"line {line} is {actual!r}, expected {expected!r}"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]
