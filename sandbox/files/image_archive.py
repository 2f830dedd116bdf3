"""Read the archive of an image: of `docker save`, an OCI image layout, or of `docker export`.

Formats: https://github.com/opencontainers/image-spec (v1.1, image-layout.md and layer.md) and Docker's image
specification v1.2. Every blob is checked against its SHA-256 before a layer is used.
"""

import gzip
import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from sandbox.errors import FileRefused

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_MAX_DOCUMENT = 4 << 20
"""Most bytes of a manifest or a configuration."""
_MAX_EXTENSION = 1 << 20
_MAX_MEMBERS = 2_000_000
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_PIECE = 1 << 20
_EXTENSIONS = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
_FILE_TYPES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE)


class _BoundedHeader(tarfile.TarInfo):
    """A header whose extensions are small: tarfile would load one of any size."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_BoundedHeader":
        """Parse one block. Raises FileRefused if an extension is too large."""
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0 or (header.type in _EXTENSIONS and header.size > _MAX_EXTENSION):
            raise FileRefused(f"{header.name!r} of the archive has a size that it can't have.")
        return header


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of an image: the files that it adds, replaces or removes."""

    open: Callable[[], IO[bytes]]
    """Opens the uncompressed tar from its beginning."""
    digest: str | None
    """SHA-256 of the uncompressed tar by the image's configuration; None for a flat archive."""


@dataclass(frozen=True, slots=True)
class ArchivedImage:
    """An image in an archive."""

    layers: tuple[Layer, ...]
    """The lowest first."""
    variables: dict[str, str]
    """Its environment."""


@dataclass(frozen=True, slots=True)
class _Archive:
    """The outer archive, and its members by path."""

    tar: tarfile.TarFile
    members: dict[str, tarfile.TarInfo]

    def open(self, path: str) -> IO[bytes]:
        """Open a regular member. Raises FileRefused if there is none."""
        member = self.members.get(path)
        for _ in range(2):  # Docker writes a layer that two images share as a link
            if member is not None and (member.issym() or member.islnk()):
                base = os.path.dirname(member.name) if member.issym() else ""
                member = self.members.get(os.path.normpath(os.path.join(base, member.linkname)))
        content = self.tar.extractfile(member) if member is not None and member.isreg() else None
        if content is None:
            raise FileRefused(f"The image's archive lacks {path!r}, which its manifest names.")
        return content

    def document(self, path: str, *, digest: str | None = None) -> Any:  # noqa: ANN401 - of JSON
        """Return a JSON document. Raises FileRefused if it is missing, too large, not JSON or altered."""
        content = self.open(path).read(_MAX_DOCUMENT + 1)
        if len(content) > _MAX_DOCUMENT:
            raise FileRefused(f"{path!r} of the image's archive is larger than {_MAX_DOCUMENT >> 20} MiB.")
        if digest is not None and hashlib.sha256(content).hexdigest() != digest:
            raise FileRefused(f"{path!r} of the image's archive doesn't have the SHA-256 that names it.")
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise FileRefused(f"{path!r} of the image's archive is no JSON: {error}.") from error

    def blob(self, descriptor: Any) -> str:  # noqa: ANN401 - of JSON
        """Return the path of a blob by its OCI descriptor. Raises FileRefused if it has no SHA-256."""
        algorithm, _, digest = str(descriptor["digest"]).partition(":")
        if algorithm != "sha256":
            raise FileRefused(
                f"The image's archive names a blob by {algorithm!r}, and only sha256 is checked."
            )
        return f"blobs/sha256/{digest}"


@contextmanager
def open_image(path: Path) -> Iterator[ArchivedImage]:
    """Open the only image in an archive.

    Raises:
        FileRefused: it isn't the archive of one image for this machine, or a document was altered.
        OSError: the file can't be read.
    """
    with path.open("rb") as file:
        if file.read(2) == _GZIP:
            raise FileRefused(f"{path} is compressed. Decompress it first: gunzip {path}")
        file.seek(0)
        try:
            tar = tarfile.TarFile(
                fileobj=file, tarinfo=_BoundedHeader, encoding="utf-8", errors="surrogateescape"
            )
            archive = _Archive(tar, _members(tar))
        except tarfile.TarError as error:
            raise FileRefused(f"{path} is no archive of an image: {error}.") from error
        try:
            image = _image(archive, path)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise FileRefused(
                f"{path}: a document of the image lacks what it must have: {error!r}."
            ) from error
        yield image


def _members(tar: tarfile.TarFile) -> dict[str, tarfile.TarInfo]:
    members: dict[str, tarfile.TarInfo] = {}
    for member in tar:
        if len(members) > _MAX_MEMBERS:
            raise FileRefused(f"The archive has more than {_MAX_MEMBERS:,} members.")
        members[os.path.normpath(member.name)] = member
    return members


