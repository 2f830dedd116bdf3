"""The outer wall: what bubblewrap is told, and the few files of /etc that programs need, made by us."""

import marshal
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sandbox.inner.walls.places import ATTACHED, COMMANDS, SHOWN, VENV
from sandbox.interpreter.interpreter import Interpreter
from sandbox.policy import Policy
from sandbox.supervisor.cgroups import Groups
from sandbox.supervisor.owner import this_process
from sandbox.supervisor.shipped import inner_files
from sandbox.supervisor.slots import Slot, take_slot

_KEEPER = Path(__file__).parent / "launch.py"
NAME = "coder-bwrap-"
"""What stands for the name of bubblewrap in its command line, before its owner's mark."""
_USER = "sandbox"
WALL = (
    *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox"),
    *("--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev", "--dir", "/run"),
)
CERTIFICATES = "/etc/ssl/certs"
"""Whom this machine trusts: shown where programs may reach hosts."""
KEPT = ("/etc/ld.so.cache", "/etc/alternatives")
"""Of the host's /etc, what says nothing but which libraries and commands /usr holds."""
_START = """\
import sys
sys.path.insert(0, "/opt/lib")
from sandbox.inner.process.spawn_server import main
raise SystemExit(main({0}))
"""


@dataclass(frozen=True, slots=True)
class Specification:
    """How a keeper is started."""

    argv: tuple[str, ...]
    """What follows `python -I -S`."""
    descriptors: tuple[int, ...]
    """What it inherits, by the same numbers; ours to close."""
    uid: int
    """Whose the workspace is."""
    folder: str = ""
    """Where on this machine the files of the sandbox are; empty where no path leads to them."""


Specify = Callable[[int, int], Specification]
"""Says how a keeper is started that gets the control socket of the inside, and the lifeline."""


class Builder(Protocol):
    """One way to build what holds the runs of a sandbox."""

    def __call__(
        self,
        interpreter: Interpreter,
        groups: Groups | None,
        *,
        without: frozenset[str],
        shown: tuple[str, ...],
        policy: Policy,
    ) -> Specify:
        """How its keeper is started.

        `shown` are paths of the host's that programs may read besides; the policy names folders of it.
        """


def two_walls(
    interpreter: Interpreter,
    groups: Groups | None,
    *,
    without: frozenset[str],
    shown: tuple[str, ...],
    policy: Policy,
) -> Callable[[int, int], Specification]:
    """How the keeper starts the outer wall around the server.

    Args:
        interpreter: whose Python the server and the programs get.
        groups: what the keeper removes at the end.
        without: mechanisms that a test has turned off.
        shown: paths of the host's that programs may read besides.
        policy: names folders of the host's.
    """
    return lambda control, lifeline: _specify(
        interpreter,
        take_slot(),
        control=control,
        lifeline=lifeline,
        cgroups=groups.folders if groups else [],
        without=without,
        shown=(*KEPT, *shown),
        policy=policy,
    )


def _specify(
    interpreter: Interpreter,
    slot: Slot,
    *,
    control: int,
    lifeline: int,
    cgroups: list[str],
    without: frozenset[str],
    shown: tuple[str, ...],
    policy: Policy,
) -> Specification:
    contents = inner_files(interpreter.version) | etc_files(slot.uid)
    files = {target: _memory_file(content) for target, content in contents.items()}
    environment = [] if "environment" in without else ["--clearenv"]
    for name, value in library_path(interpreter).items():
        environment += ["--setenv", name, value]
    text = marshal.dumps(
        {
            "bwrap": shutil.which("bwrap"),
            "name": NAME + this_process().mark,
            "before": [*WALL, *environment, *system_links()],
            "folders": shown_folders(interpreter, policy),
            "owned": layered_places(policy),
            "after": [
                *(word for target, number in files.items() for word in ("--file", str(number), target)),
                *(word for path in shown if os.path.exists(path) for word in ("--ro-bind", path, path)),
                *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"),
                *(str(interpreter.inside), "-I", "-S", "-c", _START.format(control)),
            ],
            "uid": slot.uid,
            "lifeline": lifeline,
            "held": [lifeline, *slot.locks],
            "descriptors": [control, *files.values()],
            "cgroups": cgroups,
        }
    ).hex()
    argv = (str(_KEEPER), text, this_process().mark)
    return Specification(argv, (control, lifeline, *slot.locks, *files.values()), slot.uid)


def environment(
    interpreter: Interpreter, given: Mapping[str, str], on_path: Sequence[str] = ()
) -> dict[str, str]:
    """What a program finds in its environment: nothing of the host's."""
    places = [f"{VENV}/bin"] if interpreter.venv else [COMMANDS]
    if interpreter.show(interpreter.executable) != interpreter.executable:
        places.append(str(interpreter.inside.parent))
    places += [*on_path, "/usr/local/bin", "/usr/bin", "/bin"]
    return {
        "PATH": ":".join(places),
        "HOME": "/w",
        "LANG": "C.UTF-8",
        "USER": _USER,
        **library_path(interpreter),
        **given,
    }


def shown_folders(interpreter: Interpreter, policy: Policy) -> dict[str, str]:
    """Folders of the host's, with where the outer wall shows them."""
    packages = interpreter.packages.sites if interpreter.packages else {}
    numbered = {str(folder): f"{ATTACHED}{number}" for number, folder in enumerate(policy.folders.values())}
    beside = {str(folder): f"{SHOWN}/{name}" for name, folder in policy.beside.items()}
    return interpreter.folders | packages | beside | numbered


def layered_places(policy: Policy) -> list[str]:
    """Where programs find what a session may write to, in a layer of its own."""
    numbers = {place: number for number, place in enumerate(policy.folders)}
    named = {name: f"{SHOWN}/{name}" for name in policy.beside}
    return [
        f"{ATTACHED}{numbers[name]}" if name in numbers else named.get(name, name) for name in policy.layered
    ]


def library_path(interpreter: Interpreter) -> dict[str, str]:
    """For an interpreter away from its own place: where it finds its shared library, if it has one."""
    libraries = interpreter.prefix / "lib"
    moved = interpreter.show(libraries)
    if moved == libraries or not any(libraries.glob("libpython3*.so*")):
        return {}
    return {"LD_LIBRARY_PATH": str(moved)}


def system_links() -> list[str]:
    """How `/bin`, `/lib` and their like appear."""
    words = []
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    return words


def etc_files(uid: int) -> dict[str, bytes]:
    """Content by path of the few files that programs look for in /etc."""
    lines = {
        "passwd": f"root:x:0:0:root:/root:/usr/sbin/nologin\n{_USER}:x:{uid}:{uid}:{_USER}:/w:/bin/sh\n",
        "group": f"root:x:0:\n{_USER}:x:{uid}:\n",
        "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
        "hostname": "sandbox\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    }
    return {f"/etc/{name}": text.encode() for name, text in lines.items()}


def _memory_file(content: bytes) -> int:
    number = os.memfd_create("sandbox")
    os.pwrite(number, content, 0)
    return number
