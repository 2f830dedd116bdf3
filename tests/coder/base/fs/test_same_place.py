"""Paths are compared as places."""

from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.base.fs.same_place import is_same_place, require_separate


@pytest.mark.parametrize("spelling", ["b", "b/", "b/.", "./b", "c/../b", "link", "hard"])
def test_every_spelling_of_a_file_is_one_place(spelling: str, tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "b").write_text("content")
    (tmp_path / "link").symlink_to("b")
    (tmp_path / "hard").hardlink_to(tmp_path / "b")

    assert is_same_place(tmp_path / "b", tmp_path / spelling)


def test_a_file_that_does_not_exist_yet_is_compared_through_the_links_above_it(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")

    assert is_same_place(tmp_path / "folder/new", tmp_path / "link/new")
    assert not is_same_place(tmp_path / "folder/new", tmp_path / "new")


def test_outputs_may_share_a_device_but_no_file(tmp_path: Path) -> None:
    require_separate([Path("/dev/null"), Path("/dev/null"), None, tmp_path / "a"], [tmp_path / "b", None])

    with pytest.raises(UsageError, match="would be overwritten"):
        require_separate([tmp_path / "a", tmp_path / "." / "a"], [])
