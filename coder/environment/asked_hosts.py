"""AskedHosts: hosts that programs try to reach, refused until a person allows them."""

from coder.run.extensions import Rules
from sandbox.network.allowed_hosts import WEB_PORTS
from sandbox.policy import AskHost

_MAX_HOSTS = 20
"""Maximum hosts to ask about between two answers of the model; further hosts are refused."""


def format_host(host: str, port: int) -> str:
    """Return a host as shown in questions: with its port, unless it is a standard web port."""
    address = f"[{host}]" if ":" in host else host
    return address if port in WEB_PORTS else f"{address}:{port}"


class AskedHosts:
    """The hosts that programs of one run may reach or have tried to reach."""

    def __init__(self) -> None:
        self.allowed: set[str] = set()
        self._refused_hosts: dict[str, None] = {}

    async def may_reach(self, host: str, port: int) -> bool:
        """Whether programs may reach a host now; a refused host is remembered."""
        name = format_host(host, port)
        if name in self.allowed:
            return True
        if len(self._refused_hosts) < _MAX_HOSTS:
            self._refused_hosts[name] = None
        return False

    def take(self) -> list[str]:
        """Return the hosts refused since the last call, and forget them."""
        names, self._refused_hosts = [*self._refused_hosts], {}
        return names


def governed(rules: Rules, ask_host: AskHost) -> AskHost:
    """Return a function that refuses hosts denied by the user's rules, and calls `ask_host` for others."""
    from coder.config.permission_rules import denies, of_host  # imported late: few users have rules

    async def may_reach(host: str, port: int) -> bool:
        return not denies(of_host(rules, host)) and await ask_host(host, port)

    return may_reach
