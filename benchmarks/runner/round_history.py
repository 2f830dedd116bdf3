"""Keep the rounds of a watched suite: as lines of a file, or as events in SQLite or Postgres."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from stat import S_ISREG

from pydantic import ValidationError

from benchmarks.stats.watch import Round
from coder.base.errors import MachineError, UsageError
from coder.run.events import Draft
from coder.store import data_folder, open_store, usual_places
from coder.store.run_list import ATTEMPT_SEPARATOR
from sandbox.open import LoopThread

STORE = "store:"
"""Prefix of a history in the log of benchmarks, or in the Postgres that holds the user's runs."""
_EVENT = "bench.round"


class RoundHistory:
    """The rounds of a history, held by this process alone."""

    def __init__(self, place: str, rounds: Sequence[Round], write: Callable[[Round], object]) -> None:
        self._place, self._write = place, write
        self.rounds = [*rounds]

    def require_suite(self, suite: str) -> None:
        """Raise UsageError if the rounds are of another suite."""
        other = next((each.suite for each in self.rounds if each.suite != suite), None)
        if other is not None:
            raise UsageError(
                f"{self._place} holds rounds of {other}, and this one is of {suite}.\n"
                "Give each suite a history of its own: --history"
            )

    def add(self, new: Round) -> None:
        """Append a round, on disk before this returns. Raises MachineError, UsageError for another suite."""
        self.require_suite(new.suite)
        self._write(new)
        self.rounds.append(new)


def file_of(place: str) -> Path | None:
    """Return the file of a history; None for one in the log."""
    return None if place.startswith(STORE) else Path(place)


@contextmanager
def open_history(place: str) -> Iterator[RoundHistory]:
    """Open the history in a file, or with `store:NAME` in a log, or begin one.

    Raises:
        UsageError: another process makes a round, or a line or an event is no round.
        MachineError: the file or the log can't be used.
    """
    path = file_of(place)
    with _open_file(path) if path is not None else _open_stored(place) as history:
        yield history


@contextmanager
def _open_stored(place: str) -> Iterator[RoundHistory]:
    name = place.removeprefix(STORE)
    if not name or not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"--history {place}: name it by letters, digits, - and _, as in {STORE}nightly.")
    run = f"watch{ATTEMPT_SEPARATOR}{name}"  # no list of runs shows such an id
    addresses = usual_places()
    with (
        open_store(addresses.log or data_folder(os.environ) / "bench", addresses.blobs) as log,
        LoopThread() as thread,
    ):
        if thread.make_blocking(log.holder)(run) is not None:
            raise UsageError(_busy(place))
        with thread.enter(log.lease(run)) as token:
            events = thread.make_blocking(log.read)(run)
            bodies = [json.dumps(event.body).encode() for event in events]
            rounds = [_parse(body, f"Event {at} of {place}") for at, body in enumerate(bodies, 1)]
            append = thread.make_blocking(log.append)

            def write(new: Round) -> None:
                draft = Draft(type=_EVENT, body=new.model_dump(mode="json", exclude_defaults=True))
                append(run, [draft], after=len(history.rounds), token=token)

            history = RoundHistory(place, rounds, write)
            yield history


@contextmanager
def _open_file(path: Path) -> Iterator[RoundHistory]:
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        message = f"Can't open {path}: {error.strerror}. Make its folder, or name another --history."
        raise MachineError(message) from error
    try:
        if not S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError(f"{path} is no file, and rounds are kept in one. Name another --history.")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(_busy(str(path))) from error
        lines = path.read_bytes().splitlines()
        rounds = [_parse(line, f"Line {number} of {path}") for number, line in enumerate(lines, 1)]
        yield RoundHistory(str(path), rounds, partial(_append, path, descriptor))
    finally:
        os.close(descriptor)


def _busy(place: str) -> str:
    return f"Another process makes a round for {place}. Try again once it has ended."


def _parse(text: bytes, where: str) -> Round:
    try:
        return Round.model_validate_json(text)
    except ValidationError as error:
        message = f"{where} is no round of coder bench watch. Remove it, or begin anew."
        raise UsageError(message) from error


def _append(path: Path, descriptor: int, new: Round) -> None:
    line = new.model_dump_json(exclude_defaults=True).encode() + b"\n"
    try:
        size = os.fstat(descriptor).st_size
        try:
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            while line:
                line = line[os.write(descriptor, line) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)  # no half of a round stays
            raise
    except OSError as error:
        raise MachineError(f"Can't write {path}: {error.strerror}") from error
