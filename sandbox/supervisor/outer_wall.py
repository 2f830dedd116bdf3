"""The outer wall: bubblewrap's arguments, and the files of /etc that programs need."""

import errno
import glob
import marshal
import os
import resource
import shutil
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.inner.walls.places import ATTACHED, COMMANDS, SHOWN, VENV, WORKSPACE
from sandbox.interpreter.interpreter import Interpreter
from sandbox.policy import Policy
from sandbox.supervisor.owner import this_process
from sandbox.supervisor.shipped import files_of_one_machine
from sandbox.supervisor.slots import Slot, take_slot

_CONTROL, _LIFELINE = 3, 4
"""Descriptors of a keeper, and the first one of its server."""
_KEEPERS_OWN = 24
"""Maximum open files of a keeper and of bubblewrap besides those that it makes for the wall."""
NAME = "coder-bwrap-"
"""argv[0] of bubblewrap, followed by its owner's mark."""
_USER = "sandbox"
WALL = (
    *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "sandbox"),
    *("--proc", "/proc", "--dev", "/dev", "--dir", "/run"),
)
_CERTIFICATES = "/etc/ssl/certs"
"""Shown to programs that may reach hosts."""
_HOST_ETC = (
    "/etc/ld.so.cache",
    "/etc/alternatives",
    "/etc/java-*-openjdk",
    "/etc/maven/m2.conf",
    "/etc/maven/logging",
)
"""Parts of the host's /etc that only list libraries and commands of /usr, or that its Java and Maven need to
start; never Maven's `settings.xml`, which may hold passwords."""
_UTC = (
    b"".join(
        b"TZif2" + struct.pack(">15x6L", 0, 0, 0, 0, 1, 4) + struct.pack(">lBB4s", 0, 0, 0, b"UTC")
        for _ in range(2)
    )
    + b"\nUTC0\n"
)
"""Data of the time zone UTC by RFC 8536, "The Time Zone Information Format": each header counts one type of
local time and the four bytes of its name."""
_SERVER_SOURCE = """\
import sys
sys.path.insert(0, "/opt/lib")
from sandbox.inner.process.spawn_server import main
raise SystemExit(main({0}))
"""


@dataclass(frozen=True, slots=True)
class System:
    """What programs see as their system; by default this machine's."""

    folders: dict[str, str] = field(default_factory=dict)
    """Path in the sandbox of each folder on the host."""
    links: dict[str, str] = field(default_factory=dict)
    """Target of each symbolic link in the sandbox's root."""
    etc_links: dict[str, str] = field(default_factory=dict)
    """Target of each symbolic link in its /etc."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Content of further files in the sandbox."""
    variables: dict[str, str] = field(default_factory=dict)
    """The image's environment without PATH."""
    on_path: tuple[str, ...] = ()
    """Folders of the image's PATH."""
    image: str | None = None
    """SHA-256 of the image's archive; None for this machine's system."""


@dataclass(frozen=True, slots=True)
class SandboxPlan:
    """Properties of a sandbox that a keeper starts."""

    interpreter: Interpreter
    """Python of the server and the programs."""
    policy: Policy
    without: frozenset[str]
    """Mechanisms disabled by a test."""
    cgroups: list[str]
    """Folders for the keeper to remove at the end."""
    control: int
    """Socket of the process inside."""
    lifeline: int
    """Read end of a pipe; the owner holds the other end."""
    system: System = field(default_factory=System)
    """What programs see as their system."""

    @property
    def etc(self) -> list[str]:
        """Readable files and folders of the host's /etc."""
        of_system = () if self.system.image is not None else _HOST_ETC
        patterns = (*of_system, _CERTIFICATES) if self.policy.has_proxy else of_system
        return [path for pattern in patterns for path in glob.glob(pattern)]

    @property
    def environment(self) -> list[str]:
        """Bubblewrap's arguments that set the environment of the process inside."""
        words = [] if "environment" in self.without else ["--clearenv"]
        for name, value in library_path(self.interpreter).items():
            words += ["--setenv", name, value]
        return words


@dataclass(frozen=True, slots=True)
class Specification:
    """How to start a keeper."""

    keeper: str
    """Its module, `launch` or `starter`."""
    job: int
    """Descriptor of a file with its job, marshalled."""
    descriptors: tuple[int, ...]
    """Descriptors that it gets as 3 and so on: server, lifeline, locks. The caller closes them, and `job`."""
    uid: int
    """Owner of the workspace."""
    folder: str = ""
    """Folder of the sandbox's files on this machine; empty if no path leads to them."""


Builder = Callable[[SandboxPlan], Specification]
"""A way to build the outer isolation of a sandbox."""


def two_walls(plan: SandboxPlan) -> Specification:
    """Specify a keeper that starts the outer wall around the server. Raises OSError."""
    with take_slot() as slot:
        return _two_walls(plan, slot)


def _two_walls(plan: SandboxPlan, slot: Slot) -> Specification:
    interpreter, policy = plan.interpreter, plan.policy
    files = files_of_one_machine(interpreter.version) | etc_files(slot.uid, plan.system) | plan.system.files
    job = {
        "bwrap": shutil.which("bwrap"),
        "before": [*WALL, *plan.environment, *system_links(plan), *link_words(plan.system.etc_links)],
        "folders": shown_folders(plan),
        "layered": layered_places(policy),
        "files": files,
        "after": [
            *(word for path in plan.etc for word in ("--ro-bind", path, path)),
            *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"),
            *(str(interpreter.inside), "-I", "-S", "-c", _SERVER_SOURCE.format(_CONTROL)),
        ],
    }
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= most < (needed := len(files) + _KEEPERS_OWN):
        raise OSError(
            errno.EMFILE, f"it needs {needed} open files, and the hard limit is {most} (ulimit -Hn)"
        )
    return specify("launch", job, slot, plan)


