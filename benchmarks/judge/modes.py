"""Modes that were found, kept from one run to the next: the same suite and judge give the same ones."""

import hashlib
import json
from pathlib import Path

from pydantic import ValidationError

from benchmarks.judge.digest import judge_digest
from benchmarks.judge.mode import Mode
from benchmarks.written import write_text


class KnownModes:
    """Modes of one suite by case, in a file; where that can't be read, they are found anew."""

    def __init__(self, folder: Path, *about: str) -> None:
        """`about` is what a mode depends on besides the judge: the suite's digest, interpreter, backend."""
        key = hashlib.sha256("\n".join((judge_digest(), *about)).encode()).hexdigest()
        self._path = folder / f"{key[:32]}.json"
        self._found = _read(self._path)
        self._new = False

    def get(self, case: str) -> Mode | None:
        """What is known of a case."""
        return self._found.get(case)

    def put(self, case: str, mode: Mode) -> None:
        """Know one more; a case that can't be judged is asked again next time."""
        if mode.how != "broken" and case not in self._found:
            self._found[case], self._new = mode, True

    def save(self) -> None:
        """Write what is new.

        Raises:
            MachineError: the folder can't be written to, or the disk is full.
        """
        if self._new:
            content = {case: mode.model_dump(mode="json") for case, mode in sorted(self._found.items())}
            write_text(self._path, json.dumps(content))
            self._new = False


def _read(path: Path) -> dict[str, Mode]:
    try:
        content = json.loads(path.read_bytes())
        return {case: Mode.model_validate(mode) for case, mode in content.items()}
    except (OSError, ValueError, ValidationError, AttributeError):
        return {}
