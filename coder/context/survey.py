"""Survey: what is shown of a repository that is too large for one prompt, chosen once for a task.

The best places for the task's words, what belongs to them, few files whole, and a small map. The same task
and files give the same survey, so that the first part of every prompt of a run stays the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coder.context.beside import Beside, short
from coder.context.best import best_of
from coder.context.best_places import Place, Places
from coder.context.definition_facts import definers_of, facts_of
from coder.context.guidance import is_guidance
from coder.context.ignoring import visible
from coder.context.repo_map import repo_map
from coder.context.shown_files import ShownFiles
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
_BESIDE = 4
"""Places whose helpers and tests are shown."""


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
    seen = visible(texts, texts)
    facts = await facts_of({path: texts[path] for path in seen}, cache=cache)
    places = Places(texts, definers_of(facts))
    named = [Place(target.path)] if target.path in texts else []
    named += [place for place in places.named(prompt) if not is_guidance(place.path)]
    imported = _imported_by_tests(named, texts, places)
    tests = {path: found for path, found in facts.items() if is_test(path) or path in target.tests}
    code = {path: found for path, found in facts.items() if path not in tests}
    best, best_tests = best_of(prompt, code, texts), best_of(prompt, tests, texts)
    beside = Beside(facts, texts)

    likely = best.near_the_best()[:_MOST_PLACES]
    in_code = [place for place in named if place.line is not None and place.path not in tests]
    telling = list(dict.fromkeys([*in_code, *likely, *named]))[:_BESIDE]
    more = beside.helpers(telling) | beside.tests(telling, tests)
    more |= {place: short(best_tests.places[place]) for place in best_tests.near_the_best()[:_MOST_TESTS]}
    files = dict.fromkeys(place.path for place in (*imported[:1], *likely))
    whole = dict.fromkeys(list(files)[:_MOST_WHOLE], _OF_BEST)
    whole |= {place.path: _OF_TEST if place.path in tests else _OF_NAMED for place in named}
    for_map = budget // _SHARE_OF_MAP
    shown = ShownFiles(texts, budget=budget - for_map)
    shown.add(
        [*named, *imported[:1], *likely[:_BESIDE], *more, *likely[_BESIDE:]],
        extents=more | beside.definitions([*named, *likely]),
        share=_OF_NAMED,
        whole=whole,
    )
    for_map = min(for_map, int((budget - for_map - shown.left) * _MAP_OF_SHOWN))
    about = tuple(dict.fromkeys(place.path for place in (*named, *imported)))
    order = dict.fromkeys([*about, *best.files])
    return Survey(
        files="".join(shown.parts),
        map=repo_map(facts, {path: texts[path] for path in seen}, order, budget=for_map, without=shown.whole),
        named=about,
    )


def _imported_by_tests(named: Sequence[Place], texts: Mapping[str, str], places: Places) -> list[Place]:
    """The files that the named tests import: these are what they test."""
    tests = dict.fromkeys(place.path for place in named if is_test(place.path) and place.path.endswith(".py"))
    modules = {module: names for path in tests for module, names in imported_modules(texts[path]).items()}
    found = [places.module(module) for module in modules]
    found += [places.module(f"{module}.{name}") for module, names in modules.items() for name in names]
    return [Place(path) for path in dict.fromkeys(found) if path is not None]
