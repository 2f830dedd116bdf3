"""Choosing among candidates by what they do: visible tests filter, then the largest cluster wins.

Chen et al. 2022, "CodeT", and Li et al. 2022, "AlphaCode", choose alike. Pure: the same candidates give the
same choice.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from coder.behaviour import FAILED


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer, with what is known of it."""

    passed: bool
    """All that the task gave to check it by."""
    checks: int
    """How many of those it passed."""
    sane: bool = True
    """It could be what was asked for, as far as reading it tells."""
    votes: int = 1
    """How often this very answer was given."""
    weak_votes: int = 0
    """Generated tests that it passes."""
    behaviour: tuple[str, ...] = ()
    """What it gives for each of the inputs that all were tried on."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which candidate, and out of how many that did how much."""

    index: int
    clusters: tuple[tuple[int, ...], ...]
    """Candidates that did the same, of those that passed the filter; the chosen one's first."""


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
        votes = sum(candidates[i].votes + candidates[i].weak_votes for i in members)
        agreement = _agreement(first, [candidates[i] for i in left])
        # What fails always, or says the same to everything, gathers in clusters without being right.
        return bool(gives), len(set(gives)) > 1, votes, len(gives), agreement, -members[0]

    ordered = sorted(clusters.values(), key=weight, reverse=True)
    return Choice(ordered[0][0], tuple(map(tuple, ordered)))


def _rank(one: Candidate) -> tuple[bool, int, bool]:
    return one.passed, one.checks, one.sane


def _agreement(one: Candidate, others: Sequence[Candidate]) -> int:
    """How often others give what this one gives, input by input: it parts clusters of the same size."""
    return sum(
        other.votes * sum(a == b for a, b in zip(one.behaviour, other.behaviour, strict=False))
        for other in others
        if other is not one
    )
