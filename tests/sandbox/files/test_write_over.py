"""Writing files of a folder that is the user's own, in place."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from sandbox.errors import FileRefused
from sandbox.files.workspace import Workspace
from tests.forked import NOBODY

OTHER = NOBODY if os.geteuid() == 0 else os.geteuid()


def write(folder: Path, content: bytes, *, executable: bool = False, in_place: bool = True) -> None:
    """Write the file `f`."""
    workspace = Workspace(os.open(folder, os.O_PATH), os.geteuid(), in_place=in_place)
    workspace.write("f", content, executable=executable)
    workspace.close()


def look(file: Path) -> tuple[bytes, int, int]:
    status = file.stat()
    return file.read_bytes(), stat.S_IMODE(status.st_mode), status.st_uid


@pytest.mark.parametrize(
    ("mode", "executable", "then"),
    [
        (0o640, False, 0o640),
        (0o444, False, 0o444),
        (0o751, True, 0o751),
        (0o640, True, 0o750),
        (0o751, False, 0o640),
    ],
)
def test_in_place_a_file_keeps_its_owner_and_its_mode_but_for_what_makes_it_a_program(
    tmp_path: Path, mode: int, executable: bool, then: int
) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"before, and longer")
    os.chown(file, OTHER, -1)
    file.chmod(mode)

    write(tmp_path, b"after", executable=executable)

    assert look(file) == (b"after", then, OTHER)


def test_in_a_workspace_of_its_own_a_file_gets_the_mode_of_a_new_one(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"before")
    file.chmod(0o640)

    write(tmp_path, b"after", in_place=False)

    assert look(file) == (b"after", 0o644, os.geteuid())


def test_in_place_a_running_program_is_replaced_and_keeps_its_owner_and_mode(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(Path("/bin/sleep").resolve().read_bytes())
    os.chown(file, OTHER, -1)
    file.chmod(0o711)
    running = subprocess.Popen([file, "60"])
    try:
        write(tmp_path, b"after", executable=True)
    finally:
        running.kill()
        running.wait()

    assert look(file) == (b"after", 0o711, OTHER)


def test_in_place_the_other_name_of_a_file_keeps_its_content(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"before")
    os.link(tmp_path / "f", tmp_path / "other")

    write(tmp_path, b"after")

    assert ((tmp_path / "f").read_bytes(), (tmp_path / "other").read_bytes()) == (b"after", b"before")


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_in_place_what_is_no_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"kept")
    file = tmp_path / "f"
    {"link": lambda: file.symlink_to(target), "folder": file.mkdir, "pipe": lambda: os.mkfifo(file)}[kind]()

    with pytest.raises(FileRefused, match="isn't a regular file"):
        write(tmp_path, b"after")

    assert target.read_bytes() == b"kept"
