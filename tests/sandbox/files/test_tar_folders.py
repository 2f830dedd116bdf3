"""Folders as tar streams: what tarfile made goes in and out, and no archive leads out of its folder."""

import asyncio
import io
import os
import tarfile
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from itertools import chain, repeat
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sandbox import FileRefused
from sandbox.files.workspace import Workspace
from sandbox.files.workspace_files import WithFiles
from sandbox.host.host_workspace import HostWorkspace

NAMES = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60
).filter(lambda name: name not in (".", ".."))
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=4).map("/".join),
    st.one_of(st.none(), st.tuples(st.binary(max_size=2000), st.booleans())),
    max_size=6,
).filter(
    lambda tree: (
        not any(f"{other}/".startswith(f"{path}/") for path in tree for other in tree if path != other)
    )
)
"""Content of files, and whether they are executable, by path; None is an empty folder."""
HOSTILE = st.builds(
    lambda name, kind, target, size: (name, kind, target, size),
    st.sampled_from(
        ["../x", "/x", "out/x", "folder/../../x", "folder/out/x", "ok", ".", "", "secret", "folder"]
    ),
    st.sampled_from([*tarfile.SUPPORTED_TYPES, b"Z"]),
    st.sampled_from(["../outside", "/etc", "secret"]),
    st.integers(0, 600),
)
FORMATS = st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])


class Box(WithFiles):
    """Nothing but a workspace."""

    def __init__(self, folder: Path) -> None:
        root = os.open(folder, os.O_PATH)
        self._workspace = HostWorkspace(Workspace(root, os.geteuid()))
        self.close = self._workspace.close

    def _filing(self) -> nullcontext[HostWorkspace]:
        return nullcontext(self._workspace)


@contextmanager
def opened() -> Iterator[tuple[Box, Path]]:
    with tempfile.TemporaryDirectory() as place:
        inside, outside = Path(place, "inside"), Path(place, "outside")
        (inside / "folder").mkdir(parents=True)
        outside.mkdir()
        (outside / "secret").write_text("secret")
        box = Box(inside)
        try:
            yield box, inside
        finally:
            box.close()
        assert sorted(os.listdir(place)) == ["inside", "outside"]
        assert {path.name: path.read_bytes() for path in outside.iterdir()} == {"secret": b"secret"}


def archive(members: list[tuple[tarfile.TarInfo, bytes]], kind: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=kind) as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def member(
    name: str, content: bytes = b"", *, kind: bytes = tarfile.REGTYPE, mode: int = 0o644
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode = kind, len(content), mode
    return info


async def down(box: Box, path: str = ".") -> bytes:
    return b"".join([piece async for piece in box.read_folder(path)])


def in_pieces(content: bytes, size: int) -> Iterator[bytes]:
    return (content[start : start + size] for start in range(0, len(content), size))


@pytest.mark.slow
@given(tree=TREES, kind=FORMATS, size=st.integers(300, 20_000))
def test_what_tarfile_made_goes_in_and_comes_out(
    tree: dict[str, tuple[bytes, bool] | None], kind: int, size: int
) -> None:
    members = [
        (member(path, kind=tarfile.DIRTYPE), b"")
        if file is None
        else (member(path, file[0], mode=0o755 if file[1] else 0o600), file[0])
        for path, file in tree.items()
    ]

    async def there_and_back() -> bytes:
        await box.write_folder("a/b", in_pieces(archive(members, kind), size))
        return await down(box, "a/b")

    with opened() as (box, _):
        content = asyncio.run(there_and_back())

    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as tar:
        entries = {
            one.name: (tar.extractfile(one).read(), bool(one.mode & 0o100)) if one.isreg() else None  # type: ignore[union-attr]
            for one in tar
        }
    folders = {path.rpartition("/")[0] for path in tree}
    parents = {
        "/".join(parts[:i])
        for parts in (f.split("/") for f in folders if f)
        for i in range(1, len(parts) + 1)
    }
    assert entries == {**dict.fromkeys(parents), **tree}


@pytest.mark.slow
@given(hostile=st.lists(HOSTILE, max_size=3), kind=FORMATS)
def test_no_member_leads_out_of_the_folder(hostile: list[tuple[str, bytes, str, int]], kind: int) -> None:
    members = []
    for name, type_, target, size in hostile:
        one = member(name, bytes(size), kind=type_)
        one.linkname = target
        members.append((one, bytes(size)))
    with opened() as (box, inside):
        (inside / "out").symlink_to("../outside")
        (inside / "folder" / "out").symlink_to("../../outside")
        os.link(inside.parent / "outside" / "secret", inside / "secret")
        try:
            asyncio.run(box.write_folder("folder", [archive(members, kind)]))
        except FileRefused:
            pass
        else:
            assert all(type_ in (b"0", b"\0", b"5", b"L", b"K", b"x", b"X") for _, type_, _, _ in hostile)
        assert sorted(os.listdir(inside)) == ["folder", "out", "secret"]
        assert not any(path.is_symlink() and path.name != "out" for path in inside.rglob("*"))


GOOD = archive([(member("long/" * 40 + "name", b"x" * 700), b"x" * 700), (member("b", b"y"), b"y")])

WHOLE = len(GOOD.rstrip(b"\0")) // 512 * 512 + 2 * 512
"""Bytes of it with the block that ends it."""


@pytest.mark.slow
@given(place=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255), end=st.integers(0, len(GOOD)))
@example(place=124, byte=0x80, end=len(GOOD))
@example(place=124, byte=0xFF, end=len(GOOD))
def test_a_broken_archive_is_refused_or_read_and_nothing_else(place: int, byte: int, end: int) -> None:
    broken = bytearray(GOOD)
    broken[place] = byte
    with opened() as (box, _):
        try:
            asyncio.run(box.write_folder(".", [bytes(broken[:end])]))
        except FileRefused:
            return
    assert end >= WHOLE  # no archive that was cut off is taken for a whole one


