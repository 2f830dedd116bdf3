"""Search the runs of a log by words, in an index beside it (SQLite FTS5).

The index is a cache: each search updates it, and recreates it if it is missing, damaged or old.
"""

import asyncio
import contextlib
import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from coder.base.errors import LogDamaged, LogNewer
from coder.base.fs.private_folder import facts_folder, private_folder
from coder.base.text.redact import Redactor
from coder.run.event_types import (
    CallAnswered,
    RunStarted,
    RunStopped,
    Spoken,
    StepStarted,
    ToolAnswered,
    ToolCalled,
    parse,
)
from coder.run.events import Event
from coder.store import usual_places
from coder.store.lease import EventLog
from coder.store.run_list import RunSummary

_VERSION = 2
"""Version of the table and of what is indexed."""
_MAX_PART, _MAX_RUN = 4_000, 400_000
"""Characters of one text, and of one run, that are indexed."""
_CONTEXT_WORDS = 12
_WORD = re.compile(r"\w+")
_TABLE = (
    "CREATE VIRTUAL TABLE run_text USING fts5("
    "run UNINDEXED, seq UNINDEXED, task, text, tokenize = 'porter unicode61')"
)
_MATCHES = (
    f"SELECT run, snippet(run_text, -1, '', '', ' … ', {_CONTEXT_WORDS}) FROM run_text "
    "WHERE run_text MATCH ? ORDER BY bm25(run_text, 0.0, 0.0, 3.0, 1.0), run DESC"
)


async def search_runs(log: EventLog, words: str, *, limit: int | None = None) -> list[tuple[RunSummary, str]]:
    """Return the runs that contain all words, best matches first, each with the words around a match.

    Prompts, messages, answers, calls of tools and their results, and a run's id, folder and model are
    searched, with secrets redacted.

    Raises:
        LogDamaged, MachineError: the log can't be read.
    """
    summaries = {summary.run: summary for summary in await log.runs()}
    path = await asyncio.to_thread(_index_path)
    index = await asyncio.to_thread(_open, path)
    with closing(index):
        await _update(index, log, summaries)
        matches = await asyncio.to_thread(_matches, index, words)
    rows = [(summaries[run], excerpt) for run, excerpt in matches if run in summaries]
    return rows[:limit]


def _index_path() -> Path:
    """Return the path of the current log's index; each log has its own index."""
    name = usual_places().log
    digest = hashlib.sha256(name.encode()).hexdigest()[:12] if name else "own"
    return private_folder(facts_folder()) / f"runs-{digest}-{_VERSION}.sqlite"


def _open(path: Path) -> sqlite3.Connection:
    """Open the index; create it if it is damaged, in memory if the disk can't be written."""
    for _ in range(2):
        with contextlib.suppress(sqlite3.Error):
            return _connect(str(path))
        with contextlib.suppress(OSError):
            path.unlink()
    return _connect(":memory:")


def _connect(name: str) -> sqlite3.Connection:
    index = sqlite3.connect(name, timeout=10, check_same_thread=False)
    try:
        if index.execute("SELECT 1 FROM sqlite_master WHERE name = 'run_text'").fetchone() is None:
            index.execute(_TABLE)
        index.execute("INSERT INTO run_text(run_text) VALUES ('integrity-check')")
        index.commit()
    except sqlite3.Error:
        index.close()
        raise
    return index


async def _update(index: sqlite3.Connection, log: EventLog, summaries: Mapping[str, RunSummary]) -> None:
    """Index the runs that have changed since the last search, and remove runs that no longer exist."""
    indexed = dict(await asyncio.to_thread(_indexed, index))
    redactor = Redactor.from_environment()
    if gone := sorted(indexed.keys() - summaries.keys()):
        await asyncio.to_thread(_forget, index, gone)
    for run, summary in summaries.items():
        if indexed.get(run) == summary.last.seq:
            continue
        try:
            events = await log.read(run)
        except (LogDamaged, LogNewer):  # `coder show` says why
            continue
        task, text = (redactor.redact(part) for part in _texts(events))
        await asyncio.to_thread(_replace, index, (run, summary.last.seq, task, text))


def _indexed(index: sqlite3.Connection) -> list[tuple[str, int]]:
    return index.execute("SELECT run, seq FROM run_text").fetchall()


def _replace(index: sqlite3.Connection, row: tuple[str, int, str, str]) -> None:
    with contextlib.suppress(sqlite3.OperationalError), index:  # a full disk: this run can't be found
        index.execute("DELETE FROM run_text WHERE run = ?", row[:1])
        index.execute("INSERT INTO run_text VALUES (?, ?, ?, ?)", row)


def _forget(index: sqlite3.Connection, runs: Sequence[str]) -> None:
    """Remove runs, with every byte of them: FTS5 keeps deleted words until its parts are merged."""
    with index:
        index.executemany("DELETE FROM run_text WHERE run = ?", [(run,) for run in runs])
        index.execute("INSERT INTO run_text(run_text) VALUES ('optimize')")
    index.execute("VACUUM")


def _matches(index: sqlite3.Connection, words: str) -> list[tuple[str, str]]:
    terms = " ".join(f'"{word}"' for word in _WORD.findall(words))
    return index.execute(_MATCHES, (terms,)).fetchall() if terms else []


def _texts(events: Sequence[Event]) -> tuple[str, str]:
    """Return the tasks of a run, and the other words in it."""
    tasks = [
        body.task.prompt for event in events if isinstance(body := parse(event), RunStarted | StepStarted)
    ]
    parts, size = [], 0
    for part in _parts(events):
        parts.append(part[:_MAX_PART])
        size += len(parts[-1])
        if size >= _MAX_RUN:
            break
    return "\n".join(tasks), "\n".join(parts)


def _parts(events: Sequence[Event]) -> Iterator[str]:
    for event in events:
        match parse(event):
            case RunStarted(task=task, model=model):
                yield f"{event.run} {task.workspace or ''} {model}"
            case CallAnswered(text=text) | ToolAnswered(text=text) if text:
                yield text
            case ToolCalled(name=name, arguments=arguments):
                yield f"{name} {arguments}"
            case Spoken(message=message) if text := getattr(message, "text", ""):
                yield text
            case RunStopped(reason=reason):
                yield reason
