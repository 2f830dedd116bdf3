"""A code executor of AutoGen: `CodeExecutorAgent("runner", code_executor=SandboxCodeExecutor())`.

Written for autogen-core 0.7.5's `CodeExecutor`.
"""

import asyncio
import itertools
import re
from typing import Any, Self

from autogen_core import CancellationToken, Component
from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from pydantic import BaseModel, Field

from sandbox.errors import FileRefused
from sandbox.policy import session_policy
from sandbox.program import Command
from sandbox.providers.kept_session import KeptSession
from sandbox.result import CommandResult

LATE, REFUSED = 124, 1
"""Exit codes of a block that exceeds its deadline, and of one that can't be run."""
_LANGUAGES = {
    "python": ("python", ".py"),
    "py": ("python", ".py"),
    "bash": ("bash", ".sh"),
    "shell": ("sh", ".sh"),
    "sh": ("sh", ".sh"),
}
"""Program and file suffix by language."""
_FILE_NAME = re.compile(r"#\s*filename:\s*(\S+)\s*$", re.IGNORECASE)


class SandboxCodeExecutorConfig(BaseModel, extra="forbid"):
    """Options of the executor's sandbox."""

    timeout: float = Field(default=60, gt=0)
    """Time limit of one block in seconds."""
    backend: str = "auto"
    policy: dict[str, Any] = Field(default_factory=dict)
    """Fields of `sandbox.Policy` that override those of `session_policy()`."""


class SandboxCodeExecutor(CodeExecutor, Component[SandboxCodeExecutorConfig]):
    """Runs blocks of Python and shell code in a sandbox whose files persist between calls.

    Each block is a file of the workspace, named by its first line (`# filename: NAME`), and runs in a process
    of its own, without a network unless the policy opens one.
    """

    component_config_schema = SandboxCodeExecutorConfig
    component_provider_override = "sandbox.providers.autogen.SandboxCodeExecutor"

    def __init__(
        self, timeout: float = 60, *, backend: str = "auto", policy: dict[str, Any] | None = None
    ) -> None:
        """Create it with the fields of SandboxCodeExecutorConfig. Raises ValueError if one is invalid."""
        self._config = SandboxCodeExecutorConfig(timeout=timeout, backend=backend, policy=policy or {})
        self._kept: KeptSession | None = None
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        """Open the sandbox. Raises SandboxError if it can't be opened here."""
        if self._kept is None:
            policy = session_policy(**self._config.policy)
            self._kept = await KeptSession(policy, backend=self._config.backend).open()

    async def stop(self) -> None:
        """End its processes and remove its files."""
        if self._kept is not None:
            await self._kept.close()
            self._kept = None

    async def restart(self) -> None:
        """Open an empty sandbox in place of this one, when the agent is reset."""
        await self.stop()
        await self.start()

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> CodeResult:
        """Run blocks in order until one fails; return their joined output.

        Raises:
            CancelledError: the token was cancelled; the block's processes have been killed.
            SandboxError: the sandbox can't be opened, or stopped working.
        """
        await self.start()
        outputs, exit_code = [], 0
        for block in code_blocks:
            running = asyncio.ensure_future(self._run(block))
            cancellation_token.link_future(running)
            exit_code, output = await running
            outputs.append(output)
            if exit_code != 0:
                break
        return CodeResult(exit_code=exit_code, output="".join(outputs))

    async def _run(self, block: CodeBlock) -> tuple[int, str]:
        if (language := _LANGUAGES.get(block.language.lower())) is None:
            return REFUSED, f"{block.language} isn't run here, but: {', '.join(_LANGUAGES)}\n"
        assert self._kept is not None
        program, suffix = language
        name = _FILE_NAME.match(block.code.partition("\n")[0])
        path = name[1] if name is not None else f"code-{next(self._numbers)}{suffix}"
        try:
            await self._kept.session.write(path, block.code.encode("utf-8", "replace"))
        except FileRefused as error:
            return REFUSED, f"{error}\n"
        command = Command(argv=(program, path))
        result = await self._kept.session.run(command, wall_s=self._config.timeout)
        return _exit_code(result), result.output + _note(result, self._config.timeout)

    def _to_config(self) -> SandboxCodeExecutorConfig:
        return self._config

    @classmethod
    def _from_config(cls, config: SandboxCodeExecutorConfig) -> Self:
        return cls(config.timeout, backend=config.backend, policy=config.policy)


def _exit_code(result: CommandResult) -> int:
    if result.killed_by == "wall":
        return LATE
    return result.exit_code if result.exit_code is not None else 128 + (result.signal or 9)


def _note(result: CommandResult, timeout: float) -> str:
    if result.killed_by is None:
        return ""
    limit = f"{timeout:g} s" if result.killed_by == "wall" else f"the limit of {result.killed_by}"
    return f"\nKilled at {limit}.\n"
