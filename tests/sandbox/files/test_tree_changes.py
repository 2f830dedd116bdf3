"""Looking at a tree that programs change meanwhile."""

import os
import sys
from pathlib import Path

import pytest

from sandbox.files.resolve_beneath import Beneath
from sandbox.files.tree_changes import MAX_FILES, TreeChanges
from tests.forked import NOBODY, said_by_child


def test_a_folder_that_is_closed_while_it_is_read_ends_no_look_and_removes_no_file(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("1")
    owner = NOBODY if os.geteuid() == 0 else os.geteuid()
    for path in (tmp_path, tmp_path / "d", tmp_path / "d" / "f"):
        os.chown(path, owner, -1)

    def look() -> object:
        tree = TreeChanges(Beneath(os.open(tmp_path, os.O_PATH), owner), lambda: 1 << 20)
        tree.rebase()
        folder, scans = os.open(tmp_path / "d", os.O_RDONLY), []

        def close_the_folder(event: str, arguments: object) -> None:
            if event == "os.scandir":
                scans.append(arguments)
                if len(scans) == 2:  # behind that of the tree's own
                    os.fchmod(folder, 0o400)

        sys.addaudithook(close_the_folder)
        return tree.changes(lambda path: False)

    assert said_by_child(look) == "changes=() left_out=(LeftOut(path='d/f', reason='unreadable'),)"


@pytest.mark.slow
def test_a_new_file_beyond_the_most_that_are_returned_is_named_and_not_read(tmp_path: Path) -> None:
    for number in range(MAX_FILES + 50):
        (tmp_path / str(number)).write_text("1")
    owner = os.geteuid()

    def look() -> object:
        tree = TreeChanges(Beneath(os.open(tmp_path, os.O_PATH), owner), lambda: 1 << 20)
        opened: list[object] = []
        sys.addaudithook(lambda event, arguments: opened.append(arguments) if event == "open" else None)
        changes = tree.changes(lambda path: False)
        reasons = {one.reason for one in changes.left_out}
        return len(opened), len(changes.changes), len(changes.left_out), reasons

    assert said_by_child(look) == str((MAX_FILES, MAX_FILES, 50, {"too_many"}))
