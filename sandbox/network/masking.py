"""Mask secrets: programs see placeholders, and the proxy puts a secret into requests to its host alone.

For that host the proxy ends TLS by a certificate of its own, which a fresh authority has signed. It replaces
placeholders in header fields, forwards over TLS that it verifies, and masks the secret in answers.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

MIN_LENGTH = 8
"""Characters; a shorter secret would be masked where it is only a word."""
_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


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
        """Raise ValueError if the value can't be masked, or stand in a header field."""
        if len(self.value) < MIN_LENGTH or not _VALUE.fullmatch(self.value):
            raise ValueError(
                f"the value of {self.name} can't be masked: it must have {MIN_LENGTH} or more characters of "
                "ASCII, and no line breaks"
            )


def with_secrets(value: bytes, secrets: Iterable[MaskedSecret]) -> bytes:
    """Return a header field's value with secrets for placeholders, also within `Basic` credentials."""
    scheme, _, credentials = value.partition(b" ")
    if scheme.lower() == b"basic":
        try:
            plain = base64.b64decode(credentials.strip(), validate=True)
        except binascii.Error:
            return value
        filled = _filled(plain, secrets)
        return value if filled == plain else scheme + b" " + base64.b64encode(filled)
    return _filled(value, secrets)


def encoded_credentials(value: bytes) -> bytes | None:
    """Return the encoded part of `Basic` credentials; None for other header fields."""
    scheme, _, credentials = value.partition(b" ")
    return credentials if scheme.lower() == b"basic" else None


def _filled(value: bytes, secrets: Iterable[MaskedSecret]) -> bytes:
    for secret in secrets:
        value = value.replace(secret.placeholder.encode(), secret.value.encode())
    return value


def forms_of(secrets: Iterable[MaskedSecret]) -> dict[bytes, bytes]:
    """Return the forms in which an answer may hold a secret, with what takes its place."""
    forms: dict[bytes, bytes] = {}
    for secret in secrets:
        value, placeholder = secret.value, secret.placeholder.encode()
        written = (
            value,
            quote(value, safe=""),
            json.dumps(value)[1:-1],
            base64.b64encode(value.encode()).decode().rstrip("="),
        )
        forms |= {form.encode(): placeholder for form in written}
    return forms


class Mask:
    """Replaces forms of secrets in bytes that come in chunks; all in linear time."""

    def __init__(self, forms: Mapping[bytes, bytes]) -> None:
        self._forms = dict(forms)
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, longest_first)))
        self._longest = len(longest_first[0])
        self._pending = b""

    def add(self, form: bytes, replacement: bytes) -> "Mask":
        """Return a new mask that also replaces another form."""
        return Mask({**self._forms, form: replacement})

    def whole(self, content: bytes) -> bytes:
        """Return content that isn't in chunks, masked."""
        return self._pattern.sub(lambda match: self._forms[match[0]], content)

    def feed(self, chunk: bytes) -> bytes:
        """Take a chunk; return what is certain by now, masked."""
        content = self._pending + chunk
        parts, end = [], 0
        for match in self._pattern.finditer(content):
            parts += [content[end : match.start()], self._forms[match[0]]]
            end = match.end()
        cut = len(content) - self._held(content[end:])
        parts.append(content[end:cut])
        self._pending = content[cut:]
        return b"".join(parts)

    def flush(self) -> bytes:
        """Return the rest at the end of the content."""
        rest, self._pending = self._pending, b""
        return rest

    def _held(self, tail: bytes) -> int:
        """Return how many bytes at the end may begin a form."""
        for length in range(min(self._longest - 1, len(tail)), 0, -1):
            if any(form.startswith(tail[-length:]) for form in self._forms):
                return length
        return 0


def secrets_of(secrets: Sequence[MaskedSecret], host: str, port: int) -> tuple[MaskedSecret, ...]:
    """Return the secrets of a host at a port."""
    return tuple(secret for secret in secrets if (secret.host, secret.port) == (host, port))
