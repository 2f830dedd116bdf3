"""A console and a folder for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.people.forge.github_job import Job, github_job
from tests.recorded_runs import Recordings


@pytest.fixture
def console(tmp_path: Path, recorded_runs: Recordings) -> Console:
    """A place to start commands in."""
    return Console(home=tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of the user's."""
    path = tmp_path / "project"
    path.mkdir()
    return path


@pytest.fixture
def job(console: Console, tmp_path: Path) -> Iterator[Job]:
    """A job of GitHub's."""
    with github_job(console, tmp_path) as job:
        yield job
