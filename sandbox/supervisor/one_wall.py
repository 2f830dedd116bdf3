"""One bubblewrap a run: where namespaces inside of bubblewrap are refused, no server there can make them."""

import os
import shutil
from collections.abc import Callable

from sandbox.inner.walls.places import COMMANDS, VENV
from sandbox.interpreter.interpreter import Interpreter
from sandbox.policy import Policy
from sandbox.supervisor.cgroups import Groups
from sandbox.supervisor.outer_wall import (
    KEPT,
    WALL,
    Specification,
    etc_files,
    library_path,
    shown_folders,
    system_links,
)
from sandbox.supervisor.shipped import inner_files
from sandbox.supervisor.slots import take_slot
from sandbox.supervisor.starting import Plan, new_folder, specify_starter

START = """\
import sys
sys.path.insert(0, {0!r})
from sandbox.inner.process.spawn_alone import main
raise SystemExit(main(int(sys.argv[1])))
"""
"""What a child's interpreter does; the folder with our code is filled in."""
_TO_BOUND = tuple(
    word for name in ("CAP_SYS_RESOURCE", "CAP_SETPCAP", "CAP_SYS_ADMIN") for word in ("--cap-add", name)
)
"""In namespaces of its own a run bounds itself, and then gives up what it took for that."""


def one_wall(
    interpreter: Interpreter,
    groups: Groups | None,
    *,
    without: frozenset[str],
    shown: tuple[str, ...],
    policy: Policy,
) -> Callable[[int, int], Specification]:
    """How a starter is started that builds a wall of bubblewrap around every run.

    Args:
        interpreter: whose Python the programs get.
        groups: what the starter removes at the end.
        without: mechanisms that a test has turned off.
        shown: paths of the host's that programs may read besides.
        policy: names folders of the host's.
    """

    def specify(control: int, lifeline: int) -> Specification:
        slot = take_slot()
        plan = _plan(interpreter, slot.uid, without=without, shown=(*KEPT, *shown), policy=policy)
        return specify_starter(plan, slot, control=control, lifeline=lifeline, groups=groups)

    return specify


def _plan(
    interpreter: Interpreter,
    uid: int,
    *,
    without: frozenset[str],
    shown: tuple[str, ...],
    policy: Policy,
) -> Plan:
    environment = [] if "environment" in without else ["--clearenv"]
    for name, value in library_path(interpreter).items():
        environment += ["--setenv", name, value]
    kept = [path for path in shown if os.path.exists(path)]
    private = os.geteuid() == 0
    packages = interpreter.packages
    return Plan(
        command=(str(interpreter.inside), "-I", "-S", "-c", START.format("/opt/lib")),
        bwrap=shutil.which("bwrap"),
        before=(*WALL, *_TO_BOUND, "--as-pid-1", *environment, *system_links(), "--dir", "/var"),
        after=(
            *(word for path in kept for word in ("--ro-bind", path, path)),
            *("--dir", COMMANDS),
            *("--symlink", str(interpreter.inside), f"{COMMANDS}/python"),
            *("--symlink", str(interpreter.inside), f"{COMMANDS}/python3"),
            *(word for path in interpreter.hidden for word in _hide(str(interpreter.show(path)))),
        ),
        private=private,
        base="" if private else new_folder(),
        folders=shown_folders(interpreter, policy),
        attached=tuple(policy.folders),
        packages=tuple(sorted(packages.names)) if packages else (),
        files={
            **inner_files(interpreter.version),
            **etc_files(uid),
            **{path: None if os.path.isdir(path) else b"" for path in kept},
        },
        venv=VENV if interpreter.venv is not None else None,
        python=str(interpreter.inside),
    )


def _hide(folder: str) -> list[str]:
    return ["--size", "4096", "--tmpfs", folder, "--remount-ro", folder]
