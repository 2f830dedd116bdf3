"""An environment of Harbor: `harbor run -p TASKS -a AGENT -e sandbox.providers.harbor:Environment`.

A task runs in bubblewrap, without a daemon. Harbor imports this module into its own environment: install
`coder-sandbox` there. Written for Harbor 0.24's `BaseEnvironment`.
"""

import asyncio
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from harbor.environments.base import BaseEnvironment, EnvironmentPath, ExecResult
from harbor.environments.capabilities import EnvironmentCapabilities, EnvironmentResourceCapabilities
from harbor.environments.tar_transfer import extract_dir_from_bytes, pack_dir_to_bytes, remote_pack_command
from harbor.models.task.config import NetworkMode
from harbor.models.trial.config import ResourceMode

from sandbox.policy import OWN_NAMES, Policy, session_policy
from sandbox.providers.kept_session import KeptSession

HOST = "host"
"""The image that stands for this machine's own `/usr`."""
_WORKDIR = PurePosixPath("/app")
_AT_ROOT = ("harbor", "installed-agent", "logs", "solution", "tests")
"""Folders at the root that Harbor uses, beside the task's work folder."""
_MAX_BYTES = 1 << 30
"""Maximum bytes of a downloaded file or packed folder."""
_OWN_USERS = (None, "root", "0", 0)
"""Values of `user` that stand for the sandbox's own user, which has no privileges."""