@pytest.mark.parametrize(
    ("record", "size"),
    [
        (b"30 path=../../../../etc/passwd\n", None),
        (b"20 size=99999999999\n", None),
        (b"11 size=-1\n", None),
        (b"99 path=x\n", None),
        (b"0 path=x\n", None),
        (b"22 GNU.sparse.major=1\n", None),
        (b"x" * 512, 1 << 40),
    ],
)
async def test_what_precedes_a_member_is_read_with_the_same_care(record: bytes, size: int | None) -> None:
    before = member("header", record, kind=tarfile.XHDTYPE)
    before.size = size or len(record)
    content = (
        before.tobuf(tarfile.GNU_FORMAT) + record.ljust(512, b"\0") + archive([(member("a", b"1"), b"1")])
    )
    with opened() as (box, inside):
        with pytest.raises(FileRefused):
            await box.write_folder(".", io.BytesIO(content))
        assert os.listdir(inside) == ["folder"]


@pytest.mark.parametrize(("bytes_", "entries"), [(1799, 9), (1 << 20, 2)])
async def test_a_folder_is_bounded_up_and_down(bytes_: int, entries: int) -> None:
    content = archive([(member(name, b"x" * 600), b"x" * 600) for name in "abc"])
    with opened() as (box, _):
        with pytest.raises(FileRefused) as up:
            await box.write_folder("up", [content], max_bytes=bytes_, max_entries=entries)
        await box.write_folder("up", [content])
        with pytest.raises(FileRefused) as down_:
            [piece async for piece in box.read_folder("up", max_bytes=bytes_, max_entries=entries)]

    assert (up.value.kind, down_.value.kind) == ("too_large", "too_large")


async def test_no_more_of_a_folder_is_held_than_pieces() -> None:
    size = 64 << 20
    chunk, one = bytes(1 << 20), member("large")
    one.size = size
    tracemalloc.start()
    try:
        with opened() as (box, _):
            await box.write_folder("up", chain([one.tobuf()], repeat(chunk, size >> 20), [bytes(1024)]))
            total_size = sum([len(piece) async for piece in box.read_folder("up")])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert total_size > size
    assert most < 16 << 20


async def test_pieces_may_come_from_whatever_gives_them() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b""
        for piece in in_pieces(GOOD, 1000):
            yield piece

    reading, writing = os.pipe()
    writer = asyncio.create_task(asyncio.to_thread(_write_all, writing, GOOD))
    with opened() as (box, _), os.fdopen(reading, "rb") as pipe:
        await box.write_folder("async", pieces())
        await box.write_folder("pipe", pipe)
        await writer

        assert await down(box, "async") == await down(box, "pipe")
        assert await box.read("pipe/b") == b"y"


def _write_all(descriptor: int, content: bytes) -> None:
    with open(descriptor, "wb") as file:
        file.write(content)
