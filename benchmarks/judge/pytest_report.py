"""Reports of runs of pytest: those on each job at its end, and what a run tells at once."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from coder.base.text.sanitize import printable
from sandbox import Result

_PHASES = ("setup", "call", "teardown")
AROUND_S = 0.002
"""What pytest does around a test, in seconds."""


@dataclass(slots=True)
class TestRun:
    """Report of one test file, and how its process ended."""

    __test__ = False

    passed: set[str] = field(default_factory=set)
    """Node ids whose three phases all passed."""
    failures: dict[str, str] = field(default_factory=dict)
    """Last lines of the reason, for other node ids and for files that could not be collected."""
    unended: frozenset[str] = frozenset()
    """Tests that started and never finished: the process ended in one."""
    left: set[str] = field(default_factory=set)
    """Tests that exceeded their limit, or left threads."""
    asserted: bool = False
    """Whether the failure that ended a run is an assertion, whose message has no values unless rewritten."""
    broken: set[str] = field(default_factory=set)
    """Tests that raised another error than an assertion's before they came to the code under test."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall seconds of each node."""
    done: bool = False
    timed_out: bool = False
    died: bool = False
    """SIGKILL ended its process though no limit was reached."""
    tripped: frozenset[str] = frozenset()
    """What set off an alarm, and where in the repository."""
    result: Result | None = None
    """End of the process that ran all files of this call; None if a failure ended it."""

    skipped: set[str] = field(default_factory=set)
    """Node ids skipped before they began, by a mark or a fixture."""

    @property
    def passes_whole(self) -> bool:
        """Whether it finished, some test passed, and none failed."""
        return self.done and bool(self.passed) and self.failures.keys() <= self.skipped

    @property
    def expected_s(self) -> float:
        """Seconds that such a run takes, with what pytest does around each test."""
        return sum(self.seconds.values()) + AROUND_S * len(self.seconds)

    @property
    def seen(self) -> set[str]:
        """Node ids that ran at all."""
        return self.passed | self.failures.keys()


class PytestStream:
    """Alarms and failures that a run reports while it goes on."""

    def __init__(self, decides: Mapping[str, Callable[[str], bool] | None]) -> None:
        """`decides`: by the key of a job, whether the failure of a node ends all."""
        self._jobs, self._read = {key: one for key, one in decides.items() if one is not None}, 0
        self.told = bytearray()
        self.decided = asyncio.Event()
        self.key = ""
        """Key of the job whose failure decided."""
        self.failures: dict[str, str] = {}
        self._asserted = False

    def take(self, stream: str, piece: bytes) -> None:
        """Add a piece of output."""
        if stream != "stderr":
            return
        self.told += piece
        end = self.told.rfind(b"\n") + 1
        lines, self._read = self.told[self._read : end].splitlines(), max(end, self._read)
        for key, decides in self._jobs.items() if not self.decided.is_set() else ():
            for line in lines:
                match _words(bytes(line), key):
                    case ["failed", str(node), str(text), bool(asserted)] if decides(node):
                        self.key, self.failures, self._asserted = key, {node: _innermost(text)}, asserted
                        self.decided.set()
                        return

    def run_of(self, key: str) -> TestRun:
        """What is known of a job whose run a failure has ended."""
        tripped = _alarms(bytes(self.told), key)
        if key != self.key:
            return TestRun(tripped=tripped)
        return TestRun(failures=self.failures, asserted=self._asserted, tripped=tripped)


def read_report(result: Result, content: bytes, key: str, told: bytes) -> TestRun:
    """The report on one job, from the file of its run and from what it told at once."""
    found = TestRun(result=result)
    phases: dict[str, dict[str, str]] = {}
    done = False
    for line in content.splitlines():
        match _words(line, key):
            case ["test", str(node), str(phase), str(outcome), str(text), int() | float() as seconds]:
                if phases.setdefault(node, {}).get(phase) != "failed":  # a failed subtest has set it
                    phases[node][phase] = outcome
                found.seconds[node] = found.seconds.get(node, 0.0) + float(seconds)
                if outcome != "passed":
                    found.failures.setdefault(node, _innermost(text) or outcome)
            case ["collect", str(node), str(text)]:
                found.failures.setdefault(node, text)
            case ["left", str(node)]:
                found.left.add(node)
            case ["broke", str(node)]:
                found.broken.add(node)
            case ["done", int()]:
                done = True
            case ["ended", str(how)]:
                found.timed_out = found.timed_out or how in ("wall", "cpu")
                found.died = found.died or how == "died"
    found.done = done and ["watched"] in [_words(line, key) for line in told.splitlines()]
    found.timed_out = found.timed_out or (result.killed_by in ("wall", "cpu") and not found.done)
    found.tripped = _alarms(told, key)
    whole = dict.fromkeys(_PHASES, "passed")
    found.passed = {node for node, outcomes in phases.items() if outcomes == whole}
    found.skipped = {node for node, outcomes in phases.items() if outcomes.get("setup") == "skipped"}
    found.unended = frozenset(phases.keys() - found.passed - found.failures.keys())
    for node in found.unended:
        found.failures[node] = "it did not end"
    return found


def _alarms(told: bytes, key: str) -> frozenset[str]:
    """What set off an alarm in a job, and where."""
    words = (_words(line, key) for line in told.splitlines())
    return frozenset(
        printable(f"{one[1]} ({one[2]})") for one in words if one[:1] == ["tripped"] and len(one) == 3
    )


def _innermost(text: str) -> str:
    _, frame, last = text.rpartition("\n  File ")
    return f"{frame.strip()} {last}" if frame else text


def _words(line: bytes, key: str) -> list[object]:
    try:
        words = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return words[1:] if isinstance(words, list) and words[:1] == [key] else []
