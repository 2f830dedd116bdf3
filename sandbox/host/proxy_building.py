"""What a sandbox on this machine is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.contract import Capability

if TYPE_CHECKING:
    from sandbox.host.disk_watch import DiskBounds
    from sandbox.network.proxy import Network


LAYER_FROM = 5_000
"""Files. A look at so many takes 25 ms."""


@dataclass(frozen=True, slots=True)
class Build:
    """As the function that opens it has found it."""

    backend: str
    """The name that opens this kind."""
    capabilities: tuple[Capability, ...]
    environment: Mapping[str, str]
    """What every program finds in its environment."""
    without: frozenset[str] = frozenset()
    """Mechanisms that it doesn't have, by name."""
    disk: "DiskBounds | None" = None
    fresh_disk: "DiskBounds | None" = None
    """What has to be looked at while programs run; None where file systems keep all of it."""
    namespaces: bool = True
    """Each run has its own, which end with it."""
    on_disk: bool = False
    """Workspaces are folders of the machine's: a fresh one is emptied at its end."""
    sessions: bool = False
    """A run has a pid 1 of its own, which can be the agent of a session."""
    network: "Network | None" = None
    """What its programs may reach; None is nothing."""
    layer_from: int | None = None
    """Files of a workspace that gets a layer over it for sessions; None where there are no layers."""
