"""Rules of permission on hosts: `WebFetch(domain:HOST)`, compared as names are sent, in ASCII."""

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

import idna

from coder.base.text.wildcards import Wild, matches

_PREFIX = "domain:"
_LABELS = re.compile(r"[a-z0-9_*]([a-z0-9_*.-]*[a-z0-9_*])?")
_FULL_STOPS = re.compile("[\u3002\uff0e\uff61]")
"""Other full stops between the parts of a name (RFC 3490)."""


@dataclass(frozen=True, slots=True)
class HostPattern:
    """The hosts of a rule."""

    names: tuple[str, ...]
    """Names in ASCII; several if versions of IDNA differ. `*` stands for any text."""
    flaw: str = ""
    """Why the rule can't allow; it restricts the whole host."""

    def restricts(self, host: str) -> bool:
        """Whether a rule that asks covers a host: it is named, or a wildcard stands for it."""
        return any(_fits(name, host) for name in self.names)

    def denies(self, host: str) -> bool:
        """Whether a rule that denies covers a host: also one below it."""
        return any(_fits(name, host) or _fits(f"*.{name}", host) for name in self.names)

    def allows(self, host: str) -> bool:
        """Whether a rule that allows covers a host."""
        return not self.flaw and _fits(self.names[0], host)

    def may_be_below(self, suffix: str) -> bool:
        """Whether a host that ends with a suffix, such as `.example.com`, may be covered."""
        return any(
            "*" in name.removeprefix("*.") or f".{name.removeprefix('*.')}".endswith(suffix)
            for name in self.names
        )


@lru_cache(maxsize=1024)
def parse_host_pattern(text: str) -> HostPattern:
    """Return the parsed pattern: a name, an address, or `*.NAME`, behind `domain:`.

    A scheme, port or path is read over: the rule then restricts more than it says, and allows nothing.

    Raises:
        ValueError: it names no host.
    """
    domain = text.strip()
    flaw = "" if domain.startswith(_PREFIX) else f"a host is named by `{_PREFIX}HOST`"
    domain = domain.removeprefix(_PREFIX).strip()
    host = _host_in(domain)
    if host != domain:
        flaw = flaw or "a host is allowed as a whole: name it without scheme, port and path"
    name = host.strip("[]").removesuffix(".").lower()
    if (address := _address(name)) is not None:
        return HostPattern((address,), flaw)
    names = _in_ascii(_FULL_STOPS.sub(".", name))
    if not names or not all(_LABELS.fullmatch(each) and ".." not in each for each in names):
        raise ValueError(f"{domain!r} is no host")
    if "*" in names[0].removeprefix("*.") and names[0] != "*":
        flaw = flaw or "a host that is allowed has `*` only as in `*.example.com`"
    return HostPattern(names, flaw)


@lru_cache(maxsize=1024)
def ascii_host(host: str) -> str:
    """Return a host as it is sent: in ASCII and lower case, without a final dot and brackets."""
    name = host.strip("[]").lower().removesuffix(".")
    return _address(name) or next(iter(_in_ascii(_FULL_STOPS.sub(".", name))), name)


def _host_in(domain: str) -> str:
    """Return the host of a URL, or of a host with a port or path."""
    if _address(domain.strip("[]")) is not None:
        return domain
    try:
        parts = urlsplit(domain if "://" in domain else f"//{domain.removeprefix('//')}")
        host = parts.hostname or ""
    except ValueError:
        return domain
    is_same = host == domain.lower()
    return domain if is_same else host


def _address(name: str) -> str | None:

    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return None


def _in_ascii(name: str) -> tuple[str, ...]:
    """Return a name in ASCII, as browsers write it, and as older programs do; empty if neither can."""
    if name.isascii():
        return (name,)

    star = "*." if name.startswith("*.") else ""
    name = name.removeprefix("*.")
    names: dict[str, None] = {}
    with suppress(idna.IDNAError):
        names[star + idna.encode(name, uts46=True).decode()] = None
    with suppress(UnicodeError):
        names[star + name.encode("idna").decode()] = None
    return tuple(names)


def _fits(pattern: str, host: str) -> bool:
    parts: list[Wild | str] = [part for text in pattern.split("*") for part in (Wild.ANY, text)]
    return matches(parts[1:], host)
