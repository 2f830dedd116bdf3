"""The sandbox of an Inspect evaluation: `inspect eval TASK --sandbox coder`.

Inspect finds this module by its entry point. Written for inspect-ai 0.3.285's `SandboxEnvironment`.
"""

import tomllib
from pathlib import Path
from typing import Any, Literal, overload

from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxEnvironment,
    SandboxEnvironmentConfigType,
    SandboxEnvironmentLimits,
    SandboxUserUnsupportedError,
    sandboxenv,
)
from inspect_ai.util._sandbox.environment import SandboxUnavailableError
from pydantic import BaseModel, Field

from sandbox.errors import SandboxBroken
from sandbox.policy import session_policy
from sandbox.providers.kept_session import CANNOT_EXECUTE, KeptSession
from sandbox.result import Value


class CoderSandboxConfig(Value):
    """Options of a sample's sandbox, from code or the TOML file of `--sandbox coder:FILE`."""

    backend: str = "auto"
    policy: dict[str, Any] = Field(default_factory=dict)
    """Fields of `sandbox.Policy` that override those of `session_policy()`."""


@sandboxenv(name="coder")
class CoderSandbox(SandboxEnvironment):
    """One sandbox for one sample, with a session that runs its commands.

    Programs run as one user without privileges; other users are refused.
    """

    def __init__(self, kept: KeptSession) -> None:
        super().__init__()
        self._kept = kept

    @classmethod
    def config_files(cls) -> list[str]:
        """Return the name of the file beside a task that configures its sandboxes."""
        return ["coder-sandbox.toml"]

    @classmethod
    def config_deserialize(cls, config: dict[str, Any]) -> BaseModel:
        """Read a configuration. Raises ValidationError."""
        return CoderSandboxConfig.model_validate(config)

    @classmethod
    async def sample_init(
        cls, task_name: str, config: SandboxEnvironmentConfigType | None, metadata: dict[str, str]
    ) -> dict[str, SandboxEnvironment]:
        """Open a sample's sandbox. Raises SandboxError, or ValueError if the configuration is invalid."""
        read_config = _read(config)
        policy = session_policy(**read_config.policy)
        kept = await KeptSession(policy, backend=read_config.backend).open()
        return {"default": cls(kept)}

    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: SandboxEnvironmentConfigType | None,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,
    ) -> None:
        """Close a sample's sandbox, also after an error or a cancellation."""
        for environment in environments.values():
            await environment.as_type(CoderSandbox)._kept.close()

    async def exec(
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        """Run a command; the class above documents arguments and errors."""
        if user is not None:
            raise SandboxUserUnsupportedError(
                f"Programs of this sandbox run as one user without privileges, not as {user!r}."
            )
        limit = SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE
        stdin = input.encode() if isinstance(input, str) else input or b""
        try:
            ended = await self._kept.execute(
                cmd, cwd=cwd, environment=env, stdin=stdin, wall_s=timeout, most_bytes=limit
            )
        except SandboxBroken as error:
            raise SandboxUnavailableError(str(error)) from error
        stdout, stderr = (text.decode("utf-8", "replace") for text in (ended.stdout, ended.stderr))
        if ended.too_long:
            raise OutputLimitExceededError(SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE_STR, stdout)
        if ended.exit_code == CANNOT_EXECUTE:
            raise PermissionError(f"{cmd[0]}: may not be executed. {stderr}")
        return ExecResult(
            success=ended.exit_code == 0, returncode=ended.exit_code, stdout=stdout, stderr=stderr
        )

    async def write_file(self, file: str, contents: str | bytes) -> None:
        """Write a file; the class above documents errors."""
        await self._kept.write(file, contents.encode() if isinstance(contents, str) else contents)

    @overload
    async def read_file(self, file: str, text: Literal[True] = True) -> str: ...

    @overload
    async def read_file(self, file: str, text: Literal[False]) -> bytes: ...

    async def read_file(self, file: str, text: bool = True) -> str | bytes:
        """Read a file; the class above documents errors."""
        limit = SandboxEnvironmentLimits.MAX_READ_FILE_SIZE
        content = await self._kept.read(file, most_bytes=limit)
        if len(content) > limit:
            raise OutputLimitExceededError(SandboxEnvironmentLimits.MAX_READ_FILE_SIZE_STR, None)
        return content.decode() if text else content

    def default_polling_interval(self) -> float:
        """Return the seconds between polls for requests of programs; each poll runs a command."""
        return 0.2


def _read(config: SandboxEnvironmentConfigType | None) -> CoderSandboxConfig:
    """Return the configuration. Raises ValueError if it is another tool's, or invalid."""
    if config is None:
        return CoderSandboxConfig()
    if isinstance(config, str):
        return CoderSandboxConfig.model_validate(tomllib.loads(Path(config).read_text()))
    if not isinstance(config, CoderSandboxConfig):
        raise ValueError(
            f"The sandbox coder takes no {type(config).__name__}, but a CoderSandboxConfig or a TOML file."
        )
    return config