class Environment(BaseEnvironment):
    """A sandbox of bubblewrap for one trial; folders at the root that Harbor uses lie in its workspace."""

    def __init__(self, *arguments: Any, image: str | None = None, **options: Any) -> None:  # noqa: ANN401
        """`image`, from `--ek image=…`: an archive of the task's image, or `host` for this machine's `/usr`.

        Raises:
            ValueError: the task has an image and `image` is None, or its work folder can't be created here.
        """
        self._image = image
        self._kept: KeptSession | None = None
        super().__init__(*arguments, **options)

    @staticmethod
    def type() -> str:
        """Return the environment's name in Harbor's results."""
        return "coder"

    @property
    def capabilities(self) -> EnvironmentCapabilities:
        """Supported features: images, compose, GPUs and Windows aren't among them."""
        return EnvironmentCapabilities(
            disable_internet=True,
            network_allowlist=True,
            network_allowlist_hostnames=True,
            network_allowlist_wildcard_hostnames=True,
        )

    @classmethod
    def resource_capabilities(cls) -> EnvironmentResourceCapabilities:
        """Return capabilities that state limits of CPU and memory, but no reservations."""
        return EnvironmentResourceCapabilities(cpu_limit=True, memory_limit=True)

    @property
    def _workdir(self) -> PurePosixPath:
        return PurePosixPath(self.task_env_config.workdir or _WORKDIR)

    def _validate_definition(self) -> None:
        if (self.environment_dir / "docker-compose.yaml").exists():
            raise ValueError("The sandbox coder runs no compose files. Run this task with: -e docker")
        has_image = self.task_env_config.docker_image or (self.environment_dir / "Dockerfile").exists()
        if has_image and self._image is None:
            raise ValueError(
                "The sandbox coder builds and pulls no images. Give the task's image as an archive, made by "
                "`docker save IMAGE > FILE.tar`, with --ek image=FILE.tar, or use this machine's own /usr "
                f"with --ek image={HOST}"
            )
        if not self._workdir.is_absolute() or self._workdir.parts[1] in OWN_NAMES:
            raise ValueError(f"The sandbox coder can't make the work folder {self._workdir}.")

    async def start(self, force_build: bool) -> None:
        """Open the sandbox. Raises SandboxError if it can't be opened here."""
        self._kept = await KeptSession(self._policy(), backend="bubblewrap").open()
        at_root = [f"/{name}" for name in (*_AT_ROOT, self._workdir.parts[1])]
        for folder in (*at_root, *self._mount_targets(writable_only=True), self._workdir):
            await self._kept.session.make_folder(str(folder).lstrip("/"))
        if self._image is None and self.environment_dir.is_dir():
            await self.upload_dir(self.environment_dir, str(self._workdir))

    def _policy(self) -> Policy:
        memory_mb = self._resource_limit_value("memory", auto_mode=ResourceMode.LIMIT)
        limits = {
            "memory_mb": memory_mb,
            "cpus": self._resource_limit_value("cpu", auto_mode=ResourceMode.LIMIT),
            "disk_mb": self._effective_storage_mb,
            "image": None if self._image in (None, HOST) else str(Path(self._image or "").resolve()),
            "network": tuple(self.network_policy.allowed_hosts) if self._network_is_allowlist else None,
            "ask_host": _allow if self.network_policy.network_mode == NetworkMode.PUBLIC else None,
        }
        names = {*_AT_ROOT, self._workdir.parts[1]}
        set_limits = {name: value for name, value in limits.items() if value is not None}
        return session_policy(at_root=tuple(sorted(names)), **set_limits)

    async def stop(self, delete: bool) -> None:
        """End its processes and remove its files, even without `delete`: they couldn't be found again."""
        if self._kept is not None:
            await self._kept.close()

    async def exec(
        self,
        command: str,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        timeout_sec: int | None = None,
        user: str | int | None = None,
    ) -> ExecResult:
        """Run a command in bash. Raises RuntimeError if it timed out, or `user` isn't supported."""
        user = self._resolve_user(user)
        if user not in _OWN_USERS:
            raise RuntimeError(f"Programs of the sandbox coder run as one user, not as {user!r}.")
        try:
            ended = await self._open().execute(
                ["bash", "-c", command],
                cwd=cwd or str(self._workdir),
                environment=self._merge_env(env),
                wall_s=timeout_sec,
            )
        except TimeoutError as error:
            raise RuntimeError(f"Command timed out after {timeout_sec} seconds") from error
        stdout, stderr = (text.decode("utf-8", "replace") for text in (ended.stdout, ended.stderr))
        if (callback := self._output_callback()) is not None:
            await callback(stdout, "stdout")
            await callback(stderr, "stderr")
        return ExecResult(stdout=stdout, stderr=stderr, return_code=ended.exit_code)

    async def upload_file(self, source_path: Path | str, target_path: str) -> None:
        """Copy a file into the sandbox. Raises OSError if it can't be read or written."""
        await self._open().write(target_path, await asyncio.to_thread(Path(source_path).read_bytes))

    async def upload_dir(self, source_dir: Path | str, target_dir: str) -> None:
        """Copy a folder into the sandbox. Raises RuntimeError if it can't be written."""
        archive = pack_dir_to_bytes(source_dir).getvalue()
        await self._open().execute(["mkdir", "-p", "--", target_dir])
        ended = await self._open().execute(
            ["tar", "-xf", "-", "--no-same-owner", "-C", target_dir], stdin=archive
        )
        if ended.exit_code != 0:
            raise RuntimeError(
                f"{target_dir} could not be written: {ended.stderr.decode('utf-8', 'replace')}"
            )

    async def download_file(self, source_path: str, target_path: Path | str) -> None:
        """Copy a file out of the sandbox. Raises OSError if it can't be read, or has over 1 GiB."""
        content = await self._open().read(source_path, most_bytes=_MAX_BYTES)
        if len(content) > _MAX_BYTES:
            raise OSError(f"{source_path} has over 1 GiB")
        await asyncio.to_thread(_write, Path(target_path), content)

    async def download_dir(self, source_dir: str, target_dir: Path | str) -> None:
        """Copy a folder out of the sandbox, without links that lead out of it.

        Raises RuntimeError if it can't be read, and OSError if it exceeds 1 GiB.
        """
        kept, packed = self._open(), "/tmp/.download.tar.gz"
        ended = await kept.execute(["sh", "-c", remote_pack_command(source_dir, packed)])
        if ended.exit_code != 0:
            raise RuntimeError(f"{source_dir} could not be read: {ended.stderr.decode('utf-8', 'replace')}")
        content = await kept.read(packed, most_bytes=_MAX_BYTES)
        await kept.execute(["rm", "-f", packed])
        await asyncio.to_thread(unpack, content, target_dir)

    async def reset_dirs(self, *, remove_dirs: Any, create_dirs: Any, chmod_dirs: Any = None) -> ExecResult:  # noqa: ANN401
        """Reset folders as Harbor's method does, at their paths in the workspace."""
        return await super().reset_dirs(
            remove_dirs=self._places(remove_dirs),
            create_dirs=self._places(create_dirs),
            chmod_dirs=self._places(chmod_dirs or ()),
        )

    async def ensure_dirs(self, dirs: Sequence[EnvironmentPath], *, chmod: bool = True) -> ExecResult | None:
        """Ensure folders as Harbor's method does, at their paths in the workspace."""
        return await super().ensure_dirs(self._places(dirs), chmod=chmod)

    async def empty_dirs(self, dirs: Sequence[EnvironmentPath], *, chmod: bool = True) -> ExecResult | None:
        """Empty folders as Harbor's method does, at their paths in the workspace."""
        return await super().empty_dirs(self._places(dirs), chmod=chmod)

    def _places(self, paths: Sequence[EnvironmentPath]) -> list[str]:
        return [self._open().session.root + str(path) for path in paths]

    def _open(self) -> KeptSession:
        if self._kept is None:
            raise RuntimeError("The environment isn't started.")
        return self._kept


def unpack(content: bytes, folder: Path | str) -> None:
    """Unpack an archive that programs of a sandbox could have made. Raises OSError if it has over 1 GiB."""
    size = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                size += member.size
                if max(size, len(content)) > _MAX_BYTES:
                    raise OSError("The files of the sandbox have over 1 GiB.")
    except tarfile.TarError as error:
        raise OSError(f"The files of the sandbox can't be unpacked: {error}") from error
    extract_dir_from_bytes(content, folder)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


async def _allow(host: str, port: int) -> bool:
    return True
