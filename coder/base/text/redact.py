"""Remove secrets from text before it reaches a model, the log or a screen.

There are two kinds: values (given keys, and environment variables with names such as API_KEY), also encoded,
and the shapes of well-known keys. Overlapping matches are joined before they are replaced, so that no part of
a secret is left.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from urllib.parse import unquote

from sandbox.network.encoded_secrets import SecretFinder

REPLACEMENT = "[redacted]"

MIN_SECRET_LENGTH = 8
"""Shorter values of environment variables aren't treated as secrets."""

_SECRET_NAME = re.compile(
    r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|(^|_)PAT)S?(_|$)",  # PAT: a personal access token
    re.IGNORECASE,
)

# The secret is group 1 if the shape has one, else the whole match. Only PEM and Bearer contain blanks. A
# shape never starts inside text that it has scanned before, so hostile text takes linear time.
_SHAPES = [
    re.compile(shape)
    for shape in (
        r"(?<![A-Za-z0-9])sk-[A-Za-z0-9_-]{16,}",  # OpenAI, Anthropic, OpenRouter, DeepSeek
        r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[\w-]{20,})",
        r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[0-9A-Z]{16}(?![A-Za-z0-9])",
        r"(?<![A-Za-z0-9])(?:AIza[\w-]{30,}|hf_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{30,}|xox[abprs]-[\w-]{10,})",
        r"(?<![\w-])eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?",  # JSON Web Token
        r"(?i:\bbearer\s+)((?=[A-Za-z._~+/=-]*\d)[\w.~+/=-]{8,})",  # a digit: not the word after "bearer"
        r"://[^\s/:@]*:([^\s/]+)@",  # the password of a URL
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\w\s\\+/=:,-]*?"  # a key that is cut off
        r"(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|(?=[^\w\s\\+/=:,-])|\Z)",
    )
]
_UNFINISHED = re.compile(r"(?:(?i:\bbearer\s+)|-----BEGIN [A-Z0-9 ]*)\Z")
"""Beginning of a secret whose shape contains blanks, at the end of a text."""

_ESCAPES = ("%", "\\", "&")
"""What escapes begin with."""

_ENCRYPTED = re.compile(r"[\w+/=-]{200,}", re.ASCII)
"""Long encoded data, in which a match of a key's shape is accidental."""


class Redactor:
    """Replaces known secrets and the shapes of keys. One Redactor serves all output of a run."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Set the values to find, as given and as `SecretFinder` knows them; blank ones are ignored."""
        values = sorted({secret for secret in secrets if secret.strip()})
        self._finder = SecretFinder(values)
        forms = {*values, *(value.encode(errors="surrogatepass").decode("latin-1") for value in values)}
        self._spaced = sorted(form for form in forms if re.search(r"\s", form))

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] = os.environ, secrets: Iterable[str] = ()
    ) -> "Redactor":
        """Return a redactor of `secrets`, variables like …KEY, …TOKEN or …PASSWORD, and CODER_LOG's password.

        A variable whose value is an existing path only says where a secret is, so it isn't redacted.
        """
        values = [environ[name].strip() for name in environ if names_secret(name)]
        values = [value for value in values if not (value.startswith("/") and _exists(value))]
        if log := re.search(r"://([^\s/:@]*):([^\s/]+)@", environ.get("CODER_LOG", "")):
            values += [unquote(log[2])] * (log[1] != log[2])  # a name such as postgres is a word
        return cls(chain(secrets, (value for value in values if len(value) >= MIN_SECRET_LENGTH)))

    def redact(self, text: str) -> str:
        """Return the text with each secret replaced by `[redacted]`."""
        parts: list[str] = []
        end = 0
        for start, stop in self.spans(text):
            parts += [text[end:start], REPLACEMENT]
            end = stop
        return "".join([*parts, text[end:]])

    def stream(self) -> "RedactingStream":
        """Return a redactor for a text that comes in chunks."""
        return RedactingStream(self)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Return the start and end of each span to replace, in order and without overlaps."""
        merged: list[tuple[int, int]] = []
        values = (span[:2] for span in self._finder.spans(text))
        for start, stop in sorted(chain(values, _shapes(text))):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
            else:
                merged.append((start, stop))
        return merged

    def opens_before(self, text: str, cut: int) -> int | None:
        """Return the start of a secret that reaches `cut`, or may reach it with more text; else None."""
        starts = [start for start, stop in self.spans(text) if start < cut <= stop]
        starts += [match.start() for match in [_UNFINISHED.search(text, 0, cut)] if match]
        tail = max(0, len(text) - self._finder.most)
        if self._spaced and tail < cut and any(mark in text[tail:] for mark in _ESCAPES):
            starts.append(tail)  # a secret with blanks may have begun there, encoded
        for secret in self._spaced:
            tail_starts = range(max(0, len(text) - len(secret) + 1), cut)
            starts += [position for position in tail_starts if secret.startswith(text[position:])][:1]
        return min(starts, default=None)


class RedactingStream:
    """Redacts a text that comes in chunks, with the same result as `redact` on the whole text.

    Text after the last blank is held back, and text before it if a secret with blanks may have begun there.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._pending = ""

    def feed(self, chunk: str) -> str:
        """Add a chunk; return the text that is certain by now, redacted; often empty."""
        blank = _last_blank(chunk)
        cut = len(self._pending) + blank + 1
        self._pending += chunk
        if blank < 0:
            return ""
        while (start := self._redactor.opens_before(self._pending, cut)) is not None:
            cut = _last_blank(self._pending[:start]) + 1
        ready, self._pending = self._pending[:cut], self._pending[cut:]
        return self._redactor.redact(ready)

    def finish(self) -> str:
        """Return the text that was held back, redacted."""
        pending, self._pending = self._pending, ""
        return self._redactor.redact(pending)


def _exists(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except (OSError, ValueError):  # a NUL
        return False


def names_secret(variable: str) -> bool:
    """Whether an environment variable's name says that it contains a secret."""
    return _SECRET_NAME.search(variable) is not None


def redact(text: str) -> str:
    """Return the text without strings in the shape of a key; for exact values use a Redactor."""
    return Redactor().redact(text)


def quotes_secret(document: str, redact: Callable[[str], str]) -> bool:
    """Whether a string in a JSON document contains something that `redact` replaces."""
    pending = [json.loads(document)]
    while pending:
        value = pending.pop()
        if isinstance(value, dict | list):
            pending += value.values() if isinstance(value, dict) else value
        elif isinstance(value, str) and not _ENCRYPTED.fullmatch(value) and redact(value) != value:
            return True
    return False


def _shapes(text: str) -> Iterator[tuple[int, int]]:
    for shape in _SHAPES:
        for match in shape.finditer(text):
            yield match.span(match.lastindex or 0)


def _last_blank(text: str) -> int:
    """Return the index of the last blank, or -1."""
    words = text.rsplit(maxsplit=1)
    if not words or text[-1].isspace():
        return len(text) - 1
    return len(text) - len(words[-1]) - 1
