"""Parse the list of allowed hosts, match requests against it, and refuse addresses that aren't public."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_NOT_FOR_HOSTS = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.0.0/24", "168.63.129.16/32", "192.88.99.0/24", "fec0::/10", "3fff::/20"),
    )
)
"""Cloud metadata services, relays, deprecated and example networks; Python's own list is incomplete."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
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


def why_refused(address: str) -> str | None:
    """Why connections to an address are refused; None for a public address of another machine."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return f"{address!r} is no address"
    for each in _all_meant(found):
        if kind := _kind(each):
            return f"{address} is {kind}"
    if _is_own(found):
        return f"{address} is an address of this machine"
    return None


def _all_meant(address: Address) -> list[Address]:
    """The address, and any IPv4 address that the network or the kernel derives from it."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and (address in _NAT64 or address in _COMPATIBLE):
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None and inner is not None:
        return [inner]  # this form carries no meaning beyond the inner address
    return [address] if inner is None else [address, inner]


def _kind(address: Address) -> str | None:
    """The kind of a non-public address."""
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return "bound to an interface"
    kinds = {
        "is_unspecified": "this machine's own",
        "is_loopback": "this machine's own",
        "is_link_local": "a link-local address",
        "is_multicast": "a multicast address",
        "is_private": "a private address",
        "is_reserved": "a reserved address",
    }
    for claim, kind in kinds.items():
        if getattr(address, claim) and not (claim == "is_reserved" and address in _NAT64):
            return kind
    if any(address in network for network in _NOT_FOR_HOSTS) or not address.is_global:
        return "no public address"
    return None


def _is_own(address: Address) -> bool:
    """Whether an interface of this machine has the address: a socket can be bound to it."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((str(address), 0))
        return True
    return False


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
