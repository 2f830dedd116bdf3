"""Addresses of endpoints: their parts, and which of these are secret.

People put a password in front of the host and a key behind the question mark. Both are used, and neither is
written anywhere.
"""

import re
from base64 import b64encode
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from coder.text.redact import SHORTEST, names_secret

HARMLESS = frozenset({"api-version", "api_version", "version"})
"""Parameters that hold no key; Azure's addresses need theirs."""
_SIGNATURES = frozenset({"sig", "signature", "code", "auth"})
_LONG = 16
_SHORTEST = 4
"""Characters of a value that can be told from any other text."""


def is_address(url: str) -> bool:
    """Whether requests can be sent there: http or https, a host that can be looked up, a port that can be."""
    parts = parts_of(url)
    try:
        host = (parts.hostname or "").encode("idna")
        parts.port  # noqa: B018 - it is read from the text here
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and url.isprintable() and " " not in url


def parts_of(url: str) -> SplitResult:
    """The parts of an address; all of them empty where it can't be parted."""
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def base_of(url: str) -> str:
    """The address without parameters, to which paths are added."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


def parameters_of(url: str) -> dict[str, str]:
    """What goes with every request behind the question mark."""
    return dict(parse_qsl(parts_of(url).query, keep_blank_values=True))


def for_log(url: str) -> str:
    """The address as it may be written down: no credentials, and of its parameters the harmless ones."""
    parts = parts_of(url)
    kept = {name: value for name, value in parameters_of(url).items() if name.lower() in HARMLESS}
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query=urlencode(kept), fragment="").geturl()


def name_for_log(model: str) -> str:
    """A model's name as it may be written down, which can hold an address: `name@https://…`.

    Or `local/https://…#sha256=…`, of which the checksum stays: the cache knows the file by it.
    """
    if model.startswith("local/http"):
        url, mark, checksum = model.removeprefix("local/").partition("#")
        return f"local/{for_log(url)}{mark}{checksum}"
    name, at, url = model.partition("@http")
    return f"{name}@{for_log('http' + url)}" if at else model


def secrets_of(url: str) -> tuple[str, ...]:
    """What of an address an endpoint may echo and nobody may see."""
    parts = urlsplit(url)
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    values = [value for name, value in parameters_of(url).items() if name.lower() not in HARMLESS]
    raw = [pair.partition("=")[2] for pair in parts.query.split("&")]
    known = [user, password, unquote(user), unquote(password), *values]
    # As the header has them, that an endpoint may echo.
    known += [b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()] if user or password else []
    known += [value for value in raw if unquote(value) in values]
    return tuple({value for value in known if len(value) >= _SHORTEST})


def keys_of(url: str) -> tuple[str, ...]:
    """What of an address can be taken out of any text: a password or a key, not a word such as a region."""
    parts = parts_of(url)
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    raw = {name: value for name, _, value in (pair.partition("=") for pair in parts.query.split("&"))}
    pairs = (*raw.items(), *parameters_of(url).items())
    asked = [value for name, value in pairs if _is_key(name, value)]
    known = [password or user, unquote(password or user), *asked]
    return tuple({value for value in known if len(value) >= SHORTEST})


def _is_key(name: str, value: str) -> bool:
    """Whether a parameter is called as those of keys are, or its value looks like one."""
    looks = len(value) >= _LONG and re.search(r"\d", value) is not None
    return name.lower() not in HARMLESS and (names_secret(name) or name.lower() in _SIGNATURES or looks)
