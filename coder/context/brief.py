"""Brief: what a model that can look for itself is shown: places, what belongs to them, few files whole."""

from collections.abc import Collection
from dataclasses import dataclass

from coder.context.beside import Beside, short
from coder.context.best import Best
from coder.context.best_places import Place
from coder.context.excerpts import Range
from coder.context.shown_files import ShownFiles

_OF_NAMED, _OF_BEST, _OF_TEST = 0.4, 0.25, 0.1
"""Share of the budget that one file may take whole: a named one, one of the best, a named test."""
_MOST_WHOLE = 2
"""Of the best files."""
_MOST_PLACES, _MOST_TESTS = 10, 2
"""With the task's words."""
_BESIDE = 4
"""Places whose helpers and tests are shown."""


@dataclass(frozen=True, slots=True)
class About:
    """What a task is about, the most telling first."""

    named: list[Place]
    near: list[Place]
    """Files that the named tests import."""
    used: dict[Place, Range]
    """Definitions that the named tests use."""
    best: Best
    """Those with the task's words."""


def show_best(
    shown: ShownFiles, about: About, beside: Beside, *, tests: Best, paths: Collection[str]
) -> None:
    """Show the best places, the functions that they call, and tests of them.

    Args:
        tests: those with the task's words.
        paths: of all tests.
    """
    likely = about.best.near_the_best()[:_MOST_PLACES]
    telling = list(dict.fromkeys([*about.used, *about.named, *likely]))[:_BESIDE]
    more = beside.helpers(telling) | beside.tests(telling, paths)
    more |= {place: short(tests.places[place]) for place in tests.near_the_best()[:_MOST_TESTS]}
    best = dict.fromkeys(place.path for place in (*about.near[:1], *likely))
    whole = dict.fromkeys(list(best)[:_MOST_WHOLE], _OF_BEST)
    whole |= {place.path: _OF_TEST if place.path in paths else _OF_NAMED for place in about.named}
    first = [*about.named, *about.used, *about.near[:1], *likely[:_BESIDE]]
    shown.add(
        [*first, *more, *likely[_BESIDE:]],
        extents=more | beside.definitions([*about.named, *about.used, *likely]),
        share=_OF_NAMED,
        whole=whole,
    )
