"""AskedHosts: hosts that programs try to reach, refused until a person allows them."""

from sandbox.network.allowed_hosts import WEB_PORTS

_MOST = 20
"""Maximum hosts to ask about between two answers of the model; further ones are refused."""


def format_host(host: str, port: int) -> str:
    """Host as shown in questions: with its port, unless it is a port of the web."""
    address = f"[{host}]" if ":" in host else host
    return address if port in WEB_PORTS else f"{address}:{port}"


class AskedHosts:
    """Hosts of one run."""

    def __init__(self) -> None:
        self.allowed: set[str] = set()
        self._asked: dict[str, None] = {}

    async def may_reach(self, host: str, port: int) -> bool:
        """Whether programs may reach a host now; remembers a refused one."""
        name = format_host(host, port)
        if name in self.allowed:
            return True
        if len(self._asked) < _MOST:
            self._asked[name] = None
        return False

    def take(self) -> list[str]:
        """Return the hosts refused since the last call, and forget them."""
        names, self._asked = [*self._asked], {}
        return names
