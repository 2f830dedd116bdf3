"""A snapshot holds the regular files of the user's folder, and says what it left out."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.run.stored_file import StoredFile
from coder.workspace.folder import Snapshot, take_snapshot


def _fill(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def test_regular_files_are_taken_with_content_hash_and_mode(tmp_path: Path) -> None:
    _fill(tmp_path, "b.py", "a/c.txt", ".env", "a/.hidden/x")
    (tmp_path / "b.py").chmod(0o755)

    snapshot = take_snapshot(tmp_path)

    assert list(snapshot.files) == [".env", "a/.hidden/x", "a/c.txt", "b.py"]
    assert snapshot.files["b.py"].content == b"b.py"
    assert snapshot.files["b.py"].mode == 0o755
    assert snapshot.files["b.py"].sha256 == hashlib.sha256(b"b.py").hexdigest()
    assert snapshot.notes == ()


def test_a_file_that_is_as_it_was_is_not_read_again() -> None:
    pages = Path(__file__).parents[3] / "docs/decisions"

    before, again = take_snapshot(pages), take_snapshot(pages)

    resting = [path for path in before.files if time.time() - (pages / path).stat().st_ctime > 60]
    assert [path for path in resting if again.files[path] is not before.files[path]] == []
    assert again.files == before.files


def test_a_file_is_read_again_whose_size_and_time_are_as_before(tmp_path: Path) -> None:
    contents = [f"{number:04}\n".encode() for number in range(200)]
    snapshots = []

    for content in contents:
        (tmp_path / "notes").write_bytes(content)
        os.utime(tmp_path / "notes", ns=(0, 0))
        snapshots.append(take_snapshot(tmp_path))

    assert [snapshot.files["notes"].content for snapshot in snapshots] == contents


def test_what_tools_made_is_left_out_without_a_word(tmp_path: Path) -> None:
    skipped = [".git/config", ".venv/bin/python", "node_modules/a/b.js", "a/__pycache__/m.pyc", "m.pyc"]
    skipped += [".mypy_cache/x", "a/.ruff_cache/x", "env311/pyvenv.cfg", "env311/lib/x.py", "c/CACHEDIR.TAG"]
    _fill(tmp_path, "kept.py", *skipped)

    snapshot = take_snapshot(tmp_path)

    assert list(snapshot.files) == ["kept.py"]
    assert snapshot.notes == ()


def test_the_git_file_of_a_worktree_is_left_out(tmp_path: Path) -> None:
    _fill(tmp_path, ".git", "kept.py")

    assert list(take_snapshot(tmp_path).files) == ["kept.py"]


def test_links_are_noted_and_never_followed(tmp_path: Path) -> None:
    _fill(tmp_path, "outside/secret", "root/a.py")
    (tmp_path / "root/file").symlink_to(tmp_path / "outside/secret")
    (tmp_path / "root/folder").symlink_to(tmp_path / "outside")
    (tmp_path / "root/loop").symlink_to(tmp_path / "root")

    snapshot = take_snapshot(tmp_path / "root")

    assert list(snapshot.files) == ["a.py"]
    assert [note.split(":")[0] for note in snapshot.notes] == ["file", "folder", "loop"]


def test_a_pipe_and_a_socket_are_noted_and_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))

        snapshot = take_snapshot(tmp_path)

    assert snapshot.files == {}
    assert [note.split(":")[0] for note in snapshot.notes] == ["pipe", "socket"]


def test_a_name_that_is_not_utf8_is_noted(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"bad\xff.py")).write_text("x")
    (tmp_path / "good-é.py").write_text("x")

    snapshot = take_snapshot(tmp_path)

    assert list(snapshot.files) == ["good-é.py"]
    assert snapshot.notes == ("bad\\udcff.py: left out, its name is not UTF-8",)


def test_a_file_that_is_too_large_is_noted(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 11)
    (tmp_path / "fits").write_bytes(b"x" * 10)

    snapshot = take_snapshot(tmp_path, max_file_bytes=10)

    assert list(snapshot.files) == ["fits"]
    assert snapshot.notes == ("large: left out, more than 10 bytes",)


@pytest.mark.parametrize("bounds", [{"max_files": 2}, {"max_bytes": 8}])
def test_more_than_the_bounds_is_refused_with_the_numbers(tmp_path: Path, bounds: dict[str, int]) -> None:
    _fill(tmp_path, "abc", "def", "ghi")

    with pytest.raises(UsageError, match=str(*bounds.values())):
        take_snapshot(tmp_path, **bounds)


def test_exactly_the_bounds_is_allowed(tmp_path: Path) -> None:
    _fill(tmp_path, "abc", "def", "ghi")

    assert len(take_snapshot(tmp_path, max_files=3, max_bytes=9, max_file_bytes=3).files) == 3


def test_a_single_file_is_the_only_one_read(tmp_path: Path) -> None:
    _fill(tmp_path, "one.py", "other.py")

    snapshot = take_snapshot(tmp_path / "one.py")

    assert (snapshot.root, list(snapshot.files), snapshot.only) == (tmp_path, ["one.py"], "one.py")


def test_a_single_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_bytes(b"x" * 11)

    with pytest.raises(UsageError, match=r"one\.py has more than 10 bytes"):
        take_snapshot(tmp_path / "one.py", max_file_bytes=10)


def test_a_missing_folder_is_empty_and_a_missing_file_is_to_be_made_in_its_parent(tmp_path: Path) -> None:
    folder, file = take_snapshot(tmp_path / "new"), take_snapshot(tmp_path / "new.py")

    assert (folder.root, folder.files, folder.only) == (tmp_path / "new", {}, None)
    assert (file.root, file.files, file.only) == (tmp_path, {}, "new.py")
    assert folder.notes == ("new: doesn't exist yet, so nothing is read",)


def test_a_path_whose_parent_is_missing_is_refused_with_the_command_that_helps(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"mkdir -p {tmp_path}/no"):
        take_snapshot(tmp_path / "no/new.py")


def test_a_path_that_is_a_device_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="neither a regular file nor a folder"):
        take_snapshot(Path("/dev/null"))


def test_a_link_that_the_user_names_is_the_folder_that_it_leads_to(tmp_path: Path) -> None:
    _fill(tmp_path, "real/a.py")
    (tmp_path / "link").symlink_to("real")

    assert take_snapshot(tmp_path / "link").root == tmp_path / "real"


def test_folders_without_end_are_noted_and_left_out(tmp_path: Path) -> None:
    _fill(tmp_path, "d/" * 80 + "deep.py", "a.py")

    snapshot = take_snapshot(tmp_path)

    assert list(snapshot.files) == ["a.py"]
    assert "more than 64 folders deep" in snapshot.notes[0]


def test_files_that_come_and_go_meanwhile_do_no_harm(tmp_path: Path) -> None:
    _fill(tmp_path, "kept.py")

    def churn() -> None:
        _fill(tmp_path, *(f"f{i}" for i in range(20)), "g/h")
        for path in [*tmp_path.glob("f*"), tmp_path / "g/h"]:
            path.unlink()
        (tmp_path / "g").rmdir()

    snapshots = _meanwhile(churn, lambda: take_snapshot(tmp_path), times=100)

    assert all("kept.py" in snapshot.files and snapshot.notes == () for snapshot in snapshots)


def test_a_folder_swapped_for_a_link_meanwhile_is_not_followed(tmp_path: Path) -> None:
    _fill(tmp_path, "outside/secret", "root/swapped/mine")

    def swap() -> None:
        (tmp_path / "root/swapped").rename(tmp_path / "root/aside")
        (tmp_path / "root/swapped").symlink_to(tmp_path / "outside")
        (tmp_path / "root/swapped").unlink()
        (tmp_path / "root/aside").rename(tmp_path / "root/swapped")

    snapshots = _meanwhile(swap, lambda: take_snapshot(tmp_path / "root"), times=200)

    assert all(not path.endswith("secret") for snapshot in snapshots for path in snapshot.files)


def _meanwhile(other: Callable[[], None], act: Callable[[], Snapshot], *, times: int) -> list[Snapshot]:
    """What `act` gives so many times while `other` runs again and again."""
    done = threading.Event()

    def repeat() -> None:
        while not done.is_set():
            other()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        return [act() for _ in range(times)]
    finally:
        done.set()
        thread.join()


def test_a_file_that_declares_no_encoding_is_read_in_the_charset_of_editorconfig(tmp_path: Path) -> None:
    picture = b"\x89PNG\r\n\x1a\n\0\0\xff"
    (tmp_path / ".editorconfig").write_text("[*]\ncharset = latin1\n")
    (tmp_path / "old.txt").write_bytes("é\n".encode("latin-1"))
    (tmp_path / "new.txt").write_bytes("é\n".encode())
    (tmp_path / "shot.png").write_bytes(picture)
    (tmp_path / "wide").mkdir()
    (tmp_path / "wide" / ".editorconfig").write_text("[*.txt]\ncharset = utf-16le\n")
    (tmp_path / "wide" / "a.txt").write_bytes("a = 1\n".encode("utf-16-le"))

    files = take_snapshot(tmp_path).files

    read = {path: (file.text, file.encoding) for path, file in files.items() if path.endswith(("txt", "png"))}
    assert read == {
        "new.txt": ("é\n", None),
        "old.txt": ("é\n", "latin-1"),
        "shot.png": (None, None),
        "wide/a.txt": ("a = 1\n", "utf-16-le"),
    }
    assert (files["shot.png"].content, files["old.txt"].content) == (picture, b"\xe9\n")
    logged = StoredFile.model_validate_json(files["wide/a.txt"].model_dump_json())
    assert logged.content == "a = 1\n".encode("utf-16-le")
