"""Assignments: what a command sets before it begins, as in a shell: `A=b CMD`, `env A=b CMD`."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


def parted(argv: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The variables that a command sets, and the command without them.

    An `env` with options of its own is a command like any other, and so is an assignment without a command.
    """
    words = list(argv)
    if len(words) > 1 and PurePosixPath(words[0]).name == "env" and _ASSIGNMENT.match(words[1]):
        words = words[1:]
    variables: dict[str, str] = {}
    while words and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return (variables, tuple(words)) if words else ({}, tuple(argv))
