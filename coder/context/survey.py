"""Survey: what is shown of a repository that is too large for one prompt, chosen once for a task.

The best places for the task's words, few files whole, and a small map. The same task and files give the same
survey, so that the first part of every prompt of a run stays the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coder.context.best import best_of, extent_of, values_used
from coder.context.best_places import Place, Places
from coder.context.definition_facts import Facts, definers_of, facts_of
from coder.context.guidance import is_guidance
from coder.context.quoting import Range, tokens
from coder.context.repo_map import repo_map
from coder.context.shown_files import show_files
from coder.run.target import Target, is_test
from coder.source.python_names import imported_modules

_SHARE_OF_MAP = 8
"""The map may take one in so many tokens of the budget,"""
_MAP_OF_SHOWN = 0.14
"""and this share of what the files take."""
_OF_NAMED, _OF_BEST, _OF_TEST = 0.4, 0.25, 0.1
"""Share of the files' part that one file may take whole: a named one, one of the best, a named test."""
_MOST_WHOLE = 2
"""Of the best files."""
_MOST_PLACES, _MOST_TESTS = 10, 2
"""With the task's words."""
_FIRST = 4
"""Places of code that come before tests."""
_MOST_OF_A_TEST = 30
"""Lines."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a prompt shows of a repository."""

    files: str
    """Files and excerpts, each in its fence."""
    map: str
    named: tuple[str, ...]
    """Paths of the files that the task is about, the most telling first."""


async def take_survey(
    texts: Mapping[str, str], *, prompt: str, target: Target, budget: int, cache: Path | None
) -> Survey:
    """Choose what is shown of a repository.

    Args:
        texts: text of each of its files by path.
        prompt: the task, its plan and how its tests fail.
        budget: tokens for all of it.
        cache: folder for what was found in files; None keeps nothing.
    """
    facts = await facts_of(texts, cache=cache)
    places = Places(texts, definers_of(facts))
    named = [Place(target.path)] if target.path in texts else []
    named += [place for place in places.named(prompt) if not is_guidance(place.path)]
    imported = _imported_by_tests(named, texts, places)
    tests = {path: found for path, found in facts.items() if is_test(path) or path in target.tests}
    code = {path: found for path, found in facts.items() if path not in tests}
    best, near = best_of(prompt, code, texts)
    best_tests, _ = best_of(prompt, tests, texts)

    extents = {
        place: (begins, min(last, begins + _MOST_OF_A_TEST - 1))
        for place, (first, last) in list(best_tests.items())[:_MOST_TESTS]
        for begins in [max(first, (place.line or 1) - _MOST_OF_A_TEST // 2)]
    }
    likely = list(best)[:_MOST_PLACES]
    first = [*named, *imported[:1], *likely[:_FIRST], *extents]
    for place in [*first, *likely[_FIRST:]]:
        if place.line is not None and place.path in facts:
            found = extent_of(place.line, texts[place.path].splitlines(), facts[place.path])
            extents |= {place: found} if found is not None and place not in extents else {}
    values = _values({place: extents[place] for place in first if place in extents}, texts, facts)
    extents |= values
    wanted = [*first, *values, *likely[_FIRST:]]
    likely_files = dict.fromkeys(place.path for place in (*imported[:1], *likely))
    whole = dict.fromkeys(list(likely_files)[:_MOST_WHOLE], _OF_BEST)
    whole |= {place.path: _OF_TEST if place.path in tests else _OF_NAMED for place in named}
    for_map = budget // _SHARE_OF_MAP
    files, shown = show_files(texts, wanted, extents=extents, whole=whole, budget=budget - for_map)
    about = tuple(dict.fromkeys(place.path for place in (*named, *imported)))
    return Survey(
        files=files,
        map=repo_map(
            facts,
            texts,
            dict.fromkeys([*about, *near]),
            budget=min(for_map, int(tokens(files) * _MAP_OF_SHOWN)),
            shown=shown,
        ),
        named=about,
    )


def _values(
    shown: Mapping[Place, Range], texts: Mapping[str, str], facts: Mapping[str, Facts]
) -> dict[Place, Range]:
    """The constants of their files that the shown lines use."""
    found: dict[Place, Range] = {}
    for path in dict.fromkeys(place.path for place in shown):
        ranges = [extent for place, extent in shown.items() if place.path == path]
        if path in facts:
            lines = texts[path].splitlines()
            found |= {Place(path, one[0]): one for one in values_used(ranges, lines, facts[path])}
    return found


def _imported_by_tests(named: Sequence[Place], texts: Mapping[str, str], places: Places) -> list[Place]:
    """The files that the named tests import: these are what they test."""
    tests = dict.fromkeys(place.path for place in named if is_test(place.path) and place.path.endswith(".py"))
    modules = {module: names for path in tests for module, names in imported_modules(texts[path]).items()}
    found = [places.module(module) for module in modules]
    found += [places.module(f"{module}.{name}") for module, names in modules.items() for name in names]
    return [Place(path) for path in dict.fromkeys(found) if path is not None]
