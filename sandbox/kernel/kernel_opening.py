"""Open a kernel: in a sandbox of its own, or in one that is open already."""

import contextlib
from collections.abc import AsyncIterator

from sandbox.contract import Sandbox
from sandbox.kernel.kernel import Kernel
from sandbox.open import open_sandbox
from sandbox.policy import Policy


@contextlib.asynccontextmanager
async def open_kernel(policy: Policy | None = None, *, backend: str = "auto") -> AsyncIterator[Kernel]:
    """Open a sandbox with a Jupyter kernel in it for as long as the block lasts.

    Args:
        policy: what its cells may use; wall time and output count for each cell, memory, processes and disk
            for all that the kernel holds.
        backend: `auto`, or the name of an installed backend.

    Raises:
        BackendMissing: no backend works on this machine, or the interpreter has no ipykernel; the message
            names the command that helps.
        PolicyUnmet: the policy is strict and a guarantee has no mechanism here.
        SandboxBroken: the kernel could not start.
        ValueError: there is no backend of that name, or the policy's interpreter can't be used.
    """
    given = (policy or Policy()).model_copy(update={"kernel": True})
    async with open_sandbox(given, backend=backend) as sandbox, kernel_in(sandbox, given) as kernel:
        yield kernel


@contextlib.asynccontextmanager
async def kernel_in(
    sandbox: Sandbox, policy: Policy, *, spare: bool = True, without: frozenset[str] = frozenset()
) -> AsyncIterator[Kernel]:
    """Start a kernel in an open sandbox, on the workspace that lasts.

    Args:
        sandbox: where; opened with `policy.kernel`, unless its interpreter has ipykernel itself.
        policy: the one that it was opened with.
        spare: keep a second kernel started, so that a restart takes no time; where the backend doesn't keep
            it from the cells of the first one, as Docker, it is loaded only.
        without: mechanisms to leave off, by name; only tests do, to see a cell escape.

    Raises:
        BackendMissing: the sandbox's interpreter has no ipykernel.
        SandboxBroken: the kernel could not start.
    """
    kernel = Kernel(sandbox, policy, spare=spare, without=without)
    try:
        await kernel.start()
        yield kernel
    finally:
        await kernel.close()
