"""Secrecy: files that hold keys, by their names. A model is shown only those that the user has named."""

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
_SHORTEST = 12
"""Characters of a value that is taken for a key; it has a digit and a letter, and no blank."""


@lru_cache(maxsize=1 << 17)
def is_secret(path: str) -> bool:
    """Whether a file of this name holds keys."""
    return _SECRET.fullmatch(path.rpartition("/")[2]) is not None


def withheld(paths: Iterable[str], *, prompt: str, read: Iterable[str] = ()) -> set[str]:
    """Files hidden from models: secret ones, unless the task or a glob of the user names them."""
    globs = list(read)
    secret = {path for path in paths if is_secret(path) and not _names(prompt, path)}
    return {path for path in secret if not any(glob_matches(glob, path) for glob in globs)}


def secrets_in(texts: Mapping[str, str]) -> Iterator[str]:
    """Keys in `.env` files, to be redacted from outputs."""
    for path, text in texts.items():
        if is_secret(path) and path.rpartition("/")[2].lower().startswith(".env"):
            for name, value in _SETTING.findall(text):
                plain = value.strip().strip("\"'")
                if names_secret(name) and _is_key(plain):
                    yield plain


def _is_key(value: str) -> bool:
    """Whether it isn't a plain word: `development` is a common SECRET_KEY of tests."""
    kinds = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return len(value) >= _SHORTEST and kinds and not any(map(str.isspace, value))


def _names(prompt: str, path: str) -> bool:
    name = re.escape(path.rpartition("/")[2])
    return re.search(rf"(?<![\w.-]){name}(?![\w-]|\.\w)", prompt) is not None
