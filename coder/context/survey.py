"""Survey: the files and excerpts that a prompt shows of a large repository, chosen once for a task.

It has the best places for the task's words, a few whole files, and a small map. Equal tasks and files give
equal surveys, so that the first part of every prompt of a run stays the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coder.context.best import Ranking, rank
from coder.context.best_places import QuotedPlace, QuotedPlaces
from coder.context.called import find_called
from coder.context.definition_facts import DefinitionFacts, definers_of, facts_of
from coder.context.guidance import is_guidance
from coder.context.named_code import lines_with, named_code
from coder.context.quoting import Range
from coder.context.repo_map import repo_map
from coder.context.setters import setters
from coder.context.shown_files import show_files
from coder.context.spans import constructor_of, shown_ranges, values_used
from coder.run.target import Target, is_test
from coder.source.python_names import imported_modules

_FILES_SHARE, _MAP_SHARE = 0.75, 0.125
"""Shares of the budget for files and for the map."""
_NAMED_SHARE, _BEST_SHARE, _TEST_SHARE = 0.4, 0.25, 0.15
"""Share of the files' budget for one whole file: a named file, one of the best, a named test."""
_MAX_WHOLE = 2
"""Maximum of the best files to show whole."""
_MAX_PLACES, _MAX_TESTS = 6, 1
"""Maximum places and tests found by the task's words."""
_MAX_FOLLOWED = 3
"""Follow the calls of at most this many of the best places."""
_LINES_AROUND_LITERAL = 4
"""Lines to show before and after a quoted text outside of definitions."""
_LINES_AROUND_FAULT = 15
"""Lines to show before and after the end of a traceback."""
_MAX_TEST = 24
"""Maximum lines of a test."""
_MAX_LISTED = 40
"""Maximum places on the map."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The text that a prompt shows of a repository."""

    files: str
    """Files and excerpts, each in a fence."""
    map: str
    paths: tuple[str, ...]
    """Paths of the files that the task is about, most relevant first."""


async def take_survey(
    texts: Mapping[str, str],
    *,
    prompt: str,
    target: Target,
    budget: int,
    cache: Path | None,
    command: str = "",
) -> Survey:
    """Choose the files and excerpts that a prompt shows of a repository.

    Args:
        texts: text of each file of the repository, by path.
        prompt: the task with its plan and test failures.
        budget: tokens of the whole survey.
        cache: folder of cached facts about files; None: no cache.
        command: the test command; its files count as files of the task.
    """
    facts = await facts_of(texts, cache=cache)
    definers = definers_of(facts)
    places = QuotedPlaces(texts, definers)
    task_places = _task_places(places, prompt, [target.path] if target.path in texts else [], command)
    imported = _imported_by_tests(task_places, texts, places)
    tests = {path: fact for path, fact in facts.items() if is_test(path) or path in target.tests}
    code = {path: fact for path, fact in facts.items() if path not in tests}
    best, best_tests = rank(prompt, code, texts), rank(prompt, tests, texts)
    literals = named_code(prompt).literals
    literal_places = lines_with(literals, {path: texts[path] for path in code})

    excerpts = _Excerpts(texts, facts)
    faults = places.faults(prompt)
    for place in faults:
        excerpts.add(place, best, around=_LINES_AROUND_FAULT, is_in_definition=False)
    constructors = _constructors([*task_places, *best.leading], texts, facts)
    first_places = [*faults, *best.leading, *task_places, *constructors, *imported[:1]]
    best_places = best.best[:_MAX_PLACES]
    for place in [*first_places, *best_places, *literal_places]:
        excerpts.add(place, best, around=_LINES_AROUND_LITERAL if place in literal_places else 0)
    for place in best_tests.best[:_MAX_TESTS]:
        excerpts.add(place, best_tests, most=_MAX_TEST)
    callers = excerpts.lines_of([*first_places, *best_places[:_MAX_FOLLOWED], *literal_places])
    called_places = find_called(callers, texts, code, definers, prompt=prompt, literals=literals)
    for place in called_places:
        excerpts.add(place, best)
    best_places = [*best_places[:1], *literal_places, *called_places, *best_places[1:]]
    shown_places = excerpts.of([*first_places, *best_places, *best_tests.best[:_MAX_TESTS]])
    values = _values(excerpts.lines_of(shown_places), texts, facts)
    whole_shares = dict.fromkeys(
        [place.path for place in (*imported[:1], *best_places)][:_MAX_WHOLE], _BEST_SHARE
    )
    whole_shares |= {
        place.path: _TEST_SHARE if place.path in tests else _NAMED_SHARE for place in task_places
    }
    files, visible_lines = show_files(
        texts,
        [*shown_places, *values],
        extents={**excerpts.ranges, **values},
        whole_shares=whole_shares,
        budget=int(budget * _FILES_SHARE),
    )
    task_paths = tuple(dict.fromkeys(place.path for place in (*task_places, *imported)))
    near_paths = list(dict.fromkeys([*task_paths, *(place.path for place in best.places)]))
    setter_places = setters(shown_places, excerpts.ranges, texts, code, near_paths)
    map_places = list(dict.fromkeys([*setter_places, *best.places]))[:_MAX_LISTED]
    listing = repo_map(facts, texts, map_places, budget=int(budget * _MAP_SHARE), visible_lines=visible_lines)
    return Survey(files=files, map=listing, paths=task_paths)


