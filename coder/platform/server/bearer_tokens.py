"""Bearer tokens: a file holds their SHA-256, with the permissions and the folder of each holder."""

import fcntl
import hashlib
import re
import secrets
import sys
from pathlib import Path
from typing import Literal, get_args

from pydantic import TypeAdapter, ValidationError

from coder.base.errors import UsageError, own_command
from coder.base.fs.atomic_replace import replacing
from coder.engine.requests import is_visible
from coder.run.events import Event
from sandbox.result import Value

Scope = Literal["read", "run", "approve"]
"""Permission to read runs; to begin, stop and resume runs and run programs; to answer questions."""
SCOPES: tuple[Scope, ...] = get_args(Scope)


class Caller(Value):
    """The sender of a request: the holder of a token, or without tokens any program of this machine."""

    name: str
    """Name of the token; empty for the operator, who may continue runs of the command line."""
    sha256: str = ""
    """SHA-256 of the token; empty without tokens."""
    scopes: frozenset[Scope] = frozenset(SCOPES)
    root: Path
    """Absolute path without links; paths of requests are below it."""

    def sees(self, first_event: Event) -> bool:
        """Return whether the caller may see a run, by the run's first event."""
        return is_visible(first_event, self.root, self.client)

    @property
    def client(self) -> str | None:
        """The caller's name; None for the operator."""
        return self.name or None


_TOKEN = re.compile(r"[!-~]{16,}")
_CALLERS = TypeAdapter(list[Caller])


def read_tokens(file: Path, root: Path | None = None) -> list[Caller]:
    """Return the callers of a token file.

    Raises:
        UsageError: the file can't be used, others can write it, or a caller's folder isn't below `root`.
    """
    try:
        if file.stat().st_mode & 0o022:
            raise UsageError(f"Others can write {file}, and add tokens. Forbid it: chmod 600 {file}")
        if not (callers := _CALLERS.validate_json(file.read_bytes())):
            raise UsageError(f"{file} holds no token. Add one: {own_command()} serve --new-token NAME")
        for caller in callers:
            if not caller.name.strip():
                raise UsageError(
                    f"{file} has a token without a name. Replace it: {own_command()} serve --new-token NAME"
                )
            if root is not None and not caller.root.resolve().is_relative_to(root.resolve()):
                raise UsageError(
                    f"The token {caller.name!r} is for {caller.root}, which isn't below {root.resolve()}. "
                    "Replace it: "
                    f"{own_command()} serve --new-token {caller.name} --root DIR, or serve a folder above."
                )
        return callers
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}.") from error
    except ValidationError as error:
        raise UsageError(f"{file} isn't a file of tokens: {error.errors()[0]['msg']}.") from error


def new_token(path: Path, name: str, scopes: str, root: Path) -> str:
    """Add a token to a file, in place of one with this name, and return it; it is stored nowhere else.

    Args:
        scopes: the token's scopes, separated by commas.

    Raises:
        UsageError: the name is empty, a scope is unknown, or the file can't be used.
    """
    requested_scopes, token = scopes.split(","), secrets.token_urlsafe(32)
    if unknown := [scope for scope in requested_scopes if scope not in SCOPES]:
        raise UsageError(f"There is no scope {unknown[0]!r}. There are: {', '.join(SCOPES)}.")
    if not name.strip():
        raise UsageError(
            f"A token needs a name, by which it is replaced: {own_command()} serve --new-token NAME"
        )
    fields = {"name": name, "sha256": digest(token), "scopes": requested_scopes, "root": root.resolve()}
    try:
        # Without the lock, one of two concurrent additions would be lost.
        with path.with_name(f"{path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            other_callers = [
                caller for caller in (read_tokens(path) if path.exists() else []) if caller.name != name
            ]
            with replacing(path) as token_file:
                token_file.write(
                    _CALLERS.dump_json([*other_callers, Caller.model_validate(fields)], indent=2)
                )
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}.") from error
    return token


def one_caller(file: Path | None, root: Path) -> Caller:
    """Return the operator, whose token is in a private file, or a new token that is printed.

    Raises:
        UsageError: the file can't be read, others can read it, or it holds no token.
    """
    if file is None:
        print(f"token: {(token := secrets.token_urlsafe(32))}", file=sys.stderr, flush=True)
        return Caller(name="", sha256=digest(token), root=root.resolve())
    try:
        if file.stat().st_mode & 0o077:
            raise UsageError(f"Others can read {file}. Keep the token to yourself: chmod 600 {file}")
        token = file.read_bytes()[:4096].decode("ascii", "replace").strip()
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}.") from error
    if not _TOKEN.fullmatch(token):
        raise UsageError(f"{file} must hold a token: one line of at least 16 characters, no blanks.")
    return Caller(name="", sha256=digest(token), root=root.resolve())


def digest(token: str) -> str:
    """Return the SHA-256 of a token, as the file holds it."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
