"""Installed: one entry of the cache. Complete, or not there."""

import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from coder.errors import MachineError
from coder.run.command_inputs import MODULES

ENVIRONMENT = "env"
"""Folder of an entry: a virtual environment. Beside it, or alone, are Node's modules."""
_DAY_S = 86_400
_BEGUN = ".begun-"


@dataclass(frozen=True, slots=True)
class Installed:
    """An entry, whether it is there or not."""

    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether it was made."""
        return self.folder.is_dir()

    @property
    def python(self) -> Path | None:
        """The interpreter of its virtual environment; None where it has none."""
        python = self.folder / ENVIRONMENT / "bin" / "python"
        return python if python.is_symlink() else None

    @property
    def modules(self) -> Path | None:
        """Node's modules; None where it has none."""
        modules = self.folder / MODULES
        return modules if modules.is_dir() else None

    def make(self, fill: Callable[[Path], None]) -> None:
        """Have a folder filled and take it in; nothing of it stays where that fails.

        Killed in the middle, it leaves a folder of another name, which the next one removes after a day.

        Raises:
            MachineError: it can't be written.
        """
        place = self.folder.parent / f"{_BEGUN}{uuid.uuid4().hex}"
        _remove_old(self.folder.parent)
        try:
            place.mkdir()
            place.chmod(0o755)  # whatever our umask is: programs of another uid read it
            fill(place)
            place.rename(self.folder)
        except OSError as error:
            if not self.is_there:  # else another process was first, which is as well
                raise MachineError(f"What was installed can't be kept in {self.folder}: {error}.") from error
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _remove_old(folder: Path) -> None:
    for path in folder.glob(f"{_BEGUN}*"):
        if path.stat().st_mtime < time.time() - _DAY_S:
            shutil.rmtree(path, ignore_errors=True)
