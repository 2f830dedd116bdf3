"""The map of a repository: lines of definitions that may matter to a task, and names of files by folder."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from coder.base.text.sanitize import count_of, printable
from coder.context.best_places import QuotedPlace
from coder.context.definition_facts import DefinitionFacts
from coder.context.quoting import depth_of, shown_path, tokens

_LONGEST_LINE = 120
_FOR_NAMES = 0.25
"""Share of the budget for the names of other files."""
_OTHERS, _MORE = "Other files, by folder:", "… and more folders"


def repo_map(
    facts: Mapping[str, DefinitionFacts],
    texts: Mapping[str, str],
    places: Iterable[QuotedPlace],
    *,
    budget: int,
    visible_lines: Mapping[str, Collection[int]] = MappingProxyType({}),
) -> str:
    """The map as text: the lines of places, each below the line of its class, then other files by folder.

    Args:
        texts: text of each file to list.
        places: places whose lines are listed within the budget, the nearest first.
        budget: tokens.
        visible_lines: lines that the prompt shows otherwise, by path.
    """
    room = budget - int(budget * _FOR_NAMES)
    listed: dict[str, set[int]] = {}
    split: dict[str, list[str]] = {}
    for place in places:
        if place.path not in texts or place.line is None:
            continue
        lines = split.setdefault(place.path, texts[place.path].splitlines())
        skipped = {*visible_lines.get(place.path, ()), *listed.get(place.path, ())}
        if not 0 < place.line <= len(lines) or place.line in skipped or not lines[place.line - 1].strip():
            continue
        around = _enclosing(place.line, lines, facts.get(place.path)) - {*listed.get(place.path, ())}
        added = [_line(lines[n - 1], n) for n in (*around, place.line)]
        cost = tokens("\n".join(added)) + (0 if place.path in listed else tokens(place.path))
        if cost > room:
            break
        room -= cost
        listed.setdefault(place.path, set()).update(around, [place.line])
    parts = [
        "\n".join([f"{shown_path(path)[1:-1]}:", *(_line(split[path][n - 1], n) for n in sorted(numbers))])
        for path, numbers in listed.items()
    ]
    others = [path for path in sorted(texts) if path not in listed and not visible_lines.get(path)]
    return "\n".join([*parts, *_names(others, facts, room + int(budget * _FOR_NAMES))])


def _enclosing(line: int, lines: Sequence[str], facts: DefinitionFacts | None) -> set[int]:
    """The lines of the definitions that a line is in."""
    around: set[int] = set()
    depth = depth_of(lines[line - 1])
    above = [n for _, n in facts.definitions() if n < line and n <= len(lines)] if facts is not None else []
    for n in reversed(above):
        if depth_of(lines[n - 1]) < depth:
            depth = depth_of(lines[n - 1])
            around.add(n)
    return around


def _line(text: str, number: int) -> str:
    """A definition's line with its number, in one line of bounded length."""
    line = printable(text.replace("\t", "    ")).replace("\n", " ").rstrip()
    return f"{number:>5}  {line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + '…'}"


def _names(paths: Iterable[str], sources: Collection[str], budget: int) -> list[str]:
    """Files by their folder, as far as the budget goes: folders with sources first."""
    budget -= tokens(_OTHERS + _MORE)
    folders: dict[str, list[str]] = {}
    with_sources = set()
    for path in paths:
        folder, _, name = shown_path(path)[1:-1].rpartition("/")
        folders.setdefault(folder, []).append(name)
        with_sources |= {folder} if path in sources else set()
    lines: list[str] = []
    for folder in sorted(folders, key=lambda name: (name not in with_sources, name.count("/"), name)):
        names = folders[folder]
        line = f"{folder or '.'}/ {' '.join(names)}"
        if tokens(line) > budget:
            line = f"{folder or '.'}/ ({count_of(len(names), 'file')})"
        if tokens(line) > budget:
            lines += [_MORE] if lines else []
            break
        budget -= tokens(line)
        lines.append(line)
    return [_OTHERS, *lines] if lines else []
