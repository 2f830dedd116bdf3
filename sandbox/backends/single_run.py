"""Sandboxes whose runs are processes of this machine without namespaces: `restricted` and `unsafe-host`."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sandbox.errors import BackendMissing, PolicyUnmet, SandboxBroken
from sandbox.host.capabilities import Build, as_capabilities, require_kept, with_processors
from sandbox.host.disk_watch import DiskBounds
from sandbox.host.served_sandbox import ServedSandbox
from sandbox.host.server import Server, start_server
from sandbox.interpreter.interpreter import Interpreter
from sandbox.policy import Policy
from sandbox.supervisor.outer_wall import Specification, Wanted
from sandbox.supervisor.shipped import inner_files
from sandbox.supervisor.slots import Slot
from sandbox.supervisor.starting import START, ChildPlan, new_folder, specify_starter

NAMESPACES = frozenset({"user", "pid", "mnt", "ipc", "net", "uts"})
"""Mechanisms that both lack."""


@dataclass(frozen=True, slots=True)
class Holding:
    """What holds the programs of one such backend."""

    backend: str
    slot: Callable[[], Slot]
    """Gives the uid of the programs."""
    rules: Callable[[Interpreter], Sequence[tuple[str, str]]]
    """Rules for Landlock besides the workspace."""
    describe: Callable[[Server], tuple[dict[str, str | None], frozenset[str]]]
    """Gives the mechanism of each guarantee, and the guarantees that are only sampled."""
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
    server = await start_server(policy, partial(_specify, holding), without=lacking, landlock=landlock)
    try:
        kept, sampled = holding.describe(server)
        if policy.cpus is not None:
            kept |= with_processors(counted=server.counts_processors)
        capabilities = as_capabilities(kept, sampled)
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
    """The environment of programs; the starter adds HOME and TMPDIR."""
    interpreter = server.interpreter
    places = [f"{server.folder}/bin"] if interpreter.venv is None else [f"{interpreter.venv}/bin"]
    places += [str(interpreter.executable.parent), "/usr/local/bin", "/usr/bin", "/bin"]
    path = ":".join(dict.fromkeys(places))
    return {"PATH": path, "LANG": "C.UTF-8", "USER": "sandbox", **_library_path(interpreter), **given}


def _library_path(interpreter: Interpreter) -> dict[str, str]:
    libraries = interpreter.prefix / "lib"
    return {"LD_LIBRARY_PATH": str(libraries)} if any(libraries.glob("libpython3*.so*")) else {}


def _specify(holding: Holding, wanted: Wanted) -> Specification:
    """How to start the starter of such a sandbox."""
    interpreter, base = wanted.interpreter, new_folder()
    names = ("python", "python3") if interpreter.venv is None else ()
    plan = ChildPlan(
        # The base interpreter, never a virtual environment's: nothing confines this process yet.
        command=(str(interpreter.executable), "-I", "-S", "-c", START.format(f"{base}/opt/lib")),
        base=base,
        files={**inner_files(interpreter.version), "/bin": None},
        links={f"/bin/{name}": str(interpreter.executable) for name in names},
        rules=(
            *holding.rules(interpreter),
            *((f"{base}/{name}", "read and execute") for name in ("opt", "bin")),
        ),
        environment=_library_path(interpreter),
        beside=str(interpreter.venv) if interpreter.venv else None,
    )
    return specify_starter(plan, holding.slot(), wanted)


def own_code() -> Path:
    """Where this product is installed; programs don't see it."""
    return Path(__file__).resolve().parents[2]
