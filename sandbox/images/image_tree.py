"""Read the files of a folder in an image from the engine's archive; nothing of the image runs."""

import secrets
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, cast

from sandbox.docker.labels import OWNER, keeper, labels
from sandbox.errors import BackendMissing, FileRefused, SandboxBroken
from sandbox.images.base import SLOW_S, open_build_client

if TYPE_CHECKING:
    from docker import APIClient

MAX_FILES = 50_000
MAX_BYTES = 512 << 20
WITHOUT = frozenset({".git", "__pycache__"})
"""Folders to leave out: history, and Python's caches."""
_PACKED_FACTOR = 8
"""Limit of the whole archive, as a multiple of the files' limit: mostly history."""
_MISSING = 404


@dataclass(frozen=True, slots=True)
class ImageTree:
    """The regular files of a folder by relative path."""

    files: dict[str, bytes]
    executable: tuple[str, ...]
    """Paths of executable files."""
    left_out: tuple[str, ...]
    """Paths of links, devices and anything else but regular files."""


def read_tree(
    image: str, folder: str, *, max_files: int = MAX_FILES, max_bytes: int = MAX_BYTES
) -> ImageTree:
    """Read a folder of an image on the engine, by a container that is never started. Blocks.

    Args:
        folder: its absolute path.

    Raises:
        BackendMissing: there is no engine, or it has no such image.
        FileRefused: the image has no such folder, or it holds more than allowed.
        SandboxBroken: the engine refused, or it sent something other than an archive.
    """
    from docker.errors import APIError, DockerException, ImageNotFound
    from urllib3.exceptions import HTTPError

    client = open_build_client()
    description, container_labels = f"{folder} of the image {image}", labels()
    try:
        with keeper(container_labels[OWNER]):
            name = f"coder-tree-{secrets.token_hex(6)}"
            client.api.create_container(
                image,
                name=name,
                entrypoint=["true"],
                network_disabled=True,
                labels=container_labels,
                use_config_proxy=False,  # else the container would hold a proxy's password
            )
            try:
                return _read_archive(client.api, name, folder, description, max_files, max_bytes)
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


def _read_archive(
    api: "APIClient", name: str, folder: str, description: str, max_files: int, max_bytes: int
) -> ImageTree:
    """Read the engine's archive of a container's folder."""
    url = f"{api.base_url}/v{api.api_version}/containers/{name}/archive"
    # Not the SDK's call: it can't be ended early, and the engine removes no container while it packs it.
    headers = {"Accept-Encoding": "identity"}
    with api.get(url, params={"path": folder}, headers=headers, stream=True, timeout=SLOW_S) as answer:
        if answer.status_code == _MISSING:
            raise FileRefused(f"There is no {description}.")
        answer.raise_for_status()
        content = cast("IO[bytes]", _BoundedStream(cast("IO[bytes]", answer.raw), _PACKED_FACTOR * max_bytes))
        with tarfile.open(fileobj=content, mode="r|") as archive:
            return _read_members(archive, description, max_files, max_bytes)


def _read_members(archive: tarfile.TarFile, description: str, max_files: int, max_bytes: int) -> ImageTree:
    files: dict[str, bytes] = {}
    executable: list[str] = []
    left_out: list[str] = []
    bytes_left = max_bytes
    for member in archive:
        path = _make_relative(member.name)
        if member.isdir() or path is None or WITHOUT & set(PurePosixPath(path).parts):
            continue
        link_target = _make_relative(member.linkname) if member.islnk() else None
        if not member.isreg() and link_target not in files:
            left_out.append(path)
            continue
        bytes_left -= member.size if member.isreg() else len(files[str(link_target)])
        if bytes_left < 0 or len(files) >= max_files:
            raise FileRefused(f"{description} holds more than {max_files:,} files or {max_bytes >> 20} MiB.")
        content = archive.extractfile(member) if member.isreg() else None
        files[path] = content.read() if content is not None else files[str(link_target)]
        if member.mode & 0o100:
            executable.append(path)
    if not files:
        raise FileRefused(f"{description} holds no files.")
    return ImageTree(files, tuple(executable), tuple(left_out))


def _make_relative(name: str) -> str | None:
    """Strip the folder's name from a member's path; None if no valid path below the folder remains."""
    parts = PurePosixPath(name).parts[1:]
    return "/".join(parts) if parts and ".." not in parts else None


class _BoundedStream:
    """The engine's stream, read once and bounded."""

    def __init__(self, stream: IO[bytes], max_bytes: int) -> None:
        self._stream, self._max_bytes, self._bytes_left = stream, max_bytes, max_bytes

    def read(self, size: int) -> bytes:
        """Read the next bytes; fewer only at the end. Raises FileRefused beyond the bound."""
        content = self._stream.read(size)
        self._bytes_left -= len(content)
        if self._bytes_left < 0:
            raise FileRefused(
                f"With its history a folder of an image holds more than {self._max_bytes:,} bytes."
            )
        return content
