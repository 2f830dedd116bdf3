"""Which walls work here, as a process of its own tries them."""

import os
from pathlib import Path

import pytest

from sandbox.supervisor.features import try_features
from tests.moved_python import FOLDERS, moved_python


def test_a_python_that_was_moved_finds_the_same_walls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    walls = try_features.__wrapped__(os.getuid())
    monkeypatch.setenv("LD_LIBRARY_PATH", FOLDERS)
    monkeypatch.setattr("sys.executable", moved_python(tmp_path))

    assert try_features.__wrapped__(os.getuid()) == walls
