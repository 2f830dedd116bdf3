"""Say what a request asked and what its answer shows to a test, as digests without numbers of objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

from sandbox.inner.bridge.aliases import EARLIER
from sandbox.inner.bridge.candidate_line import FROM_CANDIDATE
from sandbox.inner.bridge.codec import CodecError, decode
from sandbox.inner.bridge.operators import COMPARISONS, CONTAINS
from sandbox.inner.bridge.standard import from_parts
from sandbox.inner.bridge.writeback import mutable_containers
from sandbox.inner.checker.other_values import Extension

VALUE_PLACES = {"resume": 1, "missing": 0}
"""Place of the value in an answer that also says whether the iterator goes on, or the dict keeps it."""
_KINDS = {
    **dict.fromkeys(("bool", "int", "float", "complex", "Decimal", "Fraction"), "N"),
    **dict.fromkeys(("str", "bytes", "bytearray", "UserString"), "T"),
    **dict.fromkeys(("list", "tuple", "set", "dict", "deque", "range", "Items", "iterator"), "C"),
}
"""Letters of kinds of values that no test takes for one another: numbers, texts, collections."""
_NAN = re.compile(r"(?i:(?<![a-z])s?nan(?![a-z]))")
_INFINITE = re.compile(r"(?<![A-Za-z])(?:inf|Infinity)(?![A-Za-z])")
"""Numbers as text, also of Decimal and of complex numbers."""
_JSON_NAN, _JSON_INFINITE = re.compile(r"\bNaN\b"), re.compile(r"\bInfinity\b")
_EMPTY: tuple[object, ...] = (None, "", b"", [], (), {}, set(), frozenset())
_ZEROS = (("bool", "0x0"), ("int", "0x0"), ("float", "0"))
_BY_CONTENT = frozenset(("record", "missing", "error"))
"""Extensions that a test sees by what follows their number."""
_BY_NUMBER = frozenset(("object", "class", "function", "module", "generator", "coroutine", "mine", "shared"))
"""Extensions of which a test sees their kind alone; of an object also its truth."""


class ReferenceNames:
    """Says what a reference is, in words that hold for another candidate, too: whether it is the function
    under test."""

    def __init__(self, entry: int | None = None) -> None:
        """`entry`: number of the function under test."""
        self._entry = entry

    def of(self, payload: tuple[Any, ...]) -> tuple[object, ...]:
        """Return what a reference is, without its number."""
        return (len(payload) > 1 and payload[1] == self._entry,)

    def is_entry(self, answer: tuple[Any, ...]) -> bool:
        """Whether an answer is the function under test."""
        if type(answer[1]) is not Extension or self._entry is None:
            return False
        kind, *rest = answer[1].payload
        return kind in _BY_NUMBER and rest[:1] == [self._entry]

    def letters(self, request: tuple[Any, ...], value: object) -> str:
        """Return further letters that say what an answer is."""
        return ""


_NO_NAMES = ReferenceNames()


def request_digest(request: tuple[Any, ...], names: ReferenceNames) -> str:
    """Return an operation and the digest of its operands, of a comparison each one's."""
    if request[0] in COMPARISONS or request[0] in CONTAINS:
        return "-".join((request[0], *(_digest(_plain(one, {}, names)) for one in request[1:])))
    visible = (request[0], *request[2:]) if request[0] == "missing" else request  # without its number
    return f"{request[0]}-{_digest(_plain(visible, {}, names))}"


def visible_digest(value: Any, names: ReferenceNames = _NO_NAMES) -> str:
    """Return the digest of what a candidate asks of a test's object."""
    return _digest(_plain(value, {}, names))


def describe_answer(
    request: tuple[Any, ...],
    sent: bytes,
    answer: tuple[Any, ...],
    asked: Sequence[str] = (),
    aliases: Sequence[int] = (),
    names: ReferenceNames = _NO_NAMES,
) -> tuple[str, str]:
    """Return the digest of an answer as a test sees it, and letters that say what it is.

    A test sees the value or error, changes of arguments, what was printed, and what was asked before. Values
    of different types differ, and numbers in their first nine digits: a sum over a set depends on its order.

    The letters: `r` raised, `e` empty, `z` zero or false, `n` not a number, `i` infinite, `a` equal to an
    argument, `f` to the first, `l` one of the arguments, `s` with an object in two places, `g` with one that
    was given before; and the kind: `N` number, `T` text, `C` collection.

    Args:
        request: what was sent, decoded, with extensions.
        sent: the same, encoded.
        asked: digests of what the candidate asked of the test's objects.
        aliases: places of the answer's containers that occur again.
        names: say what references are.
    """
    kind, outcome, *_, changes, printed = map(uncopied, answer)
    if kind != "value":
        shown = outcome.payload[2:] if kind == "raised" and type(outcome) is Extension else (kind,)
        return _digest((_plain(shown, {}, names), *asked, printed)), "r"
    lent: dict[Any, Any] = dict(enumerate(mutable_containers(decode(sent, resolve=_rebuilt))))
    changes = changes if type(changes) is tuple else ()
    lent.update(changes)
    lent.update((("yours", number), place) for number, place in _objects_in(request))
    outcome = value_in(request[0], outcome)
    value = _plain(outcome, lent, names)
    given = [_plain(one, {}, names) for one in request[2]] if request[0] == "call" else []
    is_again = request[0] == "resume" and outcome[:1] == ("again",)  # the test gets that item again
    kind_letter = "e" if _is_empty(outcome, lent) else _KINDS.get(value[0], "")
    holds = {
        "l": type(outcome) is Extension and outcome.payload[0] == "lent",
        "z": value in _ZEROS,
        "n": _has_word(value, _NAN, _JSON_NAN),
        "i": _has_word(value, _INFINITE, _JSON_INFINITE),
        "a": value in given,
        "f": value in given[:1],
        "s": any(place != EARLIER for place in aliases),
        "g": EARLIER in aliases and not is_again,
    }
    letters = [letter for letter, is_so in holds.items() if is_so]
    letters.append(names.letters(request, outcome))
    return _digest((value, _plain(changes, lent, names), *asked, printed)), "".join((kind_letter, *letters))


