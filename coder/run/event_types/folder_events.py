"""Events of the user's folder: the user's edits, files that land, commits, and what is put back."""

from pydantic import BaseModel, ConfigDict, Field

from coder.run.events import Body
from coder.run.stored_file import StoredFile


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


class FilesChanged(Body, type="files.changed", later=("files", "listing", "gone")):
    """The user's folder has changed since the run read it; answers from here on are about these files."""

    files: dict[str, StoredFile] = Field(default_factory=dict)
    listing: str = ""
    """Further ones, as in `run.started`."""
    gone: tuple[str, ...] = ()


class PatchProposed(Body, type="patch.proposed", later=("tests",)):
    """What solves the task, where the user did not want it written into the folder."""

    patch: str
    tests: str = ""
    """Edits of given tests beside it, as a patch of their own."""


class LandingPlanned(Body, type="landing.planned", later=("before", "tests")):
    """Files are about to land in the user's folder."""

    plan: Plan
    patch: str
    tests: str = ""
    """Edits of given tests that don't land, as a patch of their own."""
    before: dict[str, StoredFile] = Field(default_factory=dict)
    """What stands in the files that will be replaced or removed: undo needs it."""


class FileLanded(Body, type="file.landed"):
    """One file has landed."""

    path: str


class LandingRefused(Body, type="landing.refused"):
    """Nothing (more) landed, and why."""

    reason: str
    by_human: bool = False


class CommitMade(Body, type="commit.made"):
    """What has passed is a commit now."""

    commit: str
    """Its id, in hex."""
    branch: str | None
    """The branch that it is the tip of; None where HEAD is detached."""


class CommitRefused(Body, type="commit.refused"):
    """No commit was made, and why; what has landed stays."""

    reason: str


class FileUndone(Body, type="file.undone"):
    """One file was put back by `undo`; or left, with the reason."""

    path: str
    left: str | None = None


class LandingUndone(Body, type="landing.undone"):
    """All files of one step's landing were put back by `undo`."""

    step: int
    """Which, from 1."""
