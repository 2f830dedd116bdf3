"""Make the map of a repository: lines of definitions that may matter to a task, and files by folder."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from coder.base.text.sanitize import count_of, printable
from coder.context.best_places import QuotedPlace
from coder.context.definition_facts import DefinitionFacts
from coder.context.quoting import depth_of, shown_path, tokens

_MAX_LINE = 120
_NAMES_SHARE = 0.25
"""Share of the budget for the names of other files."""
_OTHERS_HEADING, _MORE_FOLDERS = "Other files, by folder:", "… and more folders"


def repo_map(
    facts: Mapping[str, DefinitionFacts],
    texts: Mapping[str, str],
    places: Iterable[QuotedPlace],
    *,
    budget: int,
    visible_lines: Mapping[str, Collection[int]] = MappingProxyType({}),
) -> str:
    """Return the map: the lines of places, each below the line of its class, then other files by folder.

    Args:
        texts: text of each file to list.
        places: places whose lines are listed within the budget, the most relevant first.
        budget: tokens.
        visible_lines: lines that the prompt shows elsewhere, by path.
    """
    room = budget - int(budget * _NAMES_SHARE)
    listed_lines: dict[str, set[int]] = {}
    lines_by_path: dict[str, list[str]] = {}
    for place in places:
        if place.path not in texts or place.line is None:
            continue
        lines = lines_by_path.setdefault(place.path, texts[place.path].splitlines())
        skipped = {*visible_lines.get(place.path, ()), *listed_lines.get(place.path, ())}
        if not 0 < place.line <= len(lines) or place.line in skipped or not lines[place.line - 1].strip():
            continue
        enclosing = _enclosing(place.line, lines, facts.get(place.path)) - {*listed_lines.get(place.path, ())}
        new_lines = [_line(lines[number - 1], number) for number in (*enclosing, place.line)]
        cost = tokens("\n".join(new_lines)) + (0 if place.path in listed_lines else tokens(place.path))
        if cost > room:
            break
        room -= cost
        listed_lines.setdefault(place.path, set()).update(enclosing, [place.line])
    parts = [
        "\n".join(
            [
                f"{shown_path(path)[1:-1]}:",
                *(_line(lines_by_path[path][number - 1], number) for number in sorted(numbers)),
            ]
        )
        for path, numbers in listed_lines.items()
    ]
    other_paths = [path for path in sorted(texts) if path not in listed_lines and not visible_lines.get(path)]
    return "\n".join([*parts, *_names(other_paths, facts, room + int(budget * _NAMES_SHARE))])


def _enclosing(line: int, lines: Sequence[str], facts: DefinitionFacts | None) -> set[int]:
    """Return the lines of the definitions that enclose a line."""
    enclosing: set[int] = set()
    depth = depth_of(lines[line - 1])
    earlier_lines = (
        [number for _, number in facts.definitions() if number < line and number <= len(lines)]
        if facts is not None
        else []
    )
    for number in reversed(earlier_lines):
        if depth_of(lines[number - 1]) < depth:
            depth = depth_of(lines[number - 1])
            enclosing.add(number)
    return enclosing


def _line(text: str, number: int) -> str:
    """Return a definition's line with its number, in bounded length."""
    line = printable(text.replace("\t", "    ")).replace("\n", " ").rstrip()
    return f"{number:>5}  {line if len(line) <= _MAX_LINE else line[:_MAX_LINE] + '…'}"


def _names(paths: Iterable[str], sources: Collection[str], budget: int) -> list[str]:
    """Return the files by folder within the budget; folders with sources come first."""
    budget -= tokens(_OTHERS_HEADING + _MORE_FOLDERS)
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
            lines += [_MORE_FOLDERS] if lines else []
            break
        budget -= tokens(line)
        lines.append(line)
    return [_OTHERS_HEADING, *lines] if lines else []
