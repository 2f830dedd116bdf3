"""Read the files of a folder in an image from the engine's archive; nothing of the image runs."""

import secrets
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from sandbox.docker.labels import OWNER, keeper, labels
from sandbox.errors import BackendMissing, FileRefused, SandboxBroken
from sandbox.images.base import SLOW_S, connect

if TYPE_CHECKING:
    from docker import APIClient

MAX_FILES = 50_000
MAX_BYTES = 512 << 20
WITHOUT = frozenset({".git", "__pycache__"})
"""Folders that are left out: history, and Python's caches."""
_PACKED_FACTOR = 8
"""Limit of the whole archive, as a multiple of the files' limit: mostly history."""
_MISSING = 404


@dataclass(frozen=True, slots=True)
class ImageTree:
    """The regular files of a folder by relative path."""

    files: dict[str, bytes]
    executable: tuple[str, ...]
    """Those that have the x bit."""
    left_out: tuple[str, ...]
    """Links, devices and whatever else is no regular file."""


def read_tree(
    image: str, folder: str, *, max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES
) -> ImageTree:
    """Read a folder of an image that is on the engine. Blocks; a container is made, never started, removed.

    Args:
        folder: its absolute path.

    Raises:
        BackendMissing: there is no engine, or it has no such image.
        FileRefused: the image has no such folder, or it holds more than allowed.
        SandboxBroken: the engine refused, or what it sent is no archive.
    """
    from docker.errors import APIError, DockerException, ImageNotFound
    from urllib3.exceptions import HTTPError

    client = connect()
    where, given = f"{folder} of the image {image}", labels()
    try:
        with keeper(given[OWNER]):
            name = f"coder-tree-{secrets.token_hex(6)}"
            client.api.create_container(
                image,
                name=name,
                entrypoint=["true"],
                network_disabled=True,
                labels=given,
                use_config_proxy=False,  # a proxy's password is no image's business
            )
            try:
                return _archived(client.api, name, folder, where, max_files, max_bytes)
            finally:
                client.api.remove_container(name, v=True, force=True)
    except ImageNotFound as error:
        raise BackendMissing(
            f"The Docker engine has no image {image!r}, and images are never pulled. "
            f"Get it with: docker pull {image}"
        ) from error
    except tarfile.TarError as error:
        raise SandboxBroken(f"What Docker sends of {folder} in {image} is no archive: {error}.") from error
    except APIError as error:
        raise SandboxBroken(f"Docker can't read {folder} of {image}: {error.explanation}") from error
    except (DockerException, HTTPError, OSError) as error:
        raise SandboxBroken(f"Docker can't read {folder} of {image}: {error}") from error
    finally:
        client.close()


def _archived(
    api: "APIClient", name: str, folder: str, where: str, max_files: int, max_bytes: int
) -> ImageTree:
    """Read the engine's archive of a container's folder."""
    place = f"{api.base_url}/v{api.api_version}/containers/{name}/archive"
    # Not the SDK's own call: that can't be ended early, and the engine removes nothing that it still packs.
    plain = {"Accept-Encoding": "identity"}
    with api.get(place, params={"path": folder}, headers=plain, stream=True, timeout=SLOW_S) as answer:
        if answer.status_code == _MISSING:
            raise FileRefused(f"There is no {where}.")
        answer.raise_for_status()
        content = cast("IO[bytes]", _Packed(cast("IO[bytes]", answer.raw), _PACKED_FACTOR * max_bytes))
        with tarfile.open(fileobj=content, mode="r|") as archive:
            return _read(archive, where, max_files, max_bytes)


def _read(archive: tarfile.TarFile, where: str, max_files: int, max_bytes: int) -> ImageTree:
    files: dict[str, bytes] = {}
    executable: list[str] = []
    left_out: list[str] = []
    left = max_bytes
    for member in archive:
        path = _relative(member.name)
        if member.isdir() or path is None or WITHOUT & set(PurePosixPath(path).parts):
            continue
        same = _relative(member.linkname) if member.islnk() else None
        if not member.isreg() and same not in files:
            left_out.append(path)
            continue
        left -= member.size if member.isreg() else len(files[str(same)])
        if left < 0 or len(files) >= max_files:
            raise FileRefused(f"{where} holds more than {max_files:,} files or {max_bytes >> 20} MiB.")
        content = archive.extractfile(member) if member.isreg() else None
        files[path] = content.read() if content is not None else files[str(same)]
        if member.mode & 0o100:
            executable.append(path)
    if not files:
        raise FileRefused(f"{where} holds no files.")
    return ImageTree(files, tuple(executable), tuple(left_out))


def _relative(name: str) -> str | None:
    """A path below the folder, whose own name comes first; None for what can't be one."""
    parts = PurePosixPath(name).parts[1:]
    return "/".join(parts) if parts and ".." not in parts else None


class _Packed:
    """The engine's stream, read once and bounded."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream, self._most, self._left = stream, most, most

    def read(self, size: int) -> bytes:
        """The next bytes; fewer at the end only."""
        content = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise FileRefused(f"With its history a folder of an image holds more than {self._most:,} bytes.")
        return content
