"""A console and a folder for each test."""

from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """A place to start commands in."""
    return Console(home=tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the user's."""
    path = tmp_path / "project"
    path.mkdir()
    return path
