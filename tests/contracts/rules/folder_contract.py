"""Whole folders of a workspace, in and out as tar streams."""

import io
import tarfile
from collections.abc import Iterator

from sandbox.contract import Sandbox, Session
from sandbox.errors import FileRefused
from tests.contracts.rules.source import python

_LARGE = 5_000_001


async def a_folder_goes_in_and_comes_out(box: Sandbox | Session) -> None:
    """Files in pieces, empty folders, and what can be run; links and pipes are refused, or named and left."""
    content = bytes(range(256)) * (_LARGE // 256)
    await box.write_folder(
        "up", _archive({"a/large.bin": content, "a/run.sh": b"#!/bin/sh\n", "a/empty/": b""})
    )
    ran = await box.run(python("import os; os.symlink('/etc', 'up/link'); os.mkfifo('up/a/pipe')"))
    left_out: list[str] = []
    try:
        refused = len([piece async for piece in box.read_folder("up")]) < 0
    except FileRefused:
        refused = True

    pieces = [piece async for piece in box.read_folder("up", on_left_out=left_out.append)]

    with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
        kinds = {member.name: (member.isdir(), bool(member.mode & 0o100)) for member in tar}
        file = tar.extractfile("a/large.bin")
        assert file is not None
        assert file.read() == content
    folder, plain, program = (True, True), (False, False), (False, True)
    assert kinds == {"a": folder, "a/empty": folder, "a/large.bin": plain, "a/run.sh": program}
    assert (ran.ok, refused, sorted(left_out)) == (True, True, ["a/pipe", "link"])
    assert max(map(len, pieces)) <= 1 << 20


async def an_archive_that_leaves_its_folder_is_refused(box: Sandbox | Session) -> None:
    """By name, or over a link that a program has left; and so is what is no file."""
    await box.run(
        python("import os; os.mkdir('in'); os.symlink('/tmp', 'in/out'); os.symlink('/tmp/x', 'in/x')")
    )
    device = tarfile.TarInfo("device")
    device.type = tarfile.CHRTYPE
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    hostile = [_archive({name: b"x"}) for name in ("../x", "/tmp/x", "out/x", "x", "a/../../x")]
    kinds: list[str] = []
    for stream in (*hostile, [device.tobuf()], [link.tobuf()], [b"no archive" * 100], []):
        try:
            await box.write_folder("in", stream)
        except FileRefused as error:
            kinds.append(error.kind)

    assert kinds == ["refused"] * 9
    assert [entry.name for entry in await box.list("in")] == ["out", "x"]


async def a_folder_that_does_not_fit_is_refused(box: Sandbox | Session) -> None:
    """By the disk, and by the bounds of the call."""
    kinds = []
    for how, size in (({}, 300 << 20), ({"max_bytes": 1 << 20}, 2 << 20), ({"max_entries": 1}, 1)):
        stream = _archive({"a": bytes(size), "b": b""})
        try:
            await box.write_folder("up", stream, **how)
        except FileRefused as error:
            kinds.append(error.kind)
        await box.remove("up")

    assert kinds == ["no_room", "too_large", "too_large"]


def _archive(files: dict[str, bytes]) -> Iterator[bytes]:
    """A name that ends in a slash is a folder's."""
    for name, content in files.items():
        member = tarfile.TarInfo(name)
        member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
        member.size, member.mode = len(content), 0o755 if content.startswith(b"#!") else 0o644
        yield member.tobuf()
        for start in range(0, len(content), 700_000):
            yield content[start : start + 700_000]
        yield bytes(-len(content) % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


FOLDERS = (
    a_folder_goes_in_and_comes_out,
    an_archive_that_leaves_its_folder_is_refused,
    a_folder_that_does_not_fit_is_refused,
)
