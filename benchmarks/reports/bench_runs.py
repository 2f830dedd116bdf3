"""The benchmarks' runs of this machine, for those who have lost an id."""

from pydantic import BaseModel, ConfigDict

from benchmarks.runner.runlog import BenchEnded, BenchJudged, BenchStarted
from coder.store import SqliteLog
from coder.store.run_list import RunSummary


class ListedBench(BaseModel):
    """One row of the list."""

    model_config = ConfigDict(frozen=True)

    run: str
    state: str
    """`done`, `cost` where a limit was reached, or `unfinished`."""
    started: float
    """Seconds since the epoch."""
    samples: int
    """Events of samples: as many are judged, unless an ended run was continued."""
    suite: str
    model: str | None


async def listed(log: SqliteLog, *, limit: int | None) -> list[ListedBench]:
    """Runs, newest first, at most `limit`."""
    rows = [_row(one) for one in await log.runs() if one.first.type == BenchStarted.type]
    return rows[:limit]


def _row(one: RunSummary) -> ListedBench:
    started, ended = BenchStarted.model_validate(one.first.body), one.last.type == BenchEnded.type
    return ListedBench(
        run=one.run,
        state=BenchEnded.model_validate(one.last.body).reason if ended else "unfinished",
        started=one.first.time,
        samples=one.last.seq - 1 - ended if one.last.type in (BenchJudged.type, BenchEnded.type) else 0,
        suite=started.suite,
        model=started.model,
    )
