"""Address: where the URL of a page leads."""

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from sandbox.network.allowed_hosts import split_authority

MAX_URL = 2_000
"""Maximum characters of a URL."""
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """An `http:` or `https:` URL, and where it leads."""

    url: str
    """Without a fragment, which is not sent."""
    host: str
    """Normalized name, or address."""
    port: int


def parse_url(url: str) -> Address:
    """Parse the URL of a page.

    Raises:
        ValueError: it can't be fetched; the message says why, without the URL's user and password.
    """
    if len(url) > MAX_URL:
        raise ValueError(f"The URL has more than {MAX_URL:,} characters.")
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise ValueError("Write the URL in printable ASCII: %20 for a space, xn--… in a host's name.")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError(f"The URL can't be read: {error}.") from error
    if parts.scheme not in _PORTS:
        raise ValueError("Only http:// and https:// can be fetched.")
    try:
        host, port = split_authority(parts.netloc)
    except ValueError as error:
        raise ValueError(f"The host of the URL can't be read: {error}.") from error
    sent = SplitResult(parts.scheme, parts.netloc, parts.path or "/", parts.query, "")
    return Address(sent.geturl(), host, port or _PORTS[parts.scheme])
