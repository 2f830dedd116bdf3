"""Definers: which files define a name, and where."""

from collections.abc import Mapping

from coder.context.definition_facts import Facts

Definers = Mapping[str, Mapping[str, int]]
"""For each name the files that define it, sorted, each with the first line that does; lines begin at 1."""


def definers_of(facts: Mapping[str, Facts]) -> Definers:
    """Who defines what, of all files."""
    found: dict[str, dict[str, int]] = {}
    for path in sorted(facts):
        for name, line in facts[path].definitions():
            found.setdefault(name, {}).setdefault(path, line)
    return found
