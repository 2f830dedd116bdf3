"""The names that a file defines at its top level, in any language: what a rewrite of the file should keep."""

import re

from coder.source.python_names import defined_names, parse_source

_MAX_READ = 500_000
"""Maximum characters of a file to read."""
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


def top_level_names(path: str, text: str) -> list[str]:
    """Return the names that a file defines at its top level, in order and once each."""
    text = text[:_MAX_READ]
    if path.endswith((".py", ".pyi")) and parse_source(text) is not None:
        return sorted(defined_names(text))
    matches = _DEFINITION.finditer(text)
    return list(dict.fromkeys(next(filter(None, match.groups()), "") for match in matches))
