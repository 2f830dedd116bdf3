"""Keep the rounds of a watched suite in a file, one JSON document a line."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG

from pydantic import ValidationError

from benchmarks.stats.watch import Round
from coder.base.errors import MachineError, UsageError


class RoundHistory:
    """The rounds of a file, held by this process alone."""

    def __init__(self, path: Path, descriptor: int, rounds: Sequence[Round]) -> None:
        self._path, self._descriptor = path, descriptor
        self.rounds = [*rounds]

    def require_suite(self, suite: str) -> None:
        """Raise UsageError if the rounds are of another suite."""
        if self.rounds and self.rounds[-1].suite != suite:
            raise UsageError(
                f"{self._path} holds rounds of {self.rounds[-1].suite}, and this one is of {suite}.\n"
                "Give each suite a history of its own: --history FILE"
            )

    def add(self, new: Round) -> None:
        """Append a round, on disk before this returns. Raises MachineError, UsageError for another suite."""
        self.require_suite(new.suite)
        line = new.model_dump_json(exclude_defaults=True).encode() + b"\n"
        try:
            size = os.fstat(self._descriptor).st_size
            try:
                if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
                    line = b"\n" + line
                _write(self._descriptor, line)
                os.fsync(self._descriptor)
            except OSError:
                os.ftruncate(self._descriptor, size)  # no half of a round stays
                raise
        except OSError as error:
            raise MachineError(f"Can't write {self._path}: {error.strerror}") from error
        self.rounds.append(new)


@contextmanager
def open_history(path: Path) -> Iterator[RoundHistory]:
    """Open a history, or begin one.

    Raises:
        UsageError: another process makes a round, or a line is no round.
        MachineError: the file can't be used.
    """
    try:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        raise MachineError(f"Can't open {path}: {error.strerror}") from error
    try:
        if not S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError(f"{path} is no file, and rounds are kept in one. Name another --history.")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = f"Another process makes a round for {path}. Try again once it has ended."
            raise UsageError(message) from error
        yield RoundHistory(path, descriptor, _read(path))
    finally:
        os.close(descriptor)


def _read(path: Path) -> list[Round]:
    rounds = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            rounds.append(Round.model_validate_json(line))
        except ValidationError as error:
            message = f"Line {number} of {path} is no round of coder bench watch. Remove it, or begin anew."
            raise UsageError(message) from error
    return rounds


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
