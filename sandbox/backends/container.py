"""The `container` backend: programs are processes in the container in which this process runs.

Programs are confined by what works here: Landlock, a seccomp filter without sockets, limits, control groups,
and, where root opens the sandbox, a uid of their own. `capabilities()` names guarantees without a mechanism.
"""

import asyncio
import contextlib
import os
import shutil
import sys
import warnings
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

from sandbox.errors import BackendMissing, SandboxBroken
from sandbox.host.capabilities import (
    Build,
    as_capabilities,
    kept_in_container,
    kept_in_place,
    refuse_folders,
    refuse_network,
    require_kept,
    with_processors,
)
from sandbox.host.disk_watch import DiskBounds
from sandbox.host.served_sandbox import ServedSandbox
from sandbox.host.server import Server, start_server
from sandbox.inner.walls.landlock import DEVICE, LIST, READ, READ_EXECUTE
from sandbox.interpreter.interpreter import Interpreter, closed_folder, describe
from sandbox.policy import Policy
from sandbox.supervisor.features import Features, try_features
from sandbox.supervisor.outer_wall import SandboxPlan, Specification
from sandbox.supervisor.shipped import files_of_one_machine
from sandbox.supervisor.slots import Slot, take_slot
from sandbox.supervisor.starting import CHILD_SOURCE, ChildPlan, new_folder, specify_starter
from sandbox.supervisor.surroundings import environment_in_place, is_container
from sandbox.supervisor.unreadable import unreadable

NAME = "container"
UNSAFE_HOST = "CODER_UNSAFE_HOST"
"""Environment variable that permits this backend outside of a container if its value is 1."""
WARNING = (
    "no container is around this machine's programs: in the sandbox `container` they can do to it "
    "whatever the walls of `coder sandbox doctor --backend container` leave open"
)
_GIVEN_UP_IN_PLACE = frozenset({"seccomp", "capabilities", "disk", "files"})
"""Mechanisms left out in place, so that programs can install packages and run servers."""
_NAMESPACES = frozenset({"user", "pid", "mnt", "ipc", "net", "uts"})
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")
_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_ETC = (
    "ld.so.cache",
    "alternatives",
    "localtime",
    "ssl/openssl.cnf",
    "ssl/certs",
    "maven/m2.conf",
    "maven/logging",
)
_FILES = (
    *((f"/etc/{name}", READ_EXECUTE) for name in _ETC),
    *((f"/proc/{name}", READ) for name in ("self", "cpuinfo", "meminfo", "stat", "version", "filesystems")),
    ("/sys/devices/system/cpu", READ),
    *((f"/dev/{name}", DEVICE) for name in ("null", "zero", "full", "random", "urandom")),
)


class BareHostWarning(UserWarning):
    """Programs run on a machine without a container around them."""


@contextlib.asynccontextmanager
async def open_in_container(
    policy: Policy,
    *,
    without: frozenset[str] = frozenset(),
    landlock: int = 99,
    inside: bool | None = None,
) -> AsyncIterator[ServedSandbox]:
    """Open a sandbox for the duration of a `with` block; arguments as for `open_bubblewrap`.

    Args:
        inside: whether this process is in a container; None to find out. Only tests set it.

    Raises:
        BackendMissing: this process isn't in a container, or programs can't reach the interpreter.
        PolicyUnmet: the policy asks for a guarantee that can't be enforced here.
        SandboxBroken: it could not be started for another reason.
    """
    require_container(inside)
    refuse_network(policy, NAME, "nothing here could hold them to the proxy")
    refuse_folders(policy, NAME)
    with contextlib.ExitStack() as stack:
        slot = stack.enter_context(_take_slot() if policy.in_place is None else Slot(os.geteuid(), ()))
        features = await asyncio.to_thread(try_features, slot.uid)
        if not features.uid:
            slot.release()
            slot = Slot(os.geteuid(), ())
        if slot.uid != os.geteuid():
            policy = _within_reach(policy)
        lacking = without | _NAMESPACES | _missing(features)
        lacking |= _GIVEN_UP_IN_PLACE if policy.in_place is not None else frozenset()
        if "unreadable" not in without:
            stack.enter_context(unreadable())
        build = partial(_specify, slot)
        server = await start_server(policy, build, without=lacking, landlock=min(landlock, features.landlock))
        try:
            sandbox = ServedSandbox(server, policy, _describe(server, policy, lacking))
        except BaseException:
            await server.close()
            raise
        try:
            await _prove(sandbox, server)
            yield sandbox
        finally:
            await sandbox.close()


def rules_for(interpreter: Interpreter) -> list[tuple[str, str]]:
    """Return Landlock's rules for reading; they cover none of the caller's files."""
    trees = [*map(Path, _SYSTEM), interpreter.prefix]
    trees += [interpreter.venv] if interpreter.venv else []
    hidden = own_code()
    rules = [rule for tree in trees if tree.is_dir() for rule in _leaving_out(hidden, tree.resolve())]
    return [*dict.fromkeys(rules), *_FILES]


def own_code() -> Path:
    """Return the folder where this product is installed; programs don't see it."""
    return Path(__file__).resolve().parents[2]


