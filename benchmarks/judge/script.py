"""Judge a script by what it prints: what it should print never comes near its sandbox."""

from benchmarks.judge.verdicts import Judged, end_of, killed_by_nobody, one_line
from benchmarks.suite import ScriptCase, ScriptRun
from benchmarks.verdict import Outcome, Verdict
from sandbox import Limits, PythonCode, Result, Sandbox

_WALL_FACTOR, _WALL_MORE_S = 2.0, 5.0


async def judge_script(sandbox: Sandbox, case: ScriptCase, code: str, *, sample: int = 0) -> Judged:
    """What became of one answer: every run has to print what is expected, and to end well.

    Ends of lines and the end of the output may have blanks too many or too few.
    """
    outcome: Outcome = "passed"
    detail, output, cpu_s, wall_s = "", "", 0.0, 0.0
    for number, run in enumerate(case.runs, 1):
        result = await _run(sandbox, case, code, run)
        cpu_s, wall_s = cpu_s + result.cpu_s, wall_s + result.wall_s
        outcome, why = _read(result, run, case.timeout_s)
        if outcome != "passed":
            detail = f"run {number} of {len(case.runs)}: {why}"
            output = end_of(result)
            break
    return Judged(
        Verdict(
            id=case.id,
            sample=sample,
            verdict=outcome,
            strength="strong",
            detail=one_line(detail),
            output=output,
            cpu_s=round(cpu_s, 3),
            wall_s=round(wall_s, 3),
        ),
        died=outcome != "passed" and killed_by_nobody(result),
    )


async def _run(sandbox: Sandbox, case: ScriptCase, code: str, run: ScriptRun) -> Result:
    limits = Limits(cpu_s=case.timeout_s, wall_s=case.timeout_s * _WALL_FACTOR + _WALL_MORE_S)
    program = PythonCode(source=code, filename="solution.py", arguments=run.arguments)
    return await sandbox.run(program, limits=limits, stdin=run.stdin.encode(), fresh=True)


def _read(result: Result, run: ScriptRun, timeout_s: float) -> tuple[Outcome, str]:
    if result.killed_by in ("wall", "cpu") or result.cpu_s > timeout_s:
        return "timeout", f"it took more than {timeout_s:g} s of CPU, or slept longer than it may"
    if not result.ok:
        how = f"exit code {result.exit_code}" if result.exit_code is not None else f"signal {result.signal}"
        last = result.stderr.strip().splitlines()[-1:]
        return "error", f"it ended with {result.killed_by or how}: {''.join(last)}"
    if result.truncated:
        return "failed", "it printed more than is looked at"
    printed, wanted = _lines(result.stdout), _lines(run.stdout)
    if printed == wanted:
        return "passed", ""
    pairs = enumerate(zip([*printed, None], [*wanted, None], strict=False), 1)
    line, (actual, expected) = next(pair for pair in pairs if pair[1][0] != pair[1][1])
    return "failed", f"line {line} is {actual!r}, expected {expected!r}"


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().splitlines()]
