"""What all tests of an editor have."""

from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_fix import WRONG


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """A place to start commands in."""
    return Console(home=tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with one file."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "calc.py").write_text(WRONG)
    return folder
