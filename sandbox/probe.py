"""Find out which backends work on this machine by running a program in each."""

import warnings
from dataclasses import dataclass

from sandbox.errors import BackendMissing, SandboxError
from sandbox.interpreter.plugins import find_plugins
from sandbox.open import GROUP, automatic_steps, find_backend
from sandbox.policy import Capability, Policy
from sandbox.program import PythonCode

_OUTPUT = "a program ran in it"


@dataclass(frozen=True, slots=True)
class BackendReport:
    """Result of probing one backend."""

    name: str
    works: bool
    detail: str
    """Mechanism of its memory limit, or the reason why the backend doesn't work."""
    fix: str | None = None
    capabilities: tuple[Capability, ...] = ()

    @property
    def automatic(self) -> bool:
        """Whether `auto` may choose it."""
        return self.name in automatic_steps()


async def probe_backends(policy: Policy | None = None) -> list[BackendReport]:
    """Open each installed backend with this policy or the default, and report on it; about 0.2 s each."""
    names = sorted({"bubblewrap", *(point.name for point in find_plugins(GROUP))})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the programs only print our own line
        return [await _probe(name, policy or Policy()) for name in names]


async def _probe(name: str, policy: Policy) -> BackendReport:
    try:
        async with find_backend(name)(policy) as sandbox:
            result = await sandbox.run(PythonCode(source=f"print({_OUTPUT!r})"))
            capabilities = tuple(sandbox.capabilities())
    except (SandboxError, ValueError) as error:
        fix = error.fix if isinstance(error, BackendMissing) else None
        return BackendReport(name, False, str(error), fix)
    if result.stdout.strip() != _OUTPUT:
        detail = f"a program in it ended as {result.status}: {result.stderr[-200:]}"
        return BackendReport(name, False, detail)
    memory = next(item.mechanism for item in capabilities if item.guarantee == "memory")
    detail = f"{_OUTPUT}; memory is limited by {memory or 'nothing'}"
    return BackendReport(name, True, detail, capabilities=capabilities)
