"""Best places: the functions whose words are nearest to those of a task.

BM25 (S. Robertson and H. Zaragoza 2009, "The Probabilistic Relevance Framework", eq. 3.15) over definitions.
A definition's text is its own lines, without those of definitions in it, with the names around it and the
words of its path. Identifiers count whole and in parts: `parse_header` and `HeaderParser` share two words.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log

from coder.context.best_places import Place
from coder.context.definition_facts import Facts
from coder.context.quoting import Range, depth_of

_K1, _B = 1.2, 0.75
_NAME_COUNTS = 3
"""The words of a definition's name count so often."""
_MOST_FILES = 150
"""Files whose definitions are compared; in a larger tree, those that share the rarest words with the task."""
_CLOSE = 0.45
"""Share of the best score that a definition needs, to be one of the best."""
_MOST_LINES, _MOST_AROUND = 100, 60
"""Of a definition that is shown, and of one that is shown for a place in it."""
_MOST_OF_A_TABLE = 12
"""Lines above a definition that are the end of a decorator too long to be shown."""
_MOST_VALUES, _MOST_OF_A_VALUE = 8, 6
"""Values that shown definitions of a file use, and lines of one."""
_WORD = re.compile(r"[^\W\d]\w*")
_PART = re.compile(r"[^\W\d_A-Z]+|[A-Z]+(?![a-z])|[A-Z][^\W\d_A-Z]*|\d+")
_EMPTY = re.compile(
    r"the|and|for|that|this|with|are|was|not|but|its|has|have|had|you|your|can|should|would|will|when|where|which"
    r"|what|then|than|them|they|there|here|from|into|does|did|use|used|get|set|make|also|only|all|any|some|each"
    r"|other|more|such|like|just|now|one|two|new|old|self|def|class|import|none|true|false|return"
)
"""Words that say nothing of a place in code."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    place: Place
    extent: Range
    words: Counter[str]
    length: int


class _Wanted(dict[str, tuple[str, ...]]):
    """For each identifier the words that it shares with a text."""

    def __init__(self, asked: str) -> None:
        super().__init__()
        self.often = Counter(part for word in _WORD.findall(asked) for part in _parts(word))

    def __missing__(self, identifier: str) -> tuple[str, ...]:
        shared = self[identifier] = tuple(part for part in _parts(identifier) if part in self.often)
        return shared


def best_of(
    asked: str, facts: Mapping[str, Facts], texts: Mapping[str, str]
) -> tuple[dict[Place, Range], list[str]]:
    """The nearest definitions with their lines, and all files that share words with a text; best first."""
    wanted = _Wanted(asked)
    likely = _likely(facts, wanted)
    chunks = [chunk for path in likely for chunk in _chunks(path, texts[path], facts[path], wanted)]
    if not chunks:
        return {}, []
    usual = sum(chunk.length for chunk in chunks) / len(chunks)
    rarity = _rarity([chunk.words for chunk in chunks])
    weights = {word: rarity[word] * _saturated(wanted.often[word], 1.0) for word in rarity}
    scores = [
        sum(weights[word] * _saturated(often, chunk.length / usual) for word, often in chunk.words.items())
        for chunk in chunks
    ]
    order = sorted(zip(scores, chunks, strict=True), key=lambda pair: (-pair[0], pair[1].place.path))
    order = [(score, one) for score, one in order if score > 0]
    best = {one.place: one.extent for score, one in order if score >= order[0][0] * _CLOSE}
    return best, list(dict.fromkeys(one.place.path for _, one in order))


def _saturated(often: int, length: float) -> float:
    """How much it counts that a word stands so often in a text; the usual length is 1."""
    return often * (_K1 + 1) / (often + _K1 * (1 - _B + _B * length))


def _rarity(found: Sequence[Counter[str]]) -> dict[str, float]:
    """How telling each word is: the fewer texts have it, the more."""
    holders = Counter(word for words in found for word in words)
    return {word: log(1 + (len(found) - count + 0.5) / (count + 0.5)) for word, count in holders.items()}


def _likely(facts: Mapping[str, Facts], wanted: _Wanted) -> list[str]:
    """The files that are worth a closer look."""
    if len(facts) <= _MOST_FILES:
        return sorted(facts)
    found = {
        path: Counter(part for word in one.words.split() for part in wanted[word])
        for path, one in facts.items()
    }
    rarity = _rarity(list(found.values()))
    scores = {path: sum(rarity[word] for word in words) for path, words in found.items()}
    return sorted(facts, key=lambda path: (-scores[path], path))[:_MOST_FILES]


@dataclass(frozen=True, slots=True)
class Span:
    """One definition, or what stands above the first."""

    name: str
    line: int
    depth: int
    after: int
    """Line of the next definition, which may be inside of this one."""
    extent: Range
    """All of it, as far as it is shown."""


def spans(lines: list[str], facts: Facts) -> list[Span]:
    """The definitions of one file, and what stands above the first, without a name."""
    starts = [(line, name) for name, line in facts.definitions() if line <= len(lines)]
    if lines and (not starts or starts[0][0] > 1):
        starts.insert(0, (1, ""))
    depths = [depth_of(lines[line - 1]) for line, _ in starts]
    found: list[Span] = []
    for i, (line, name) in enumerate(starts):
        after = starts[i + 1][0] if i + 1 < len(starts) else len(lines) + 1
        beside = (starts[j][0] for j in range(i + 1, len(starts)) if depths[j] <= depths[i])
        end = next(beside, len(lines) + 1) if name else after
        found.append(Span(name, line, depths[i], after, _extent(lines, line, end)))
    return found


def extent_of(line: int, lines: list[str], facts: Facts) -> Range | None:
    """The lines of the outermost definition around a line that isn't long; None where there is none.

    Of a long class that begins in the line itself, what stands above its first method.
    """
    around = [span for span in spans(lines, facts) if span.name and span.extent[0] <= line <= span.extent[1]]
    for span in around:
        if span.extent[1] - span.extent[0] < _MOST_AROUND:
            return span.extent
    for span in around[-1:]:
        return span.extent[0], max(span.line, min(span.extent[1], span.after - 1))
    return None


def values_used(shown: Iterable[Range], lines: list[str], facts: Facts) -> list[Range]:
    """The lines of the file's own constants, such as tables and patterns, that ranges of its lines use."""
    shown = list(shown)
    used = {word for first, last in shown for word in _WORD.findall("\n".join(lines[first - 1 : last]))}
    found = []
    for name, line in facts.definitions():
        is_shown = any(first <= line <= last for first, last in shown)
        if name in used and not is_shown and lines[line - 1 : line] and lines[line - 1].startswith(name):
            last = line
            while last < min(len(lines), line + _MOST_OF_A_VALUE - 1) and _goes_on(lines[last]):
                last += 1
            found.append((line, last))
    return found[:_MOST_VALUES]


