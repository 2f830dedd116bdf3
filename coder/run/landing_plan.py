"""The plan of a landing, as the log holds it: each file before and after."""

from pydantic import BaseModel, ConfigDict


class Change(BaseModel):
    """One file of a plan: SHA-256 before and after, None where there is no file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    before: str | None
    after: str | None
    mode: int | None = None
    """Permission bits of the file that was read or moved; a new one gets what the user's umask leaves."""
    executable: bool = False
    """It can be run by its name; a new file that begins with `#!` could be so where it was tried."""
    chmod: int | None = None
    """Permission bits that the file gets, where they are to change; its content may stay."""


class Plan(BaseModel):
    """What will change beneath one folder; it goes into the log before anything is changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str
    changes: tuple[Change, ...]
    made: tuple[str, ...] = ()
    """Folders that aren't there yet, outermost first; "." is the root."""
