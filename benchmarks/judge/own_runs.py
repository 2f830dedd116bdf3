"""What weighed runs of the case's own answer have shown, and how exchanges are written."""

import builtins
from collections.abc import Sequence

from sandbox.verdicts.run_report import RunReport


class OwnRuns:
    """What weighed runs of the case's own answer have shown."""

    def __init__(self, reports: Sequence[RunReport], *, has_objects: bool = False) -> None:
        """`has_objects`: the tests use objects, so that a request may be one that isn't known here."""
        self.has_objects = has_objects
        self.counts: dict[str, int] = {}
        """How often each exchange took place: the most of any run."""
        for report in reports:
            for key, count in report.given.items():
                self.counts[key] = max(count, self.counts.get(key, 0))
        self.varies = any(report.given != reports[0].given for report in reports)
        """Whether exchanges differ among the runs, as by chance."""
        keys = (key for key in self.counts if len({one.given.get(key, 0) for one in reports}) > 1)
        self.varying = frozenset(map(request_of, keys))
        """Requests whose answers differ among the runs."""
        self.evaluated = frozenset[str]().union(*(report.evaluated for report in reports))
        """Digests of data that the test made code of."""
        self.lines = [report.lines for report in reports]
        self.items = [report.items for report in reports]
        self.answers: dict[str, set[str]] = {}
        """The answers to each request."""
        for key in self.counts:
            self.answers.setdefault(request_of(key), set()).add(key.partition(":")[2])
        self.sizes = {
            request: (min(sizes), max(sizes))
            for request in self.answers
            if (sizes := [one.sizes.get(request, 0) for one in reports])
        }
        """By request, the least and the most number of items of its answers."""
        self.parts = frozenset[str]().union(*(one.answer_parts for one in reports))
        """What its answers consist of, as `RunReport.answer_parts`."""
        self._letters: dict[str, set[str]] = {}
        self._errors: dict[str, set[type]] = {}
        for key in self.counts:
            self._letters.setdefault(request_of(key), set()).update(letters_of(key))
            self._letters.setdefault(_operation(key), set()).update(() if has_objects else letters_of(key))
            self._errors.setdefault(request_of(key), set()).update(error_classes(key))

    def letters(self, request: str) -> set[str]:
        """Return what the answers to a request are, as `Exchanged.letters`; if unknown, to its operation."""
        return self._letters.get(request, self._letters.get(_operation(request), set()))

    def reached_less(self, report: RunReport) -> bool:
        """Whether assertions ran, or comprehensions had items, less often than in each run here."""
        pairs = [(report.lines, self.lines), (report.items, self.items)]
        return any(
            count < min(run.get(number, {}).get(line, 0) for run in own)
            for counts, own in pairs
            for number, lines in counts.items()
            for line, count in lines.items()
        )

    def errors(self, request: str) -> set[type]:
        """Return the builtin classes of the errors that a request raises."""
        return self._errors.get(request, set())


def request_of(key: str) -> str:
    """Return the request of an exchange."""
    return key.partition(":")[0]


def _operation(request: str) -> str:
    return request.partition("-")[0]


def letters_of(key: str) -> str:
    """Return what the answer of an exchange is, as `Exchanged.letters`."""
    return key.rpartition(":")[2]


def error_of(key: str) -> str:
    """Return the error of an exchange, as `Exchanged.error`."""
    return key.split(":", 2)[2].rpartition(":")[0]


def error_classes(key: str) -> list[type]:
    """Return the builtin class of an error; empty if it has none, or nothing was raised."""
    cls = getattr(builtins, error_of(key).removeprefix("raise "), None)
    return [cls] if isinstance(cls, type) and issubclass(cls, BaseException) else []
