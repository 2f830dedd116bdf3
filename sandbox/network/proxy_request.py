"""Parse a request to the proxy: one bounded HTTP head from untrusted code."""

import re
from dataclasses import dataclass

from sandbox.network.allowed_hosts import split_authority

MAX_HEAD = 16 << 10
"""Maximum bytes of a head."""
_END = b"\r\n\r\n"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ABSOLUTE = re.compile(r"http://([^/?#]*)([^#]*)", re.IGNORECASE)
_HTTP_PORT = 80
_BETWEEN_HOPS = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"upgrade", b"host"}
"""Header fields to drop, besides `proxy-*`; Host is set anew."""


class BadRequest(ValueError):
    """Not a proxy request; the message says why."""


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """A host, a port, and the bytes to send to it first."""

    host: str
    port: int
    head: bytes
    """Empty for CONNECT."""


def find_end(received: bytes) -> int:
    """Return the index of the end of the head; -1 while incomplete. Raises BadRequest if it is too long."""
    index = received.find(_END, 0, MAX_HEAD)
    if index < 0 and len(received) >= MAX_HEAD:
        raise BadRequest(f"the head of the request has more than {MAX_HEAD} bytes")
    return index + len(_END) if index >= 0 else -1


def parse_request(head: bytes) -> ProxyRequest:
    """Parse CONNECT, or a method with an absolute `http://` URL. Raises BadRequest for anything else."""
    first, *fields = head.removesuffix(_END).split(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3 or not _TOKEN.fullmatch(words[0]) or words[2] not in (b"HTTP/1.0", b"HTTP/1.1"):
        raise BadRequest("it isn't a request of HTTP/1")
    method, target, version = words
    try:
        text = target.decode("ascii")
        if method == b"CONNECT":
            host, port = split_authority(text)
            if port is None:
                raise ValueError("CONNECT needs a port")
            return ProxyRequest(host, port, b"")
        return _parse_plain(method, text, version, fields)
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _parse_plain(method: bytes, target: str, version: bytes, fields: list[bytes]) -> ProxyRequest:
    match = _ABSOLUTE.fullmatch(target)
    if match is None or any(ord(character) <= 32 or ord(character) == 127 for character in target):
        raise ValueError("the address isn't an absolute http:// one")
    host, port = split_authority(match[1])
    path = match[2] if match[2].startswith("/") else f"/{match[2]}"
    forwarded_fields = [field for field in fields if not _is_dropped(field)]
    # One request per connection: a second one could name another host.
    own_fields = [f"Host: {match[1]}".encode(), b"Connection: close"]
    lines = [b" ".join((method, path.encode(), version)), *own_fields, *forwarded_fields]
    return ProxyRequest(host, _HTTP_PORT if port is None else port, b"\r\n".join(lines) + _END)


def _is_dropped(field: bytes) -> bool:
    name, sign, value = field.partition(b":")
    if not sign or not _TOKEN.fullmatch(name) or b"\r" in value or b"\n" in value or b"\0" in value:
        raise ValueError("a field of the head can't be read")
    lower = name.lower()
    return lower in _BETWEEN_HOPS or lower.startswith(b"proxy-")
