"""Mask secrets: programs see placeholders, and the proxy puts a secret into requests to its host alone.

For that host the proxy ends TLS by a certificate of its own, which a fresh authority has signed. It replaces
placeholders in header fields, forwards over TLS that it verifies, and masks the secret in answers.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sandbox.network.encoded_secrets import SecretFinder, pairing_start

MIN_LENGTH = 8
"""Minimum characters of a secret; a shorter one would be masked where it is only a word."""
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_MAX_BASIC = 4096
"""Bytes of `Basic` credentials that may hold a placeholder, as the mask must know them."""
_CARRIER = re.compile(rb"auth|key|token|secret|passw|cookie|credential|session")
_KEPT = re.compile(rb"-meta-|^idempotency-|^content-|^surrogate-")
"""Header fields that hosts keep and give to others, such as the owner of a bucket."""
_HELD_STEP = 256


@dataclass(frozen=True, slots=True)
class MaskedSecret:
    """A secret of one host."""

    name: str
    """The variable of the programs that holds the placeholder."""
    host: str
    """Normalized name of the host."""
    port: int
    placeholder: str
    value: str = field(repr=False)

    def __post_init__(self) -> None:
        """Raise ValueError if the value can't be masked, or used in a header field."""
        if len(self.value) < MIN_LENGTH or not _VALUE.fullmatch(self.value):
            raise ValueError(
                f"the value of {self.name} can't be masked: it must have {MIN_LENGTH} or more characters of "
                "ASCII, and no line breaks"
            )


def with_secrets(value: bytes, secrets: Iterable[MaskedSecret]) -> bytes:
    """Return a header field's value with secrets for placeholders, also within `Basic` credentials."""
    scheme, _, credentials = value.partition(b" ")
    if scheme.lower() == b"basic":
        if len(credentials) > _MAX_BASIC:
            return value
        try:
            plain = base64.b64decode(credentials.strip(), validate=True)
        except binascii.Error:
            return value
        filled = _filled(plain, secrets)
        return value if filled == plain else scheme + b" " + base64.b64encode(filled)
    return _filled(value, secrets)


def may_carry(name: bytes) -> bool:
    """Whether a header field is for credentials, so that a host doesn't show it to others."""
    lower = name.lower()
    return _CARRIER.search(lower) is not None and _KEPT.search(lower) is None


def encoded_credentials(value: bytes) -> bytes | None:
    """Return the encoded part of `Basic` credentials; None for other header fields."""
    scheme, _, credentials = value.partition(b" ")
    return credentials if scheme.lower() == b"basic" else None


def _filled(value: bytes, secrets: Iterable[MaskedSecret]) -> bytes:
    for secret in secrets:
        value = value.replace(secret.placeholder.encode(), secret.value.encode())
    return value


def values_of(secrets: Iterable[MaskedSecret]) -> dict[bytes, bytes]:
    """Return what takes the place of each secret in an answer."""
    return {secret.value.encode(): secret.placeholder.encode() for secret in secrets}


class Mask:
    """Replaces values, also encoded, in bytes that come in chunks; all in linear time."""

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        """Take what replaces each value."""
        self._finder = SecretFinder([value.decode("latin-1") for value in values])
        self._replacements = [*values.values()]
        self._most_held = -(-self._finder.most // _HELD_STEP) * _HELD_STEP
        self._pending = b""

    def whole(self, content: bytes) -> bytes:
        """Return complete content, masked."""
        return self._masked(content, len(content))[0]

    def feed(self, chunk: bytes) -> bytes:
        """Add a chunk; return the content that is certain by now, masked.

        The end, which may begin a form, is always held back: if only beginnings of forms were, a program
        could have a host echo guesses, and learn a secret byte by byte. No form has a line break.
        """
        content = self._pending + chunk
        line = len(content) - content.rfind(b"\n") - 1
        if line == len(content) <= 2 * self._most_held:  # else each byte would have as many searched again
            self._pending = content
            return b""
        cut = len(content) - min(line, self._most_held)
        masked, end = self._masked(content, pairing_start(content.decode("latin-1"), cut))
        self._pending = content[end:]
        return masked

    def flush(self) -> bytes:
        """Return the rest at the end of the content, masked."""
        rest, self._pending = self._pending, b""
        return self.whole(rest)

    def _masked(self, content: bytes, cut: int) -> tuple[bytes, int]:
        """Return the content before a cut, masked, with what was found across it; and where that ends."""
        parts, end = [], 0
        for start, stop, number in self._finder.spans(content.decode("latin-1")):
            if start >= cut:
                break
            parts += [content[end:start], self._replacements[number]]
            end = stop
        cut = max(cut, end)
        return b"".join([*parts, content[end:cut]]), cut


def secrets_of(secrets: Sequence[MaskedSecret], host: str, port: int) -> tuple[MaskedSecret, ...]:
    """Return the secrets of a host at a port."""
    return tuple(secret for secret in secrets if (secret.host, secret.port) == (host, port))
