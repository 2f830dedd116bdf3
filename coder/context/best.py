"""Best places: the functions whose words are nearest to those of a task.

BM25 (S. Robertson and H. Zaragoza 2009, "The Probabilistic Relevance Framework", eq. 3.15) over definitions.
A definition's text is its own lines, without those of definitions in it and without long docstrings, with the
names around it and the words of its path. Identifiers count whole and in parts: `parse_header` and
`HeaderParser` share two words. Definitions that are shown together, such as the methods of a short class,
count together.
"""

import re
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log

from coder.context.best_places import QuotedPlace
from coder.context.definition_facts import DefinitionFacts
from coder.context.docstrings import without_docstrings
from coder.context.named_code import named_code
from coder.context.quoting import Range
from coder.context.spans import MOST_LINES, Span, spans

_K1, _B = 1.2, 0.75
_NAME_COUNTS = 3
"""The words of a definition's name count so often."""
_CODE_COUNTS = 2.0
"""Weight of words that the task names as code, compared with those of its prose."""
_RARE, _MOST_LEADING = 3, 2
"""Definitions whose names hold a rare word, and how many of them come before all others."""
_MOST_FILES = 150
"""Files whose definitions are compared; in a larger tree, those that share the rarest words with the task."""
_CLOSE = 0.45
"""Share of the best score that a definition needs, to be one of the best."""
_FURTHER = 0.5
"""What each further place of a region adds to it, as a share of what the one before added."""
_WORD = re.compile(r"[^\W\d]\w*")
_PART = re.compile(r"[^\W\d_A-Z]+|[A-Z]+(?![a-z])|[A-Z][^\W\d_A-Z]*|\d+")
_EMPTY = re.compile(
    r"the|and|for|that|this|with|are|was|not|but|its|has|have|had|you|your|can|should|would|will|when|where|which"
    r"|what|then|than|them|they|there|here|from|into|does|did|use|used|get|set|make|also|only|all|any|some|each"
    r"|other|more|such|like|just|now|one|two|new|old|self|def|class|import|none|true|false|return"
    r"|it|is|no|so|to|of|in|on|be|as|at|by|do|if|or|we|an|go|up|my|me|us|too|how|own|must|may|might|same|doe|very"
    r"|look|those|these|their|before|after|without|most|been|being|were|who|why|out|off|over|under|because|instead"
    r"|expected|please|still|since|way|thing"
)
"""Words that say nothing of a place in code."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    place: QuotedPlace
    region: tuple[str, Range]
    """Path and lines of what is shown for it."""
    pointed: frozenset[str]
    """Words of the definition's name that the task points to."""
    words: Counter[str]
    length: int


class _Wanted(dict[str, tuple[str, ...]]):
    """For each identifier the words that it shares with a text."""

    def __init__(self, text: str, defined: Container[str]) -> None:
        super().__init__()
        self.often = Counter(part for word in _WORD.findall(text) for part in _parts(word))
        code = named_code(text)
        self.pointed = {part for word in code.pointed for part in _parts(word)}
        """Words of names in backticks and of tests."""
        defined_words = (word for word in code.identifiers if word in defined)
        self.code = self.pointed.union(part for word in defined_words for part in _parts(word))
        """`pointed`, and words of defined names in the text's other code."""
        self.often.update(self.code - self.often.keys())

    def factor(self, word: str) -> float:
        """How much a word counts more than one of prose."""
        return _CODE_COUNTS if word in self.code else 1.0

    def __missing__(self, identifier: str) -> tuple[str, ...]:
        shared = self[identifier] = tuple(part for part in _parts(identifier) if part in self.often)
        return shared


@dataclass(frozen=True, slots=True)
class Ranking:
    """Definitions by how near they are to a text, the nearest first."""

    leading: list[QuotedPlace]
    """Those whose name holds a rare word that the text names as code."""
    best: list[QuotedPlace]
    """Those, and then all whose score is close to the best one."""
    places: list[QuotedPlace]
    """All that share words with the text."""
    weights: Mapping[str, float]
    """How telling each shared word is."""
    _wanted: _Wanted

    def weigh(self, line: str) -> float:
        """How telling the words of a line are; each word counts once."""
        words = {part for word in _WORD.findall(line) for part in self._wanted[word]}
        return sum(self.weights.get(word, 0.0) for word in words)


