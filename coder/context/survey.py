"""Survey: what is shown of a repository that is too large for one prompt, chosen once for a task.

The best places for the task's words, few files whole, and a small map. The same task and files give the same
survey, so that the first part of every prompt of a run stays the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coder.context.best import Ranking, rank
from coder.context.best_places import QuotedPlace, QuotedPlaces
from coder.context.called import called
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

_SHARE_OF_FILES, _SHARE_OF_MAP = 0.75, 0.125
"""Of the budget: what files may take, and what the map may."""
_OF_NAMED, _OF_BEST, _OF_TEST = 0.4, 0.25, 0.15
"""Share of the files' part that one file may take whole: a named one, one of the best, a named test."""
_MOST_WHOLE = 2
"""Of the best files."""
_MOST_PLACES, _MOST_TESTS = 6, 1
"""With the task's words."""
_MOST_FOLLOWED = 3
"""Of the best places, those whose calls are followed."""
_AROUND_A_LITERAL = 4
"""Lines before and after a quoted text that stands in no definition."""
_AROUND_A_FAULT = 15
"""Lines before and after the one at which a traceback ends."""
_MOST_OF_A_TEST = 24
"""Lines."""
_MOST_LISTED = 40
"""Places on the map."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a prompt shows of a repository."""

    files: str
    """Files and excerpts, each in its fence."""
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
        texts: text of each of its files by path.
        prompt: the task, its plan and how its tests fail.
        budget: tokens for all of it.
        cache: folder of the cached facts about files; None keeps nothing.
        command: the test command; its files count as files of the task.
    """
    facts = await facts_of(texts, cache=cache)
    definers = definers_of(facts)
    places = QuotedPlaces(texts, definers)
    task_places = _named(places, prompt, [target.path] if target.path in texts else [], command)
    imported = _imported_by_tests(task_places, texts, places)
    tests = {path: one for path, one in facts.items() if is_test(path) or path in target.tests}
    code = {path: one for path, one in facts.items() if path not in tests}
    best, best_tests = rank(prompt, code, texts), rank(prompt, tests, texts)
    literals = named_code(prompt).literals
    holders = lines_with(literals, {path: texts[path] for path in code})

    excerpts = _Excerpts(texts, facts)
    faults = places.faults(prompt)
    for place in faults:
        excerpts.add(place, best, around=_AROUND_A_FAULT, is_in_definition=False)
    constructors = _constructors([*task_places, *best.leading], texts, facts)
    first = [*faults, *best.leading, *task_places, *constructors, *imported[:1]]
    likely = best.best[:_MOST_PLACES]
    for place in [*first, *likely, *holders]:
        excerpts.add(place, best, around=_AROUND_A_LITERAL if place in holders else 0)
    for place in best_tests.best[:_MOST_TESTS]:
        excerpts.add(place, best_tests, most=_MOST_OF_A_TEST)
    callers = excerpts.lines_of([*first, *likely[:_MOST_FOLLOWED], *holders])
    followed = called(callers, texts, code, definers, prompt=prompt, literals=literals)
    for place in followed:
        excerpts.add(place, best)
    likely = [*likely[:1], *holders, *followed, *likely[1:]]
    wanted = excerpts.of([*first, *likely, *best_tests.best[:_MOST_TESTS]])
    values = _values(excerpts.lines_of(wanted), texts, facts)
    whole = dict.fromkeys([place.path for place in (*imported[:1], *likely)][:_MOST_WHOLE], _OF_BEST)
    whole |= {place.path: _OF_TEST if place.path in tests else _OF_NAMED for place in task_places}
    files, visible_lines = show_files(
        texts,
        [*wanted, *values],
        extents={**excerpts.ranges, **values},
        whole=whole,
        budget=int(budget * _SHARE_OF_FILES),
    )
    about = tuple(dict.fromkeys(place.path for place in (*task_places, *imported)))
    near = list(dict.fromkeys([*about, *(place.path for place in best.places)]))
    set_elsewhere = setters(wanted, excerpts.ranges, texts, code, near)
    listed = list(dict.fromkeys([*set_elsewhere, *best.places]))[:_MOST_LISTED]
    listing = repo_map(facts, texts, listed, budget=int(budget * _SHARE_OF_MAP), visible_lines=visible_lines)
    return Survey(files=files, map=listing, paths=about)


def _named(places: QuotedPlaces, prompt: str, paths: Iterable[str], command: str) -> list[QuotedPlace]:
    """These paths, places that the task mentions, then the files of the test command."""
    task_places = [place for place in places.mentions(prompt) if not is_guidance(place.path)]
    return [*map(QuotedPlace, paths), *task_places, *map(QuotedPlace, places.paths(command))]


def _constructors(
    places: Iterable[QuotedPlace], texts: Mapping[str, str], facts: Mapping[str, DefinitionFacts]
) -> list[QuotedPlace]:
    """The short constructors of the classes at these places: they show the attributes of an instance."""
    lines = {
        place: constructor_of(place.line, texts[place.path].splitlines(), facts[place.path])
        for place in places
        if place.line is not None and place.path in facts and not is_test(place.path)
    }
    return [QuotedPlace(place.path, line) for place, line in lines.items() if line is not None]


class _Excerpts:
    """The lines that show places, each long definition in several parts."""

    def __init__(self, texts: Mapping[str, str], facts: Mapping[str, DefinitionFacts]) -> None:
        self._texts, self._facts = texts, facts
        self._parts: dict[QuotedPlace, list[QuotedPlace]] = {}
        self.ranges: dict[QuotedPlace, Range] = {}
        """The lines of each part."""

    def add(
        self,
        place: QuotedPlace,
        ranking: Ranking,
        *,
        around: int = 0,
        is_in_definition: bool = True,
        **limits: int,
    ) -> None:
        """Find the lines that show a place; one without a line has none.

        Args:
            around: lines before and after a place that is in no definition.
            is_in_definition: the definition is looked for.
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
        """The parts of places in their order."""
        return [part for place in places for part in self._parts.get(place, [place])]

    def lines_of(self, places: Iterable[QuotedPlace]) -> dict[QuotedPlace, Range]:
        """Lines of each part of these places, without parts that have none."""
        return {part: self.ranges[part] for part in self.of(places) if part in self.ranges}


def _values(
    visible: Mapping[QuotedPlace, Range], texts: Mapping[str, str], facts: Mapping[str, DefinitionFacts]
) -> dict[QuotedPlace, Range]:
    """Constants that the visible lines use, each of the file itself."""
    values: dict[QuotedPlace, Range] = {}
    for path in dict.fromkeys(place.path for place in visible):
        ranges = [extent for place, extent in visible.items() if place.path == path]
        if path in facts:
            lines = texts[path].splitlines()
            values |= {QuotedPlace(path, one[0]): one for one in values_used(ranges, lines, facts[path])}
    return values


def _imported_by_tests(
    task_places: Sequence[QuotedPlace], texts: Mapping[str, str], places: QuotedPlaces
) -> list[QuotedPlace]:
    """Files that the tests of the task import, which they therefore test."""
    paths = dict.fromkeys(place.path for place in task_places)
    tests = [path for path in paths if is_test(path) and path.endswith(".py")]
    modules = {module: names for path in tests for module, names in imported_modules(texts[path]).items()}
    imported = [places.module(module) for module in modules]
    imported += [places.module(f"{module}.{name}") for module, names in modules.items() for name in names]
    return [QuotedPlace(path) for path in dict.fromkeys(imported) if path is not None]
