"""Which definitions matter most for a task: a walk along references, begun at the files that are named.

A reference is a name that stands in one file and is defined in another. The weight of a file goes on, in
equal parts but for how telling a name is, to the files that define what it uses, and 15 % less in each step:
the first steps of the sum that is personalised PageRank (L. Page and others 1999, sections 2.6 and 6). Only
the heaviest files of each step go on, so that the walk costs the same in a large tree as in a small one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import sqrt

from coder.context.definition_facts import Definers, Facts

MOST_DEFINERS = 8
"""Files that define one name; one that stands in more says nothing of where it comes from."""
_DAMPING = 0.85
_STEPS = 4
_MOST_AT_A_STEP = 80
"""Files that a step goes on from; as many begin it beside the named ones, evenly chosen."""
_ELSEWHERE = 0.1
"""Share of the weight that those begin with."""
_MENTIONED = 10.0
_PRIVATE = 0.1
_PLAIN_WORD = 0.05
"""`read` or `name` may be anyone's; `read_workspace` and `Reader` are somebody's."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """One definition and how much it matters."""

    path: str
    name: str
    line: int
    """Begins at 1."""
    score: float


def ranked(
    facts: Mapping[str, Facts],
    definers: Definers,
    *,
    seeds: Mapping[str, float],
    mentioned: Collection[str] = (),
) -> list[Ranked]:
    """Every definition that another file refers to, or that is mentioned; the most important first.

    Args:
        definers: of the same files.
        seeds: weight of each file that the task is about.
        mentioned: names that the task speaks of.
    """
    places = {
        name: at for name, at in definers.items() if len(at) <= MOST_DEFINERS and not name.startswith("__")
    }
    weights = {name: _weight(name, len(places[name]), True) for name in places.keys() & set(mentioned)}
    # What is mentioned is on the map even where nobody uses it.
    scores = dict.fromkeys(weights, 1.0 / max(1, len(facts)))
    mass = _start(sorted(facts), seeds)
    for _ in range(_STEPS):
        reached: dict[str, float] = {}
        for path in sorted(mass, key=lambda path: (-mass[path], path))[:_MOST_AT_A_STEP]:
            used = _used(path, facts[path], places)
            for name in used:
                if name not in weights:
                    weights[name] = _weight(name, len(places[name]), False)
            total = sum(weights[name] for name in used)
            for name in used:
                given = mass[path] * weights[name] / total
                scores[name] = scores.get(name, 0.0) + given
                for other in places[name]:
                    reached[other] = reached.get(other, 0.0) + _DAMPING * given / len(places[name])
        mass = reached
    found = [
        Ranked(path, name, line, score)
        for name, score in scores.items()
        for path, line in places[name].items()
    ]
    return sorted(found, key=lambda one: (-one.score, one.path, one.line))


def _start(paths: list[str], seeds: Mapping[str, float]) -> dict[str, float]:
    """The weight that each file begins with; it adds up to 1."""
    every = max(1, len(paths) // _MOST_AT_A_STEP)
    even = dict.fromkeys(paths[::every], 1.0)
    named = {path: seeds[path] for path in paths if seeds.get(path)}
    parts = [(even, _ELSEWHERE if named else 1.0), (named, 1.0 - _ELSEWHERE)]
    start: dict[str, float] = {}
    for weights, share in parts:
        for path, weight in weights.items():
            start[path] = start.get(path, 0.0) + share * weight / sum(weights.values())
    return start


def _used(path: str, facts: Facts, places: Definers) -> list[str]:
    """Names of other files that one file uses. What it defines itself, it means itself.

    Sorted: floats are added in one order, so that the same tree has the same map.
    """
    return sorted(name for name in places.keys() & set(facts.words.split()) if path not in places[name])


def _weight(name: str, definers: int, is_mentioned: bool) -> float:
    weight = 1.0 / sqrt(definers)
    if is_mentioned:
        return weight * _MENTIONED
    if name.islower() and "_" not in name.strip("_"):
        weight *= _PLAIN_WORD
    return weight * _PRIVATE if name.startswith("_") else weight
