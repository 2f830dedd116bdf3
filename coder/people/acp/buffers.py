"""Buffers: a client's texts of a session's files, which may be unsaved."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from acp import RequestError
from acp.interfaces import Client
from acp.schema import ClientCapabilities
from pydantic import ValidationError

from coder.workspace.unsaved import as_saved, current_file

_PARALLEL = 16
_MAX_SHOWN = 2 << 20
"""Longest text in characters of which a diff is shown."""
_PATIENCE_S = 10.0
"""Seconds to wait for all answers; files without an answer by then are read from the disk."""


class Buffers:
    """Reads and writes files through a client, if it supports that."""

    def __init__(self, client: Client, root: Path, capabilities: ClientCapabilities | None) -> None:
        """Initialize with the connection to the client, its capabilities, and the session's folder."""
        files = capabilities.fs if capabilities is not None else None
        self.session_id = ""
        self._client, self._root = client, root
        self._reads = bool(files is not None and files.read_text_file)
        self._writes = bool(files is not None and files.write_text_file)
        self._held: dict[str, str] = {}
        """Latest text of each file that the client has sent."""
        self._saved: dict[str, str | None] = {}
        """Digest of each file on the disk when the client's text last equaled it, or was first sent."""

    async def read(self, paths: Collection[str]) -> Mapping[str, str]:
        """Return the client's texts of these files, by path; files without an answer are left out."""
        if not self._reads:
            return {}
        turns, texts = asyncio.Semaphore(_PARALLEL), {}

        async def read(path: str) -> None:
            # Not a file, no text, or an answer without one: what is on the disk holds.
            with suppress(RequestError, ValidationError):
                async with turns:
                    answer = await self._client.read_text_file(
                        session_id=self.session_id, path=str(self._root / path)
                    )
                texts[path] = answer.content

        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await asyncio.gather(*map(read, paths))
        self._held |= texts
        for path, text in texts.items():
            self._compare(path, text)
        return texts

    def _compare(self, path: str, text: str) -> None:
        """Remember the digest of the file on the disk that a client's text is based on."""
        saved = current_file(self._root, path)
        is_saved = saved is not None and as_saved(text, saved.text or "", saved.encoding) == saved.content
        if is_saved or path not in self._saved:
            self._saved[path] = saved.digest if saved is not None else None

    def saved_digest(self, path: str) -> str | None:
        """Return the digest of the file on the disk that the client's text is based on."""
        return self._saved.get(path)

    async def write(self, texts: Mapping[str, str]) -> None:
        """Ask the client to write files; a refusal isn't reported, it shows only in the files on the disk."""
        if not self._writes:
            return
        for path, text in texts.items():
            with suppress(RequestError, ValidationError):
                await self._client.write_text_file(
                    session_id=self.session_id, path=str(self._root / path), content=text
                )

    def text(self, path: str) -> str | None:
        """Return the user's text of a file: the client's latest, or that on the disk.

        None: the file is missing, no text, or too long for a diff.
        """
        file = current_file(self._root, path)
        if file is None or file.text is None or len(file.text) > _MAX_SHOWN:
            return None
        buffer = as_saved(self._held[path], file.text, file.encoding) if path in self._held else None
        return buffer.decode(file.encoding or "utf-8") if buffer is not None else file.text