def _goes_on(line: str) -> bool:
    return line.startswith((" ", "\t", ")", "]", "}"))


def _chunks(path: str, text: str, facts: Facts, wanted: _Wanted) -> Iterator[_Chunk]:
    """The definitions of one file with their words."""
    lines = text.splitlines()
    around: list[tuple[int, str]] = []
    for span in spans(lines, facts):
        around = [outer for outer in around if outer[0] < span.depth]
        names = [span.name, *(outer for _, outer in around)]
        around.append((span.depth, span.name))
        own = _WORD.findall("\n".join(lines[span.line - 1 : span.after - 1])) + _WORD.findall(path)
        own += names * _NAME_COUNTS
        words = Counter(part for word in own for part in wanted[word])
        yield _Chunk(Place(path, span.line), span.extent, words, len(own))


def _extent(lines: list[str], line: int, after: int) -> Range:
    """A definition with its decorators, without what belongs to the next one."""
    first, depth = line, depth_of(lines[line - 1])
    for n in range(line - 1, max(0, line - _MOST_AROUND), -1):  # a longer table would leave no room for it
        above = lines[n - 1]
        if depth_of(above) <= depth and above.lstrip().startswith("@"):
            first = n
        elif not (depth_of(above) > depth or above.lstrip().startswith((")", "]", "}"))):
            break  # else it may be the table of a decorator
    else:
        if line > _MOST_AROUND:
            first = min(first, line - _MOST_OF_A_TABLE)
    decorators = (n for n in range(line + 1, after) if lines[n - 1].lstrip().startswith("@"))
    beside = (n for n in decorators if depth_of(lines[n - 1]) <= depth)
    last = next(beside, after) - 1
    while last > line and not lines[last - 1].strip():
        last -= 1
    return first, min(last, first + _MOST_LINES - 1)


def _parts(identifier: str) -> tuple[str, ...]:
    """An identifier's words without their plural, and the whole, where that has several or an underscore."""
    parts = [part.lower() for part in _PART.findall(identifier)]
    words = [p[:-1] if len(p) > 3 and p.endswith("s") and p[-2] != "s" else p for p in parts]
    whole = [identifier.lower()] if len(parts) > 1 or identifier.startswith("_") else []
    return tuple(w for w in (*words, *whole) if len(w) > 1 and not _EMPTY.fullmatch(w))
