"""Bearer tokens: kept as SHA-256 in a file, each with what it may do and the folder that it may do it in."""

import hashlib
import os
import secrets
import stat
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError

from coder.errors import UsageError
from coder.fs.atomic_replace import replacing
from coder.text.sanitize import or_nearest

Scope = Literal["read", "run", "approve"]
"""To look at runs; to begin, stop and resume them and to run programs; to answer what they ask."""
SCOPES: tuple[Scope, ...] = get_args(Scope)


class Grant(BaseModel):
    """What the holder of a token may do."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    scopes: frozenset[Scope]
    root: Path
    """Absolute; paths of requests lie below it."""


class _File(RootModel[dict[str, Grant]]):
    """Grants by name."""


def read_tokens(file: Path) -> dict[str, Grant]:
    """The grants in a file, by name. Raises UsageError: it can't be used, or others can write it."""
    try:
        with file.open("rb") as opened:
            mode, content = os.fstat(opened.fileno()).st_mode, opened.read(1 << 20)
        if stat.S_IMODE(mode) & 0o022:
            raise UsageError(
                f"Others can write {file}, and so let themselves in. Forbid it: chmod 600 {file}"
            )
        return _File.model_validate_json(content).root
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{file} isn't a file of tokens: {place}: {first['msg']}.") from error


def new_token(file: Path, name: str, scopes: str, root: Path) -> str:
    """Add a token to a file, in place of one of that name, and return it: nothing else holds it.

    Args:
        scopes: with commas between them.

    Raises:
        UsageError: a scope that is none, or a file that can't be used.
    """
    wanted = [scope.strip() for scope in scopes.split(",")]
    for scope in wanted:
        if scope not in SCOPES:
            raise UsageError(
                f"There is no scope {scope!r}{or_nearest(scope, SCOPES)}. There are: read, run, approve."
            )
    token = secrets.token_urlsafe(32)
    own = {"sha256": digest(token), "scopes": wanted, "root": root.resolve()}
    grants = (read_tokens(file) if file.exists() else {}) | {name: Grant.model_validate(own)}
    try:
        with replacing(file) as written:
            written.write(_File(grants).model_dump_json(indent=2).encode())
    except OSError as error:
        raise UsageError(f"{file} can't be written: {error.strerror}.") from error
    return token


def digest(token: str) -> str:
    """What the file holds of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
