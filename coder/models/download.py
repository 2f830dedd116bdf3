"""Load what stands at an https address, no more than was asked for."""

from collections.abc import Iterator
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from coder.errors import ModelUnavailable, UsageError

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
    if urlsplit(url).scheme != "https":
        raise UsageError(f"{url} is refused: only https:// says who answers. A file can be named, too.")
    left = most
    try:
        with urlopen(url, timeout=TIMEOUT_S) as response:
            if urlsplit(response.url).scheme != "https":
                raise UsageError(f"{url} leads to {response.url}, which isn't https.")
            while piece := response.read(min(PIECE, left + 1)):
                left -= len(piece)
                if left < 0:
                    raise UsageError(f"{url} holds more than {most >> 20} MiB, and is refused.")
                yield piece
    except (URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ModelUnavailable(f"{url} can't be loaded: {reason}. Is this machine online?") from error
