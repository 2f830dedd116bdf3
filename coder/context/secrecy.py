"""Recognize files with keys by their names. A model sees only those that the user has named."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from coder.base.text.redact import names_secret
from coder.context.ignoring import glob_matches

_SECRET = re.compile(
    r"\.env(?:\.(?!example$|sample$|template$|dist$|defaults?$|schema$)[\w.-]+)?"
    r"|[\w.-]+\.(?:pem|key|p8|ppk|keystore|jks|kdbx|ovpn|agekey)"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)[\w-]*"
    r"|\.(?:netrc|pgpass|htpasswd|git-credentials|dockercfg|pypirc|npmrc|vault_pass|boto|s3cfg)|_netrc"
    r"|credentials(?:\.(?:json|ya?ml|ini|toml|csv))?|secrets?\.(?:json|ya?ml|ini|toml|env)"
    r"|(?:client_secret|service[-_]account)[\w.-]*\.json|terraform\.tfstate(?:\.backup)?|[\w.-]*\.tfvars",
    re.IGNORECASE,
)
_SETTING = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*(.*)$", re.MULTILINE)
_MIN_KEY_LENGTH = 12
"""A key has at least this many characters, a digit, a letter, and no blank."""


@lru_cache(maxsize=1 << 17)
def is_secret(path: str) -> bool:
    """Whether a file usually contains keys, by its name."""
    return _SECRET.fullmatch(path.rpartition("/")[2]) is not None


def withheld(paths: Iterable[str], *, prompt: str, read: Iterable[str] = ()) -> set[str]:
    """Return the files to hide from models: secret ones, unless the task or a glob of the user names them."""
    globs = list(read)
    secret = {path for path in paths if is_secret(path) and not _names(prompt, path)}
    return {path for path in secret if not any(glob_matches(glob, path) for glob in globs)}


def secrets_in(texts: Mapping[str, str]) -> Iterator[str]:
    """Yield the keys in `.env` files, which are redacted in outputs."""
    for path, text in texts.items():
        if is_secret(path) and path.rpartition("/")[2].lower().startswith(".env"):
            for name, value in _SETTING.findall(text):
                unquoted = value.strip().strip("\"'")
                if names_secret(name) and _is_key(unquoted):
                    yield unquoted


def _is_key(value: str) -> bool:
    """Whether a value looks like a key; `development` is a common SECRET_KEY of tests."""
    is_mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return len(value) >= _MIN_KEY_LENGTH and is_mixed and not any(map(str.isspace, value))


def _names(prompt: str, path: str) -> bool:
    name = re.escape(path.rpartition("/")[2])
    return re.search(rf"(?<![\w.-]){name}(?![\w-]|\.\w)", prompt) is not None
