"""The archive of programs that run a test command inside the sandbox."""

import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from coder.verify.our_programs import programs

IMPORT = (
    "import sys; sys.path.insert(0, sys.argv[1]); import keeper;"
    "print(keeper.__file__.rpartition('/')[2], keeper.main.__code__.co_filename.partition('.coder/')[2])"
)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The archive, in a folder as in the sandbox."""
    (path := tmp_path / ".coder" / "ours.zip").parent.mkdir()
    path.write_bytes(programs()[".coder/ours.zip"])
    return path


def imported(archive: Path) -> list[str]:
    """File of a module that a Python imports from the archive, and of its code."""
    return subprocess.check_output([sys.executable, "-I", "-c", IMPORT, archive], text=True).split()


def test_this_python_compiles_none_of_the_programs(archive: Path) -> None:
    assert imported(archive) == ["keeper.pyc", "ours.zip/keeper.py"]


def test_a_python_of_another_version_compiles_them(archive: Path) -> None:
    with zipfile.ZipFile(BytesIO(archive.read_bytes())) as packed:
        contents = {name: packed.read(name) for name in packed.namelist()}
    with zipfile.ZipFile(archive, "w") as packed:
        for name, content in contents.items():
            packed.writestr(name, b"1234" + content[4:] if name.endswith(".pyc") else content)

    assert imported(archive) == ["keeper.py", "ours.zip/keeper.py"]
