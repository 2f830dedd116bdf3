"""Find the default sandbox backend by opening a sandbox."""

from sandbox import Policy, SandboxError, open_sandbox


async def default_backend(policy: Policy) -> str | None:
    """Return the default backend for a policy; None if no sandbox can be opened."""
    try:
        async with open_sandbox(policy) as sandbox:
            return sandbox.backend
    except (SandboxError, ValueError):
        return None