def is_same_answer(call: bytes, answer: bytes, other_answer: bytes) -> bool:
    """Return whether two frames hold the same answer to a call, as a test sees it."""
    if answer == other_answer:
        return True
    try:
        request = decode(call, resolve=Extension)
        first, second = (describe_answer(request, call, _read(frame)) for frame in (answer, other_answer))
    except (CodecError, TypeError, ValueError):
        return False
    return first == second


def value_in(operation: str, outcome: Any) -> Any:
    """Return what an answer of a dict or of any other object gives."""
    if operation != "missing" or type(outcome) is not tuple:
        return outcome
    return outcome[0] if outcome else None


def uncopied(part: Any) -> Any:
    """Return what a part holds that crosses as a copy."""
    return part.payload[1] if type(part) is Extension and part.payload[0] == "copy" else part


def _read(frame: bytes) -> Any:
    if frame[:1] != FROM_CANDIDATE:
        raise CodecError("no answer of the candidate's")
    return decode(frame[1:], resolve=Extension)


def _objects_in(value: Any) -> Iterator[tuple[Any, int]]:
    """Yield the numbers of the test's objects in a request, each with its place."""
    found, stack = [], [value]
    while stack:
        one = stack.pop()
        if type(one) is Extension and one.payload[0] in ("mine", "shared"):
            found.append(one.payload[1])
        elif type(one) in (list, tuple):
            stack.extend(reversed(one))
        elif type(one) is dict:
            stack.extend(reversed(one.values()))
    return ((number, place) for place, number in enumerate(dict.fromkeys(found)))


def _rebuilt(payload: Any) -> object:
    try:
        return from_parts(payload)
    except CodecError:
        return Extension(payload)


def _digest(value: object) -> str:
    return blake2b(repr(value).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _plain(value: Any, lent: Mapping[Any, Any], names: ReferenceNames) -> Any:
    """Return a value as tuples that are equal where a test can hardly tell the values apart."""
    kind = type(value)
    if kind in (bool, int):
        return (kind.__name__, hex(value))
    if kind is float:
        return ("float", f"{value + 0.0:.9g}")  # no negative zero
    if kind in (list, tuple):
        return (kind.__name__, *(_plain(item, lent, names) for item in value))
    if kind in (set, frozenset):
        return ("set", *sorted(repr(_plain(item, lent, names)) for item in value))
    if kind is dict:
        pairs = ((repr(_plain(key, lent, names)), _plain(item, lent, names)) for key, item in value.items())
        return ("dict", *sorted(pairs, key=repr))
    if kind is not Extension:
        return (kind.__name__, repr(value))
    name, *parts = value.payload
    if name == "copy":
        return _plain(parts[0], lent, names)
    if name == "lent":
        return _plain(lent.get(parts[0]), {}, names)
    if name in _BY_CONTENT:
        return (name, _plain(tuple(parts[1:]), lent, names))
    if name == "yours":
        return (name, lent.get((name, parts[0])))
    if name in _BY_NUMBER:
        return (name, *names.of(value.payload), *(parts[2:] if name == "object" else ()))
    return (name, _plain(tuple(parts), lent, names))


def _is_empty(value: Any, lent: Mapping[Any, Any]) -> bool:
    if type(value) is Extension:
        name, *parts = value.payload
        if name == "lent":
            return _is_empty(lent.get(parts[0]), {})
        if name == "missing":  # what it computes is asked for, and weighed, later
            return False
        return bool(parts) and name not in ("error", "record") and all(_is_empty(part, {}) for part in parts)
    return any(type(value) is type(one) and value == one for one in _EMPTY)


def _has_word(plain: Any, of_numbers: re.Pattern[str], of_texts: re.Pattern[str]) -> bool:
    """Whether a number is written by this word, or a text has it, as JSON does."""
    stack = [plain]
    while stack:
        one = stack.pop()
        if type(one) is tuple and one:
            words = of_texts if one[0] in ("str", "bytes") else of_numbers
            if any(type(part) is str and words.search(part) for part in one[1:]):
                return True
            stack.extend(one)
    return False
