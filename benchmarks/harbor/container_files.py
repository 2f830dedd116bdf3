"""Files of a container, through the engine's archives: also while it is paused or stopped."""

import io
import tarfile
import tempfile
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, TypeVar, cast

from sandbox.docker.engine import Engine
from sandbox.errors import SandboxBroken

if TYPE_CHECKING:
    from docker import APIClient

T = TypeVar("T")
_MISSING = 404
_SLOW_S = 600
_CHUNK = 1 << 20
_SPOOLED_BYTES = 4 << 20


class ContainerFiles:
    """Files of one container of an engine."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name

    async def put(self, archive: IO[bytes]) -> None:
        """Extract a tar archive at the root of the container."""

        def act(api: "APIClient") -> None:
            archive.seek(0)
            url = f"{api.base_url}/v{api.api_version}/containers/{self.name}/archive"
            answer = api.put(url, params={"path": "/"}, data=archive, timeout=_SLOW_S)
            answer.raise_for_status()

        await self.engine.ask("put files into a container", act)

    async def with_archive(self, path: str, read: Callable[[IO[bytes]], T]) -> T | None:
        """Read the engine's tar stream of a path in a thread; None if there is no such path."""
        return await self._stream("archive", {"path": path}, read)

    async def with_export(self, read: Callable[[IO[bytes]], T]) -> T | None:
        """Read the engine's tar stream of the whole file system, without volumes, in a thread."""
        return await self._stream("export", {}, read)

    async def _stream(self, what: str, params: dict[str, str], read: Callable[[IO[bytes]], T]) -> T | None:
        def act(api: "APIClient") -> T | None:
            from urllib3.exceptions import HTTPError

            url = f"{api.base_url}/v{api.api_version}/containers/{self.name}/{what}"
            plain = {"Accept-Encoding": "identity"}
            with api.get(url, params=params, headers=plain, stream=True, timeout=_SLOW_S) as answer:
                if answer.status_code == _MISSING:
                    return None
                answer.raise_for_status()
                try:
                    return read(cast(IO[bytes], answer.raw))
                except (HTTPError, tarfile.TarError) as error:
                    raise SandboxBroken(f"The engine's archive of {params} broke off: {error}") from error

        return await self.engine.ask("read files of a container", act)

    async def read_file(self, path: str, *, max_bytes: int) -> bytes | None:
        """Return the end of a regular file, at most so many bytes; None if there is no such file."""

        def read(stream: IO[bytes]) -> bytes | None:
            with tarfile.open(fileobj=stream, mode="r|") as archive:
                entry = archive.next()
                file = archive.extractfile(entry) if entry is not None and entry.isreg() else None
                if file is None:
                    return None
                end = b""
                while chunk := file.read(_CHUNK):
                    end = (end + chunk)[-max_bytes:]
                return end

        return await self.with_archive(path, read)


def tar_of(entries: Iterable[tuple[tarfile.TarInfo, bytes]]) -> IO[bytes]:
    """Return a tar archive, a large one in a temporary file; the entries are taken one by one."""
    packed = tempfile.SpooledTemporaryFile(_SPOOLED_BYTES)  # noqa: SIM115 - the caller closes it
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry, content in entries:
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    return packed
