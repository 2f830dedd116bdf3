"""Read Markdown with YAML frontmatter: the fields between two lines `---`, and the text below."""

import re
from dataclasses import dataclass

from coder.base.text.sanitize import one_line
from coder.config.strict_yaml import read_yaml

MAX_CHARACTERS = 16_384
"""Longest frontmatter; a longer one isn't read, since parsers of YAML are slow."""
_FENCE = re.compile(r"\A\ufeff?---[ \t]*\n(.*?)^---[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_PLAIN_VALUE = re.compile(
    r"^([A-Za-z][\w-]*):[ \t]+([^\s\"'|>\[{&*!#%@`].*?|\[[^\]\n]*\][ \t]*[^\s#].*?)[ \t]*$", re.MULTILINE
)
"""A key with an unquoted value on its line, or with text after brackets, as in `[a] [b]`."""
_KNOWN_KEY = re.compile(
    r"^(?P<key>name|description|tools|disallowedTools|model|color|version|license|metadata|compatibility"
    r"|allowed-tools|argument-hint|disable-model-invocation|user-invocable|permissionMode|skills|memory):"
    r"(?=\s)(?P<rest>.*)$",
    re.MULTILINE,
)
"""A key of skills, commands or subagents at the margin, and the rest of its line."""
_DESCRIBING = ("license", "metadata", "compatibility", "version", "author", "tags", "color", "argument-hint")
"""Keys that only describe a file."""
_UNFINISHED = re.compile(r"\s*[\[{]")
"""Start of a list or mapping, which is never read as text."""


@dataclass(frozen=True, slots=True)
class Frontmatter:
    """A file's fields, and the text below them."""

    fields: dict[str, object]
    body: str

    def text(self, name: str) -> str:
        """Return a field's text on one line, without control characters; empty if it is missing.

        Raises ValueError if it is a list or a mapping.
        """
        value = self.fields.get(name)
        if isinstance(value, list | dict | set):
            raise ValueError(f"{name} isn't text")
        return "" if value is None else one_line(str(value), width=MAX_CHARACTERS)

    def words(self, name: str) -> tuple[str, ...]:
        """Return a field's names, from a YAML list or separated by commas."""
        value = self.fields.get(name)
        rows = value if isinstance(value, list) else str(value or "").split(",")
        return tuple(word for row in rows if (word := one_line(str(row))))

    def unused(self, *used: str) -> str:
        """Return a description of the keys that nothing here reads; empty if there are none."""
        keys = ", ".join(key for key in self.fields if key not in (*used, *_DESCRIBING))
        return f"keys without an effect here: {one_line(keys, width=200)}" if keys else ""


def read_frontmatter(text: str) -> Frontmatter:
    """Split a file into fields and text; a file without frontmatter has no fields.

    Many files that other agents accept aren't valid YAML, because a value holds `: ` without quotation marks,
    is a hint such as `[a] [b]`, or goes on at the margin. Such values are read as text.

    Raises:
        ValueError: the frontmatter is too long, or isn't a mapping in YAML.
    """
    text = text.replace("\r\n", "\n")
    if not text.removeprefix("\ufeff").startswith("---"):
        return Frontmatter({}, text)
    match = _FENCE.match(text[: MAX_CHARACTERS + 8])
    if match is None:
        is_long = len(text) > MAX_CHARACTERS
        problem = f"has more than {MAX_CHARACTERS:,} characters" if is_long else "has no second line `---`"
        raise ValueError(f"the frontmatter {problem}")
    try:
        fields = _mapping(match[1])
    except ValueError as error:
        try:
            fields = _mapping(_PLAIN_VALUE.sub(_quoted, match[1]))
        except ValueError:
            fields = _fields_by_lines(match[1])
            if not fields:
                raise error from None
    return Frontmatter(fields, text[match.end() :])


def _mapping(yaml_text: str) -> dict[str, object]:
    try:
        value = read_yaml(yaml_text, as_texts=True)
    except RecursionError as error:
        raise ValueError("the frontmatter is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"the frontmatter isn't valid YAML: {one_line(str(error))}") from error
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise ValueError("the frontmatter isn't a mapping of keys to values")
    return {str(key): field for key, field in value.items()}


def _fields_by_lines(yaml_text: str) -> dict[str, object]:
    """Return the fields of a text whose values go on at the margin, where only a known key begins a field.

    Empty if none does so.
    """
    starts = [*_KNOWN_KEY.finditer(yaml_text)]
    keys = {start["key"] for start in starts}
    lines_at_margin = [line for line in yaml_text.splitlines() if line.strip() and not line[0].isspace()]
    if len(lines_at_margin) == len(starts) or len(keys) < len(starts) or not starts or starts[0].start():
        return {}
    ends = [start.start() for start in starts[1:]] + [len(yaml_text)]
    fields: dict[str, object] = {}
    for start, end in zip(starts, ends, strict=True):
        lines = yaml_text[start.start("rest") : end]
        try:
            fields |= _mapping(f"{start['key']}: {lines}")
        except ValueError:
            if _UNFINISHED.match(lines):
                return {}
            fields[start["key"]] = lines.strip()
    return fields


def _quoted(match: re.Match[str]) -> str:
    value = match[2].replace("\\", "\\\\").replace('"', '\\"')
    return f'{match[1]}: "{value}"'
