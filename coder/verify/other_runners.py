"""Run a test command that isn't Python's: unchanged, or with its own report if its runner is known.

Exit code and report come from the process of the code under test, so their strength is at most `inside`.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from coder.base.text.failure_lines import reason_line
from coder.base.text.sanitize import as_bytes, as_text, without_sequences
from coder.run.message import CheckLine
from coder.source.shell import format_command
from coder.verify.finding import Finding, find_lack, finding_of
from coder.verify.reports.failures import PrintedPlaces, RunnerReport, failed_line
from coder.verify.reports.readers import read_junit
from coder.verify.reports.runners import Runner, runner_of
from coder.verify.reports.tap import read_tap
from sandbox import Command, FileRefused, Limits, Result, Sandbox
from sandbox.contract import OnOutput

_MAX_REPORT_BYTES = 32 << 20
"""Bytes of all reports of one run."""
_MAX_FILES = 200
"""Number of JUnit files of one run, as some tools write one per class."""
_WRAPPER = """\
KEEP="$PWD/{0}"; PATH="$KEEP/bin:$PATH"; export PATH; cd {2} || exit
PYTHONPATH="$KEEP/ours.zip/start${{PYTHONPATH:+:$PYTHONPATH}}"; export PYTHONPATH
for folder in $(IFS=:; echo $PATH); do
    if [ "$folder" != "$KEEP/bin" ] && [ -x "$folder/python3" ]; then
        exec "$folder/python3" -I "$KEEP/launch" keeper "$KEEP/config.json" "$0" "$@" {1}
    fi
done
exec "$0" "$@" {1}
"""
_NODE_GUARD = """\
NODE_OPTIONS="--require \\"$PWD/{0}/node_start.cjs\\" ${{NODE_OPTIONS-}}"; export NODE_OPTIONS
"""


async def run_other(
    sandbox: Sandbox,
    argv: Sequence[str],
    *,
    folder: str,
    manifest_before: Mapping[str, str],
    limits: Limits,
    on_output: OnOutput | None,
    environment: Mapping[str, str],
    place: str = ".",
    guards_node: bool = False,
) -> Finding:
    """Run a command in the folder `place` of a workspace with manifest `manifest_before`.

    `folder` gets the report, and its `bin` is on PATH. With `guards_node`, it holds node_start.cjs.
    """
    report = f"{folder}/report"
    seen_report = f"{'../' * len(PurePosixPath(place).parts)}{report}"
    printed_places = PrintedPlaces(manifest_before)
    manifest_path = str(PurePosixPath(place, "package.json"))
    manifest = await _read(sandbox, manifest_path) if manifest_path in manifest_before else b""
    runner = runner_of(argv, seen_report, {"package.json": manifest} if manifest else {})
    output = f">{seen_report}" if runner is not None and runner.render else ""
    wrapper = _WRAPPER.format(folder, output, shlex.quote(place))
    wrapper = _NODE_GUARD.format(folder) * guards_node + wrapper
    command = Command(
        argv=("sh", "-c", wrapper, *(runner.argv if runner is not None else argv)),
        environment={"PYTHONNOUSERSITE": "1", **environment},
    )
    result = await sandbox.run(command, limits=limits, on_output=on_output)
    plain_output = {"stdout": _plain(result.stdout), "stderr": _plain(result.stderr)}
    result = result.model_copy(update=plain_output)
    if runner is None:
        return await _by_exit_code(sandbox, argv, result, manifest_before, printed_places)
    content = await _read(sandbox, report)
    if runner.render:
        result = result.model_copy(update={"stdout": runner.render(content.decode("utf-8", "replace"))})
    test_report = runner.read(content, result.stdout, result.stderr, printed_places)
    return _judge_report(runner, argv, result, test_report or RunnerReport(()), printed_places)


def _judge_report(
    runner: Runner, argv: Sequence[str], result: Result, report: RunnerReport, printed_places: PrintedPlaces
) -> Finding:
    lines = tests = report.lines
    if result.ok and not lines:
        note = f"The test command passed without running any test ({runner.name})."
        return finding_of(result, (), note=note)
    if result.status == "timeout" and report.running:
        stop = f"It hadn't ended when the command was stopped after {result.wall_s:.0f} s."
        unfinished = (
            line.model_copy(update={"message": "\n".join(filter(None, (stop, line.message)))})
            for line in report.running
        )
        lines = tests = (*lines, *unfinished)
    elif not result.ok and all(line.passed for line in lines):
        lines = (*lines, _command_line(argv, result, printed_places))
    finding = _finding_of(result, lines, tests)
    exits = frozenset({format_command(argv)})
    return replace(finding, complete=report.complete or not result.ok, exits=exits)


async def _by_exit_code(
    sandbox: Sandbox,
    argv: Sequence[str],
    result: Result,
    manifest_before: Mapping[str, str],
    printed_places: PrintedPlaces,
) -> Finding:
    """Judge an unknown command by its exit code, the JUnit XML files that it has written, and printed TAP."""
    manifest_after = await sandbox.manifest()
    written_paths = [
        path
        for path, digest in manifest_after.items()
        if path.endswith(".xml") and manifest_before.get(path) != digest
    ]
    reports, bytes_left = [], _MAX_REPORT_BYTES
    for path in written_paths[:_MAX_FILES]:
        content = await _read(sandbox, path)
        bytes_left -= len(content)
        if bytes_left < 0:
            break
        reports.append(read_junit(content, printed_places))
    if not any(reports):
        reports = [read_tap(result.stdout, printed_places)]
    lines = tests = tuple(line for report in reports if report is not None for line in report.lines)
    if result.ok and any(reports) and not lines:
        return finding_of(result, (), note="The test command passed, and its report holds no test.")
    if not lines or (not result.ok and all(line.passed for line in lines)):
        lines = (*lines, _command_line(argv, result, printed_places))
    finding = _finding_of(result, lines, tests)
    return replace(finding, names_tests=bool(tests), exits=frozenset({format_command(argv)}))


def _finding_of(result: Result, lines: Sequence[CheckLine], tests: Sequence[CheckLine]) -> Finding:
    reached_tests = {line.name for line in lines if not line.passed and line.expected is not None}
    lacks = {line.name: find_lack(line) for line in tests}
    known = {name: lack for name, lack in lacks.items() if lack is not None}
    return replace(finding_of(result, lines, reached_tests=reached_tests), lacks=known)


def _command_line(argv: Sequence[str], result: Result, printed_places: PrintedPlaces) -> CheckLine:
    """Return the command as one test."""
    name = format_command(argv)
    if result.ok:
        return CheckLine(name=name, passed=True)
    tail = "\n".join((reason_line(result.stderr, result.stdout), (result.stderr or result.stdout)[-2000:]))
    path, line = printed_places.last(f"{result.stdout[-8000:]}\n{result.stderr[-8000:]}")
    return failed_line(name, tail, PrintedPlaces(()), path=path, line=line)


async def _read(sandbox: Sandbox, path: str) -> bytes:
    try:
        return as_bytes(_plain(as_text(await sandbox.read(path, limit=_MAX_REPORT_BYTES))))
    except FileRefused:
        return b""


def _plain(text: str) -> str:
    """Return a text without colours: programs are not asked to do without, as they may be tested for them."""
    return without_sequences(text) if "\x1b" in text else text
