"""Parse the list of allowed hosts, and match requests against it."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.network.addresses import why_refused

WEB_PORTS = (80, 443)
"""Default ports of an entry."""
REGISTRIES = "registries"
"""Entry for the hosts of the usual package indexes."""
_PACKAGE_HOSTS = (
    *("pypi.org", "files.pythonhosted.org", "registry.npmjs.org", "registry.yarnpkg.com"),
    *("proxy.golang.org", "sum.golang.org", "crates.io", "static.crates.io", "index.crates.io"),
    *("repo.maven.apache.org", "repo1.maven.org", "plugins.gradle.org", "rubygems.org", "index.rubygems.org"),
)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LONGEST_NAME = 253
_ANY = "*."


@dataclass(frozen=True, slots=True)
class Host:
    """One entry: a host name or address, with one port or the ports of the web."""

    name: str
    """Lower case, without a final dot; for `*.NAME` the part after the star."""
    port: int | None

    def covers(self, name: str, port: int) -> bool:
        """Whether a request to this name and port is allowed."""
        named = name.endswith(self.name) if self.name.startswith(".") else name == self.name
        return named and (port == self.port if self.port is not None else port in WEB_PORTS)


def parse_hosts(entries: Iterable[str]) -> tuple[Host, ...]:
    """Parse an allow-list of `HOST`, `HOST:PORT`, `[IPV6]:PORT`, `*.NAME` or `registries`.

    Raises ValueError, naming the entry, if one is malformed or could never be reached.
    """
    named = [_PACKAGE_HOSTS if entry == REGISTRIES else (entry,) for entry in entries]
    return tuple(_parse(entry) for each in named for entry in each)


def split_authority(text: str) -> tuple[str, int | None]:
    """Split `HOST`, `HOST:PORT` or `[IPV6]:PORT` into normalized host and port. Raises ValueError."""
    if "@" in text:  # the part before it may be a secret, so it isn't shown
        raise ValueError("a host is named without a user or password before it")
    found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(.*))?", text, re.DOTALL)
    if found is None:
        raise ValueError("an IPv6 address stands in brackets, as in [2001:db8::1]:443")
    host, port = found.groups()
    if port is None:
        return plain_name(host), None
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 1 << 16:
        raise ValueError(f"{port[:80]!r} is no port")
    return plain_name(host), int(port)


def plain_name(host: str) -> str:
    """Normalize a host name or address. Raises ValueError if it is neither in its usual form."""
    if host.startswith("[") and host.endswith("]"):
        return str(_ipv6(host[1:-1]))
    name = host.lower().removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):  # 127.1 and 0x7f.0.0.1 are addresses to some programs, names to others
        return str(ipaddress.IPv4Address(name))
    if len(name) > _LONGEST_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError(f"{host[:80]!r} is no name of a host")
    return name


def _parse(entry: str) -> Host:
    try:
        if entry.startswith(_ANY):
            name, port = split_authority(entry[len(_ANY) :])
            if "." not in name or _NUMBER.fullmatch(name.rpartition(".")[2]):
                raise ValueError("a star stands before a name of two parts at least, as in *.example.org")
            return Host(f".{name}", port)
        name, port = split_authority(entry)
    except ValueError as error:
        raise ValueError(f"{entry[:80]!r} isn't HOST or HOST:PORT: {error}") from error
    if reason := never_reached(name):
        raise ValueError(f"{entry!r} could never be reached: {reason}")
    return Host(name, port)


def never_reached(name: str) -> str | None:
    """Why a normalized host could never be reached; None if it could."""
    if name == "localhost" or name.endswith(".localhost"):
        return "it is this machine itself"
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return None
    return why_refused(name)


def _ipv6(text: str) -> ipaddress.IPv6Address:
    if "%" in text:
        raise ValueError(f"{text!r} names an interface of one machine")
    return ipaddress.IPv6Address(text)
