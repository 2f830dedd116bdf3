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


def find_refusal(address: str) -> str | None:
    """Return why connections to an address are refused; None for a public address of another machine."""
    try:
        parsed_address = ipaddress.ip_address(address)
    except ValueError:
        return f"{address!r} is no address"
    for reached in _addresses_reached(parsed_address):
        if kind := _find_kind(reached):
            return f"{address} is {kind}"
    if _is_own(parsed_address):
        return f"{address} is an address of this machine"
    return None


def _addresses_reached(address: Address) -> list[Address]:
    """Return the address, and any IPv4 address that the network or the kernel derives from it."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    ipv4 = address.ipv4_mapped or address.sixtofour
    if ipv4 is None and (address in _NAT64 or address in _COMPATIBLE):
        ipv4 = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address.ipv4_mapped is not None and ipv4 is not None:
        return [ipv4]  # this form only stands for the IPv4 address
    return [address] if ipv4 is None else [address, ipv4]


def _find_kind(address: Address) -> str | None:
    """Return the kind of a non-public address."""
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
    for attribute, kind in kinds.items():
        if getattr(address, attribute) and not (attribute == "is_reserved" and address in _NAT64):
            return kind
    if any(address in network for network in _NOT_FOR_HOSTS) or not address.is_global:
        return "no public address"
    return None


def _is_own(address: Address) -> bool:
    """Return whether an interface of this machine has the address, to which a socket can then be bound."""
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
        is_same_name = name.endswith(self.name) if self.name.startswith(".") else name == self.name
        return is_same_name and (port == self.port if self.port is not None else port in WEB_PORTS)


def parse_hosts(entries: Iterable[str]) -> tuple[Host, ...]:
    """Parse an allow-list of `HOST`, `HOST:PORT`, `[IPV6]:PORT`, `*.NAME` or `registries`.

    Raises ValueError, naming the entry, if one is malformed or could never be reached.
    """
    groups = [_PACKAGE_HOSTS if entry == REGISTRIES else (entry,) for entry in entries]
    return tuple(_parse(entry) for group in groups for entry in group)


def split_authority(text: str) -> tuple[str, int | None]:
    """Split `HOST`, `HOST:PORT` or `[IPV6]:PORT` into normalized host and port. Raises ValueError."""
    if "@" in text:  # don't show the part before it, which may be a secret
        raise ValueError("a host is named without a user or password before it")
    match = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(.*))?", text, re.DOTALL)
    if match is None:
        raise ValueError("an IPv6 address stands in brackets, as in [2001:db8::1]:443")
    host, port = match.groups()
    if port is None:
        return normalize_host(host), None
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 1 << 16:
        raise ValueError(f"{port[:80]!r} is no port")
    return normalize_host(host), int(port)


def normalize_host(host: str) -> str:
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
    if reason := find_unreachable_reason(name):
        raise ValueError(f"{entry!r} could never be reached: {reason}")
    return Host(name, port)


def find_unreachable_reason(name: str) -> str | None:
    """Return why a normalized host can never be reached; None if it can."""
    if name == "localhost" or name.endswith(".localhost"):
        return "it is this machine itself"
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return None
    return find_refusal(name)


def _ipv6(text: str) -> ipaddress.IPv6Address:
    if "%" in text:
        raise ValueError(f"{text!r} names an interface of one machine")
    return ipaddress.IPv6Address(text)
