"""The hosts and network modes that a Harbor task names."""

import re
from ipaddress import ip_address, ip_network
from typing import Literal, Self

from pydantic import model_validator

from sandbox.result import Value

NetworkMode = Literal["no-network", "public", "allowlist"]
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


class NetworkPolicy(Value):
    """Network access of one phase of a task."""

    mode: NetworkMode = "public"
    hosts: tuple[str, ...] = ()
    """Host names, perhaps with a leading `*.`, addresses and CIDR ranges; only in the mode `allowlist`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.hosts and self.mode != "allowlist":
            raise ValueError("allowed_hosts needs network_mode = 'allowlist'")
        return self


def normalize_host(entry: str) -> str:
    """Return one entry of `allowed_hosts` in its canonical form. Raises ValueError."""
    host = entry.strip().lower().rstrip(".")
    if "/" in host:
        return _normalize_range(host, entry)
    if ":" in host:
        return _normalize_address(host, entry)
    name = host.removeprefix("*.")
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(
            f"{entry!r} is no host name, address or CIDR range (URLs, ports and paths aren't allowed)"
        )
    if name != host and _is_address(name):
        raise ValueError(f"{entry!r}: the prefix '*.' needs a host name, not an address")
    return host


def _normalize_range(host: str, entry: str) -> str:
    try:
        if "%" in host:
            raise ValueError("a zone")
        return ip_network(host, strict=True).compressed
    except ValueError as cause:
        raise ValueError(f"{entry!r} is no CIDR range: {cause}") from cause


def _normalize_address(host: str, entry: str) -> str:
    if "%" in host or not _is_address(host):
        raise ValueError(f"{entry!r} is no IPv6 address (ports aren't allowed)")
    return ip_address(host).compressed


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
