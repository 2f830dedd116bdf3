"""Describe to the starter (`starter.py`) how to start the runs of a sandbox."""

import os
import shutil
import tempfile
import uuid
from dataclasses import asdict, dataclass, field

from sandbox.inner.walls.places import COMMANDS, CONTAINER_MARK, VENV
from sandbox.supervisor.outer_wall import (
    WALL,
    SandboxPlan,
    Specification,
    etc_files,
    moved_places,
    shown_folders,
    specify,
    system_links,
)
from sandbox.supervisor.owner import this_process
from sandbox.supervisor.shipped import files_of_one_machine
from sandbox.supervisor.slots import Slot, take_slot

PREFIX = "coder-"
"""Prefix of our folders' names; their owner's mark follows."""
CHILD_SOURCE = """\
import sys
sys.path.insert(0, {0!r})
from sandbox.inner.process.spawn_alone import main
raise SystemExit(main(int(sys.argv[1])))
"""
"""Source for a child's interpreter, to be formatted with the folder of our code."""
_CONFINING_CAPABILITIES = tuple(
    word for name in ("CAP_SYS_RESOURCE", "CAP_SETPCAP", "CAP_SYS_ADMIN") for word in ("--cap-add", name)
)
"""Capabilities that a run needs to confine itself in its namespaces; it drops them afterwards."""


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """How the starter creates a child. Every field can be marshalled."""

    command: tuple[str, ...]
    """The interpreter and its arguments; a descriptor number is appended."""
    bwrap: str | None = None
    """Path of bubblewrap, which the child executes around `command`; None for no wall."""
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Bubblewrap's arguments before and after the folders."""
    private: bool = False
    """Mount folders and workspaces in a mount namespace of the starter; root only."""
    base: str = ""
    """Folder to create for its files and workspaces, unless private."""
    folders: dict[str, str] = field(default_factory=dict)
    """Read-only folders of the host: path → path inside."""
    attached: tuple[str, ...] = ()
    """Paths in the workspace at which the policy's folders are shown, too."""
    packages: tuple[str, ...] = ()
    """Packages below SITE to show in KERNEL; the others are hidden."""
    files: dict[str, bytes | None] = field(default_factory=dict)
    """Files by path below the starter's folder; None for a folder."""
    links: dict[str, str] = field(default_factory=dict)
    """Symbolic links by path below the starter's folder."""
    venv: str | None = None
    """Path inside of the virtual environment, if `folders` has one."""
    moved: dict[str, str] = field(default_factory=dict)
    """Paths inside of what files of packages may name, by paths of the host."""
    host_venv: str | None = None
    """Original path of a virtual environment, used without a wall."""
    python: str = ""
    """Path inside of the base interpreter."""
    in_place: str = ""
    """Folder that is the workspace itself; nothing is laid there or removed."""
    home: str = ""
    """HOME of programs that work in place."""
    rules: tuple[tuple[str, str], ...] = ()
    """Landlock's rules besides the workspace, where there is no wall."""
    environment: dict[str, str] = field(default_factory=dict)
    """Environment of the interpreter."""


def specify_starter(child_plan: ChildPlan, slot: Slot, plan: SandboxPlan) -> Specification:
    """Describe how to start a starter for a plan, with the uid of a slot."""
    return specify("starter", asdict(child_plan), slot, plan, folder=child_plan.base)


def new_folder() -> str:
    """Return a path for a new temporary folder, whose name contains the owner's mark."""
    return f"{tempfile.gettempdir()}/{PREFIX}{this_process().mark}-{uuid.uuid4().hex[:8]}"


def one_wall(plan: SandboxPlan) -> Specification:
    """Specify a starter that runs bubblewrap around every run, for machines that refuse nested namespaces."""
    with take_slot() as slot:
        return _one_wall(plan, slot)


def _one_wall(plan: SandboxPlan, slot: Slot) -> Specification:
    interpreter, private = plan.interpreter, os.geteuid() == 0
    interpreter_path, packages = str(interpreter.inside), interpreter.packages
    child_plan = ChildPlan(
        command=(interpreter_path, "-I", "-S", "-c", CHILD_SOURCE.format("/opt/lib")),
        bwrap=shutil.which("bwrap"),
        before=(
            *WALL,
            *_CONFINING_CAPABILITIES,
            "--as-pid-1",
            *plan.environment,
            *system_links(plan),
            "--dir",
            "/var",
        ),
        after=(
            *(word for path in plan.etc for word in ("--ro-bind", path, path)),
            *("--symlink", "/etc/hostname", CONTAINER_MARK),
            *("--dir", COMMANDS),
            *("--symlink", interpreter_path, f"{COMMANDS}/python"),
            *("--symlink", interpreter_path, f"{COMMANDS}/python3"),
            *(word for path in interpreter.hidden for word in _hide(str(interpreter.show(path)))),
        ),
        private=private,
        base="" if private else new_folder(),
        folders=shown_folders(plan),
        attached=tuple(plan.policy.folders),
        packages=tuple(sorted(packages.names)) if packages else (),
        files={
            **files_of_one_machine(interpreter.version),
            **etc_files(slot.uid, plan.system),
            **plan.system.files,
            **{path: None if os.path.isdir(path) else b"" for path in plan.etc},
        },
        links=plan.system.etc_links,
        moved=moved_places(plan),
        venv=VENV if interpreter.venv is not None else None,
        python=interpreter_path,
    )
    return specify_starter(child_plan, slot, plan)


def _hide(folder: str) -> list[str]:
    return ["--size", "4096", "--tmpfs", folder, "--remount-ro", folder]
