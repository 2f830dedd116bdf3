"""Read reports of pytest: on each job after a run, and on alarms and failures during a run."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from coder.base.text.sanitize import printable
from sandbox import Result

Message = list[object]
"""Words of a line of a report, without the key of its job."""
_PHASES = ("setup", "call", "teardown")
AROUND_S = 0.002
"""Time that pytest adds to each test, in seconds."""


@dataclass(slots=True)
class TestRun:
    """Report of one test file, and of how its process ended."""

    __test__ = False

    passed: set[str] = field(default_factory=set)
    """Node ids whose three phases all passed."""
    failures: dict[str, str] = field(default_factory=dict)
    """Last lines of the reason, for node ids that didn't pass and for files that couldn't be collected."""
    unended: frozenset[str] = frozenset()
    """Tests that started and never finished, because the process ended."""
    left: set[str] = field(default_factory=set)
    """Tests that exceeded their time limit, or left threads."""
    ended_by_assertion: bool = False
    """Whether a failed assertion ended the run; its message has no values unless assertions are rewritten."""
    broken: set[str] = field(default_factory=set)
    """Tests that raised an error, not an AssertionError, before they reached the code under test."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall seconds of each node."""
    done: bool = False
    timed_out: bool = False
    died: bool = False
    """Whether SIGKILL ended the process though no limit was reached."""
    tripped: frozenset[str] = frozenset()
    """Causes of alarms, each with its place in the repository."""
    result: Result | None = None
    """Result of the process that ran all files of this call; None if a failure ended the process."""

    skipped: set[str] = field(default_factory=set)
    """Node ids skipped before they began, by a mark or a fixture."""
    skips: set[str] = field(default_factory=set)
    """Node ids, and files that are skipped whole, of which a part was skipped and none failed."""

    @property
    def passes_whole(self) -> bool:
        """Whether the run finished, some test passed, and none failed."""
        return self.done and bool(self.passed) and self.failures.keys() <= self.skipped

    @property
    def expected_s(self) -> float:
        """Expected seconds of another run of these tests, including pytest's work around each test."""
        return sum(self.seconds.values()) + AROUND_S * len(self.seconds)

    @property
    def seen(self) -> set[str]:
        """Node ids that ran, whatever their outcome."""
        return self.passed | self.failures.keys()


class PytestStream:
    """Collects alarms and failures that a run reports before its end."""

    def __init__(self, decides: Mapping[str, Callable[[str], bool] | None]) -> None:
        """`decides`, by the key of a job, tells whether the failure of a node ends all jobs."""
        self._jobs, self._read = (
            {key: function for key, function in decides.items() if function is not None},
            0,
        )
        self.output = bytearray()
        self.decided = asyncio.Event()
        self.key = ""
        """Key of the job whose failure decided."""
        self.failures: dict[str, str] = {}
        self._ended_by_assertion = False

    def take(self, stream: str, piece: bytes) -> None:
        """Add a piece of output."""
        if stream != "stderr":
            return
        self.output += piece
        end = self.output.rfind(b"\n") + 1
        lines, self._read = self.output[self._read : end].splitlines(), max(end, self._read)
        if self.decided.is_set() or not self._jobs:
            return
        messages = messages_by_key(lines)
        for key, decides in self._jobs.items():
            for message in messages.get(key, ()):
                match message:
                    case ["failed", str(node), str(text), bool(asserted)] if decides(node):
                        self.key, self.failures, self._ended_by_assertion = (
                            key,
                            {node: _innermost(text)},
                            asserted,
                        )
                        self.decided.set()
                        return

    def run_of(self, key: str) -> TestRun:
        """Return the report of a job whose run was ended by a failure."""
        tripped = _alarms(messages_by_key(self.output.splitlines()).get(key, []))
        if key != self.key:
            return TestRun(tripped=tripped)
        return TestRun(failures=self.failures, ended_by_assertion=self._ended_by_assertion, tripped=tripped)


def messages_by_key(lines: Iterable[bytes | bytearray]) -> dict[str, list[Message]]:
    """Return the messages in lines by the key of their job; each line is read once for all jobs."""
    by_key: dict[str, list[Message]] = {}
    for line in lines:
        try:
            words = json.loads(line)
        except (ValueError, RecursionError):
            continue
        match words:
            case [str(key), *message]:
                by_key.setdefault(key, []).append(message)
    return by_key


def read_report(result: Result, reported: Sequence[Message], streamed: Sequence[Message]) -> TestRun:
    """Return the report on one job, from the file of its run and from the output during the run."""
    report = TestRun(result=result)
    phases: dict[str, dict[str, str]] = {}
    done = False
    for message in reported:
        match message:
            case ["test", str(node), str(phase), str(outcome), str(text), int() | float() as seconds]:
                if phases.setdefault(node, {}).get(phase) != "failed":  # a failed subtest has set it
                    phases[node][phase] = outcome
                report.seconds[node] = report.seconds.get(node, 0.0) + float(seconds)
                if outcome != "passed":
                    report.failures.setdefault(node, _innermost(text) or outcome)
            case ["collect", str(node), str(text)]:
                report.failures.setdefault(node, text)
            case ["skip", str(node)]:
                report.skips.add(node)
            case ["left", str(node)]:
                report.left.add(node)
            case ["broke", str(node)]:
                report.broken.add(node)
            case ["done", int()]:
                done = True
            case ["ended", str(ending)]:
                report.timed_out = report.timed_out or ending in ("wall", "cpu")
                report.died = report.died or ending == "died"
    report.done = done and ["watched"] in streamed
    report.timed_out = report.timed_out or (result.killed_by in ("wall", "cpu") and not report.done)
    report.tripped = _alarms(streamed)
    all_passed = dict.fromkeys(_PHASES, "passed")
    report.passed = {node for node, outcomes in phases.items() if outcomes == all_passed}
    report.skipped = {node for node, outcomes in phases.items() if outcomes.get("setup") == "skipped"}
    report.skips |= {
        node for node, outcomes in phases.items() if {*outcomes.values()} - {"passed"} == {"skipped"}
    }
    report.unended = frozenset(phases.keys() - report.passed - report.failures.keys())
    for node in report.unended:
        report.failures[node] = "it did not end"
    return report


def _alarms(streamed: Iterable[Message]) -> frozenset[str]:
    """Return the causes of alarms in a job, each with its place."""
    return frozenset(
        printable(f"{message[1]} ({message[2]})")
        for message in streamed
        if message[:1] == ["tripped"] and len(message) == 3
    )


def _innermost(text: str) -> str:
    _, frame, last_lines = text.rpartition("\n  File ")
    return f"{frame.strip()} {last_lines}" if frame else text
