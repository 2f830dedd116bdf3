"""A runtime of verifiers' v1 tasks: `Agent.run(…, runtime=runtime)`, `task.score(trace, runtime)`.

Written for verifiers 0.4.0's `Runtime`. Its configuration accepts a closed list of runtimes, so this one
is passed as an object, and traces name it `subprocess`.
"""

from typing import Any

from verifiers.v1.errors import SandboxError
from verifiers.v1.runtimes import ProgramResult, Runtime, SubprocessConfig, SubprocessRuntimeInfo

from sandbox.errors import SandboxBroken
from sandbox.policy import session_policy
from sandbox.providers.kept_session import KeptSession

_MAX_BYTES = 1 << 30
"""Maximum bytes of a file that is read without another limit."""


class SandboxRuntime(Runtime):
    """One sandbox for one rollout, with a session that runs its commands."""

    def __init__(
        self, name: str | None = None, *, backend: str = "auto", policy: dict[str, Any] | None = None
    ) -> None:
        """`policy`: fields of `sandbox.Policy` that override `session_policy()`. Raises ValueError."""
        super().__init__(name)
        self.config = SubprocessConfig()
        self.info = SubprocessRuntimeInfo(id=f"coder-{self.name}")
        self._kept = KeptSession(session_policy(**(policy or {})), backend=backend)

    async def start(self) -> None:
        """Open the sandbox. Raises `sandbox.SandboxError` if it can't be opened here."""
        await self._kept.open()

    async def teardown(self) -> None:
        """End its processes and remove its files. Idempotent."""
        await self._kept.close()

    async def run(self, argv: list[str], env: dict[str, str]) -> ProgramResult:
        """Run a command; a cancelled call kills it. Raises SandboxError if the sandbox stopped working."""
        try:
            ended = await self._kept.execute(argv, environment=self.process_env(env))
        except SandboxBroken as error:
            raise SandboxError(str(error)) from error
        stdout, stderr = (text.decode("utf-8", "replace") for text in (ended.stdout, ended.stderr))
        return ProgramResult(ended.exit_code, stdout, stderr)

    async def _read(self, path: str, max_bytes: int | None = None) -> bytes:
        try:
            content = await self._kept.read(path, most_bytes=_MAX_BYTES if max_bytes is None else max_bytes)
        except (OSError, SandboxBroken) as error:
            raise SandboxError(f"read {path!r}: {error}") from error
        if max_bytes is None and len(content) > _MAX_BYTES:
            raise SandboxError(f"read {path!r}: over 1 GiB")
        return content if max_bytes is None else content[:max_bytes]

    async def write(self, path: str, data: bytes) -> None:
        """Write a file and create missing folders. Raises SandboxError if it can't be written."""
        try:
            await self._kept.write(path, data)
        except (OSError, SandboxBroken) as error:
            raise SandboxError(f"write {path!r}: {error}") from error