def rank(text: str, facts: Mapping[str, DefinitionFacts], texts: Mapping[str, str]) -> Ranking:
    """Rank the definitions of files by the words they share with a text."""
    wanted = _Wanted(text, {name for one in facts.values() for name, _ in one.definitions()})
    likely = _likely(facts, wanted)
    chunks = [chunk for path in likely for chunk in _chunks(path, texts[path], facts[path], wanted)]
    if not chunks:
        return Ranking([], [], [], {}, wanted)
    usual = sum(chunk.length for chunk in chunks) / len(chunks)
    rarity = _rarity([chunk.words for chunk in chunks])
    weights = {
        word: rarity[word] * _saturated(wanted.often[word], 1.0) * wanted.factor(word) for word in rarity
    }
    scores = [
        sum(weights[word] * _saturated(often, chunk.length / usual) for word, often in chunk.words.items())
        for chunk in chunks
    ]
    order = sorted(zip(scores, chunks, strict=True), key=lambda pair: (-pair[0], pair[1].place.path))
    order = [(score, one) for score, one in order if score > 0]
    leading = _leading(order)
    best = list(dict.fromkeys([*leading, *_best_regions(order)]))
    places = list(dict.fromkeys([*leading, *(one.place for _, one in order)]))
    return Ranking(leading, best, places, weights, wanted)


def _leading(order: Sequence[tuple[float, _Chunk]]) -> list[QuotedPlace]:
    """Definitions whose names hold a rare word that the task names as code."""
    holders = Counter(word for _, one in order for word in one.pointed)
    rare = {word for word, count in holders.items() if count <= _RARE}
    return [one.place for _, one in order if one.pointed & rare][:_MOST_LEADING]


def _best_regions(order: Sequence[tuple[float, _Chunk]]) -> list[QuotedPlace]:
    """The best place of each region, those regions first that have the most good places."""
    regions: dict[tuple[str, Range], list[tuple[float, QuotedPlace]]] = {}
    for score, chunk in order:
        regions.setdefault(chunk.region, []).append((score, chunk.place))
    sums = {
        members[0][1]: sum(score * _FURTHER**n for n, (score, _) in enumerate(members))
        for members in regions.values()
    }
    best = max(sums.values(), default=0)
    return sorted(
        (place for place, score in sums.items() if score >= best * _CLOSE), key=lambda place: -sums[place]
    )


def _saturated(often: int, length: float) -> float:
    """How much it counts that a word stands so often in a text; the usual length is 1."""
    return often * (_K1 + 1) / (often + _K1 * (1 - _B + _B * length))


def _rarity(counts: Sequence[Counter[str]]) -> dict[str, float]:
    """Weight of each word: the fewer texts hold it, the higher."""
    holders = Counter(word for words in counts for word in words)
    return {word: log(1 + (len(counts) - count + 0.5) / (count + 0.5)) for word, count in holders.items()}


def _likely(facts: Mapping[str, DefinitionFacts], wanted: _Wanted) -> list[str]:
    """Files that share the rarest words with the task."""
    if len(facts) <= _MOST_FILES:
        return sorted(facts)
    counts = {
        path: Counter(part for word in one.words.split() for part in wanted[word])
        for path, one in facts.items()
    }
    rarity = _rarity(list(counts.values()))
    scores = {path: sum(rarity[word] for word in words) for path, words in counts.items()}
    return sorted(facts, key=lambda path: (-scores[path], path))[:_MOST_FILES]


def _chunks(path: str, text: str, facts: DefinitionFacts, wanted: _Wanted) -> Iterator[_Chunk]:
    """The definitions of one file with their words."""
    lines = text.splitlines()
    around: list[Span] = []
    for span in spans(lines, facts):
        around = [outer for outer in around if outer.depth < span.depth]
        names = [span.name, *(outer.name for outer in around)]
        around.append(span)
        own = _WORD.findall(without_docstrings(lines, span.line, span.after - 1)) + _WORD.findall(path)
        own += names * _NAME_COUNTS
        words = Counter(part for word in own for part in wanted[word])
        enclosing = next((outer for outer in around if outer.name and outer.length <= MOST_LINES), span)
        pointed = wanted.pointed.intersection(wanted[span.name])
        yield _Chunk(
            QuotedPlace(path, span.line), (path, enclosing.extent), frozenset(pointed), words, len(own)
        )


def _parts(identifier: str) -> tuple[str, ...]:
    """An identifier's words without their plural, and the whole, where that has several or an underscore."""
    parts = [part.lower() for part in _PART.findall(identifier)]
    words = [p[:-1] if len(p) > 3 and p.endswith("s") and p[-2] != "s" else p for p in parts]
    whole = [identifier.lower()] if len(parts) > 1 or identifier.startswith("_") else []
    return tuple(w for w in (*words, *whole) if len(w) > 1 and not _EMPTY.fullmatch(w))
