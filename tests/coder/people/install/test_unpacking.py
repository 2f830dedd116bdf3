"""Taking what was installed out of its sandbox: whatever wrote the archive, nothing leaves the folder."""

import io
import tarfile
from pathlib import Path

import pytest

from coder.base.errors import MachineError
from coder.environment.dependencies import Installed
from coder.people.install.building import make_entry
from coder.people.install.unpacking import unpack


def archive(*entries: tuple[str, str, str]) -> io.BytesIO:
    """Entries of a name, a kind, and a content or target."""
    written = io.BytesIO()
    kinds = {
        "file": tarfile.REGTYPE,
        "link": tarfile.SYMTYPE,
        "hard": tarfile.LNKTYPE,
        "fifo": tarfile.FIFOTYPE,
    }
    with tarfile.open(fileobj=written, mode="w") as opened:
        for name, kind, content in entries:
            entry = tarfile.TarInfo(name)
            entry.type = kinds.get(kind, tarfile.DIRTYPE)
            entry.mtime, entry.mode = 1_700_000_000, 0o4755
            if kind == "file":
                entry.size = len(content)
            else:
                entry.linkname = content
            opened.addfile(entry, io.BytesIO(content.encode()) if kind == "file" else None)
    written.seek(0)
    return written


def test_files_keep_their_content_their_time_and_whether_they_run(tmp_path: Path) -> None:
    stream = archive(("env", "folder", ""), ("env/bin", "folder", ""), ("env/bin/tool", "file", "#!"))

    size = unpack(stream, tmp_path, tops=("env",))

    status = (tmp_path / "env/bin/tool").stat()
    assert (size, status.st_mode & 0o7777, status.st_mtime) == (2, 0o755, 1_700_000_000)


@pytest.mark.parametrize(
    "entry",
    [
        ("../out", "file", "x"),
        ("/out", "file", "x"),
        ("env/../../out", "file", "x"),
        ("other/out", "file", "x"),
        ("env/missing/out", "file", "x"),
        ("env/out", "link", "/etc/passwd"),
        ("env/out", "link", "../../out"),
        ("node_modules", "link", "env"),
        ("env/out", "hard", "/etc/passwd"),
        ("env/out", "fifo", ""),
    ],
)
def test_what_is_no_file_inside_is_left_out(entry: tuple[str, str, str], tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()

    unpack(archive(("env", "folder", ""), entry), folder, tops=("env", "node_modules"))

    assert [path.name for path in tmp_path.rglob("*")] == ["in", "env"]


def test_nothing_is_written_through_a_link_that_came_before(tmp_path: Path) -> None:
    (tmp_path / "aim").mkdir()
    folder = tmp_path / "in"
    folder.mkdir()
    stream = archive(
        ("env", "folder", ""), ("env/a", "folder", ""), ("env/l", "link", "a"),
        ("env/l/x", "file", "x"), ("env/l", "folder", ""), ("env/l", "file", "y"),
    )  # fmt: skip

    unpack(stream, folder, tops=("env",))

    assert (folder / "env/l").is_symlink()
    assert list((folder / "env/a").iterdir()) == []


def test_a_link_that_leaves_by_way_of_another_one_is_left_out(tmp_path: Path) -> None:
    stream = archive(
        ("env", "folder", ""), ("env/a", "folder", ""), ("env/a/b", "folder", ""),
        ("env/a/b/up", "link", "../../.."), ("env/out", "link", "a/b/up/../../aim"),
    )  # fmt: skip

    unpack(stream, tmp_path, tops=("env",))

    assert (tmp_path / "env/a/b/up").resolve() == tmp_path
    assert not (tmp_path / "env/out").is_symlink()


def test_what_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/kept").write_text("ours")
    entries = [("env/kept", kind, "x") for kind in ("folder", "link", "file")]

    unpack(archive(*entries), tmp_path, tops=("env",))

    assert (tmp_path / "env/kept").read_text() == "ours"


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_headers_without_an_end_are_an_error(kind: bytes, tmp_path: Path) -> None:
    header = tarfile.TarInfo("x")
    header.type = kind

    with pytest.raises(MachineError, match="can't be read"):
        unpack(io.BytesIO(header.tobuf() * 5000), tmp_path, tops=("env",))


def test_a_time_that_is_no_number_is_an_error(tmp_path: Path) -> None:
    header = tarfile.TarInfo("env/x")
    header.pax_headers = {"mtime": "inf"}
    stream = io.BytesIO(header.tobuf(tarfile.PAX_FORMAT))
    (tmp_path / "env").mkdir()

    with pytest.raises(MachineError, match="can't be read"):
        unpack(stream, tmp_path, tops=("env",))


def test_more_than_is_kept_is_refused(tmp_path: Path) -> None:
    stream = archive(("env", "folder", ""), ("env/x", "file", "x" * 11))

    with pytest.raises(MachineError, match="more than is kept"):
        unpack(stream, tmp_path, tops=("env",), most_bytes=10)


def test_an_archive_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="can't be read"):
        unpack(io.BytesIO(b"no archive"), tmp_path, tops=("env",))


def test_an_entry_whose_making_fails_isnt_there_and_can_be_made_again(tmp_path: Path) -> None:
    entry = Installed(tmp_path / "key")

    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise MachineError("no room")

    with pytest.raises(MachineError):
        make_entry(entry, fail)
    assert (entry.is_there, list(tmp_path.iterdir())) == (False, [])

    make_entry(entry, lambda folder: (folder / "whole").touch())
    assert [path.name for path in entry.folder.iterdir()] == ["whole"]


def test_an_entry_that_cant_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    entry = Installed(tmp_path / "key")

    with pytest.raises(MachineError, match=r"can't be kept in .*key"):
        make_entry(entry, lambda folder: (folder / ("x" * 300)).touch())


def test_of_two_who_make_an_entry_the_first_one_stays(tmp_path: Path) -> None:
    entry = Installed(tmp_path / "key")

    def fill(folder: Path) -> None:
        if not entry.is_there:
            make_entry(entry, lambda other: (other / "first").touch())
        (folder / "second").touch()

    make_entry(entry, fill)

    assert [path.name for path in entry.folder.iterdir()] == ["first"]
    assert [path.name for path in tmp_path.iterdir()] == ["key"]
