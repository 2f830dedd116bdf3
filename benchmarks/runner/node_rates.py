"""Show the nodes of a run in a table: jobs, rate, losses, repeated jobs."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from benchmarks.executors.executor import NodeTally
from coder.show.tables import Column, TextTable

_RECENT_S = 15.0
"""Seconds over which the rate of a node is computed."""


class NodeRates:
    """Counts jobs of nodes over the last seconds."""

    def __init__(self, tallies: Callable[[], Sequence[NodeTally]]) -> None:
        self.tallies = tallies
        self._seen = deque([(time.monotonic(), [tally.done for tally in tallies()])])

    def rates(self) -> list[float]:
        """Return the recent jobs per second of each node."""
        now, counts = time.monotonic(), [tally.done for tally in self.tallies()]
        while len(self._seen) > 1 and self._seen[1][0] < now - _RECENT_S:
            self._seen.popleft()
        began, before = self._seen[0]
        if now - self._seen[-1][0] >= 1:
            self._seen.append((now, counts))
        seconds = max(now - began, 1e-3)
        return [(count - earlier) / seconds for count, earlier in zip(counts, before, strict=True)]

    def table(self) -> TextTable:
        """Return a table with a row for each node."""
        return node_table(self.tallies(), [f"{rate:.1f}/s" for rate in self.rates()])

    def line(self) -> str:
        """Return the content of the table in one line, for a pipe."""
        parts = []
        for tally, rate in zip(self.tallies(), self.rates(), strict=True):
            faults = f", lost {tally.lost}, retried {tally.retried}" if tally.lost else ""
            gone = ", gone" if tally.is_gone else ""
            parts.append(f"{tally.name} {tally.done:,} ({rate:.1f}/s{faults}{gone})")
        return "  ".join(parts)


def node_table(tallies: Sequence[NodeTally], rates: Sequence[str] | None = None) -> TextTable:
    """Return a table with a row for each node: name, jobs done, rate if known, losses, repeated jobs."""
    columns = [Column("node", width=30, is_whole=True)]
    names = ["done", *(["rate"] if rates is not None else []), "lost", "retried"]
    columns += [Column(name, width=8, is_number=True) for name in names]
    rows = []
    for index, tally in enumerate(tallies):
        name = tally.name + (" (gone)" if tally.is_gone else "")
        rate = [rates[index]] if rates is not None else []
        rows.append([name, f"{tally.done:,}", *rate, str(tally.lost), str(tally.retried)])
    return TextTable(columns, rows)
