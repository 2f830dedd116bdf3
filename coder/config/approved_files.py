"""Files of a repository that name MCP servers, used only if the user allows their content.

Approvals are SHA-256 digests of such a file alone, so a changed one is asked about again: its programs run in
a sandbox. The list is in the data folder.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from coder.base.errors import UsageError, own_command
from coder.base.fs.private_folder import data_folder
from coder.base.fs.safe_open import open_folder, read_regular
from coder.config.permissions import Permissions
from coder.config.plug_places import reason_of
from coder.config.plugins import SERVER_FILES, Plugin, plugins_of_repository
from coder.run.extensions import PROGRAM_FILES

MAX_BYTES = 256 << 10
_SHOWN_DIGITS = 32
"""Hexadecimal digits of the digest that a user types; half of them would allow collisions."""


@dataclass(frozen=True, slots=True)
class ProgramFile:
    """One file that names servers, or a plugin that has such a file."""

    path: str
    """Relative to the folder."""
    content: bytes
    """Content of the file that names servers."""
    digest: str
    """SHA-256 in hex of the content, and of a plugin's path."""
    allowed: bool

    @property
    def reason(self) -> str:
        """Reason why it isn't used, and the command that allows it."""
        command = f"{own_command()} skills --allow {self.digest[:_SHOWN_DIGITS]}"
        return f"its MCP servers are not allowed. Read it, then: {command}"


def program_file(folder: Path, path: str) -> ProgramFile | None:
    """Return a file of this folder that names servers; None if there is none.

    Raises:
        UsageError: it is a link, too large, or can't be read.
    """
    *parts, name = path.split("/")
    try:
        with open_folder(folder, parts) as parent:
            content, _ = read_regular(parent, name, limit=MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path} is ignored: {error.strerror or 'links are not followed'}") from error
    if len(content) > MAX_BYTES:
        raise UsageError(f"{path} is ignored: more than {MAX_BYTES:,} bytes")
    digest = hashlib.sha256(content).hexdigest()
    return ProgramFile(path, content, digest, _is_allowed(folder, digest))


def _is_allowed(folder: Path, digest: str) -> bool:
    return digest in Permissions(data_folder(os.environ), folder).allowed.files


def _program_file_of(plugin: Plugin, folder: Path) -> ProgramFile | None:
    """Return the file of a plugin that names servers; None if there is none. Raises UsageError."""
    path = "/".join(plugin.place.parts)
    try:
        text = plugin.read(*SERVER_FILES)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is ignored: {reason_of(error)}") from error
    if text is None:
        return None
    content = text.encode()
    digest = hashlib.sha256(f"{path}\n".encode() + content).hexdigest()
    return ProgramFile(path, content, digest, _is_allowed(folder, digest))


def program_files(folder: Path) -> tuple[list[ProgramFile], list[str]]:
    """Return the files of this folder that name servers, and why further ones are ignored."""
    files, notes = [], []
    for path in PROGRAM_FILES:
        try:
            file = program_file(folder, path)
        except UsageError as error:
            notes.append(str(error))
        else:
            files += [file] if file is not None else []
    for plugin in plugins_of_repository(folder)[0]:
        try:
            file = _program_file_of(plugin, folder)
        except UsageError as error:
            notes.append(str(error))
        else:
            files += [file] if file is not None else []
    return files, notes


def allow(folder: Path, digest: str) -> ProgramFile:
    """Allow the file whose content has this digest, or its first 32 digits.

    Raises UsageError if no current file of the folder has this digest.
    """
    files, _ = program_files(folder)
    file = next((each for each in files if each.digest.startswith(digest)), None)
    if file is None or len(digest) < _SHOWN_DIGITS:
        raise UsageError(
            f"No file here has the content {digest}: it may have changed. See: {own_command()} skills"
        )
    permissions = Permissions(data_folder(os.environ), folder)
    allowed = permissions.allowed
    permissions.write(allowed.model_copy(update={"files": allowed.files | {file.digest: file.path}}))
    return file
