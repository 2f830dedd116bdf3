"""Download from an https address, up to a limit of bytes."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

from coder.errors import ModelUnavailable, UsageError
from coder.fs.atomic_replace import replacing
from coder.models.endpoint import parts_of, without_credentials

TIMEOUT_S = 20.0
"""Of one read; the whole takes as long as it takes."""
PIECE = 1 << 20


def download(url: str, *, most: int) -> bytes:
    """All that stands at an address.

    Raises:
        UsageError, ModelUnavailable: as of `pieces`.
    """
    return b"".join(pieces(url, most=most))


def pieces(url: str, *, most: int) -> Iterator[bytes]:
    """What stands at an address, piece by piece, over https to the end of every redirect.

    Args:
        most: bytes that are taken; more is refused.

    Raises:
        UsageError: the address isn't https, or there is more.
        ModelUnavailable: nothing answers there, or not as it should.
    """
    shown = without_credentials(url)
    if parts_of(url).scheme != "https":
        raise UsageError(f"{shown} is refused: only https:// says who answers. A file can be named, too.")
    left = most
    try:
        with urlopen(_request(url), timeout=TIMEOUT_S) as response:
            if urlsplit(response.url).scheme != "https":
                raise UsageError(f"{shown} leads to {without_credentials(response.url)}, which isn't https.")
            while piece := response.read(min(PIECE, left + 1)):
                left -= len(piece)
                if left < 0:
                    raise UsageError(f"{shown} holds more than {most >> 20} MiB, and is refused.")
                yield piece
    except (URLError, OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelUnavailable(f"{shown} can't be loaded: {reason}. Is this machine online?") from error


def fetch(url: str, file: Path, *, sha256: str, most: int) -> None:
    """Load what stands at an address into a file, once its checksum (hex) is right.

    Raises:
        UsageError: as of `pieces`, or it has another checksum; nothing is kept.
        ModelUnavailable: as of `pieces`.
        OSError: the file can't be written.
    """
    digest = hashlib.sha256()
    with replacing(file) as part:
        for piece in pieces(url, most=most):
            digest.update(piece)
            part.write(piece)
        if digest.hexdigest() != sha256:
            raise UsageError(
                f"{without_credentials(url)} has the checksum {digest.hexdigest()}, not {sha256}: "
                "it isn't what you named."
            )


def _request(url: str) -> Request:
    """The request; a password in front of the host is sent there, and follows no redirect."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    request = Request(parts._replace(netloc=host).geturl())
    if at:
        token = b64encode(unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {token}")
    return request
