"""Weights from an https address, kept in the cache once their checksum was right."""

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from coder.errors import MachineError, UsageError
from coder.models.address import parts_of
from coder.models.endpoint import without_credentials
from coder.models.http_download import pieces

CHECKSUM = re.compile(r"sha256=([0-9a-fA-F]{64})")
SPARE = 1 << 30
"""Bytes of the disk that are left free."""


async def fetched_weights(address: str, *, cache: Path) -> Path:
    """The file of `https://HOST/FILE.gguf#sha256=…`, loaded unless the cache has it.

    Raises:
        UsageError: the address isn't https, names no checksum, or what stands there has another one.
        ModelUnavailable: the address doesn't answer.
        MachineError: the cache can't be written.
    """
    url, _, fragment = address.partition("#")
    shown = without_credentials(url)
    checksum = CHECKSUM.fullmatch(fragment)
    if checksum is None:
        raise UsageError(
            f"Weights from an address need their checksum: {shown}#sha256=HEX. Their page lists it, "
            "or take it of a copy that you trust: sha256sum FILE."
        )
    wanted = checksum[1].lower()
    name = Path(parts_of(url).path).name or "weights.gguf"
    file = cache / "weights" / wanted[:16] / name
    if not file.exists():
        await asyncio.to_thread(_fetch, url, file, wanted)
    return file


def _fetch(url: str, file: Path, wanted: str) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        room = max(0, shutil.disk_usage(file.parent).free - SPARE)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
            try:
                digest = hashlib.sha256()
                for piece in pieces(url, most=room):
                    digest.update(piece)
                    part.write(piece)
                part.flush()
                if digest.hexdigest() != wanted:
                    raise UsageError(
                        f"{without_credentials(url)} has the checksum {digest.hexdigest()}, not {wanted}: "
                        "it isn't what you named."
                    )
                os.replace(part.name, file)
            finally:
                Path(part.name).unlink(missing_ok=True)
    except OSError as error:
        raise MachineError(f"The weights can't be kept in {file.parent}: {error.strerror}.") from error
