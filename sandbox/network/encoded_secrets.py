r"""Find secrets in text: plain, as URLs, JSON, HTML or source code write them, up to twice, and in Base64.

Text is decoded by one kind of escape at a time, and what is found is told by its place in the text itself. So
which characters an encoder escapes, and in which spelling, doesn't matter. Only those parts of a text are
decoded in which something like a secret may be: near letters and digits of it, or near some that are escaped.
"""

import base64
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from html.entities import html5
from itertools import chain

MIN_ENCODED = 8
"""Characters below which a secret is found as it is alone, as short words stand in all kinds of text."""
MOST_PER_CHARACTER = 36
"""Characters that one character of a secret takes, in the longest usual forms that are encoded twice."""
_DEPTH = 2
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "v": "\v", "a": "\a"}
_ENTITIES = {name[:-1]: text for name, text in html5.items() if name.endswith(";") and len(text) == 1}
_PAIRED = 4
"""Backslashes that stand for one where they were escaped twice."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of escape, and what one stands for."""

    mark: str
    pattern: re.Pattern[str]
    decode: Callable[[re.Match[str]], str]


Span = tuple[int, int, int]
"""Start, stop, and the number of the secret that is there."""


class SecretFinder:
    """Finds some secrets."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._needles = [(needle, number) for number, one in enumerate(secrets) for needle in _needles(one)]
        longest = max((len(one) for one in secrets if len(one) >= MIN_ENCODED), default=0)
        self.most = max([longest * MOST_PER_CHARACTER, *map(len, secrets)])
        """Length of the longest form that is usual."""
        self._encoded = [one for one in self._needles if len(secrets[one[1]]) >= MIN_ENCODED]
        marked = {needle for needle, _ in self._encoded if _PLAIN.fullmatch(needle) is None}
        self._runs = {max(_PLAIN.findall(needle), key=len, default="") for needle in marked}

    def spans(self, text: str) -> list[Span]:
        """Return what is to be replaced, in order; what overlaps is one, with the first number."""
        found = chain.from_iterable(_places(text, *needle) for needle in self._needles)
        if self._encoded and any(kind.mark in text for kind in _KINDS):
            found = chain(found, *map(partial(self._decoded, text), self._parts(text)))
        joined: list[Span] = []
        for start, stop, number in sorted(found):
            if joined and start < joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], stop), joined[-1][2])
            else:
                joined.append((start, stop, number))
        return joined

    def _parts(self, text: str) -> list[tuple[int, int]]:
        """Return the parts of a text in which an encoded secret may be."""
        if any(len(run) < _SHORTEST_RUN for run in self._runs):
            return [(0, len(text))]
        hints = [start for run in self._runs for start, *_ in _places(text, run, 0)]
        hints += [match.start() for pattern in _ESCAPED for match in pattern.finditer(text)]
        parts: list[tuple[int, int]] = []
        for hint in sorted(hints):
            start, stop, last = max(0, hint - self.most), hint + self.most, parts[-1][1] if parts else 0
            start = pairing_start(text, start, last) if start > last else start
            if parts and start <= last:
                parts[-1] = (parts[-1][0], stop)
            else:
                parts.append((start, stop))
        return parts

    def _decoded(self, text: str, part: tuple[int, int]) -> Iterator[Span]:
        for view, layers in _views(text[slice(*part)]):
            found = sorted(chain.from_iterable(_places(view, *needle) for needle in self._encoded))
            for source, kind in reversed(layers if found else ()):
                found = _in_source(source, kind, found)
            yield from ((part[0] + start, part[0] + stop, number) for start, stop, number in found)


def pairing_start(text: str, start: int, least: int = 0) -> int:
    """Return the last place up to `start`, not before `least`, from which backslashes can be decoded.

    Which of a run escapes the next one, or what follows, hangs on how many stand before.
    """
    low = least + len(text[least:start].rstrip(_OF_BACKSLASHES))
    for run in _BACKSLASHES.finditer(text, low, start + _LONGEST_BACKSLASH):
        if run.start() < start <= run.end():
            units = [unit.start() for unit in _BACKSLASH.finditer(text, run.start(), run.end())]
            before = bisect_left(units, start)
            return units[(before - 1) // _PAIRED * _PAIRED]
    return start


def _needles(secret: str) -> Iterator[str]:
    """Yield what stands for a secret in decoded text."""
    yield secret
    if len(secret) >= MIN_ENCODED:
        octets = secret.encode(errors="surrogatepass")
        others = {
            secret.replace(" ", "+"),
            octets.decode("latin-1"),  # UTF-8 whose bytes were decoded one by one
            octets.decode("latin-1").replace(" ", "+"),
            "".join(f"{pair}" for pair in _utf_16(secret)),
            *_in_base64(octets),
        }
        yield from others - {secret}


def _utf_16(text: str) -> Iterator[str]:
    units = text.encode("utf-16-le", "surrogatepass")
    return (chr(int.from_bytes(units[at : at + 2], "little")) for at in range(0, len(units), 2))


def _in_base64(octets: bytes) -> Iterator[str]:
    """Yield the parts of Base64 that bytes in it determine, whatever surrounds them."""
    for before, start in enumerate((0, 2, 3)):
        end = (before + len(octets)) * 8 // 6
        text = base64.b64encode(b"\0" * before + octets).decode()[start:end]
        yield from (text, text.replace("+", "-").replace("/", "_"))


def _places(text: str, needle: str, number: int) -> Iterator[Span]:
    position = text.find(needle)
    while position >= 0:
        yield position, position + len(needle), number
        position = text.find(needle, position + 1)


def _views(text: str) -> Iterator[tuple[str, list[tuple[str, _Kind]]]]:
    """Yield a text as it is, and decoded once and twice, each with the texts and kinds that led to it."""
    pending: list[tuple[str, list[tuple[str, _Kind]]]] = [(text, [])]
    while pending:
        view, layers = pending.pop()
        yield view, layers
        for kind in _KINDS if len(layers) < _DEPTH else ():
            if kind.mark in view:
                decoded = kind.pattern.sub(kind.decode, view)
                if decoded != view:
                    pending.append((decoded, [*layers, (view, kind)]))


def _in_source(source: str, kind: _Kind, spans: Iterable[Span]) -> list[Span]:
    """Return spans of a decoded text as spans of its source."""
    starts, stops, places = [0], [0], [(0, 0)]
    shift = 0
    for match in kind.pattern.finditer(source):
        length = len(kind.decode(match))
        starts.append(match.start() - shift)
        stops.append(starts[-1] + length)
        places.append(match.span())
        shift += match.end() - match.start() - length

    def place(position: int) -> tuple[int, int]:
        at = bisect_right(starts, position) - 1
        if position < stops[at]:
            return places[at]
        start = places[at][1] + position - stops[at]
        return start, start + 1

    return [(place(start)[0], place(stop - 1)[1], number) for start, stop, number in spans]


def _from_percent(match: re.Match[str]) -> str:
    return chr(int(match[1] or match[2], 16))


def _from_backslash(match: re.Match[str]) -> str:
    if match[2] is not None:
        return chr(int(match[2], 8))
    if match[3] is not None:
        return _CONTROLS.get(match[3], match[3])
    return _character(int(match[1].strip("xuU{}"), 16), match[0])


def _from_html(match: re.Match[str]) -> str:
    if match[3] is not None:
        return _ENTITIES.get(match[3], match[0])
    return _character(int(match[1], 16) if match[1] else int(match[2]), match[0])


def _character(code: int, otherwise: str) -> str:
    return chr(code) if code <= 0x10FFFF else otherwise


_DIGIT = "[0-9A-Fa-f]"
_BACKSLASH = re.compile(r"\\u005[cC]|\\x5[cC]|\\|%5[cC]|&#92;|&#[xX]5[cC];|&bsol;")
_LONGEST_BACKSLASH = 6
_BACKSLASHES = re.compile(f"(?:{_BACKSLASH.pattern})+")
_OF_BACKSLASHES = "\\%&#;0259xXuUcCbsol"
"""Characters of which escaped backslashes consist."""
_KINDS = (
    _Kind("%", re.compile(rf"%(?:u({_DIGIT}{{4}})|({_DIGIT}{{2}}))"), _from_percent),
    _Kind(
        "\\",
        re.compile(
            rf"\\(?:(x{_DIGIT}{{2}}|u{_DIGIT}{{4}}|u\{{{_DIGIT}{{1,8}}\}}|U{_DIGIT}{{8}})|([0-7]{{1,3}})|(.))",
            re.DOTALL,
        ),
        _from_backslash,
    ),
    _Kind(
        "&",
        re.compile(rf"&(?:#[xX]({_DIGIT}{{1,8}});?|#([0-9]{{1,8}});?|([A-Za-z][A-Za-z0-9]{{1,31}});)"),
        _from_html,
    ),
)


def _bodies(character: str) -> dict[str, str]:
    """Return, by its mark, the pattern of what follows in an escape of a punctuation character."""
    code, names = ord(character), [name for name, text in _ENTITIES.items() if text == character]
    digits = "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in f"{code:02x}")
    own = rf"|{re.escape(character)}" if character == "\\" else ""
    return {
        "%": digits,
        "\\": rf"(?:[xX]{digits}|u00{digits}{own})",
        "&": rf"(?:#(?:0*{code}|[xX]0*{digits});?|(?:{'|'.join(names)});)",
    }


def _hints() -> Iterator[re.Pattern[str]]:
    """Yield patterns of a letter or digit that is escaped, or of the escaped mark of such an escape."""
    code = "(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])"
    decimal = "(?:4[89]|5[0-7]|6[5-9]|[78][0-9]|9[07-9]|1[01][0-9]|12[0-2])(?![0-9])"
    escaped = {
        "%": code,
        "\\": rf"x{code}|u00{code}|u\{{0*{code}\}}|U000000{code}|[01][0-7]{{2}}",
        "&": rf"#(?:[xX]0*{code}(?![0-9A-Fa-f])|0*{decimal})",
    }
    backslash, percent, ampersand, number = map(_bodies, "\\%&#")
    numbers = "|".join(["#", *(re.escape(mark) + body for mark, body in number.items())])
    for mark, body in escaped.items():
        marks = f"{backslash[mark]}[xuU01]|{percent[mark]}{code}|{ampersand[mark]}(?:{numbers})"
        yield re.compile(f"{re.escape(mark)}(?:{body}|{marks})")


_PLAIN = re.compile("[A-Za-z0-9]+")
_SHORTEST_RUN = 3
"""Letters and digits of a secret that are looked for; of one that has fewer, all of the text is decoded."""
_ESCAPED = tuple(_hints())
