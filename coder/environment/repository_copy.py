"""Open a sandbox with a copy of the repository as a run has read it, for programs that the repository brings.

It is apart from the sandboxes of the model, so nothing that a model does changes what runs there.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from coder.environment.links import make_links
from coder.environment.run_policy import OpenSandbox, for_session
from coder.run.stored_file import StoredFile
from coder.workspace.overlay import links_among
from sandbox import Policy, Sandbox


@asynccontextmanager
async def open_copy(
    policy: Policy,
    open_sandbox: OpenSandbox,
    files: Mapping[str, StoredFile],
    adapt: Callable[[Policy], Policy],
    *,
    shown: Mapping[str, bytes] = MappingProxyType({}),
) -> AsyncIterator[Sandbox]:
    """Open a sandbox on a copy of the files; what its programs write there is discarded.

    Args:
        policy: the run's policy without secrets; hosts and questions about them are left out.
        adapt: changes the policy further.
        shown: further files, by path.

    Raises:
        SandboxError: the sandbox can't be opened.
    """
    alone = for_session(policy).model_copy(
        update={"network": "none", "ask_host": None, "masks": None, "in_place": None}
    )
    async with open_sandbox(adapt(alone)) as sandbox:
        contents = {**{path: stored.content for path, stored in files.items()}, **shown}
        await sandbox.lay(contents)
        await make_links(sandbox, links_among(contents, files))
        yield sandbox
