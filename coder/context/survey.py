"""Survey: what of a repository that is too large for one prompt is shown, chosen once for a task.

Named files are shown whole, or the lines around the named ones, all others by the map. The same task and
files give the same survey, so that the first part of every prompt of a run stays the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from coder.context.definers import definers_of
from coder.context.excerpts import Range, around, excerpts, lines_by_path, ranges, whole_file
from coder.context.facts import facts_of
from coder.context.guidance import is_guidance
from coder.context.ignoring import visible
from coder.context.places import Place, Places
from coder.context.quoting import tokens
from coder.context.ranking import ranked
from coder.context.repo_map import repo_map
from coder.context.tested import tested
from coder.names import imported_modules
from coder.target import Target, is_test

_FOR_FILES = 0.75
"""Share of the budget that files may take; the map has the rest."""
_MOST_OF_ONE = 0.5
"""Share of the files' part that one file may take whole."""
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

    def with_looked(
        self, looked: Mapping[str, Sequence[Range]], texts: Mapping[str, str], *, budget: int
    ) -> "Survey":
        """The survey with what was looked at for it: ranges of lines by path."""
        parts: list[str] = []
        for path, wanted in looked.items():
            if path in texts and path not in self.whole:
                parts.append(ranges(path, texts[path], wanted, budget=budget))
                budget -= tokens(parts[-1])
        return replace(self, files=self.files + "".join(parts))

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
    texts: Mapping[str, str], *, prompt: str, target: Target, budget: int, cache: Path | None
) -> Survey:
    """Choose what is shown of a repository.

    Args:
        texts: text of each of its files by path.
        prompt: the task.
        budget: tokens for all of it.
        cache: folder for what was found in files; None keeps nothing.
    """
    seen = visible(texts, texts)
    facts = await facts_of({path: texts[path] for path in seen}, cache=cache)
    definers = definers_of(facts)
    places = Places(texts, definers)
    named = [Place(target.path)] if target.path in texts else []
    named += [place for place in places.named(prompt) if not is_guidance(place.path)]
    near = _imported_by_tests(named, texts, places)
    used = tested(named, texts, definers, tests=target.tests, imported={place.path for place in near})
    parts, whole = _shown([*named, *used, *near], texts, extents=used, budget=int(budget * _FOR_FILES))
    seeds = {place.path: _NEAR for place in (*near, *used)} | {place.path: _BELONGS for place in named}
    definitions = ranked(facts, definers, seeds=seeds, mentioned=places.mentioned(prompt))
    left = budget - sum(map(tokens, parts))
    return Survey(
        files="".join(parts),
        map=repo_map(definitions, {path: texts[path] for path in seen}, budget=left, without=whole),
        whole=frozenset(whole),
        named=tuple(dict.fromkeys(place.path for place in (*named, *used, *near))),
        places=places,
    )


def _imported_by_tests(named: Sequence[Place], texts: Mapping[str, str], places: Places) -> list[Place]:
    """What the named tests import: it is what they test."""
    tests = dict.fromkeys(place.path for place in named if is_test(place.path) and place.path.endswith(".py"))
    modules = {module: names for path in tests for module, names in imported_modules(texts[path]).items()}
    found = [places.module(module) for module in modules]
    found += [places.module(f"{module}.{name}") for module, names in modules.items() for name in names]
    return [Place(path) for path in dict.fromkeys(found) if path is not None]


def _shown(
    places: Sequence[Place], texts: Mapping[str, str], *, extents: Mapping[Place, Range], budget: int
) -> tuple[list[str], set[str]]:
    """The files' part of a prompt, and which of them are there in full.

    Args:
        extents: the lines to show of places of which more is known than one line.
    """
    parts: list[str] = []
    whole: set[str] = set()
    most, left = int(budget * _MOST_OF_ONE), budget
    for path, lines in lines_by_path(places).items():
        part = whole_file(path, texts[path]) if len(texts[path]) <= 6 * left else ""
        if part and tokens(part) <= min(most, left):
            whole.add(path)
        else:
            wanted = [extents.get(Place(path, line), around(line)) for line in lines]
            part = ranges(path, texts[path], wanted, budget=min(most, left), named=lines)
        left -= tokens(part)
        parts.append(part)
    return parts, whole
