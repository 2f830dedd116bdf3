"""Decide which addresses programs may connect to: public ones of other machines."""

import ipaddress
import socket
from contextlib import suppress

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
