"""The outer wall: arguments of bubblewrap, and the few files of /etc that programs need."""

import marshal
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.inner.walls.places import ATTACHED, COMMANDS, SHOWN, VENV
from sandbox.interpreter.interpreter import Interpreter
from sandbox.policy import Policy
from sandbox.supervisor.owner import this_process
from sandbox.supervisor.shipped import inner_files
from sandbox.supervisor.slots import Slot, take_slot

_KEEPER = """\
import sys
sandbox = sys.modules["sandbox"] = type(sys)("sandbox")
sandbox.__path__ = [{0!r}]
from sandbox.supervisor.{1} import main
main()
"""
NAME = "coder-bwrap-"
"""argv[0] of bubblewrap, before its owner's mark."""
_USER = "sandbox"
WALL = (
    *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox"),
    *("--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev", "--dir", "/run"),
)
_CERTIFICATES = "/etc/ssl/certs"
"""Shown where programs may reach hosts."""
_KEPT = ("/etc/ld.so.cache", "/etc/alternatives")
"""Parts of the host's /etc that tell only which libraries and commands /usr holds."""
_START = """\
import sys
sys.path.insert(0, "/opt/lib")
from sandbox.inner.process.spawn_server import main
raise SystemExit(main({0}))
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sandbox that a keeper is to start."""

    interpreter: Interpreter
    """The Python of the server and the programs."""
    policy: Policy
    without: frozenset[str]
    """Mechanisms that a test has turned off."""
    cgroups: list[str]
    """Folders that the keeper removes at the end."""
    control: int
    """Socket for the process inside."""
    lifeline: int
    """Read end of a pipe that the owner closes."""

    @property
    def etc(self) -> list[str]:
        """Files and folders of the host's /etc that programs may read."""
        shown = (*_KEPT, _CERTIFICATES) if self.policy.has_proxy else _KEPT
        return [path for path in shown if os.path.exists(path)]

    @property
    def environment(self) -> list[str]:
        """Arguments of bubblewrap that set the environment of the process inside."""
        words = [] if "environment" in self.without else ["--clearenv"]
        for name, value in library_path(self.interpreter).items():
            words += ["--setenv", name, value]
        return words


@dataclass(frozen=True, slots=True)
class Specification:
    """How to start a keeper."""

    argv: tuple[str, ...]
    """Follows `python -I -S`."""
    descriptors: tuple[int, ...]
    """Inherited under the same numbers; the caller closes them."""
    uid: int
    """Owner of the workspace."""
    folder: str = ""
    """Where on this machine the files of the sandbox are; empty where no path leads to them."""


Builder = Callable[[Wanted], Specification]
"""One way to build what holds the runs of a sandbox."""


def two_walls(wanted: Wanted) -> Specification:
    """Have the keeper start the outer wall around the server."""
    interpreter, policy, slot = wanted.interpreter, wanted.policy, take_slot()
    contents = inner_files(interpreter.version) | etc_files(slot.uid)
    files = {target: memory_file(content) for target, content in contents.items()}
    given = {
        "bwrap": shutil.which("bwrap"),
        "before": [*WALL, *wanted.environment, *system_links()],
        "folders": shown_folders(interpreter, policy),
        "owned": layered_places(policy),
        "after": [
            *(word for target, number in files.items() for word in ("--file", str(number), target)),
            *(word for path in wanted.etc for word in ("--ro-bind", path, path)),
            *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"),
            *(str(interpreter.inside), "-I", "-S", "-c", _START.format(wanted.control)),
        ],
        "descriptors": [wanted.control, *files.values()],
    }
    return specify("launch", given, slot, wanted, *files.values())


def specify(
    keeper: str, given: Mapping[str, object], slot: Slot, wanted: Wanted, *inherited: int, folder: str = ""
) -> Specification:
    """How to start a keeper.

    Args:
        keeper: its module, `launch` or `starter`.
        given: what it is to do; every value can be marshalled.
        slot: the uid of programs.
        inherited: descriptors besides those of `wanted`.
        folder: where on this machine the files of the sandbox are.
    """
    mark = this_process().mark
    content = memory_file(
        marshal.dumps(
            {
                **given,
                "name": NAME + mark,
                "uid": slot.uid,
                "control": wanted.control,
                "lifeline": wanted.lifeline,
                "held": [wanted.lifeline, *slot.locks],
                "cgroups": wanted.cgroups,
            }
        )
    )
    argv = ("-c", _KEEPER.format(str(Path(__file__).parents[1]), keeper), str(content), mark)
    descriptors = (wanted.control, wanted.lifeline, content, *slot.locks, *inherited)
    return Specification(argv, descriptors, slot.uid, folder)


def environment(
    interpreter: Interpreter, given: Mapping[str, str], on_path: Sequence[str] = ()
) -> dict[str, str]:
    """The environment of programs: nothing of the host's."""
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
    """Where the outer wall shows which folder of the host."""
    packages = interpreter.packages.sites if interpreter.packages else {}
    numbered = {str(folder): f"{ATTACHED}{number}" for number, folder in enumerate(policy.folders.values())}
    beside = {str(folder): f"{SHOWN}/{name}" for name, folder in policy.beside.items()}
    return interpreter.folders | packages | beside | numbered


def layered_places(policy: Policy) -> list[str]:
    """Where programs find what a session may write to, in its own layer."""
    numbers = {place: number for number, place in enumerate(policy.folders)}
    named = {name: f"{SHOWN}/{name}" for name in policy.beside}
    return [
        f"{ATTACHED}{numbers[name]}" if name in numbers else named.get(name, name) for name in policy.layered
    ]


def library_path(interpreter: Interpreter) -> dict[str, str]:
    """The variable by which an interpreter shown elsewhere finds its shared library, if it has one."""
    libraries = interpreter.prefix / "lib"
    moved = interpreter.show(libraries)
    if moved == libraries or not any(libraries.glob("libpython3*.so*")):
        return {}
    return {"LD_LIBRARY_PATH": str(moved)}


def system_links() -> list[str]:
    """Arguments of bubblewrap that show `/bin`, `/lib` and the like."""
    words = []
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    return words


def etc_files(uid: int) -> dict[str, bytes]:
    """Content by path of the files that programs look for in /etc."""
    lines = {
        "passwd": f"root:x:0:0:root:/root:/usr/sbin/nologin\n{_USER}:x:{uid}:{uid}:{_USER}:/w:/bin/sh\n",
        "group": f"root:x:0:\n{_USER}:x:{uid}:\n",
        "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
        "hostname": "sandbox\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    }
    return {f"/etc/{name}": text.encode() for name, text in lines.items()}


def memory_file(content: bytes) -> int:
    """A descriptor of a new file in memory."""
    number = os.memfd_create("sandbox")
    os.pwrite(number, content, 0)
    return number
