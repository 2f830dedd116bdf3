"""The files that a program wrote, collected by a process that can open no more of them."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import FileRefused
from sandbox.files.listing import collect
from sandbox.files.workspace import Workspace


@contextmanager
def descriptors_left(number: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held = [os.open("/dev/null", os.O_RDONLY) for _ in range(64)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(held) + 1, hard))
    try:
        while True:
            try:
                held.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                break
        for _ in range(number):
            os.close(held.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in held:
            os.close(descriptor)


@pytest.mark.parametrize("number", [0, 1])
def test_a_process_without_descriptors_says_so_and_leaves_no_file_out(tmp_path: Path, number: int) -> None:
    (tmp_path / "written").write_text("by the program")
    root = os.open(tmp_path, os.O_PATH)
    workspace = Workspace(root, os.geteuid())
    bounds = {"max_files": 9, "max_bytes": 999, "max_depth": 9}
    try:
        with descriptors_left(number), pytest.raises(FileRefused, match="Too many open files"):
            list(collect(workspace, {}, **bounds))
        with descriptors_left(number), pytest.raises(FileRefused, match="Too many open files"):
            workspace.manifest()

        assert [artifact and artifact[0] for artifact in collect(workspace, {}, **bounds)] == ["written"]
        assert list(workspace.manifest()) == ["written"]
    finally:
        os.close(root)
