"""One workspace on this machine, for callers on the event loop: each operation runs in a thread."""

import asyncio
import errno
import hashlib
import os
import posixpath
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from sandbox.errors import FileRefused
from sandbox.files.layer_changes import LayerChanges
from sandbox.files.listing import check_folder, collect, describe_entry, list_folder
from sandbox.files.resolve_beneath import Beneath, parts_of
from sandbox.files.tree_changes import TreeChanges
from sandbox.files.workspace import Workspace
from sandbox.host.disk_watch import DiskBounds
from sandbox.result import Artifact, Changes, Entry, Result

PutLayer = Callable[[Mapping[str, str]], Awaitable[tuple[Workspace, Beneath] | None]]
"""Function from SHA-256 by path to the workspace from now on and the layer alone; None for no layer."""
T = TypeVar("T")
MAX_ARTIFACTS = 1024
MAX_ARTIFACT_BYTES = 64 << 20
"""Maximum total bytes of one run's artifacts."""
MAX_DEPTH = 32
"""Maximum number of folders above an artifact."""
ARTIFACT_BOUNDS = {"max_files": MAX_ARTIFACTS, "max_bytes": MAX_ARTIFACT_BYTES, "max_depth": MAX_DEPTH}
"""Keyword arguments for `listing.collect`."""
PROGRAMS = (b"#!", b"\x7fELF")


@dataclass(frozen=True, slots=True)
class KnownFile:
    """State required of one path."""

    content: bytes
    sha256: str
    executable: bool


def known_files(files: Mapping[str, bytes]) -> dict[str, KnownFile]:
    """Return the state required of each file by its plain path."""
    return {
        "/".join(parts_of(path)): KnownFile(
            content, hashlib.sha256(content).hexdigest(), content.startswith(PROGRAMS)
        )
        for path, content in files.items()
    }


