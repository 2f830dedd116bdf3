"""A folder that is no Harbor task says why, and nothing outside of the folder is read."""

import os
from pathlib import Path

import pytest

from benchmarks.harbor.task import read_task
from coder.base.errors import UsageError
from tests.benchmarks.harbor.conftest import WriteTask


@pytest.mark.parametrize(
    "missing", ["task.toml", "instruction.md", "environment/Dockerfile", "tests/test.sh"]
)
def test_a_folder_without_a_needed_file_says_which(write_task: WriteTask, missing: str) -> None:
    folder = write_task()
    (folder / missing).unlink()

    with pytest.raises(UsageError, match=missing):
        read_task(folder)


def test_an_image_replaces_the_build_files(write_task: WriteTask) -> None:
    task = read_task(
        write_task("[environment]\ndocker_image = 'debian:12'", **{"environment/Dockerfile": None})
    )

    assert task.build_folder is None


@pytest.mark.parametrize("place", ["tests/data", "solution/data", "instruction.md", "environment/Dockerfile"])
def test_a_link_out_of_the_folder_is_refused(write_task: WriteTask, tmp_path: Path, place: str) -> None:
    folder = write_task()
    (tmp_path / "secret").write_text("secret")
    (folder / place).unlink(missing_ok=True)
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).symlink_to("../../secret" if "/" in place else "../secret")

    with pytest.raises(UsageError, match="link out of the task's folder"):
        read_task(folder)


def test_a_link_to_a_folder_with_links_is_followed_to_its_end(write_task: WriteTask, tmp_path: Path) -> None:
    folder = write_task(**{"environment/data/file": ""})
    (folder / "environment" / "data" / "out").symlink_to(tmp_path)
    (folder / "tests" / "data").symlink_to("../environment/data")

    with pytest.raises(UsageError, match="link out of the task's folder"):
        read_task(folder)


def test_a_link_inside_the_folder_is_accepted(write_task: WriteTask) -> None:
    folder = write_task(**{"environment/data/file": ""})
    (folder / "tests" / "data").symlink_to("../environment/data")

    assert read_task(folder).steps[0].verifier.test_folders == (folder / "tests",)


def test_a_link_that_holds_itself_is_refused(write_task: WriteTask) -> None:
    folder = write_task()
    (folder / "tests" / "again").symlink_to("../tests")

    with pytest.raises(UsageError, match="again"):
        read_task(folder)


@pytest.mark.parametrize("place", ["tests/pipe", "task.toml", "instruction.md"])
def test_a_pipe_is_refused_and_not_read(write_task: WriteTask, place: str) -> None:
    folder = write_task()
    (folder / place).unlink(missing_ok=True)
    os.mkfifo(folder / place)

    with pytest.raises(UsageError, match="pipe"):
        read_task(folder)
