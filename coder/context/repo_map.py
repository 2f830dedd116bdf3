"""The map of a repository: definitions of the files nearest to a task, and names of the others by folder."""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from coder.context.definition_facts import Facts
from coder.context.quoting import shown_path, tokens
from coder.text.sanitize import count_of, printable

_LONGEST_LINE = 120
_FOR_NAMES = 0.2
"""Share of the budget for the names of other files."""
_OTHERS, _MORE = "Other files, by folder:", "… and more folders"
_MOST_OF_A_FILE = 24
"""Definitions of one file: the map is of the repository."""


def repo_map(
    facts: Mapping[str, Facts],
    texts: Mapping[str, str],
    order: Iterable[str],
    *,
    budget: int,
    shown: Mapping[str, Collection[int]] = MappingProxyType({}),
) -> str:
    """The map as text: lines that define something in the nearest files, then other files by folder.

    Args:
        texts: text of each file to be named.
        order: paths of the files with definitions to show, the nearest first.
        budget: tokens.
        shown: lines that the prompt shows already, by path.
    """
    left = budget - int(budget * _FOR_NAMES)
    parts: list[str] = []
    listed: set[str] = set()
    for path in order:
        if path not in facts:
            continue
        lines = texts[path].splitlines()
        at = dict.fromkeys(line for _, line in facts[path].definitions() if line <= len(lines))
        left_out = shown.get(path, ())
        found = [_line(lines[n - 1], n) for n in at if n not in left_out]
        if not found:
            continue
        if more := len(found[_MOST_OF_A_FILE:]):
            found[_MOST_OF_A_FILE:] = [f"{'…':>5}  {count_of(more, 'other definition')}"]
        part = "\n".join([f"{shown_path(path)[1:-1]}:", *found])
        if tokens(part) > left:
            break
        left -= tokens(part)
        parts.append(part)
        listed.add(path)
    others = [path for path in sorted(texts) if path not in listed and not shown.get(path)]
    return "\n".join([*parts, *_names(others, facts, left + int(budget * _FOR_NAMES))])


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
