"""Tell the starter (`starter.py`) how to start the runs of a sandbox, one by one."""

import os
import shutil
import tempfile
import uuid
from dataclasses import asdict, dataclass, field

from sandbox.inner.walls.places import COMMANDS, VENV
from sandbox.supervisor.outer_wall import (
    WALL,
    Specification,
    Wanted,
    etc_files,
    shown_folders,
    specify,
    system_links,
)
from sandbox.supervisor.owner import this_process
from sandbox.supervisor.shipped import inner_files
from sandbox.supervisor.slots import Slot, take_slot

PREFIX = "coder-"
"""Begins the names of our folders; their owner's mark comes next."""
START = """\
import sys
sys.path.insert(0, {0!r})
from sandbox.inner.process.spawn_alone import main
raise SystemExit(main(int(sys.argv[1])))
"""
"""Source that a child's interpreter runs; the folder with our code is filled in."""
_TO_BOUND = tuple(
    word for name in ("CAP_SYS_RESOURCE", "CAP_SETPCAP", "CAP_SYS_ADMIN") for word in ("--cap-add", name)
)
"""Capabilities by which a run bounds itself in its own namespaces; it drops them afterwards."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the starter makes a child. Every field can be marshalled."""

    command: tuple[str, ...]
    """The interpreter and its arguments; a descriptor's number is appended."""
    bwrap: str | None = None
    """Executed by the child, with `command` inside; None for no wall."""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Bubblewrap's arguments before and after the folders."""
    private: bool = False
    """Root mounts folders and workspaces in a mount namespace of the starter's."""
    base: str = ""
    """Folder that the starter makes for its files and workspaces, unless private."""
    folders: dict[str, str] = field(default_factory=dict)
    """Shown read-only, with where they appear."""
    attached: tuple[str, ...] = ()
    """Where some of them appear in the workspace, too."""
    packages: tuple[str, ...] = ()
    """Packages below SITE that are shown in KERNEL; the others are hidden."""
    files: dict[str, bytes | None] = field(default_factory=dict)
    """Content by path below the starter's own folder; None for a folder."""
    links: dict[str, str] = field(default_factory=dict)
    """Symbolic links by path below it."""
    venv: str | None = None
    """Where a virtual environment appears among the folders."""
    beside: str | None = None
    """A virtual environment at its own place, where there is no wall."""
    python: str = ""
    """The base interpreter as programs see it."""
    rules: tuple[tuple[str, str], ...] = ()
    """For Landlock, where there is no wall, besides the workspace."""
    environment: dict[str, str] = field(default_factory=dict)
    """Of the interpreter itself."""


def specify_starter(plan: Plan, slot: Slot, wanted: Wanted) -> Specification:
    """How to start a starter that follows a plan, with the uid of a slot."""
    return specify("starter", asdict(plan), slot, wanted, folder=plan.base)


def new_folder() -> str:
    """Path of a folder to make in the one for temporary files; its name tells the owner."""
    return f"{tempfile.gettempdir()}/{PREFIX}{this_process().mark}-{uuid.uuid4().hex[:8]}"


def one_wall(wanted: Wanted) -> Specification:
    """Have the starter build a bubblewrap around every run.

    This is for machines that refuse namespaces inside of bubblewrap, where no server can make them.
    """
    interpreter, slot, private = wanted.interpreter, take_slot(), os.geteuid() == 0
    inside, packages = str(interpreter.inside), interpreter.packages
    plan = Plan(
        command=(inside, "-I", "-S", "-c", START.format("/opt/lib")),
        bwrap=shutil.which("bwrap"),
        before=(*WALL, *_TO_BOUND, "--as-pid-1", *wanted.environment, *system_links(), "--dir", "/var"),
        after=(
            *(word for path in wanted.etc for word in ("--ro-bind", path, path)),
            *("--dir", COMMANDS),
            *("--symlink", inside, f"{COMMANDS}/python"),
            *("--symlink", inside, f"{COMMANDS}/python3"),
            *(word for path in interpreter.hidden for word in _hide(str(interpreter.show(path)))),
        ),
        private=private,
        base="" if private else new_folder(),
        folders=shown_folders(interpreter, wanted.policy),
        attached=tuple(wanted.policy.folders),
        packages=tuple(sorted(packages.names)) if packages else (),
        files={
            **inner_files(interpreter.version),
            **etc_files(slot.uid),
            **{path: None if os.path.isdir(path) else b"" for path in wanted.etc},
        },
        venv=VENV if interpreter.venv is not None else None,
        python=inside,
    )
    return specify_starter(plan, slot, wanted)


def _hide(folder: str) -> list[str]:
    return ["--size", "4096", "--tmpfs", folder, "--remount-ro", folder]
