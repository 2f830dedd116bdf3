"""Secrets of `--secret NAME@HOST`: programs get placeholders, and the proxy knows the values."""

import os
import re
import secrets
import ssl
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from coder.base.errors import MissingExtra, UsageError
from sandbox import Policy

_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
)
"""Variables by which programs find certificates to trust."""
_FOLDER, _FILE = "certificates", "bundle.pem"
_HTTPS = 443
_USUAL_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


@contextmanager
def masking(
    policy: Policy, entries: Sequence[str], environ: Mapping[str, str] = os.environ
) -> Iterator[tuple[Policy, tuple[str, ...]]]:
    """Yield the policy of programs with placeholders, and the secret values, which no text may show.

    The certificate of a new authority is in a folder that is removed when the context exits.

    Raises:
        UsageError: a variable isn't set, or its value can't be masked.
        MissingExtra: the packages for certificates and HTTP aren't installed.
    """
    try:
        from sandbox.network.masked_exchange import Masks
        from sandbox.network.masking import MaskedSecret
    except ImportError as error:
        raise MissingExtra("What masks secrets", "secrets") from error
    masked, hosts = [], []
    for entry in entries:
        name, host, port = parse_secret(entry)
        if not environ.get(name):
            raise UsageError(
                f"--secret {entry}: the variable {name} isn't set. Set it, or leave the flag out."
            )
        address = entry.partition("@")[2]
        hosts.append(address if port else f"{address}:{_HTTPS}")  # not port 80, where nothing is masked
        placeholder = f"masked-{name.lower()}-{secrets.token_hex(8)}"
        try:
            masked.append(MaskedSecret(name, host, port or _HTTPS, placeholder, environ[name]))
        except ValueError as error:
            raise UsageError(f"--secret {entry}: {error}.") from error
    try:
        masks = Masks(masked)
    except ImportError as error:
        raise MissingExtra("What masks secrets", "secrets") from error
    with tempfile.TemporaryDirectory(prefix="coder-certificates-") as folder:
        os.chmod(folder, 0o755)  # programs may run as another user
        (Path(folder) / _FILE).write_text(f"{_roots()}\n{masks.authority}")
        place = f"/opt/shown/{_FOLDER}/{_FILE}"
        variables = {secret.name: secret.placeholder for secret in masked} | dict.fromkeys(_VARIABLES, place)
        update = {
            "masks": masks,
            "network": (*(() if policy.network == "none" else policy.network), *hosts),
            "environment": {**policy.environment, **variables},
            "beside": {**policy.beside, _FOLDER: Path(folder)},
        }
        yield policy.model_copy(update=update), tuple(secret.value for secret in masked)


def parse_secret(entry: str) -> tuple[str, str, int | None]:
    """Return variable, host and port of `NAME@HOST` or `NAME@HOST:PORT`. Raises UsageError."""
    from sandbox.network.allowed_hosts import split_authority

    name, sign, host = entry.partition("@")
    try:
        if not sign or not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
            raise ValueError("write NAME@HOST, with the name of a variable, never its value")
        return name, *split_authority(host)
    except ValueError as error:
        raise UsageError(f"--secret: {error}.") from error


def _roots() -> str:
    """Return the certificates that this machine trusts, for connections to other hosts."""
    default = ssl.get_default_verify_paths().cafile
    for path in (Path(default) if default else _USUAL_BUNDLE, _USUAL_BUNDLE):
        try:
            return path.read_text()
        except OSError:
            continue
    return ""
