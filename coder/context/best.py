"""Find the best places: the functions whose words are most similar to a task's words.

BM25 (S. Robertson and H. Zaragoza 2009, "The Probabilistic Relevance Framework", eq. 3.15) over definitions.
A definition's text consists of its lines, without inner definitions and long docstrings, the names of outer
definitions, and the words of its path. Identifiers count whole and in parts: `parse_header` and
`HeaderParser` share two words. Definitions that are shown together, such as methods of a short class, count
together.
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
from coder.context.spans import MAX_LINES, Span, spans

_K1, _B = 1.2, 0.75
_NAME_REPEATS = 3
"""The words of a definition's name are counted this often."""
_CODE_FACTOR = 2.0
"""Weight of words that the task names as code, compared with words in prose."""
_MAX_RARE_NAMES, _MAX_LEADING = 3, 2
"""A word in at most this many names is rare; at most this many definitions with one come first."""
_MAX_FILES = 150
"""Compare definitions of at most this many files, those that share the rarest words with the task."""
_GOOD_SHARE = 0.45
"""A definition is one of the best if it has this share of the best score."""
_REGION_FACTOR = 0.5
"""Each further place of a region adds to its score with this factor, to the power of its rank."""
_WORD = re.compile(r"[^\W\d]\w*")
_PART = re.compile(r"[^\W\d_A-Z]+|[A-Z]+(?![a-z])|[A-Z][^\W\d_A-Z]*|\d+")
_STOP_WORD = re.compile(
    r"the|and|for|that|this|with|are|was|not|but|its|has|have|had|you|your|can|should|would|will|when|where|which"
    r"|what|then|than|them|they|there|here|from|into|does|did|use|used|get|set|make|also|only|all|any|some|each"
    r"|other|more|such|like|just|now|one|two|new|old|self|def|class|import|none|true|false|return"
    r"|it|is|no|so|to|of|in|on|be|as|at|by|do|if|or|we|an|go|up|my|me|us|too|how|own|must|may|might|same|doe|very"
    r"|look|those|these|their|before|after|without|most|been|being|were|who|why|out|off|over|under|because|instead"
    r"|expected|please|still|since|way|thing"
)
"""Words that are too common to identify a place in code."""


@dataclass(frozen=True, slots=True)
class _Chunk:
    place: QuotedPlace
    region: tuple[str, Range]
    """Path and lines that would be shown for the definition."""
    pointed: frozenset[str]
    """Words of the definition's name that the task points to."""
    words: Counter[str]
    length: int


class _TaskWords(dict[str, tuple[str, ...]]):
    """Words that a text shares with each identifier, computed on access."""

    def __init__(self, text: str, defined: Container[str]) -> None:
        super().__init__()
        self.frequencies = Counter(part for word in _WORD.findall(text) for part in _parts(word))
        code = named_code(text)
        self.pointed = {part for word in code.pointed for part in _parts(word)}
        """Words of names in backticks and of tests."""
        defined_words = (word for word in code.identifiers if word in defined)
        self.code = self.pointed.union(part for word in defined_words for part in _parts(word))
        """`pointed`, and words of other code in the text that is defined in the repository."""
        self.frequencies.update(self.code - self.frequencies.keys())

    def factor(self, word: str) -> float:
        """Return the weight of a word, compared with a word in prose."""
        return _CODE_FACTOR if word in self.code else 1.0

    def __missing__(self, identifier: str) -> tuple[str, ...]:
        shared = self[identifier] = tuple(part for part in _parts(identifier) if part in self.frequencies)
        return shared


@dataclass(frozen=True, slots=True)
class Ranking:
    """Definitions in order of similarity to a text."""

    leading: list[QuotedPlace]
    """Definitions whose name contains a rare word that the text names as code."""
    best: list[QuotedPlace]
    """`leading`, then all definitions with a score close to the best one."""
    places: list[QuotedPlace]
    """All definitions that share words with the text."""
    weights: Mapping[str, float]
    """Weight of each shared word."""
    _wanted: _TaskWords

    def weigh(self, line: str) -> float:
        """Return the weight of a line's words; each word counts once."""
        words = {part for word in _WORD.findall(line) for part in self._wanted[word]}
        return sum(self.weights.get(word, 0.0) for word in words)


