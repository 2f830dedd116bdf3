"""The bubblewrap backend: an outer wall that lives as long as its workspace, an inner wall for every run."""

import contextlib
from collections.abc import AsyncIterator

from sandbox.capabilities import require_kept
from sandbox.policy import Policy
from sandbox.served import Build, ServedSandbox
from sandbox.server import start_server
from sandbox.wall import environment


@contextlib.asynccontextmanager
async def open_bubblewrap(
    policy: Policy, *, without: frozenset[str] = frozenset(), landlock: int = 99
) -> AsyncIterator[ServedSandbox]:
    """Open a sandbox for as long as the block lasts.

    Args:
        policy: what its programs may use.
        without: mechanisms to leave off, by name; only tests do, to see a probe escape.
        landlock: the highest ABI to use; tests lower it to be an older kernel.

    Raises:
        BackendMissing: bubblewrap can't be used here; the message says what helps.
        PolicyUnmet: the policy is strict and a guarantee has no mechanism here.
        SandboxBroken: it could not be started for another reason.
    """
    server = await start_server(policy, without=without, landlock=landlock)
    try:
        capabilities = tuple(server.capabilities())
        require_kept(policy, capabilities)
        programs = environment(server.interpreter, policy.environment)
        sandbox = ServedSandbox(server, policy, Build("bubblewrap", capabilities, programs, without))
        try:
            yield sandbox
        finally:
            await sandbox.close()
    finally:
        await server.close()
