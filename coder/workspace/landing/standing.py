"""What stands at a path of the user's folder, and whether a run may write there."""

import hashlib
import os
from pathlib import Path, PurePosixPath

from coder.errors import MachineError, UsageError
from coder.fs.safe_open import NotRegular, open_folder, read_regular

_MOST_BYTES = 1 << 28
"""More than the disk of a sandbox holds: a larger file is never one of ours."""


class LandingRefused(UsageError):
    """A path that a run may not write; nothing was changed."""


class FileChanged(LandingRefused):
    """A file isn't what the run has read, or what it wrote."""


def parts_of(path: str) -> tuple[str, ...]:
    """The steps of a path that stays beneath its root.

    Raises:
        LandingRefused: it doesn't, or it is no plain path.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "/".join(parts) != path:
        raise LandingRefused(f"{path!r} is not a path inside of the folder.")
    if not path.isprintable() or "\\" in path:
        raise LandingRefused(f"{path!r} has characters that file names should not have.")
    if any(part.lower() in (".git", "git~1") for part in parts):
        raise LandingRefused(f"{path} belongs to git: a run never writes there.")
    return parts


def see_same_repository(root: Path, parts: tuple[str, ...]) -> None:
    """See that no folder on the way is a repository of its own.

    Raises:
        LandingRefused: one is.
    """
    for count in range(1, len(parts)):
        folder = root.joinpath(*parts[:count])
        if os.path.lexists(folder / ".git"):
            raise LandingRefused(
                f"{'/'.join(parts)} belongs to another repository, the submodule {'/'.join(parts[:count])}. "
                "Work on it by itself: name that folder as PATH."
            )


def state_of(root: Path, parts: tuple[str, ...]) -> str | None:
    """SHA-256 of the file that is there, None where nothing is.

    Raises:
        LandingRefused: a link, a folder or a device is there, or a link or a file is on the way.
        MachineError: the file can't be read.
    """
    path = "/".join(parts)
    try:
        with open_folder(root, parts[:-1]) as folder:
            content, _ = read_regular(folder, parts[-1], limit=_MOST_BYTES)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise LandingRefused(f"{path} leads over a link or a file: a run writes in folders only.") from error
    except NotRegular as error:
        raise LandingRefused(f"{path} is a link, a folder or a device: a run replaces files only.") from error
    except OSError as error:
        raise MachineError(f"Can't read {root / path}: {error.strerror}.") from error
    return sha256_of(content)


def sha256_of(content: bytes) -> str:
    """Of a content, in hex."""
    return hashlib.sha256(content).hexdigest()