def rank(text: str, facts: Mapping[str, DefinitionFacts], texts: Mapping[str, str]) -> Ranking:
    """Rank the definitions of files by the words that they share with a text."""
    task_words = _TaskWords(text, {name for fact in facts.values() for name, _ in fact.definitions()})
    paths = _likely_files(facts, task_words)
    chunks = [chunk for path in paths for chunk in _chunks(path, texts[path], facts[path], task_words)]
    if not chunks:
        return Ranking([], [], [], {}, task_words)
    mean_length = sum(chunk.length for chunk in chunks) / len(chunks)
    rarity = _rarity([chunk.words for chunk in chunks])
    weights = {
        word: rarity[word] * _saturated(task_words.frequencies[word], 1.0) * task_words.factor(word)
        for word in rarity
    }
    scores = [
        sum(
            weights[word] * _saturated(frequency, chunk.length / mean_length)
            for word, frequency in chunk.words.items()
        )
        for chunk in chunks
    ]
    order = sorted(zip(scores, chunks, strict=True), key=lambda pair: (-pair[0], pair[1].place.path))
    order = [(score, chunk) for score, chunk in order if score > 0]
    leading = _leading(order)
    best = list(dict.fromkeys([*leading, *_best_regions(order)]))
    places = list(dict.fromkeys([*leading, *(chunk.place for _, chunk in order)]))
    return Ranking(leading, best, places, weights, task_words)


def _leading(order: Sequence[tuple[float, _Chunk]]) -> list[QuotedPlace]:
    """Return definitions whose names contain a rare word that the task names as code."""
    holders = Counter(word for _, chunk in order for word in chunk.pointed)
    rare_words = {word for word, count in holders.items() if count <= _MAX_RARE_NAMES}
    return [chunk.place for _, chunk in order if chunk.pointed & rare_words][:_MAX_LEADING]


def _best_regions(order: Sequence[tuple[float, _Chunk]]) -> list[QuotedPlace]:
    """Return the best place of each region, in order of the regions' scores."""
    regions: dict[tuple[str, Range], list[tuple[float, QuotedPlace]]] = {}
    for score, chunk in order:
        regions.setdefault(chunk.region, []).append((score, chunk.place))
    sums = {
        members[0][1]: sum(score * _REGION_FACTOR**exponent for exponent, (score, _) in enumerate(members))
        for members in regions.values()
    }
    best = max(sums.values(), default=0)
    return sorted(
        (place for place, score in sums.items() if score >= best * _GOOD_SHARE),
        key=lambda place: -sums[place],
    )


def _saturated(frequency: int, length: float) -> float:
    """Return the BM25 weight of a word's frequency in a text; `length` is relative to the usual length."""
    return frequency * (_K1 + 1) / (frequency + _K1 * (1 - _B + _B * length))


def _rarity(counts: Sequence[Counter[str]]) -> dict[str, float]:
    """Return the weight of each word, which is higher the fewer texts contain it."""
    holders = Counter(word for words in counts for word in words)
    return {word: log(1 + (len(counts) - count + 0.5) / (count + 0.5)) for word, count in holders.items()}


def _likely_files(facts: Mapping[str, DefinitionFacts], task_words: _TaskWords) -> list[str]:
    """Return the files that share the rarest words with the task."""
    if len(facts) <= _MAX_FILES:
        return sorted(facts)
    counts = {
        path: Counter(part for word in fact.words.split() for part in task_words[word])
        for path, fact in facts.items()
    }
    rarity = _rarity(list(counts.values()))
    scores = {path: sum(rarity[word] for word in words) for path, words in counts.items()}
    return sorted(facts, key=lambda path: (-scores[path], path))[:_MAX_FILES]


def _chunks(path: str, text: str, facts: DefinitionFacts, task_words: _TaskWords) -> Iterator[_Chunk]:
    """Yield the definitions of one file with their words."""
    lines = text.splitlines()
    outer_spans: list[Span] = []
    for span in spans(lines, facts):
        outer_spans = [outer for outer in outer_spans if outer.depth < span.depth]
        names = [span.name, *(outer.name for outer in outer_spans)]
        outer_spans.append(span)
        definition_words = _WORD.findall(
            without_docstrings(lines, span.line, span.after - 1)
        ) + _WORD.findall(path)
        definition_words += names * _NAME_REPEATS
        words = Counter(part for word in definition_words for part in task_words[word])
        enclosing = next((outer for outer in outer_spans if outer.name and outer.length <= MAX_LINES), span)
        pointed_words = task_words.pointed.intersection(task_words[span.name])
        yield _Chunk(
            QuotedPlace(path, span.line),
            (path, enclosing.extent),
            frozenset(pointed_words),
            words,
            len(definition_words),
        )


def _parts(identifier: str) -> tuple[str, ...]:
    """Return an identifier's words without plural, and the whole if it has several parts or an underscore."""
    parts = [part.lower() for part in _PART.findall(identifier)]
    words = [p[:-1] if len(p) > 3 and p.endswith("s") and p[-2] != "s" else p for p in parts]
    whole_identifier = [identifier.lower()] if len(parts) > 1 or identifier.startswith("_") else []
    return tuple(
        word for word in (*words, *whole_identifier) if len(word) > 1 and not _STOP_WORD.fullmatch(word)
    )
