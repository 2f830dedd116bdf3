"""What the checker's process reports, kept by the number of the check that it is about."""

from dataclasses import dataclass, field

from sandbox.inner.bridge.codec import CodecError, decode
from sandbox.result import Result

MAX_REPORTS = 50_000
"""Of one check; a test file of a million parameters is cut off here, and then isn't complete."""

Reported = tuple[str, bool, str, str | None, str | None, bool]
"""Name, passed, message, expected, actual, whether an assertion failed."""


@dataclass(slots=True)
class RunReport:
    """Reports so far. Whatever isn't one ends the check without a verdict."""

    results: dict[int, list[Reported]] = field(default_factory=dict)
    number: int = -1
    """Of the check that is under way."""
    unfinished: str | None = None
    """The part of it that began and didn't end."""
    ended: bool = False
    mutated: bool = False
    referred: bool = False
    disowned: bool = False
    timed_out: bool = False
    note: str = ""
    _count: int = 0

    def take(self, report: bytes) -> None:
        """Keep one report.

        Raises:
            CodecError: it isn't one, or there are too many.
        """
        self._count += 1
        match decode(report):
            case ("check", int(number)):
                self.number = number
            case ("begin", str(name)):
                self.unfinished = name
            case ("result", str(name), bool(passed), str(message), expected, actual, bool(asserted)):
                self.unfinished = None
                reported = (name, passed, message, expected, actual, asserted)
                self.results.setdefault(self.number, []).append(reported)
            case ("end", bool(mutated), bool(referred), bool(disowned)):
                self.ended, self.unfinished = True, None
                self.mutated, self.referred, self.disowned = mutated, referred, disowned
            case _:
                raise CodecError("the checker sent what isn't a report")
        if self._count > MAX_REPORTS:
            raise CodecError(f"the checker sent more than {MAX_REPORTS:,} reports")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was heard, and how both processes ended."""

    heard: RunReport
    candidate: Result
    checker: Result
