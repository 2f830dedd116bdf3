"""Divide the changes of an agent's container by their effect in a fresh container."""

import posixpath
from collections.abc import Mapping, Sequence
from typing import Literal

from benchmarks.harbor.archive_reader import ChangedPath, lies_within
from benchmarks.harbor.changes import ContainerChanges
from benchmarks.harbor.container_files import File
from sandbox.result import Value

Role = Literal["executable", "library", "loader", "profile", "startup", "setuid"]
_SYSTEM = (
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/usr",
    "/etc",
    "/boot",
    "/var",
    "/run",
    "/opt",
)
_LOADER = ("/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/ld.so.cache")
_PROFILE = ("/etc/profile", "/etc/profile.d", "/etc/environment", "/etc/bash.bashrc", "/etc/security")
_STARTUP = ("sitecustomize.py", "usercustomize.py")
_SHELL_FILES = (
    ".bashrc",
    ".bash_profile",
    ".profile",
    ".zshrc",
    ".zshenv",
    ".pythonrc",
    ".gitconfig",
    ".npmrc",
)
_EXECUTABLE_BITS = 0o111


class OutsideChange(Value):
    """A change outside the work folder and the declared artifacts."""

    path: str
    kind: Literal["added", "changed", "deleted"]
    role: Role | None = None
    """Effect on programs that run later; None for changes without one, such as plain data."""

    def __str__(self) -> str:
        """Return kind, path, and role."""
        return f"{self.kind} {self.path}" + (f" ({self.role})" if self.role else "")


class DividedChanges(Value):
    """Changes by their effect in a fresh container, each group in the order of extraction."""

    work: tuple[ChangedPath, ...]
    """Changes in the work folder and the declared artifacts."""
    harmless: tuple[ChangedPath, ...]
    """Changes outside that don't affect how the image's own programs run."""
    deciding: tuple[ChangedPath, ...]
    """Changes outside that replace or shadow parts of the verifier's own programs."""
    outside: tuple[OutsideChange, ...]


def divide(
    changes: ContainerChanges,
    *,
    workdir: str,
    artifacts: Sequence[str] = (),
    path: Sequence[str] = (),
    before: Mapping[str, File] = {},
    commands: frozenset[str] = frozenset(),
    plain: frozenset[str] = frozenset(),
) -> DividedChanges:
    """Divide changes into those of the work folder and those outside.

    Args:
        artifacts: absolute paths that the task declares as its results.
        path: folders of the verifier's PATH.
        before: entries of the image by path, to skip folders of which only the time changed.
        commands: names of the programs of the image's PATH, which a new file could shadow.
        plain: paths of new startup files that only add folders to the import path, after the image's.
    """
    work_folders = [*artifacts, *([] if workdir == "/" or _is_system(workdir) else [workdir])]
    work, harmless, deciding, outside = (
        list[ChangedPath](),
        list[ChangedPath](),
        list[ChangedPath](),
        list[OutsideChange](),
    )
    for change in changes.items:
        if lies_within(change.path, work_folders):
            work.append(change)
            continue
        if change.type == "folder" and change.kind == "changed" and _is_alike(change, before):
            continue
        role = None if change.path in plain else role_of(change, path, commands)
        (deciding if role else harmless).append(change)
        outside.append(OutsideChange(path=change.path, kind=change.kind, role=role))
    return DividedChanges(
        work=tuple(work), harmless=tuple(harmless), deciding=tuple(deciding), outside=tuple(outside)
    )


def role_of(change: ChangedPath, path: Sequence[str], commands: frozenset[str]) -> Role | None:
    """Return how a change outside the work folder affects programs that run later; None if it doesn't."""
    name, folder = posixpath.basename(change.path), posixpath.dirname(change.path)
    if lies_within(change.path, _LOADER):
        return "loader"
    if lies_within(change.path, _PROFILE):
        return "profile"
    if name in _STARTUP or name.endswith(".pth") or name in _SHELL_FILES:
        return "startup"
    if change.lends_rights:
        return "setuid"
    if change.kind == "added":  # a new program decides nothing unless it shadows one of the image
        return "executable" if folder in path and name in commands else None
    if change.type == "folder":  # its rights: what is in it is listed for itself
        return "executable" if change.path in path else None
    if folder in path or (change.type == "file" and change.mode & _EXECUTABLE_BITS):
        return "executable"
    return (
        "library"
        if lies_within(change.path, ("/lib", "/lib32", "/lib64", "/libx32", "/usr", "/opt"))
        else None
    )


def _is_alike(change: ChangedPath, before: Mapping[str, File]) -> bool:
    entry, _ = before.get(change.path, (None, None))
    return (
        entry is not None
        and entry.isdir()
        and (entry.mode & 0o7777, (entry.uid, entry.gid)) == (change.mode, change.owner)
    )


def _is_system(folder: str) -> bool:
    """Whether a folder belongs to the system, so that changes in it don't count as a task's work."""
    return folder in _SYSTEM or lies_within(
        folder, ("/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/lib", "/etc")
    )
