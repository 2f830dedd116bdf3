"""The names that a file defines at its top level, in any language: what a rewrite of the file should keep."""

import re

from coder.source.python_names import defined_names, parse_source

_MAX_READ = 500_000
"""Maximum characters of a file to read."""
_MAX_SHOWN = 60
"""Maximum characters of a line that stands for a name."""
_KEYWORDS = (
    "class|const|def|enum|fn|func|function|interface|let|macro_rules!|module|namespace|package|proc|record|"
    "struct|sub|trait|type|union|var"
)
_DEFINITION = re.compile(
    rf"^(?:[A-Za-z_]\w*(?:\([^()\n]*\))?\s+){{0,4}}?(?:{_KEYWORDS})\s*\*?\s+(?:\([^()\n]*\)\s*)?([A-Za-z_$][\w$]*)"
    r"|^(?:[A-Za-z_][\w<>,*&\[\]]*\s+){1,5}?[*&]*([A-Za-z_]\w*)\s*\([^;\n]*$"
    r"|^(?:export\s+|readonly\s+)?\"?([A-Za-z_][\w.-]*)\"?\s*(?:=|:)(?![=:])"
    r"|^([A-Za-z_]\w*)\s*\(\)\s*\{"
    r"|^\[+([^\[\]]+)\]+\s*$"
    r"|^#{1,6}\s+(\S.*?)\s*$",
    re.MULTILINE,
)
"""Lines at the left edge: a definition by a keyword, a C function, a key or variable, a shell function, a
section, a heading."""
_REQUIRED = re.compile(r"^(?:const|let|var)\s.*=\s*(?:await\s+import|require)\(.*$", re.MULTILINE)
"""Imports of JavaScript that look like definitions."""


def dropped_names(path: str, old: str, new: str) -> list[str]:
    """Return the names that a file defines at its top level and its new text doesn't bind, in order.

    Empty unless they are more than half of the names. Imports count only in a file that defines nothing else,
    as it is there to pass them on. For a file without names, such as a text, lines take their place if the
    new text is shorter.
    """
    names = _definitions(path, old)
    if not names:
        return _dropped_lines(old[:_MAX_READ], new[:_MAX_READ])
    bound = _bound(path, new)
    dropped = [name for name in names if name not in bound]
    return dropped if 2 * len(dropped) > len(names) else []


def _dropped_lines(old: str, new: str) -> list[str]:
    """Return the lines of a text that a shorter text doesn't have, if they are more than half of them."""
    old_lines, new_lines = (
        dict.fromkeys(filter(None, map(str.strip, text.split("\n")))) for text in (old, new)
    )
    dropped = [line[:_MAX_SHOWN] for line in old_lines if line not in new_lines]
    is_shorter = len(new_lines) < len(old_lines)
    return dropped if is_shorter and 2 * len(dropped) > len(old_lines) else []


def _definitions(path: str, text: str) -> list[str]:
    text = text[:_MAX_READ]
    if not _is_python(path, text):
        return _names_in_lines(_REQUIRED.sub("", text))
    names = {name for name in defined_names(text, imports=False) if not name.startswith("__")}
    return sorted(names or defined_names(text))


def _bound(path: str, text: str) -> set[str]:
    text = text[:_MAX_READ]
    return defined_names(text) if _is_python(path, text) else set(_names_in_lines(text))


def _is_python(path: str, text: str) -> bool:
    return path.endswith((".py", ".pyi")) and parse_source(text) is not None


def _names_in_lines(text: str) -> list[str]:
    matches = _DEFINITION.finditer(text)
    return list(dict.fromkeys(next(filter(None, match.groups()), "") for match in matches))
