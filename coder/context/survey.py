"""Survey: what of a repository that is too large for one prompt is shown, chosen once for a task.

Named files are shown whole, or the lines around the named ones, all others by the map. The same task and
files give the same survey, so that the first part of every prompt of a run stays the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coder.context.beside import Beside
from coder.context.best import Best, best_of
from coder.context.best_places import Place, Places
from coder.context.brief import About, show_best
from coder.context.definition_facts import definers_of, facts_of
from coder.context.excerpts import excerpts, lines_by_path
from coder.context.guidance import is_guidance
from coder.context.ignoring import visible
from coder.context.quoting import tokens
from coder.context.ranking import ranked
from coder.context.repo_map import repo_map
from coder.context.shown_files import ShownFiles
from coder.context.tested import tested
from coder.run.target import Target, is_test
from coder.source.python_names import imported_modules

_FOR_MAP, _LEAST_FOR_MAP = 0.1, 1_000
"""Share of the budget that the map may take, and the tokens that it may have in any case."""
_FOR_FILES = 0.75
"""Share of a small budget that files may take; the map has the rest."""
_SMALL = 2_048
"""Tokens of a budget in which nothing is shown but what the task names."""
_MOST_OF_ONE, _MOST_OF_BEST = 0.5, 0.3
"""Share of the files' part that one file may take whole: a named one, and one that has the task's words."""
_MAP_OF_BRIEF = 0.14
"""Share of a brief survey that its map may take."""
_PLACES = 40
"""Definitions with the task's words, of which lines are shown where their file isn't."""
_BELONGS, _NEAR = 1.0, 0.3
"""Weight of a named file in the ranking, and of one that a named test imports."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a prompt shows of a repository."""

    files: str
    """Named files, each in its fence."""
    map: str
    whole: frozenset[str]
    """Paths that are shown in full."""
    named: tuple[str, ...]
    """Paths of the files that the task is about, the most telling first."""
    places: Places
    """Finds the places that later texts name."""

    def with_named(self, text: str, texts: Mapping[str, str], *, budget: int) -> "Survey":
        """The survey with the files that a later text names, such as a plan: whole, or the named lines."""
        places = [place for place in self.places.named(text) if place.path not in self.whole]
        shown = ShownFiles(texts, budget=budget)
        shown.add([place for place in places if place.path in texts], extents={}, share=_MOST_OF_ONE)
        return replace(
            self, files=self.files + "".join(shown.parts), whole=self.whole | frozenset(shown.whole)
        )

    def around(self, text: str, texts: Mapping[str, str], *, budget: int) -> str:
        """The lines that a text names, such as the frames of a traceback, where they aren't shown already."""
        named = [place for place in self.places.named(text) if place.line and place.path not in self.whole]
        parts: list[str] = []
        for path, lines in lines_by_path(named).items():
            part = excerpts(path, texts[path], lines, budget=budget) if path in texts else ""
            budget -= tokens(part)
            parts.append(part)
        return "".join(parts)


async def take_survey(
    texts: Mapping[str, str],
    *,
    prompt: str,
    target: Target,
    budget: int,
    cache: Path | None,
    is_brief: bool = False,
) -> Survey:
    """Choose what is shown of a repository.

    Args:
        texts: text of each of its files by path.
        prompt: the task.
        budget: tokens for all of it.
        cache: folder for what was found in files; None keeps nothing.
        is_brief: for a model that can look for itself: best places instead of whole files, and a small map.
    """
    seen = visible(texts, texts)
    facts = await facts_of({path: texts[path] for path in seen}, cache=cache)
    definers = definers_of(facts)
    places = Places(texts, definers)
    named = [Place(target.path)] if target.path in texts else []
    named += [place for place in places.named(prompt) if not is_guidance(place.path)]
    near = _imported_by_tests(named, texts, places)
    used = tested(named, texts, definers, tests=target.tests, imported={place.path for place in near})
    tests = {path: found for path, found in facts.items() if is_test(path) or path in target.tests}
    code = {path: found for path, found in facts.items() if path not in tests}
    is_small = budget < _SMALL
    about = About(named, near, used, Best({}, ()) if is_small else best_of(prompt, code, texts))
    for_map = budget - int(budget * _FOR_FILES) if is_small else max(int(budget * _FOR_MAP), _LEAST_FOR_MAP)
    shown = ShownFiles(texts, budget=budget - for_map)
    if is_brief and not is_small:
        show_best(shown, about, Beside(facts, texts), tests=best_of(prompt, tests, texts), paths=tests)
        for_map = min(for_map, int((budget - for_map - shown.left) * _MAP_OF_BRIEF))
    else:
        _show_all(shown, about)
    seeds = {place.path: _NEAR for place in (*near, *used)} | {place.path: _BELONGS for place in named}
    definitions = ranked(facts, definers, seeds=seeds, mentioned=places.mentioned(prompt))
    left = shown.left + for_map if is_small else for_map
    return Survey(
        files="".join(shown.parts),
        map=repo_map(definitions, {path: texts[path] for path in seen}, budget=left, without=shown.whole),
        whole=frozenset(shown.whole),
        named=tuple(dict.fromkeys(place.path for place in (*named, *used, *near))),
        places=places,
    )


def _show_all(shown: ShownFiles, about: About) -> None:
    """Show as much as there is room for."""
    likely = list(about.best.places)[:_PLACES]
    mine = {place.path for place in (*about.named, *about.used, *about.near)}
    first = [*about.named, *about.used, *about.near, *(place for place in likely if place.path in mine)]
    shown.add(first, extents=about.best.places | about.used, share=_MOST_OF_ONE)
    shown.add(likely, extents=about.best.places, share=_MOST_OF_BEST)
    shown.fill(about.best.files)


def _imported_by_tests(named: Sequence[Place], texts: Mapping[str, str], places: Places) -> list[Place]:
    """What the named tests import: it is what they test."""
    tests = dict.fromkeys(place.path for place in named if is_test(place.path) and place.path.endswith(".py"))
    modules = {module: names for path in tests for module, names in imported_modules(texts[path]).items()}
    found = [places.module(module) for module in modules]
    found += [places.module(f"{module}.{name}") for module, names in modules.items() for name in names]
    return [Place(path) for path in dict.fromkeys(found) if path is not None]
