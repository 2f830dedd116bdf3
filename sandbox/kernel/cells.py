"""Cells as one program: a new kernel runs them one after the other, and ends with the first that fails."""

import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from sandbox.contract import OnOutput, Sandbox
from sandbox.errors import BackendMissing
from sandbox.interpreter.interpreter import describe
from sandbox.interpreter.packages import fits
from sandbox.policy import Policy
from sandbox.program import Command
from sandbox.result import Result
from sandbox.supervisor.shipped import INNER_INSIDE

_CODE = (
    f"import sys; sys.path[0] = {str(PurePosixPath(INNER_INSIDE).parents[1])!r}\n"
    "from sandbox.inner.kernel import {0} as programs\n"
    "sys.exit({1})"
)
_SEE = _CODE.format("kernel_process", "not programs.can_load()")


def program(
    name: str, *arguments: str, module: str = "kernel_service", flags: tuple[str, ...] = ()
) -> Command:
    """One of the programs of `sandbox.inner.kernel`, with flags of Python."""
    code = _CODE.format(module, f"programs.{name}()")
    return Command(argv=("python", *flags, "-c", code, *arguments))


def new_home() -> str:
    """A folder of a new kernel inside the sandbox."""
    return f"/tmp/.kernel-{secrets.token_hex(8)}"


async def run_cells(
    sandbox: Sandbox,
    cells: Sequence[str],
    *,
    on_output: OnOutput | None = None,
    fresh: bool = False,
    files: Mapping[str, bytes] | None = None,
) -> Result:
    """Run cells as one program, within its limits.

    What they show besides text are files of the workspace: `cell-3-1.png` is the first rich output of the
    third cell. Arguments and errors as `Sandbox.run` has them.
    """
    command = program("run_cells", new_home())
    command = command.model_copy(update={"environment": {"XDG_CACHE_HOME": "/tmp/.cache"}})
    content = json.dumps(list(cells)).encode()
    return await sandbox.run(command, stdin=content, on_output=on_output, fresh=fresh, files=files)


async def require_kernel(sandbox: Sandbox, policy: Policy) -> None:
    """See that the sandbox's interpreter has a kernel.

    Raises:
        BackendMissing: it has none; the message names the command that helps.
        SandboxBroken: the sandbox itself stopped working.
    """
    if (await sandbox.run(Command(argv=("python", "-c", _SEE)))).ok:
        return
    if sandbox.backend not in ("bubblewrap", "docker"):
        raise BackendMissing(
            f"The sandbox backend {sandbox.backend!r} has no kernels. Open it with bubblewrap."
        )
    fix = install_command(sandbox.backend, policy.python)
    raise BackendMissing(f"The interpreter of the sandbox has no ipykernel. Install it with: {fix}", fix=fix)


def install_command(backend: str, python: Path | None) -> str:
    """The command that gives programs of a backend a kernel.

    It names our own Python wherever theirs can borrow from that: theirs may be Debian's, which refuses pip.

    Args:
        backend: where programs run.
        python: the interpreter that the policy names; None for the usual one.
    """
    if backend == "docker":
        return "coder sandbox build"
    theirs = describe(python)
    named = sys.executable if fits(theirs) else theirs.path
    return f"{named} -m pip install ipykernel jupyter_client"
