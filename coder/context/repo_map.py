"""The map of a repository: its most important definitions, by file, in as many lines as a budget allows."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from coder.context.quoting import shown_path, tokens
from coder.context.ranking import Ranked
from coder.text.sanitize import count_of, printable

_LONGEST_LINE = 120
_FOR_NAMES = 0.2
"""Share of the budget that names of further files may take."""
_OTHERS = "Other files, by folder:"
_MOST_OF_A_FILE = 24
"""Definitions of one file: the map is of the repository."""


def repo_map(
    definitions: Sequence[Ranked],
    texts: Mapping[str, str],
    *,
    budget: int,
    without: Collection[str] = (),
) -> str:
    """The map as text: files in the order of their best definition, each with lines as they stand in it.

    Args:
        definitions: the most important first.
        budget: tokens.
        without: paths that are shown otherwise.
    """
    left = budget - int(budget * _FOR_NAMES)
    lines: dict[str, dict[int, str]] = {}
    for one in definitions:
        if one.path in without:
            continue
        shown = lines.get(one.path, {})
        if one.line in shown or len(shown) >= _MOST_OF_A_FILE:
            continue
        text = _line(texts[one.path], one.line)
        cost = tokens(text) + (0 if shown else tokens(shown_path(one.path)))
        if cost > left:
            break
        left -= cost
        lines.setdefault(one.path, {})[one.line] = text
    parts = [_file(path, found) for path, found in lines.items()]
    others = [path for path in sorted(texts) if path not in lines and path not in without]
    return "\n".join([*parts, *_names(others, max(0, left) + int(budget * _FOR_NAMES))])


def _file(path: str, lines: Mapping[int, str]) -> str:
    return "\n".join([f"{shown_path(path)[1:-1]}:", *(lines[number] for number in sorted(lines))])


def _line(text: str, number: int) -> str:
    """A definition's line with its number, as it is in the file, in one line of bounded length."""
    lines = text.split("\n", number)
    line = printable(lines[number - 1].replace("\t", "    ")) if len(lines) >= number else ""
    line = line.replace("\n", " ").rstrip()
    return f"{number:>5}  {line if len(line) <= _LONGEST_LINE else line[:_LONGEST_LINE] + '…'}"


def _names(paths: Iterable[str], budget: int) -> list[str]:
    """Further files by their folder, as far as the budget goes."""
    budget -= tokens(_OTHERS)
    folders: dict[str, list[str]] = {}
    for path in paths:
        folder, _, name = shown_path(path)[1:-1].rpartition("/")
        folders.setdefault(folder, []).append(name)
    lines: list[str] = []
    for folder in sorted(folders, key=lambda name: (name.count("/"), name)):
        names = folders[folder]
        line = f"{folder or '.'}/ {' '.join(names)}"
        if tokens(line) > budget:
            line = f"{folder or '.'}/ ({count_of(len(names), 'file')})"
        if tokens(line) > budget:
            break
        budget -= tokens(line)
        lines.append(line)
    return [_OTHERS, *lines] if lines else []
