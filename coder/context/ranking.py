"""Which definitions matter most for a task: PageRank over who refers to whom, begun at the named files.

A reference is a name that stands in one file and is defined in another. The walk goes from a file to those
that define what it names, and starts again, with a chance of 15 %, at the files that the task is about
(L. Page and others 1999, "The PageRank Citation Ranking", sections 2.6 and 6: personalised).
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import sqrt

from coder.context.facts import Facts

MOST_DEFINERS = 8
"""Files that define one name; one that stands in more says nothing of where it comes from."""
_DAMPING = 0.85
_ROUNDS = 12
_ELSEWHERE = 0.1
"""Share of the new starts that go to all files alike, so that no file is without rank."""
_MENTIONED = 10.0
_PRIVATE = 0.1
_PLAIN_WORD = 0.05
"""`read` or `name` may be anyone's; `read_workspace` and `Reader` are somebody's."""

Links = list[dict[int, float]]
"""For each file: weight of its references by the file that they go to."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One definition and how much it matters."""

    path: str
    name: str
    line: int
    """Begins at 1."""
    score: float


def ranked(
    facts: Mapping[str, Facts], *, seeds: Mapping[str, float], mentioned: Collection[str] = ()
) -> list[Ranked]:
    """Every definition that another file refers to, or that is mentioned; the most important first.

    Args:
        seeds: weight of each file that the task is about.
        mentioned: names that the task speaks of.
    """
    paths = sorted(facts)
    places = _places(paths, facts)
    weights = {name: _weight(name, len(at), name in mentioned) for name, at in places.items()}
    names = [_used(i, facts[path], places) for i, path in enumerate(paths)]
    links = _links(names, places, weights)
    rank = _page_rank(links, [seeds.get(path, 0.0) for path in paths])
    scores: defaultdict[tuple[int, str], float] = defaultdict(float)
    for i, used in enumerate(names):
        share = rank[i] / sum(links[i].values()) if links[i] else 0.0
        for name in used:
            for j in places[name]:
                scores[j, name] += share * weights[name]
    for name in places.keys() & set(mentioned):
        for j in places[name]:
            scores[j, name] += rank[j]
    found = [Ranked(paths[j], name, places[name][j], score) for (j, name), score in scores.items()]
    return sorted(found, key=lambda one: (-one.score, one.path, one.line))


def _places(paths: list[str], facts: Mapping[str, Facts]) -> dict[str, dict[int, int]]:
    """For each name that few files define: the number of the file → the first line that does."""
    places: dict[str, dict[int, int]] = {}
    for i, path in enumerate(paths):
        for name, line in facts[path].definitions():
            places.setdefault(name, {}).setdefault(i, line)
    return {name: at for name, at in places.items() if len(at) <= MOST_DEFINERS and not name.startswith("__")}


def _used(i: int, facts: Facts, places: Mapping[str, Mapping[int, int]]) -> list[str]:
    """Names of other files that one file uses. What it defines itself, it means itself.

    Sorted: floats are added in one order, so that the same tree has the same map.
    """
    return sorted(name for name in places.keys() & set(facts.words.split()) if i not in places[name])


def _weight(name: str, definers: int, is_mentioned: bool) -> float:
    weight = 1.0 / sqrt(definers)
    if is_mentioned:
        return weight * _MENTIONED
    if name.islower() and "_" not in name.strip("_"):
        weight *= _PLAIN_WORD
    return weight * _PRIVATE if name.startswith("_") else weight


def _links(
    names: list[list[str]], places: Mapping[str, Mapping[int, int]], weights: Mapping[str, float]
) -> Links:
    links: Links = []
    for used in names:
        out: dict[int, float] = {}
        for name in used:
            weight = weights[name]
            for j in places[name]:
                out[j] = out.get(j, 0.0) + weight
        links.append(out)
    return links


def _page_rank(links: Links, wanted: list[float]) -> list[float]:
    """The rank of each file; they add up to 1."""
    count, total = len(links), sum(wanted)
    everywhere = 1.0 / max(count, 1)
    start = [
        _ELSEWHERE * everywhere + (1 - _ELSEWHERE) * (want / total if total else everywhere)
        for want in wanted
    ]
    shares = [[(j, weight / sum(out.values())) for j, weight in out.items()] if out else [] for out in links]
    rank = start
    for _ in range(_ROUNDS):
        reached = [0.0] * count
        for i, targets in enumerate(shares):
            given = rank[i]
            for j, share in targets:
                reached[j] += given * share
        lost = 1.0 - sum(reached)  # of files that refer to nothing: they too start again
        back = [_DAMPING * r for r in reached]
        spare = (1 - _DAMPING) + _DAMPING * lost
        rank = [b + spare * s for b, s in zip(back, start, strict=True)]
    return rank
