"""The members of a tar stream that nobody has looked at: no more of it is held at a time than a piece.

Headers are tarfile's. What is a member, and how long, is decided here: tarfile holds a header of any size,
and takes an archive that was cut off for a whole one.
"""

import asyncio
import re
import stat
import tarfile
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import Literal

from sandbox.errors import FileRefused
from sandbox.files.workspace_files import TarSource

PIECE = 1 << 20
"""Bytes of a file that are held at a time."""
_LONGEST_EXTENSION = 1 << 20
"""Bytes of what precedes a member: its long name, its attributes."""
_EXTENSIONS = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE)
_LONG = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_LENGTH = re.compile(rb"([1-9][0-9]{0,6}) ")
_SIZE = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Member:
    """A file or a folder of an archive."""

    name: str
    """Whatever the archive says."""
    kind: Literal["file", "folder"]
    size: int
    executable: bool


class TarBytes:
    """The bytes of a stream, as many as are asked for."""

    def __init__(self, stream: TarSource, most: int) -> None:
        self._pieces, self._most, self._held = _pieces_of(stream), most, bytearray()
        self.left = most
        """Bytes that may still be read."""

    async def take(self, most: int) -> bytes:
        """Some bytes, none at the end of the stream.

        Raises:
            FileRefused: the stream has more than it may.
        """
        if not self._held:
            self._held += await anext(self._pieces, b"")
        taken = bytes(self._held[:most])
        del self._held[:most]
        self.left -= len(taken)
        if self.left < 0:
            raise FileRefused(f"The archive has more than {self._most} bytes.", kind="too_large")
        return taken

    async def exactly(self, size: int) -> bytes:
        """So many bytes.

        Raises:
            FileRefused: there aren't so many, or the stream has more than it may.
        """
        content = bytearray()
        while len(content) < size:
            piece = await self.take(size - len(content))
            if not piece:
                raise FileRefused("The archive ends before its end.")
            content += piece
        return bytes(content)

    async def drain(self) -> None:
        """Read what comes after the archive: who writes it may be waiting."""
        while await self.take(PIECE):
            continue


async def _pieces_of(stream: TarSource) -> AsyncGenerator[bytes, None]:
    if isinstance(stream, AsyncIterable):
        async for piece in stream:
            if piece:
                yield piece
        return
    pieces = iter(lambda: stream.read(PIECE), b"") if hasattr(stream, "read") else filter(None, stream)
    while piece := await asyncio.to_thread(next, pieces, b""):
        yield piece


async def next_member(source: TarBytes) -> Member | None:
    """The header of the next member; None at the end of the archive. Its content comes next.

    Raises:
        FileRefused: it is neither a file nor a folder, or the archive can't be read, or has more than it may.
    """
    changed: dict[str, str] = {}
    while True:
        block = await source.exactly(tarfile.BLOCKSIZE)
        if not any(block):
            return None
        try:
            header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise FileRefused(f"What should be a header of the archive isn't one: {error}.") from error
        if header.type not in (*_EXTENSIONS, *_LONG):
            return _member(header, changed, source)
        if not 0 <= header.size <= _LONGEST_EXTENSION:
            raise FileRefused("A member of the archive has a name or attributes of more than 1 MiB.")
        content = (await source.exactly(padded(header.size)))[: header.size]
        if header.type == tarfile.GNUTYPE_LONGNAME:
            changed["path"] = content.partition(b"\0")[0].decode("utf-8", "surrogateescape")
        elif header.type in _EXTENSIONS:
            found = _records(content)
            if header.type == tarfile.XGLTYPE and found:
                raise FileRefused("The archive names all of its members at once.")
            changed |= found


def _member(header: tarfile.TarInfo, changed: dict[str, str], source: TarBytes) -> Member:
    name, size = changed.get("path", header.name), changed.get("size", str(header.size))
    if header.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE):
        raise FileRefused(f"{name!r} of the archive is neither a regular file nor a folder.")
    if header.type == tarfile.DIRTYPE and size == "0":
        return Member(name, "folder", 0, executable=False)
    if not _SIZE.fullmatch(size) or header.type == tarfile.DIRTYPE:
        raise FileRefused(f"{name!r} of the archive has a size that it can't have.")
    if int(size) > source.left:
        raise FileRefused(f"{name!r} of the archive has more bytes than are taken.", kind="too_large")
    return Member(name, "file", int(size), executable=bool(header.mode & stat.S_IXUSR))


def _records(content: bytes) -> dict[str, str]:
    """Of a pax header, what is of use here."""
    found, start = {}, 0
    while start < len(content):
        length = _LENGTH.match(content, start)
        end = start + int(length[1]) if length else 0
        key, equals, value = content[length.end() if length else end : end].partition(b"=")
        if not equals or not value.endswith(b"\n") or end > len(content):
            raise FileRefused("The attributes of a member of the archive can't be read.")
        if key.startswith(b"GNU.sparse"):
            raise FileRefused("A member of the archive is a file with holes.")
        if key in (b"path", b"size"):
            found[key.decode()] = value[:-1].decode("utf-8", "surrogateescape")
        start = end
    return found


def padded(size: int) -> int:
    """Bytes that so many bytes take in an archive."""
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
