"""Variables by which package managers don't repeat a request where there is no network.

npm waits 70 s between its three tries, pip 8 s between six: a command that needs a package fails as before,
at once. A project's own setting stays.

Sources: https://docs.npmjs.com/cli/v11/using-npm/config#fetch-retries,
https://pip.pypa.io/en/stable/cli/pip/#cmdoption-retries,
https://doc.rust-lang.org/cargo/reference/config.html#netretry
"""

from collections.abc import Mapping

from coder.run.stored_file import StoredFile
from sandbox import Policy

_MANIFESTS = {
    "npm_config_fetch_retries": ("package.json",),
    "PIP_RETRIES": ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", "noxfile.py"),
    "CARGO_NET_RETRY": ("Cargo.toml",),
}
"""Files that make a project one of a package manager, by the manager's variable."""
_SETTINGS = {
    "npm_config_fetch_retries": ((".npmrc",), "fetch-retries"),
    "CARGO_NET_RETRY": ((".cargo/config.toml", ".cargo/config"), "retry"),
}
"""Files of a project that may hold the setting, and its name there."""


def without_retries(policy: Policy, files: Mapping[str, StoredFile]) -> dict[str, str]:
    """Return the variables for a project with these files; none if its programs may reach the network."""
    if policy.network != "none":
        return {}
    return {
        variable: "0"
        for variable, manifests in _MANIFESTS.items()
        if any(path in files for path in manifests)
        and variable not in policy.environment
        and not _is_set(variable, files)
    }


def _is_set(variable: str, files: Mapping[str, StoredFile]) -> bool:
    paths, name = _SETTINGS.get(variable, ((), ""))
    return any(name in (files[path].text or "") for path in paths if path in files)
