"""Select among candidates by what they do: given checks filter, then the largest cluster wins.

Chen et al. 2022, "CodeT", and Li et al. 2022, "AlphaCode", choose alike. Of clusters that weigh the same, the
one that agrees with most others input by input wins, then the earliest. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from coder.sampling.behaviour import FAILED


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer, with what is known of it."""

    passed: bool
    """All checks or examples of the task."""
    checks: int
    """How many of those it passed."""
    sane: bool = True
    """By reading, it could be what was asked for."""
    votes: int = 1
    """How often this very answer was given."""
    behaviour: tuple[str, ...] = ()
    """What it returns for each input; empty where that is unknown."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen candidate, and the clusters that it was chosen among."""

    index: int
    clusters: tuple[tuple[int, ...], ...]
    """Candidates with the same behaviour, of those that passed the filter; the chosen one's first."""


def choose(candidates: Sequence[Candidate]) -> Choice:
    """The candidate to take.

    Raises:
        ValueError: there are none.
    """
    best = max(map(_rank, candidates))
    left = [i for i, one in enumerate(candidates) if _rank(one) == best]
    clusters: dict[tuple[str, ...], list[int]] = {}
    for i in left:
        clusters.setdefault(candidates[i].behaviour or (str(i),), []).append(i)

    def weight(members: list[int]) -> tuple[bool, bool, int, int, int, int]:
        first = candidates[members[0]]
        gives = [given for given in first.behaviour if not given.startswith(FAILED) and given != "None"]
        votes = sum(candidates[i].votes for i in members)
        agreement = _agreement(first, [candidates[i] for i in left])
        # Answers that always fail, or return one constant, form clusters without being right.
        return bool(gives), len(set(gives)) > 1, votes, len(gives), agreement, -members[0]

    ordered = sorted(clusters.values(), key=weight, reverse=True)
    return Choice(ordered[0][0], tuple(map(tuple, ordered)))


def _rank(one: Candidate) -> tuple[bool, int, bool]:
    return one.passed, one.checks, one.sane


def _agreement(one: Candidate, every: Sequence[Candidate]) -> int:
    """How often all of them return what this one returns, input by input.

    Shi et al. 2022, "Natural Language to Code Translation with Execution" (MBR-EXEC), choose by that alone.
    """
    found = 0
    for other in every:
        both = zip(one.behaviour, other.behaviour, strict=False)
        found += other.votes * sum(a == b and not a.startswith(FAILED) for a, b in both)
    return found