def _task_places(places: QuotedPlaces, prompt: str, paths: Iterable[str], command: str) -> list[QuotedPlace]:
    """Return these paths, places that the task mentions, and files of the test command."""
    task_places = [place for place in places.mentions(prompt) if not is_guidance(place.path)]
    return [*map(QuotedPlace, paths), *task_places, *map(QuotedPlace, places.paths(command))]


def _constructors(
    places: Iterable[QuotedPlace], texts: Mapping[str, str], facts: Mapping[str, DefinitionFacts]
) -> list[QuotedPlace]:
    """Return the short constructors of classes at these places, which show an instance's attributes."""
    lines = {
        place: constructor_of(place.line, texts[place.path].splitlines(), facts[place.path])
        for place in places
        if place.line is not None and place.path in facts and not is_test(place.path)
    }
    return [QuotedPlace(place.path, line) for place, line in lines.items() if line is not None]


class _Excerpts:
    """The lines that show places; a long definition has several parts."""

    def __init__(self, texts: Mapping[str, str], facts: Mapping[str, DefinitionFacts]) -> None:
        self._texts, self._facts = texts, facts
        self._parts: dict[QuotedPlace, list[QuotedPlace]] = {}
        self.ranges: dict[QuotedPlace, Range] = {}
        """Lines of each part."""

    def add(
        self,
        place: QuotedPlace,
        ranking: Ranking,
        *,
        around: int = 0,
        is_in_definition: bool = True,
        **limits: int,
    ) -> None:
        """Find the lines that show a place; a place without a line has none.

        Args:
            around: lines before and after a place that is in no definition.
            is_in_definition: whether to show the definition around the place.
        """
        if place.line is None or place.path not in self._facts or place in self._parts:
            return
        lines = self._texts[place.path].splitlines()
        facts = self._facts[place.path] if is_in_definition else DefinitionFacts()
        ranges = shown_ranges(place.line, lines, facts, weigh=ranking.weigh, **limits)
        if not ranges and around:
            ranges = [(place.line, (max(1, place.line - around), min(len(lines), place.line + around)))]
        parts = {QuotedPlace(place.path, line): extent for line, extent in ranges}
        self.ranges |= {part: extent for part, extent in parts.items() if part not in self.ranges}
        self._parts[place] = list(parts) or [place]

    def of(self, places: Iterable[QuotedPlace]) -> list[QuotedPlace]:
        """Return the parts of places, in order."""
        return [part for place in places for part in self._parts.get(place, [place])]

    def lines_of(self, places: Iterable[QuotedPlace]) -> dict[QuotedPlace, Range]:
        """Return the lines of each part of these places, without parts that have none."""
        return {part: self.ranges[part] for part in self.of(places) if part in self.ranges}


def _values(
    visible: Mapping[QuotedPlace, Range], texts: Mapping[str, str], facts: Mapping[str, DefinitionFacts]
) -> dict[QuotedPlace, Range]:
    """Return the constants that the visible lines of each file use."""
    values: dict[QuotedPlace, Range] = {}
    for path in dict.fromkeys(place.path for place in visible):
        ranges = [extent for place, extent in visible.items() if place.path == path]
        if path in facts:
            lines = texts[path].splitlines()
            values |= {
                QuotedPlace(path, value_range[0]): value_range
                for value_range in values_used(ranges, lines, facts[path])
            }
    return values


def _imported_by_tests(
    task_places: Sequence[QuotedPlace], texts: Mapping[str, str], places: QuotedPlaces
) -> list[QuotedPlace]:
    """Return the files that the task's tests import and therefore test."""
    paths = dict.fromkeys(place.path for place in task_places)
    tests = [path for path in paths if is_test(path) and path.endswith(".py")]
    modules = {module: names for path in tests for module, names in imported_modules(texts[path]).items()}
    imported = [places.module(module) for module in modules]
    imported += [places.module(f"{module}.{name}") for module, names in modules.items() for name in names]
    return [QuotedPlace(path) for path in dict.fromkeys(imported) if path is not None]