def specify(
    keeper: str, job: Mapping[str, object], slot: Slot, plan: SandboxPlan, *, folder: str = ""
) -> Specification:
    """Describe how to start a keeper.

    Args:
        keeper: Its module, `launch` or `starter`.
        job: Its job, with marshallable values.
        folder: Folder of the sandbox's files on this machine.

    Raises OSError. On success the caller closes the keeper's descriptors, also those of the slot.
    """
    locks = range(_LIFELINE + 1, _LIFELINE + 1 + len(slot.locks))
    more = {
        "name": NAME + this_process().mark,
        "uid": slot.uid,
        "control": _CONTROL,
        "lifeline": _LIFELINE,
        "not_inherited": [_LIFELINE, *locks],
        "cgroups": plan.cgroups,
    }
    content = memory_file(marshal.dumps({**job, **more}))  # too long for a message
    descriptors = (plan.control, plan.lifeline, *slot.hand_over())
    return Specification(keeper, content, descriptors, slot.uid, folder)


def environment(
    interpreter: Interpreter, variables: Mapping[str, str], path_folders: Sequence[str] = ()
) -> dict[str, str]:
    """Build the environment of programs, with nothing from the host."""
    places = [f"{VENV}/bin" if interpreter.venv else COMMANDS]
    if interpreter.show(interpreter.executable) != interpreter.executable:
        own = str(interpreter.inside.parent)
        # Environments of the module `venv` look for the standard library from where the command was found.
        is_first = interpreter.venv is None and _names_itself(interpreter.executable)
        places = [own, *places] if is_first else [*places, own]
    places += [*path_folders, "/usr/local/bin", "/usr/bin", "/bin"]
    return {
        "PATH": ":".join(places),
        "HOME": "/w",
        "LANG": "C.UTF-8",
        "USER": _USER,
        **library_path(interpreter),
        **variables,
    }


def _names_itself(executable: Path) -> bool:
    """Whether what is called `python` or `python3` beside an interpreter is that interpreter."""
    names = (executable.with_name(name) for name in ("python", "python3"))
    return all(name.samefile(executable) for name in names if name.exists())


def shown_folders(plan: SandboxPlan) -> dict[str, str]:
    """Map folders of the host to paths inside the outer wall."""
    interpreter, policy = plan.interpreter, plan.policy
    packages = interpreter.packages.sites if interpreter.packages else {}
    attached = {str(folder): f"{ATTACHED}{number}" for number, folder in enumerate(policy.folders.values())}
    beside = {str(folder): f"{SHOWN}/{name}" for name, folder in policy.beside.items()}
    return plan.system.folders | interpreter.folders | packages | beside | attached


def moved_places(plan: SandboxPlan) -> dict[str, str]:
    """Map paths of the host that files of packages may name to paths inside, the longest first."""
    places = shown_folders(plan)
    if plan.policy.copy_of is not None:
        places[str(plan.policy.copy_of)] = WORKSPACE
    return dict(sorted(places.items(), key=lambda place: -len(place[0])))


def layered_places(policy: Policy) -> list[str]:
    """List the paths inside at which a run or a session gets a writable layer."""
    number_by_place = {place: number for number, place in enumerate(policy.folders)}
    place_by_name = {name: f"{SHOWN}/{name}" for name in policy.beside}
    return [
        f"{ATTACHED}{number_by_place[name]}" if name in number_by_place else place_by_name.get(name, name)
        for name in policy.layered
    ]


def library_path(interpreter: Interpreter) -> dict[str, str]:
    """Return the variable that points a relocated interpreter to its shared library, if it has one."""
    libraries = interpreter.prefix / "lib"
    shown_libraries = interpreter.show(libraries)
    if shown_libraries == libraries or not any(libraries.glob("libpython3*.so*")):
        return {}
    return {"LD_LIBRARY_PATH": str(shown_libraries)}


def system_links(plan: SandboxPlan) -> list[str]:
    """Build bubblewrap's arguments for `/bin`, `/lib` and other top folders of the system."""
    own_links = link_words({f"/{name}": f"{WORKSPACE}/{name}" for name in plan.policy.at_root})
    if plan.system.image is not None:
        return [*own_links, *link_words(plan.system.links)]
    words = [*own_links, "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    return words


def link_words(links: Mapping[str, str]) -> list[str]:
    """Build bubblewrap's arguments for symbolic links, given the target of each path."""
    return [word for path, target in links.items() for word in ("--symlink", target, path)]


def etc_files(uid: int, system: System) -> dict[str, bytes]:
    """Build the files of /etc that programs expect: content by path.

    The local time is UTC, so that no verdict hangs on the machine's zone; an image has its own.
    """
    lines = {
        "passwd": f"root:x:0:0:root:/root:/usr/sbin/nologin\n{_USER}:x:{uid}:{uid}:{_USER}:/w:/bin/sh\n",
        "group": f"root:x:0:\n{_USER}:x:{uid}:\n",
        "hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
        "hostname": "sandbox\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
    }
    files = {f"/etc/{name}": text.encode() for name, text in lines.items()}
    return files if system.image is not None else {**files, "/etc/localtime": _UTC}


def memory_file(content: bytes) -> int:
    """Create a file in memory; return its descriptor."""
    descriptor = os.memfd_create("sandbox")
    os.pwrite(descriptor, content, 0)
    return descriptor
