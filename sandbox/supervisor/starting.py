"""How the starter (`sandbox/supervisor/starter.py`) is told to start the runs of one sandbox."""

import marshal
import os
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.supervisor.cgroups import Groups
from sandbox.supervisor.outer_wall import NAME, Specification
from sandbox.supervisor.owner import this_process
from sandbox.supervisor.slots import Slot

PREFIX = "coder-"
"""What the names of our folders begin with; their owner's mark comes next."""
_STARTER = """\
import sys
sandbox = sys.modules["sandbox"] = type(sys)("sandbox")
sandbox.__path__ = [{0!r}]
from sandbox.supervisor.starter import main
main()
"""


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of a child of the starter."""

    command: tuple[str, ...]
    """The interpreter and its arguments; a descriptor's number comes last."""
    bwrap: str | None = None
    """What the child becomes; without it the command itself."""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Bubblewrap's arguments before and after the folders."""
    private: bool = False
    """Root may mount: the folders are shown, and workspaces made, in a mount namespace of the starter's."""
    base: str = ""
    """Where the starter makes a folder for its files and workspaces, unless it is private."""
    folders: Mapping[str, str] = field(default_factory=dict)
    """Shown read-only, with where they appear."""
    attached: tuple[str, ...] = ()
    """Where some of them appear in the workspace, too."""
    packages: tuple[str, ...] = ()
    """Which packages of the folders that appear below SITE are shown, in KERNEL; nothing else of them is."""
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    """Below the starter's own folder: content by path, None for a folder."""
    links: Mapping[str, str] = field(default_factory=dict)
    """There too: symbolic links by path."""
    venv: str | None = None
    """Where a virtual environment appears among the folders."""
    beside: str | None = None
    """A virtual environment at its own place, where there is no wall: a run's Python, which is the base one,
    is told of it only behind its walls."""
    python: str = ""
    """The base interpreter as programs see it."""
    rules: tuple[tuple[str, str], ...] = ()
    """For Landlock, where there is no wall, besides the workspace."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What the interpreter itself is started with."""


def specify_starter(
    plan: Plan, slot: Slot, *, control: int, lifeline: int, groups: Groups | None
) -> Specification:
    """How a starter is started that follows a plan, with the uid of a slot."""
    mark = this_process().mark
    given = {
        **{name: getattr(plan, name) for name in Plan.__slots__},
        "packages": list(plan.packages),
        "attached": list(plan.attached),
        **{name: dict(getattr(plan, name)) for name in ("folders", "files", "links", "environment")},
        "name": NAME + mark,
        "uid": slot.uid,
        "control": control,
        "lifeline": lifeline,
        "held": [lifeline, *slot.locks],
        "cgroups": groups.folders if groups else [],
    }
    content = os.memfd_create("plan", 0)
    os.pwrite(content, marshal.dumps(given), 0)
    argv = ("-c", _STARTER.format(str(Path(__file__).parents[1])), str(content), mark)
    return Specification(argv, (control, lifeline, content, *slot.locks), slot.uid, plan.base)


def new_folder() -> str:
    """Path of a folder that isn't there yet, in the folder for temporary files; its name says whose it is."""
    return f"{tempfile.gettempdir()}/{PREFIX}{this_process().mark}-{uuid.uuid4().hex[:8]}"
