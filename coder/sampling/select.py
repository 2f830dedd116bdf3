"""Choosing among candidates by what they do: visible tests filter, then the largest cluster wins.

Chen et al. 2022, "CodeT", and Li et al. 2022, "AlphaCode", choose alike. Clusters that weigh the same, and
the members of the winning one, are told apart by further inputs: of these finer clusters the largest wins,
then the one that agrees with most others input by input, then the earliest. Pure: the same candidates give
the same choice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coder.sampling.behaviour import FAILED

_Groups = list[list[int]]
"""Indices of candidates, of each cluster in their order."""


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
    further: tuple[str, ...] = ()
    """What it gives for more inputs, which were made to tell those at the top apart."""


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
    left = _best(candidates)
    tied, others = _clusters(candidates, left)
    finer: dict[tuple[str, ...], list[int]] = {}
    for i in sorted(i for members in tied for i in members):
        finer.setdefault(_behaviour(candidates, i) + candidates[i].further, []).append(i)

    def weight(members: list[int]) -> tuple[int, int, int, int]:
        votes = sum(map(_votes, (candidates[i] for i in members)))
        first = candidates[members[0]]
        agreement = _agreement(first, [candidates[i] for i in left])
        return votes, len(_given(first)), agreement, -members[0]

    ordered = [*sorted(finer.values(), key=weight, reverse=True), *others]
    return Choice(ordered[0][0], tuple(map(tuple, ordered)))


def undecided(candidates: Sequence[Candidate]) -> list[int]:
    """Those that further inputs should be tried on, the ones to choose from first.

    None where only one candidate is left to choose.

    Raises:
        ValueError: there are no candidates.
    """
    tied, others = _clusters(candidates, _best(candidates))
    first = sorted(i for members in tied for i in members)
    return [*first, *(i for members in others for i in members)] if len(first) > 1 else []


def _best(candidates: Sequence[Candidate]) -> list[int]:
    """Those that no other one is better than, as far as the task and reading tell."""
    best = max(map(_rank, candidates))
    return [i for i, one in enumerate(candidates) if _rank(one) == best]


def _rank(one: Candidate) -> tuple[bool, int, bool]:
    return one.passed, one.checks, one.sane


def _clusters(candidates: Sequence[Candidate], left: Sequence[int]) -> tuple[_Groups, _Groups]:
    """Candidates by what they do: the clusters of which none is before another, and the others in order."""
    clusters: dict[tuple[str, ...], list[int]] = {}
    for i in left:
        clusters.setdefault(_behaviour(candidates, i), []).append(i)

    def weight(members: list[int]) -> tuple[bool, bool, int]:
        gives = _given(candidates[members[0]])
        votes = sum(map(_votes, (candidates[i] for i in members)))
        # What fails always, or says the same to everything, gathers in clusters without being right.
        return bool(gives), len(set(gives)) > 1, votes

    ordered = sorted(clusters.values(), key=weight, reverse=True)
    tied = [members for members in ordered if weight(members) == weight(ordered[0])]
    return tied, ordered[len(tied) :]


def _behaviour(candidates: Sequence[Candidate], i: int) -> tuple[str, ...]:
    """What it does; that of one that nothing is known of is like no other's."""
    return candidates[i].behaviour or (str(i),)


def _given(one: Candidate) -> list[str]:
    return [given for given in one.behaviour if not given.startswith(FAILED) and given != "None"]


def _votes(one: Candidate) -> int:
    return one.votes + one.weak_votes


def _agreement(one: Candidate, every: Sequence[Candidate]) -> int:
    """How often all of them give what this one gives, input by input: it parts clusters of the same size.

    Shi et al. 2022, "Natural Language to Code Translation with Execution" (MBR-EXEC), choose by that alone.
    """
    return sum(
        other.votes * sum(a == b and not a.startswith(FAILED) for a, b in _both(one, other))
        for other in every
    )


def _both(one: Candidate, other: Candidate) -> Iterator[tuple[str, str]]:
    yield from zip(one.behaviour, other.behaviour, strict=False)
    yield from zip(one.further, other.further, strict=False)
