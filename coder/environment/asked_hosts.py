"""AskedHosts: hosts that programs want to reach, refused until a person allows them."""

from sandbox.network.allowed_hosts import WEB_PORTS

_MOST = 20
"""Hosts that are asked about between two answers of the model; further ones are refused."""


def named_host(host: str, port: int) -> str:
    """A host as a person is asked about it: with its port, unless that is the web's."""
    named = f"[{host}]" if ":" in host else host
    return named if port in WEB_PORTS else f"{named}:{port}"


class AskedHosts:
    """Those of one run."""

    def __init__(self) -> None:
        self.allowed: set[str] = set()
        self._asked: dict[str, None] = {}

    async def may_reach(self, host: str, port: int) -> bool:
        """Whether programs may reach a host now; one that nobody has allowed is remembered."""
        named = named_host(host, port)
        if named in self.allowed:
            return True
        if len(self._asked) < _MOST:
            self._asked[named] = None
        return False

    def take(self) -> list[str]:
        """The hosts that were refused since the last look, once."""
        asked, self._asked = [*self._asked], {}
        return asked
