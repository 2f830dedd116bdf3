"""Permissions: what the user allows in one project for good; the file lies outside of the project."""

from pathlib import Path

from pydantic import BaseModel, ValidationError

from coder.base.errors import MachineError
from coder.base.fs.atomic_replace import replacing
from coder.base.fs.private_folder import private_folder

FILE = "permissions.json"
"""In the user's data folder."""


class Allowed(BaseModel, frozen=True, extra="forbid"):
    """What holds in one project."""

    hosts: tuple[str, ...] = ()
    """Programs of the model may reach these: `HOST`, or `HOST:PORT` for ports other than the web's."""
    auto: bool = False
    """What passes is written without a question."""


class _File(BaseModel, frozen=True, extra="forbid"):
    projects: dict[str, Allowed] = {}


class Permissions:
    """Those of one project."""

    def __init__(self, folder: Path, project: Path) -> None:
        self._folder = folder
        self._project = str(project.resolve())
        self.allowed = self.now()

    def now(self) -> Allowed:
        """What the file says at the moment: another conversation may have changed it."""
        return self._read().projects.get(self._project, Allowed())

    def write(self, allowed: Allowed) -> None:
        """Remember this in place of what was allowed; MachineError: the file can't be written."""
        projects = {**self._read().projects, self._project: allowed}
        path = private_folder(self._folder) / FILE
        try:
            with replacing(path) as file:
                file.write(_File(projects=projects).model_dump_json(indent=2).encode())
        except OSError as error:
            raise MachineError(f"Can't write {path}: {error.strerror}.") from error
        self.allowed = allowed

    def _read(self) -> _File:
        path = self._folder / FILE
        try:
            return _File.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return _File()
        except (OSError, ValidationError) as error:
            raise MachineError(
                f"Can't read {path}: mend it, or remove it and lose what it allows."
            ) from error
