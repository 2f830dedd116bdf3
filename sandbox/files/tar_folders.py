"""Folders of a workspace as tar streams, up and down, piece by piece, over no link."""

import tarfile
from collections.abc import AsyncGenerator, Callable

from sandbox.errors import FileRefused
from sandbox.files.resolve_beneath import parts_of
from sandbox.files.tar_members import PIECE, Member, TarBytes, next_member, padded
from sandbox.files.workspace_files import Files, TarSource
from sandbox.result import Entry


async def write_tar(files: Files, path: str, stream: TarSource, *, max_bytes: int, max_entries: int) -> None:
    """What `WorkspaceFiles.write_folder` does.

    Raises:
        FileRefused: as it has it.
    """
    source = TarBytes(stream, max_bytes)
    if path != ".":
        await files.make_folder(path)
    number = 0
    while (member := await next_member(source)) is not None:
        number += 1
        if number > max_entries:
            raise FileRefused(f"The archive has more than {max_entries} members.", kind="too_large")
        if member.kind == "file":
            await _write_file(files, f"{path}/{'/'.join(parts_of(member.name))}", member, source)
        elif member.name.strip("/") not in ("", "."):
            await files.make_folder(f"{path}/{'/'.join(parts_of(member.name))}")
    await source.drain()


async def read_tar(
    files: Files,
    path: str,
    *,
    max_bytes: int,
    max_entries: int,
    on_left_out: Callable[[str], None] | None,
) -> AsyncGenerator[bytes, None]:
    """What `WorkspaceFiles.read_folder` does.

    Raises:
        FileRefused: as it has it.
    """
    room, number, waiting = max_bytes, 0, [""]
    while waiting:
        base = waiting.pop()
        try:
            listed = await files.list(f"{path}/{base}" if base else path)
        except FileRefused:
            if on_left_out is None or not base:
                raise
            on_left_out(base)
            continue
        for entry in listed:
            name = f"{base}/{entry.name}" if base else entry.name
            number += 1
            if number > max_entries or (entry.kind == "file" and entry.size > room):
                bounds = f"{max_bytes} bytes and {max_entries} entries"
                raise FileRefused(f"{path!r} holds more than {bounds}.", kind="too_large")
            try:
                first = await _first_piece(files, f"{path}/{name}", entry)
            except FileRefused:
                if on_left_out is None:
                    raise
                on_left_out(name)
                continue
            yield _header(name, entry)
            if entry.kind == "folder":
                waiting.append(name)
                continue
            room -= entry.size
            async for piece in _rest(files, f"{path}/{name}", first, entry.size):
                yield piece
    yield bytes(2 * tarfile.BLOCKSIZE)


async def _write_file(files: Files, path: str, member: Member, source: TarBytes) -> None:
    left, begun = member.size, False
    while left or not begun:
        piece = await source.take(min(left, PIECE)) if left else b""
        if left and not piece:
            raise FileRefused("The archive ends before its end.")
        if begun:
            await files.append(path, piece)
        else:
            await files.write(path, piece, executable=member.executable)
        left, begun = left - len(piece), True
    await source.exactly(padded(member.size) - member.size)


async def _first_piece(files: Files, path: str, entry: Entry) -> bytes:
    if entry.kind not in ("file", "folder"):
        raise FileRefused(f"{path!r} is neither a regular file nor a folder.")
    if entry.kind == "folder":
        await files.stat(path)  # not by this name, where that isn't UTF-8
        return b""
    return await files.read(path, start=0, limit=min(entry.size, PIECE))


async def _rest(files: Files, path: str, first: bytes, size: int) -> AsyncGenerator[bytes, None]:
    """The content of a file and what fills its last block."""
    done, piece = len(first), first
    while piece:
        yield piece
        piece = await files.read(path, start=done, limit=min(size - done, PIECE)) if done < size else b""
        done += len(piece)
    if done < size:
        raise FileRefused(f"{path!r} became shorter while it was read.")
    yield bytes(padded(size) - size)


def _header(name: str, entry: Entry) -> bytes:
    header = tarfile.TarInfo(name)
    header.type = tarfile.DIRTYPE if entry.kind == "folder" else tarfile.REGTYPE
    header.size = entry.size if entry.kind == "file" else 0
    header.mode = 0o755 if entry.executable or entry.kind == "folder" else 0o644
    return header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