class HostWorkspace:
    """Files shared by runs, or of one fresh run. `sandbox.contract.Sandbox` documents each method."""

    def __init__(
        self,
        workspace: Workspace,
        disk: DiskBounds | None = None,
        *,
        at_rest: Callable[[], bool] = lambda: True,
    ) -> None:
        """`disk`: bounds that no file system enforces; `at_rest`: whether no program uses the workspace."""
        self._workspace, self._disk, self._at_rest = workspace, disk, at_rest
        self._uses, self._changing = 0, asyncio.Lock()
        self._layers: tuple[Workspace, Beneath] | None = None
        """The lower workspace and the layer, if there is a layer."""
        self._laid: dict[str, str] | None = None
        """SHA-256 of each laid file, "" if unknown; None once programs may have changed them."""

    @cached_property
    def tree(self) -> TreeChanges:
        """Finder of a session's changes, which caches file states."""
        return TreeChanges(self._workspace.below, self._workspace.capacity)

    async def changes(self, ignored: Callable[[str], bool]) -> Changes:
        """Return the changes since the last rebase."""
        return await asyncio.to_thread(self.tree.changes, ignored)

    async def rebase(self, laid: Mapping[str, str] | None = None) -> None:
        """Make the present files the base of `changes`; `laid`: see `TreeChanges.rebase`."""
        await asyncio.to_thread(self.tree.rebase, laid)

    def be_used(self) -> Mapping[str, str]:
        """Mark the workspace as used by programs; return SHA-256 by path of laid files unchanged since."""
        laid, self._laid = self._laid, None
        self._uses += 1
        return laid or {}

    async def be_used_with(self, put: PutLayer | None) -> Mapping[str, str]:
        """Do as `be_used`, and use the layer that `put` makes over the laid files, if any. Don't cancel."""
        async with self._changing:
            laid = self.be_used()
            layer = await put(laid) if put is not None and self._layers is None else None
            if layer is not None:
                self._layers = (self._workspace, layer[1])
                below, self._workspace = self._workspace.below, layer[0]
                self.tree = LayerChanges(layer[1], layer[0].capacity, below=below, laid=laid)
        return laid

    def close(self) -> None:
        """Close the descriptors; the sandbox removes the files."""
        self._workspace.close()
        for layer in self._layers or ():
            layer.close()

    async def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write one file; make missing folders."""
        await self._change(path, lambda: self._write([(path, content, executable)]))

    async def append(self, path: str, content: bytes) -> None:
        """Append to one file."""
        await self._change(path, lambda: self._append(path, content))

    async def make_folder(self, path: str) -> None:
        """Make a folder, with missing parents."""
        async with self._changing:
            await _in_thread(lambda: self._workspace.make_folder(path))

    async def read(self, path: str, *, limit: int = 16 << 20, start: int | None = None) -> bytes:
        """Read one regular file, or a part of it."""
        return await _in_thread(lambda: self._workspace.read(path, limit=limit, start=start))

    async def list(self, path: str = ".") -> tuple[Entry, ...]:
        """List a folder."""
        entries = await _in_thread(lambda: list_folder(self._workspace.below, path))
        return tuple(map(Entry.model_validate, entries))

    async def stat(self, path: str) -> Entry:
        """Describe one path."""
        return Entry.model_validate(await _in_thread(lambda: describe_entry(self._workspace.below, path)))

    async def lay(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Make the workspace hold exactly these files; return the SHA-256 (hex) of each."""
        async with self._changing:
            self._laid = None
            known = await _in_thread(lambda: known_files(files))  # meanwhile, ended programs are noticed
            uses = self._uses if self._at_rest() else -1
            await _in_thread(lambda: self._lay(known))
            hashes = {path: file.sha256 for path, file in known.items()}
            if self._uses == uses:
                self._laid = dict(hashes)
        return hashes

    async def manifest(self) -> dict[str, str]:
        """Return the SHA-256 (hex) of each regular file by path; laid files aren't read again."""
        async with self._changing:
            if self._laid is not None and all(self._laid.values()):
                return dict(sorted(self._laid.items()))
        return await _in_thread(self._workspace.manifest)

    async def enter(self, path: str) -> None:
        """Check that a program can begin in a folder."""
        if path != ".":
            await _in_thread(lambda: check_folder(self._workspace.below, path))

    async def remove(self, path: str) -> None:
        """Remove a file or folder, or everything for "."; a missing path is no error."""
        async with self._changing:
            self._laid = None
            await _in_thread(lambda: self._workspace.remove(path))

    async def with_artifacts(self, result: Result, given: Mapping[str, bytes]) -> Result:
        """Return the result with the files that its program wrote; every process of the run is dead."""
        artifacts, left_out = await _in_thread(lambda: self._collect(given))
        return result.model_copy(update={"artifacts": artifacts, "artifacts_left_out": left_out})

    async def _change(self, path: str, work: Callable[[], None]) -> None:
        """Change one file; wait while a layer is being put."""
        async with self._changing:
            if self._laid is not None:
                self._laid[posixpath.normpath(path)] = ""
            await _in_thread(work)

    def _write(self, files: Iterable[tuple[str, bytes, bool]]) -> None:
        self._workspace.write_all(file for file in files if self._have_room(*file[:2]))

    def _append(self, path: str, content: bytes) -> None:
        self._have_room(path, content)
        self._workspace.append(path, content)

    def _have_room(self, path: str, content: bytes) -> bool:
        if self._disk is not None and not self._disk.have_room(len(content)):
            raise FileRefused(f"{path!r}: {os.strerror(errno.ENOSPC)}.", kind="no_room")
        return True

    def _lay(self, files: Mapping[str, KnownFile]) -> None:
        kept = self._workspace.keep({path: (file.sha256, file.executable) for path, file in files.items()})
        missing = ((path, file) for path, file in files.items() if path not in kept)
        self._write((path, file.content, file.executable) for path, file in missing)

    def _collect(self, given: Mapping[str, bytes]) -> tuple[tuple[Artifact, ...], int]:
        artifacts, left_out = [], 0
        given_files = {path: (len(file.content), file.sha256) for path, file in known_files(given).items()}
        for artifact in collect(self._workspace, given_files, **ARTIFACT_BOUNDS):
            if artifact is None:
                left_out += 1
            else:
                content = artifact[1].read()
                artifacts.append(Artifact(path=artifact[0], size=len(content), content=content))
        return tuple(artifacts), left_out


async def _in_thread(work: Callable[[], T]) -> T:
    """Run `work` in a thread; wait for its end even when cancelled, as it uses a descriptor."""
    thread = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait([thread])
        raise
