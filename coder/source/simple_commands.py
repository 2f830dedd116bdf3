"""The simple commands of a shell's line: those between operators, in substitutions, and after assignments."""

import re
import shlex

_OPERATORS = re.compile(r"&&|\|\||\|&|[;&|\n()]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=")
_REDIRECTION = re.compile(r"\d*(?:&>>?|>>?\|?|<<?-?|<>|[<>]&)")
_KEYWORDS = ("if", "then", "elif", "else", "do", "while", "until", "time", "!", "{", "fi", "done", "}")
"""Words of the shell before or after a command."""
MAX_DEPTH = 20
"""Substitutions inside one another."""


def simple_commands(line: str) -> list[str] | None:
    """Return the words of each simple command, joined by blanks; None if the line can't be understood.

    Commands in `$(…)`, backquotes and subshells are included. Quotes are removed, as are assignments before
    a command, such as `A=1 git push`.
    """
    return _commands_of(line.replace("\\\n", " "), MAX_DEPTH)


def _commands_of(line: str, depth: int) -> list[str] | None:
    if depth == 0:
        return None
    commands, nested = [], []
    parts = _split(line)
    if parts is None:
        return None
    for part, substitutions in parts:
        nested += substitutions
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            return None
        while words and (words[0] in _KEYWORDS or _ASSIGNMENT.match(words[0])):
            del words[0]
        if words := [word for word in words if not _REDIRECTION.fullmatch(word)]:
            commands.append(" ".join(words))
    for text in nested:
        inner_commands = _commands_of(text, depth - 1)
        if inner_commands is None:
            return None
        commands += inner_commands
    return commands


def _split(line: str) -> list[tuple[str, list[str]]] | None:
    """Return each part between operators with its substitutions; None if a quote isn't closed."""
    parts: list[tuple[str, list[str]]] = []
    position = start = 0
    quote, substitutions = "", list[str]()
    while position < len(line):
        char = line[position]
        if char == "\\" and quote != "'":
            position += 2
        elif char in "'\"" and quote in ("", char):
            quote, position = "" if quote else char, position + 1
        elif quote != "'" and (char == "`" or line.startswith(("$(", "<(", ">("), position)):
            end = _end_of_substitution(line, position)
            if end is None:
                return None
            opening = 1 if char == "`" else 2
            substitutions.append(line[position + opening : end - 1])
            position = end
        elif not quote and (match := _OPERATORS.match(line, position)) is not None:
            is_redirection = match[0] == "&" and (
                line[:position].endswith(("<", ">")) or line.startswith(">", position + 1)
            )
            if not is_redirection:
                parts.append((line[start:position], substitutions))
                substitutions, start = [], match.end()
            position = match.end()
        else:
            position += 1
    parts.append((line[start:], substitutions))
    return None if quote else parts


def _end_of_substitution(line: str, start: int) -> int | None:
    """Return the position after a substitution that begins at `start`; None if it isn't closed."""
    if line[start] == "`":
        end = line.find("`", start + 1)
        return end + 1 if end > 0 else None
    depth, quote, position = 0, "", start + 1
    while position < len(line):
        char = line[position]
        if char == "\\" and quote != "'":
            position += 1
        elif char in "'\"" and quote in ("", char):
            quote = "" if quote else char
        elif not quote and char in "()":
            depth += 1 if char == "(" else -1
            if depth == 0:
                return position + 1
        position += 1
    return None
