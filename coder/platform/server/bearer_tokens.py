"""Bearer tokens: their SHA-256 in a file, each with what its holder may do, and in which folder."""

import fcntl
import hashlib
import re
import secrets
import sys
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from coder.base.errors import UsageError, own_command
from coder.base.fs.atomic_replace import replacing
from coder.engine.requests import is_visible
from coder.run.events import Event

Scope = Literal["read", "run", "approve"]
"""To look at runs; to begin, stop and resume them and to run programs; to answer what they ask."""
SCOPES: tuple[Scope, ...] = get_args(Scope)


class Caller(BaseModel, frozen=True, extra="forbid"):
    """Who makes requests: the holder of a token, or where there are none any program of this machine."""

    name: str
    """Empty for the operator, who may go on with runs of the command line."""
    sha256: str = ""
    """Of the token; empty where there are none."""
    scopes: frozenset[Scope] = frozenset(SCOPES)
    root: Path
    """Absolute, without links; paths of requests lie below it."""

    def sees(self, first: Event) -> bool:
        """Whether the caller may know of a run, by its first event."""
        return is_visible(first, self.root, self.client)

    @property
    def client(self) -> str | None:
        """The name; None for the operator."""
        return self.name or None


_TOKEN = re.compile(r"[!-~]{16,}")
_FILE = TypeAdapter(list[Caller])


def read_tokens(file: Path, root: Path | None = None) -> list[Caller]:
    """Those whom a file lets in.

    Raises:
        UsageError: it can't be used, others can write it, or the folder of one doesn't lie below `root`.
    """
    try:
        if file.stat().st_mode & 0o022:
            raise UsageError(f"Others can write {file}, and add tokens. Forbid it: chmod 600 {file}")
        if not (callers := _FILE.validate_json(file.read_bytes())):
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


def new_token(file: Path, name: str, scopes: str, root: Path) -> str:
    """Put a token into a file, in place of one of that name, and return it: nothing else keeps it.

    Raises:
        UsageError: there is no name, `scopes`, with commas between them, has one that is none, or the file
            can't be used.
    """
    wanted, token = scopes.split(","), secrets.token_urlsafe(32)
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise UsageError(f"There is no scope {unknown[0]!r}. There are: {', '.join(SCOPES)}.")
    if not name.strip():
        raise UsageError(
            f"A token needs a name, by which it is replaced: {own_command()} serve --new-token NAME"
        )
    own = {"name": name, "sha256": digest(token), "scopes": wanted, "root": root.resolve()}
    try:
        # Of two that add at once, the second would drop what the first has added.
        with file.with_name(f"{file.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            others = [one for one in (read_tokens(file) if file.exists() else []) if one.name != name]
            with replacing(file) as written:
                written.write(_FILE.dump_json([*others, Caller.model_validate(own)], indent=2))
    except OSError as error:
        raise UsageError(f"{file} can't be written: {error.strerror}.") from error
    return token


def one_caller(file: Path | None, root: Path) -> Caller:
    """The operator, by the token in a file that only its owner can read; without a file a new one, printed.

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
    """What the file holds of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
