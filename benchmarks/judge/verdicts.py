"""Define the intermediate result of judging one answer, common to all modes."""

import signal
from collections.abc import Collection
from dataclasses import dataclass, field

from benchmarks.verdict import Evidence, Outcome, Strength, Verdict
from coder.base.text.sanitize import one_line, printable
from sandbox import Result

MAX_DETAIL = 500
MAX_OUTPUT = 1000
"""Maximum number of characters of a candidate's output in a report, which may hold 100,000 outputs."""
_POWERS = {
    "frames": "frames of callers show what a test expects; warnings and loggers ask for them too",
    "frames and code": "code and frames show what a test expects; debuggers and decorators use them too",
    "objects of others": "the collector's objects include the tests' own; leak detectors list them too",
    "tracing": "a tracer sees and changes what a test does; profilers and coverage use it too",
    "memory": "memory of the process holds the tests; bindings of C libraries reach it too",
    "test files": "a test file shows what is expected; loaders of test data open them too",
    "another program": "another program can change what decides; wrappers of tools start one too",
    "code under another name": "it can pass for the test tool's; templates and code generators do it too",
    "test tool": "what was changed decides whether a test passes; monkeypatches change it too",
}
"""By cause of an alarm: the cheats that it enables, and the harmless programs that need it too."""


def weigh_alarms(tripped: Collection[str]) -> str:
    """Return the reason of a `suspicious` verdict: alarms, places, what they enable, and advice."""
    kinds = dict.fromkeys(alarm.partition(" (")[0] for alarm in sorted(tripped))
    powers = ". ".join(f"{kind}: {_POWERS[kind]}" for kind in kinds if kind in _POWERS)
    places = "; ".join(sorted(tripped))
    advice = "Read these places: count it if the task needs them"
    return f"it passed, and set off alarms: {places}. {powers}. {advice}"


@dataclass(slots=True)
class DraftVerdict:
    """Fields of a verdict, and flags for steps before the verdict is final."""

    outcome: Outcome
    detail: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    output: str = ""
    base: Outcome | None = None
    stateful: bool = False
    tripped: frozenset[str] = frozenset()
    incomplete: bool = False
    """The checker gave no verdict: try a known good solution to find the cause."""
    strength: Strength | None = None
    """Strength of this verdict, if it differs from the strength of its case."""
    exchanged: str = ""
    """Digest of what isolated tests exchanged with the package, if they passed."""
    rewards: dict[str, float] = field(default_factory=dict)
    outside: tuple[str, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    of_case: bool = False
    """The case itself can't be judged."""
    died: bool = False
    """A process was killed for an unknown reason: check that its sandbox works."""

    def verdict(self, case: str, sample: int, strength: Strength, *, apart: bool) -> Verdict:
        """Return the verdict on a sample of a case: at most `weaker` if its sandboxes aren't kept apart."""
        reached_strength = self.strength or strength
        return Verdict(
            id=case,
            sample=sample,
            verdict=self.outcome,
            strength=reached_strength if apart or reached_strength == "weak" else "weaker",
            detail=one_line(self.detail, width=MAX_DETAIL),
            output=self.output,
            base=self.base,
            stateful=self.stateful,
            of_case=self.of_case,
            tripped=tuple(sorted(map(printable, self.tripped))),
            rewards=self.rewards,
            outside=tuple(map(printable, self.outside)),
            cpu_s=round(self.cpu_s, 3),
            wall_s=round(self.wall_s, 3),
        )


def timeout_reason(timeout_s: float) -> str:
    """Return the reason of a timeout."""
    return f"it took more than {timeout_s:g} s of CPU, or slept longer than it may"


def has_unknown_killer(result: Result) -> bool:
    """Whether SIGKILL ended a process without a limit: it killed itself, or its sandbox died."""
    return result.signal == signal.SIGKILL and result.killed_by is None


def output_end(result: Result) -> str:
    """Return the end of a candidate's output, for reports."""
    text = printable("\n".join(part for part in (result.stdout, result.stderr) if part)).strip()
    return text if len(text) <= MAX_OUTPUT else f"… {text[-MAX_OUTPUT:]}"
