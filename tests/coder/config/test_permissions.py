"""What is allowed in a project stays allowed there, and nowhere else."""

import stat
from pathlib import Path

import pytest

from coder.base.errors import MachineError
from coder.config.permissions import PERMISSIONS_FILE, Permissions, ProjectPermissions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def test_what_is_allowed_in_a_project_holds_there_later_and_in_no_other(tmp_path: Path, folder: Path) -> None:
    Permissions(tmp_path / "data", folder).write(ProjectPermissions(hosts=("pypi.org",)))
    Permissions(tmp_path / "data", tmp_path).write(ProjectPermissions(auto=True))

    assert Permissions(tmp_path / "data", folder).allowed == ProjectPermissions(hosts=("pypi.org",))
    assert Permissions(tmp_path / "data", folder / "below").allowed == ProjectPermissions()
    assert stat.S_IMODE((tmp_path / "data" / PERMISSIONS_FILE).stat().st_mode) == 0o600


def test_a_file_that_can_not_be_read_is_said_and_allows_nothing(tmp_path: Path, folder: Path) -> None:
    (tmp_path / PERMISSIONS_FILE).write_text('{"projects": {"/": {"hosts": 1}}}')

    with pytest.raises(MachineError, match=PERMISSIONS_FILE):
        Permissions(tmp_path, folder)