def require_container(inside: bool | None = None) -> None:
    """Check that this process is in a container. Raises BackendMissing if it isn't."""
    if sys.platform != "linux":
        raise BackendMissing(f"The backend {NAME} needs Linux.")
    if is_container(os.environ) if inside is None else inside:
        return
    if os.environ.get(UNSAFE_HOST) != "1":
        raise BackendMissing(
            f"The backend {NAME} relies on a container around this process, and none is there. "
            f"Use --sandbox bubblewrap or docker; {UNSAFE_HOST}=1 permits it, at this machine's risk."
        )
    warnings.warn(WARNING, BareHostWarning, stacklevel=4)


def _take_slot() -> Slot:
    """Reserve a uid for the programs; return the caller's own if that fails."""
    try:
        return take_slot()
    except OSError:  # as on a read-only root
        return Slot(os.geteuid(), ())


def _missing(features: Features) -> set[str]:
    """Return the mechanisms that don't work here."""
    works = {"seccomp": features.seccomp, "landlock": features.landlock > 0}
    return {name for name in works if not works[name]}


def _within_reach(policy: Policy) -> Policy:
    """Return the policy with a Python that the programs' uid can reach, as nothing can be mounted here.

    If our own Python, the default, is below a closed home folder, the system's is used instead.
    Raises BackendMissing if neither can be reached.
    """
    own = describe(policy.python)
    closed = closed_folder(own)
    if closed is None:
        return policy
    system_python = shutil.which("python3", path=_SYSTEM_PATH) if policy.python is None else None
    if system_python is not None and closed_folder(describe(Path(system_python))) is None:
        return policy.model_copy(update={"python": Path(system_python)})
    raise BackendMissing(
        f"Programs of the backend {NAME} get a uid of their own, which can't reach "
        f"{own.path}: {closed} is closed to it. Name another Python with --python."
    )


def _leaving_out(hidden: Path, tree: Path) -> list[tuple[str, str]]:
    """Return the rules for a tree without one folder."""
    if tree.is_relative_to(hidden):
        return []
    if not hidden.is_relative_to(tree):
        return [(str(tree), READ_EXECUTE)]
    entries = [entry for entry in tree.iterdir() if not entry.is_symlink()]
    return [(str(tree), LIST), *(rule for entry in entries for rule in _leaving_out(hidden, entry))]


def _describe(server: Server, policy: Policy, lacking: frozenset[str]) -> Build:
    """Return the description of this sandbox. Raises PolicyUnmet."""
    kept = kept_in_container(server, filtered="seccomp" not in lacking)
    if policy.in_place is not None:
        kept = kept_in_place(server)
    if policy.cpus is not None:
        kept |= with_processors(counted=server.counts_processors)
    capabilities = as_capabilities(kept, {"disk", "files"} | (set() if server.groups else {"memory"}))
    require_kept(policy, capabilities, works_in_place=True)
    bounds = DiskBounds(policy.disk_mb << 20, policy.files, folder=server.folder)
    bounded = None if "disk" in lacking else bounds
    environment = _environment(server, policy)
    return Build(
        NAME,
        capabilities,
        environment,
        lacking,
        disk=bounded,
        fresh_disk=bounded,
        namespaces=False,
        on_disk=True,
        in_place=str(policy.in_place or ""),
    )


async def _prove(sandbox: ServedSandbox, server: Server) -> None:
    try:
        await sandbox.prove()
    except SandboxBroken as error:
        errors = server.said().strip()
        raise BackendMissing(
            f"The backend {NAME} doesn't work here: {str(errors or error).rstrip('.')}. "
            "Name another Python with --python, or another backend with --sandbox."
        ) from error


def _environment(server: Server, policy: Policy) -> dict[str, str]:
    """Return the environment of programs; the starter adds HOME and TMPDIR."""
    interpreter, environment = server.interpreter, policy.environment
    if policy.in_place is not None:
        return {**environment_in_place(os.environ, interpreter.venv, f"{server.folder}/bin"), **environment}
    path_entries = [f"{server.folder}/bin"] if interpreter.venv is None else [f"{interpreter.venv}/bin"]
    path_entries += [str(interpreter.executable.parent), "/usr/local/bin", "/usr/bin", "/bin"]
    path = ":".join(dict.fromkeys(path_entries))
    return {"PATH": path, "LANG": "C.UTF-8", "USER": "sandbox", **_library_path(interpreter), **environment}


def _library_path(interpreter: Interpreter) -> dict[str, str]:
    libraries = interpreter.prefix / "lib"
    return {"LD_LIBRARY_PATH": str(libraries)} if any(libraries.glob("libpython3*.so*")) else {}


def _specify(slot: Slot, plan: SandboxPlan) -> Specification:
    """Return the specification by which the sandbox's starter is started."""
    interpreter, base = plan.interpreter, new_folder()
    names = ("python", "python3") if interpreter.venv is None else ()
    in_place = plan.policy.in_place
    own_rules = ((f"{base}/{name}", READ_EXECUTE) for name in ("opt", "bin"))
    child_plan = ChildPlan(
        # The base interpreter, never a virtual environment's: nothing confines this process yet.
        command=(str(interpreter.executable), "-I", "-S", "-c", CHILD_SOURCE.format(f"{base}/opt/lib")),
        base=base,
        files={**files_of_one_machine(interpreter.version), "/bin": None},
        links={f"/bin/{name}": str(interpreter.executable) for name in names},
        rules=(*rules_for(interpreter), *own_rules),
        environment=_library_path(interpreter),
        in_place=str(in_place or ""),
        home=os.environ.get("HOME") or os.path.expanduser("~") if in_place is not None else "",
        host_venv=str(interpreter.venv) if interpreter.venv else None,
    )
    return specify_starter(child_plan, slot, plan)