def _image(archive: _Archive, path: Path) -> ArchivedImage:
    if "oci-layout" in archive.members and "index.json" in archive.members:
        manifest = _oci_manifest(archive, archive.document("index.json"), path)
        config = archive.document(archive.blob(manifest["config"]), digest=_digest(manifest["config"]))
        names = [archive.blob(layer) for layer in manifest["layers"]]
    elif "manifest.json" in archive.members:
        images = archive.document("manifest.json")
        if len(images) != 1:
            raise FileRefused(f"{path} holds {len(images)} images. Save one: docker save IMAGE > FILE.tar")
        config_path = str(images[0]["Config"])
        digest = os.path.basename(config_path).removesuffix(".json")
        config = archive.document(config_path, digest=digest)
        names = [str(name) for name in images[0]["Layers"]]
    else:
        return ArchivedImage((Layer(lambda: path.open("rb"), None),), {})
    _require_machine(config, path)
    digests = [str(digest).removeprefix("sha256:") for digest in config["rootfs"]["diff_ids"]]
    if len(digests) != len(names):
        raise FileRefused(f"{path}: the image's configuration has {len(digests)} layers, not {len(names)}.")
    layers = [Layer(_opener(archive, name), digest) for name, digest in zip(names, digests, strict=True)]
    lines = (config.get("config") or {}).get("Env") or []
    variables = dict(line.split("=", 1) for line in lines if isinstance(line, str) and "=" in line)
    return ArchivedImage(tuple(layers), variables)


def _oci_manifest(archive: _Archive, index: Any, path: Path, *, depth: int = 0) -> Any:  # noqa: ANN401 - of JSON
    """Return the manifest for this machine; an index may hold another index."""
    entries = [entry for entry in index["manifests"] if _fits(entry.get("platform"))]
    if len(entries) != 1 or depth > 2:
        raise FileRefused(f"{path} holds {len(entries)} images for this machine. Save one: docker save IMAGE")
    document = archive.document(archive.blob(entries[0]), digest=_digest(entries[0]))
    return _oci_manifest(archive, document, path, depth=depth + 1) if "manifests" in document else document


def _fits(platform: Any) -> bool:  # noqa: ANN401 - of JSON
    """Return whether an entry of an index is for this machine; True if it has no platform."""
    return not platform or (platform.get("os"), platform.get("architecture")) == ("linux", _machine())


def _require_machine(config: Any, path: Path) -> None:  # noqa: ANN401 - of JSON
    machine = config.get("architecture")
    if config.get("os", "linux") != "linux" or (machine and machine != _machine()):
        raise FileRefused(
            f"{path} is an image for {config.get('os')} on {machine}; this is linux on {_machine()}."
        )


def _machine() -> str:
    return _MACHINES.get(os.uname().machine, os.uname().machine)


def _digest(descriptor: Any) -> str:  # noqa: ANN401 - of JSON
    return str(descriptor["digest"]).partition(":")[2]


def _opener(archive: _Archive, name: str) -> Callable[[], IO[bytes]]:
    def open_layer() -> IO[bytes]:
        magic = archive.open(name).read(4)
        if magic == _ZSTD:
            raise FileRefused(
                f"The layer {name} is compressed by zstd. Save it by: docker save IMAGE > FILE.tar"
            )
        content = archive.open(name)
        return cast("IO[bytes]", gzip.GzipFile(fileobj=content)) if magic[:2] == _GZIP else content

    return open_layer


def members_of(layer: Layer) -> Iterator[tuple[tarfile.TarInfo, Callable[[], Iterator[bytes]]]]:
    """Yield the files, folders and links of a layer, each with its content, and check the layer's digest.

    Raises:
        FileRefused: it is no archive, or it was altered; the latter is raised at the end.
    """
    with layer.open() as content:
        stream = _HashedStream(content)
        try:
            tar = tarfile.open(  # noqa: SIM115 - it owns nothing
                fileobj=cast("IO[bytes]", stream), mode="r|", tarinfo=_BoundedHeader, errors="surrogateescape"
            )
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # else it keeps all of them
                if member.type in _FILE_TYPES:
                    yield member, partial(_pieces, tar, member)
        except (tarfile.TarError, EOFError, OSError, ValueError) as error:
            if isinstance(error, FileRefused):
                raise
            raise FileRefused(f"A layer of the image can't be read: {error}.") from error
        while stream.read(_PIECE):
            pass
        if layer.digest is not None and stream.hash.hexdigest() != layer.digest:
            raise FileRefused("A layer of the image doesn't have the SHA-256 of the image's configuration.")


def _pieces(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    content = tar.extractfile(member)
    while content is not None and (piece := content.read(_PIECE)):
        yield piece


class _HashedStream:
    """A stream that hashes what is read."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content, self.hash = content, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes."""
        piece = self._content.read(size)
        self.hash.update(piece)
        return piece
