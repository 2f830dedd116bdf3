"""Sandboxes whose runs are processes of this machine, with no wall of namespaces around them.

What else holds them is for the backend to say: `sandbox/backends/restricted.py`,
`sandbox/backends/unsafe_host.py`.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.contract import Capability
from sandbox.errors import BackendMissing, PolicyUnmet, SandboxBroken
from sandbox.host.capabilities import Build, require_kept, with_processors
from sandbox.host.disk_watch import DiskBounds
from sandbox.host.served_sandbox import ServedSandbox
from sandbox.host.server import Server, start_server
from sandbox.interpreter.interpreter import Interpreter
from sandbox.policy import Policy
from sandbox.supervisor.cgroups import Groups
from sandbox.supervisor.one_wall import START
from sandbox.supervisor.outer_wall import Specification
from sandbox.supervisor.shipped import inner_files
from sandbox.supervisor.slots import Slot
from sandbox.supervisor.starting import Plan, new_folder, specify_starter

NAMESPACES = frozenset({"user", "pid", "mnt", "ipc", "net", "uts"})
"""The mechanisms that every one of them lacks."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What holds the programs of one such backend."""

    backend: str
    slot: Callable[[], Slot]
    """Whose processes they are."""
    rules: Callable[[Interpreter], Sequence[tuple[str, str]]]
    """What Landlock lets them do below which paths, besides their workspace."""
    describe: Callable[[Server], Sequence[Capability]]
    without: frozenset[str] = NAMESPACES


@contextlib.asynccontextmanager
async def open_alone(
    policy: Policy, holding: Holding, *, without: frozenset[str], landlock: int
) -> AsyncIterator[ServedSandbox]:
    """Open such a sandbox for as long as the block lasts.

    Raises:
        BackendMissing: its programs can't be held so on this machine.
        PolicyUnmet: the policy asks for what can't be kept here.
        SandboxBroken: it could not be started for another reason.
    """
    if policy.network != "none":
        raise PolicyUnmet(f"No proxy stands before the programs of {holding.backend}: it allows no hosts.")
    if policy.folders or policy.beside:
        raise PolicyUnmet(f"Nothing can be mounted for programs of {holding.backend}: it shows no folders.")
    lacking = without | holding.without
    server = await start_server(policy, _Builder(holding), without=lacking, landlock=landlock)
    try:
        capabilities = with_processors(
            holding.describe(server), policy.cpus, counted=server.counts_processors
        )
        require_kept(policy, capabilities)
        size = policy.disk_mb << 20
        bounds = None if "disk" in without else DiskBounds(size, policy.files, folder=server.folder)
        build = Build(
            holding.backend,
            capabilities,
            _environment(server, policy.environment),
            lacking,
            disk=bounds,
            fresh_disk=bounds,
            namespaces=False,
            on_disk=True,
        )
        sandbox = ServedSandbox(server, policy, build)
    except BaseException:
        await server.close()
        raise
    try:
        await _prove(sandbox, server)
        yield sandbox
    finally:
        await sandbox.close()


async def _prove(sandbox: ServedSandbox, server: Server) -> None:
    try:
        await sandbox.prove()
    except SandboxBroken as error:
        said = server.said().strip()
        raise BackendMissing(
            f"The backend {sandbox.backend} doesn't work here: {said or error}. "
            "Name another Python with --python, or another backend with --sandbox."
        ) from error


def _environment(server: Server, given: Mapping[str, str]) -> dict[str, str]:
    """What a program finds; where its workspace is, and its folder for temporary files, the starter adds."""
    interpreter = server.interpreter
    places = [f"{server.folder}/bin"] if interpreter.venv is None else [f"{interpreter.venv}/bin"]
    places += [str(interpreter.executable.parent), "/usr/local/bin", "/usr/bin", "/bin"]
    path = ":".join(dict.fromkeys(places))
    return {"PATH": path, "LANG": "C.UTF-8", "USER": "sandbox", **_library_path(interpreter), **given}


def _library_path(interpreter: Interpreter) -> dict[str, str]:
    libraries = interpreter.prefix / "lib"
    return {"LD_LIBRARY_PATH": str(libraries)} if any(libraries.glob("libpython3*.so*")) else {}


class _Builder:
    """How the starter of such a sandbox is started: a `sandbox.supervisor.outer_wall.Builder`."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding

    def __call__(
        self,
        interpreter: Interpreter,
        groups: Groups | None,
        *,
        without: frozenset[str],
        shown: tuple[str, ...],
        policy: Policy,
    ) -> Callable[[int, int], Specification]:
        """`shown` and `policy` are for backends that show programs another root than this machine's."""
        rules = tuple(self._holding.rules(interpreter))

        def specify(control: int, lifeline: int) -> Specification:
            plan = _plan(interpreter, rules)
            slot = self._holding.slot()
            return specify_starter(plan, slot, control=control, lifeline=lifeline, groups=groups)

        return specify


def _plan(interpreter: Interpreter, rules: Sequence[tuple[str, str]]) -> Plan:
    base = new_folder()
    names = ("python", "python3") if interpreter.venv is None else ()
    return Plan(
        # Never the one of a virtual environment, which nobody may have read: nothing holds this process yet.
        command=(str(interpreter.executable), "-I", "-S", "-c", START.format(f"{base}/opt/lib")),
        base=base,
        files={**inner_files(interpreter.version), "/bin": None},
        links={f"/bin/{name}": str(interpreter.executable) for name in names},
        rules=(*rules, (f"{base}/opt", "read and execute"), (f"{base}/bin", "read and execute")),
        environment=_library_path(interpreter),
        beside=str(interpreter.venv) if interpreter.venv else None,
    )


def own_code() -> Path:
    """Where this product is installed: no program is shown that."""
    return Path(__file__).resolve().parents[2]
