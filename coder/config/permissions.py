"""Permissions that the user grants permanently for one project, stored outside of the project."""

from pathlib import Path

from pydantic import Field, ValidationError

from coder.base.errors import MachineError
from coder.base.fs.atomic_replace import replacing
from coder.base.fs.private_folder import private_folder
from sandbox.result import Value

PERMISSIONS_FILE = "permissions.json"
"""Name of the file in the user's data folder."""


class ProjectPermissions(Value):
    """The permissions of one project."""

    hosts: tuple[str, ...] = ()
    """Hosts that the model's programs may reach: `HOST`, or `HOST:PORT` for ports other than the web's."""
    files: dict[str, str] = Field(default_factory=dict)
    """Paths, by SHA-256, of the repository's files whose programs may start here, such as `.mcp.json`."""
    tests: tuple[str, ...] = ()
    """The test command that the user gave last."""
    folder: bool = False
    """Whether commands may work on the folder unnamed, though it is no project."""
    auto: bool = False
    """Whether verified changes are written without confirmation."""


class _File(Value):
    projects: dict[str, ProjectPermissions] = Field(default_factory=dict)


class Permissions:
    """The stored permissions of one project."""

    def __init__(self, folder: Path, project: Path) -> None:
        self._folder = folder
        self._project = str(project.resolve())
        self.allowed = self.reload()

    def reload(self) -> ProjectPermissions:
        """Read the permissions again, as another conversation may have changed them."""
        return self._read().projects.get(self._project, ProjectPermissions())

    def write(self, allowed: ProjectPermissions) -> None:
        """Replace the stored permissions.

        Raises MachineError if the file can't be written.
        """
        projects = {**self._read().projects, self._project: allowed}
        path = private_folder(self._folder) / PERMISSIONS_FILE
        try:
            with replacing(path) as file:
                file.write(_File(projects=projects).model_dump_json(indent=2).encode())
        except OSError as error:
            raise MachineError(f"Can't write {path}: {error.strerror}.") from error
        self.allowed = allowed

    def _read(self) -> _File:
        path = self._folder / PERMISSIONS_FILE
        try:
            return _File.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return _File()
        except (OSError, ValidationError) as error:
            raise MachineError(
                f"Can't read {path}: mend it, or remove it and lose what it allows."
            ) from error
