"""Judge a script by its output; the expected output never enters its sandbox."""

from benchmarks.judge.verdicts import Judged, end_of, killed_by_nobody
from benchmarks.suite import ScriptCase, ScriptRun
from benchmarks.verdict import Outcome
from sandbox import Limits, PythonCode, Result, Sandbox


async def judge_script(sandbox: Sandbox, case: ScriptCase, code: str) -> Judged:
    """Judge one answer: every run must exit 0 and print the expected output, but for trailing blanks."""
    limits = Limits(cpu_s=case.timeout_s, wall_s=case.wall_s or case.longest_s)
    judged = Judged("passed")
    for number, run in enumerate(case.runs, 1):
        program = PythonCode(source=code, filename="solution.py", arguments=run.arguments)
        result = await sandbox.run(program, limits=limits, stdin=run.stdin.encode(), fresh=True)
        judged.cpu_s += result.cpu_s
        judged.wall_s += result.wall_s
        judged.outcome, why = _read(result, run, case.timeout_s)
        if judged.outcome != "passed":
            judged.detail = f"run {number} of {len(case.runs)}: {why}"
            judged.output, judged.died = end_of(result), killed_by_nobody(result)
            break
    return judged


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
