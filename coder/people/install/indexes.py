"""Package indexes: hosts for an install, and the installers' variables for them.

These are the public indexes, unless the user's own configuration of pip or npm names others.
"""

import configparser
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from coder.base.errors import UsageError
from coder.base.text.redact import Redactor
from coder.models.endpoint import keys_of, looks_like_key
from sandbox.network.allowed_hosts import find_refusal, find_unreachable_reason
from sandbox.network.outside_lookup import resolve

PYPI = ("pypi.org", "files.pythonhosted.org")
NPM = ("registry.npmjs.org",)
_PIP_FILES = ("/etc/pip.conf", "~/.pip/pip.conf", "~/.config/pip/pip.conf")
_PIP_OPTIONS = ("index_url", "extra_index_url", "trusted_host")
_HTTPS_PORT = 443
_ADVICE = (
    "No program of a sandbox may reach such addresses, and no setting allows it. Install into .venv yourself "
    "or name another index: PIP_INDEX_URL, npm_config_registry"
)
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_DEFAULT_ENVIRONMENT = {
    **{f"PIP_{name}": "1" for name in ("NO_INPUT", "NO_CACHE_DIR", "DISABLE_PIP_VERSION_CHECK")},
    "npm_config_cache": "/tmp/npm",
    **{f"npm_config_{name}": "false" for name in ("audit", "fund", "update_notifier")},
    "CI": "1",
}


LookUp = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a host, of which a port is asked. Raises OSError if there is none."""


@dataclass(frozen=True, slots=True)
class Indexes:
    """Hosts for a policy, and environment variables for an installer."""

    hosts: tuple[str, ...]
    environment: Mapping[str, str]


def find_indexes(environ: Mapping[str, str], *, home: Path, extra_hosts: tuple[str, ...] = ()) -> Indexes:
    """Read indexes from the user's configuration, never a repository's, and add the user's hosts.

    Raises:
        UsageError: an index's address holds a password or a key, which programs in a sandbox must not see, or
            no sandbox can reach it.
    """
    pip = dict.fromkeys(_PIP_OPTIONS, "") | _pip_files(home)
    pip |= {key: environ[f"PIP_{key.upper()}"] for key in pip if f"PIP_{key.upper()}" in environ}
    npm = environ.get("npm_config_registry") or environ.get("NPM_CONFIG_REGISTRY") or _npm_file(home)
    redact = Redactor.from_environment(environ).redact
    hosts: list[str] = []
    environment = {**_DEFAULT_ENVIRONMENT, "PIP_TRUSTED_HOST": pip["trusted_host"]}
    for variable, text, defaults in (
        ("PIP_INDEX_URL", pip["index_url"], PYPI),
        ("PIP_EXTRA_INDEX_URL", pip["extra_index_url"], ()),
        ("npm_config_registry", npm, NPM),
    ):
        addresses = _addresses(text, redact)
        named = [host for address in addresses if (host := urlsplit(address).netloc)]
        for host in named:
            if (reason := find_unreachable_reason(urlsplit(f"//{host}").hostname or "")) is not None:
                raise UsageError(f"The index {host} can't be reached: {reason}. {_ADVICE}")
        hosts += named or defaults
        environment[variable] = " ".join(addresses)
    if _CERTIFICATES.exists():  # replaces the installers' own lists by the certificates of this machine
        environment |= {"PIP_CERT": str(_CERTIFICATES), "NODE_EXTRA_CA_CERTS": str(_CERTIFICATES)}
    settings = {name: value for name, value in environment.items() if value}
    return Indexes(tuple(dict.fromkeys([*hosts, *extra_hosts])), settings)


async def find_unreachable(hosts: Iterable[str], *, look_up: LookUp = resolve) -> str:
    """Return why an index is only at addresses that a sandbox never reaches; "" if none is.

    An unknown name is for the installer to report.
    """
    for host in hosts:
        address = urlsplit(f"//{host}")
        try:
            addresses = await look_up(address.hostname or "", address.port or _HTTPS_PORT)
        except OSError:
            continue
        reasons = [reason for found in addresses if (reason := find_refusal(found)) is not None]
        if addresses and len(reasons) == len(addresses):
            return f"{host} can't be reached: {reasons[0]}. {_ADVICE}"
    return ""


def _pip_files(home: Path) -> dict[str, str]:
    options: dict[str, str] = {}
    for name in _PIP_FILES:
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(name.replace("~", str(home), 1), encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue  # pip itself reports the error
        if parser.has_section("global"):
            options |= {key.replace("-", "_"): value for key, value in parser.items("global")}
    return {key: value for key, value in options.items() if key in _PIP_OPTIONS}


def _npm_file(home: Path) -> str:
    try:
        content = (home / ".npmrc").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    match = re.search(r"^\s*registry\s*=\s*(\S+)", content, re.MULTILINE)
    return match[1] if match else ""


def _addresses(words: str, redact: Callable[[str], str]) -> list[str]:
    """Return the web addresses among these words; file addresses don't exist in the sandbox."""
    addresses = [
        word for word in words.split() if urlsplit(word).scheme in ("http", "https") and urlsplit(word).netloc
    ]
    for address in addresses:
        if "@" in urlsplit(address).netloc or _may_hold_key(address, redact):
            raise UsageError(
                f"The index {urlsplit(address).hostname} of your configuration needs a password or a key, "
                "which no program of a sandbox may see. Install into .venv yourself, or name another: "
                "PIP_INDEX_URL"
            )
    return addresses


def _may_hold_key(address: str, redact: Callable[[str], str]) -> bool:
    """Return whether an address has a key among its parameters or, as on some package hosts, in its path."""
    words = re.split("[^A-Za-z0-9]", urlsplit(address).path)
    return redact(address) != address or bool(keys_of(address)) or any(map(looks_like_key, words))
