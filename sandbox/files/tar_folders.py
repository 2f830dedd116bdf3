"""Stream folders of a workspace as tar, in both directions, over no link."""

import asyncio
import stat
import tarfile
import tempfile
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterator
from contextlib import contextmanager
from typing import IO, Self

from sandbox.errors import FileRefused
from sandbox.files.file_operations import Files, TarSource
from sandbox.files.resolve_beneath import parts_of
from sandbox.result import Entry

_PIECE = 1 << 20
"""Maximum bytes held in memory at a time."""
_FILES, _FOLDER = (tarfile.REGTYPE, tarfile.AREGTYPE), tarfile.DIRTYPE
_EXTENSIONS = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE)
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


class _Header(tarfile.TarInfo):
    """A header that is checked before tarfile reads on: it would load an extension of any size."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Parse one block; a zero block ends the archive. Raises FileRefused if truncated or forbidden."""
        if len(buf) < tarfile.BLOCKSIZE:
            raise FileRefused("The archive ends before its end.")
        if not any(buf):
            return super().frombuf(buf, encoding, errors)  # raises what ends the iteration
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise FileRefused(f"What should be a header of the archive isn't one: {error}.") from error
        if header.type not in (*_FILES, _FOLDER, *_EXTENSIONS, *_LONG):
            raise FileRefused(f"{header.name!r} of the archive is neither a regular file nor a folder.")
        if header.size < 0 or (header.type in (*_EXTENSIONS, *_LONG) and header.size > _PIECE):
            raise FileRefused(f"{header.name!r} of the archive has a size that it can't have.")
        return header


async def write_tar(files: Files, path: str, stream: TarSource, *, max_bytes: int, max_entries: int) -> None:
    """Implement `WorkspaceFiles.write_folder`; spool the stream to a temporary file. Raises FileRefused."""
    with tempfile.TemporaryFile() as spool:
        size = await _copy(stream, spool, max_bytes)
        if path != ".":
            await files.make_folder(path)
        with _refuse_errors():
            archive = tarfile.TarFile(
                fileobj=spool, tarinfo=_Header, encoding="utf-8", errors="surrogateescape"
            )
        for number in range(max_entries + 1):
            with _refuse_errors():
                member = archive.next()
            if member is None:
                return
            if number == max_entries:
                raise FileRefused(f"The archive has more than {max_entries} members.", kind="too_large")
            _check(member, archive, size)
            if member.name in ("", "."):
                continue
            target = f"{path}/{'/'.join(parts_of(member.name))}"
            if member.isdir():
                await files.make_folder(target)
            else:
                await _write_file(files, target, member, spool)


async def _copy(stream: TarSource, spool: IO[bytes], max_bytes: int) -> int:
    """Copy a stream to its end; return its size in bytes. Raises FileRefused if it is too large."""
    size = 0
    async for piece in _pieces_of(stream):
        size += len(piece)
        if size > max_bytes:
            raise FileRefused(f"The archive has more than {max_bytes} bytes.", kind="too_large")
        spool.write(piece)
    spool.seek(0)
    return size


async def _pieces_of(stream: TarSource) -> AsyncGenerator[bytes, None]:
    if isinstance(stream, AsyncIterable):
        async for piece in stream:
            yield piece
        return
    pieces = iter(lambda: stream.read(_PIECE), b"") if hasattr(stream, "read") else filter(None, stream)
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece


@contextmanager
def _refuse_errors() -> Iterator[None]:
    """Turn errors of tarfile into FileRefused."""
    try:
        yield
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:
        raise FileRefused(f"The archive can't be read: {error}.") from error


def _check(member: tarfile.TarInfo, archive: tarfile.TarFile, size: int) -> None:
    """Refuse attributes that change what a member is. Raises FileRefused."""
    if {"path", "size", "linkpath"} & archive.pax_headers.keys():
        raise FileRefused("The archive names all of its members at once.")
    if any(name.startswith("GNU.sparse") for name in member.pax_headers):
        raise FileRefused("A member of the archive is a sparse file.")
    max_size = 0 if member.isdir() else size - member.offset_data
    if not 0 <= member.size <= max_size:
        raise FileRefused(f"{member.name!r} of the archive has a size that it can't have.")


async def _write_file(files: Files, path: str, member: tarfile.TarInfo, spool: IO[bytes]) -> None:
    executable = bool(member.mode & stat.S_IXUSR)
    for start in range(0, max(member.size, 1), _PIECE):
        spool.seek(member.offset_data + start)
        piece = spool.read(min(member.size - start, _PIECE))
        if start:
            await files.append(path, piece)
        else:
            await files.write(path, piece, executable=executable)


async def read_tar(
    files: Files,
    path: str,
    *,
    max_bytes: int,
    max_entries: int,
    on_left_out: Callable[[str], None] | None,
) -> AsyncGenerator[bytes, None]:
    """Implement `WorkspaceFiles.read_folder`. Raises FileRefused."""
    bytes_left, count, pending = max_bytes, 0, [""]
    while pending:
        base = pending.pop()
        try:
            entries = await files.list(f"{path}/{base}" if base else path)
        except FileRefused:
            if on_left_out is None or not base:
                raise
            on_left_out(base)
            continue
        for entry in entries:
            name = f"{base}/{entry.name}" if base else entry.name
            count += 1
            if count > max_entries or (entry.kind == "file" and entry.size > bytes_left):
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
                pending.append(name)
                continue
            bytes_left -= entry.size
            async for piece in _rest(files, f"{path}/{name}", first, entry.size):
                yield piece
    yield bytes(2 * tarfile.BLOCKSIZE)


async def _first_piece(files: Files, path: str, entry: Entry) -> bytes:
    if entry.kind not in ("file", "folder"):
        raise FileRefused(f"{path!r} is neither a regular file nor a folder.")
    if entry.kind == "folder":
        await files.stat(path)  # refuses a name that isn't UTF-8
        return b""
    return await files.read(path, start=0, limit=min(entry.size, _PIECE))


async def _rest(files: Files, path: str, first: bytes, size: int) -> AsyncGenerator[bytes, None]:
    """Yield the content of a file, padded to whole blocks. Raises FileRefused if it became shorter."""
    offset, piece = len(first), first
    while piece:
        yield piece
        piece = (
            await files.read(path, start=offset, limit=min(size - offset, _PIECE)) if offset < size else b""
        )
        offset += len(piece)
    if offset < size:
        raise FileRefused(f"{path!r} became shorter while it was read.")
    yield bytes(-size % tarfile.BLOCKSIZE)


def _header(name: str, entry: Entry) -> bytes:
    header = tarfile.TarInfo(name)
    header.type = tarfile.DIRTYPE if entry.kind == "folder" else tarfile.REGTYPE
    header.size = entry.size if entry.kind == "file" else 0
    header.mode = 0o755 if entry.executable or entry.kind == "folder" else 0o644
    return header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
