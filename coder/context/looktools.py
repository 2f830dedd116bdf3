"""The tools with which a model looks around: search, read_file, list_files. They only read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from coder.context.quoting import fenced, shown_path
from coder.context.search import BadPattern, search, searchable
from coder.models.model import JsonObject, ToolCall, ToolSpec
from coder.text.plural import count_of
from coder.text.sanitize import printable
from sandbox import Sandbox

MOST_LINES = 300
"""Of a file in one answer, and paths below."""
MOST_PATHS = 200
MOST_CHARACTERS = 12_000
"""Of one answer."""


def _spec(name: str, description: str, required: list[str], **properties: tuple[str, str]) -> ToolSpec:
    fields: JsonObject = {
        key: {"type": kind, "description": text} for key, (kind, text) in properties.items()
    }
    schema: JsonObject = {"type": "object", "properties": fields, "required": list(required)}
    return ToolSpec(name=name, description=description, parameters=schema)


TOOLS = (
    _spec(
        "search",
        "Find the lines that a regular expression (Python's `re`) fits. Without capitals, case is ignored.",
        ["pattern"],
        pattern=("string", "The regular expression."),
        glob=("string", "Only files that fit, such as `*.py` or `src/**/*.ts`; `!` in front: only others."),
        path=("string", "Only below this folder."),
    ),
    _spec(
        "read_file",
        f"Show lines of one file, {MOST_LINES} at most.",
        ["path"],
        path=("string", "The file, relative to the repository."),
        first=("integer", "First line, from 1."),
        last=("integer", "Last line."),
    ),
    _spec(
        "list_files",
        f"List files, {MOST_PATHS} at most.",
        [],
        glob=("string", "As of `search`."),
        path=("string", "Only below this folder."),
    ),
)


@dataclass(slots=True)
class LookTools:
    """Answers calls of the tools, for one repository, and remembers which lines were read."""

    texts: Mapping[str, str]
    sandbox: Sandbox
    """Its workspace holds these files."""
    read: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """First and last lines that were shown, by path."""

    async def answer(self, call: ToolCall) -> str:
        """What a tool says; a wrong call is told what is wrong with it.

        Raises:
            SandboxError: the sandbox itself failed.
        """
        try:
            given = call.parsed()
            match call.name:
                case "search":
                    text = await self._search(given)
                case "read_file":
                    text = self._read(given)
                case "list_files":
                    text = self._list(given)
                case other:
                    text = f"There is no tool {printable(other)[:80]!r}: search, read_file, list_files."
        except (BadPattern, _Wrong, ValueError) as error:
            return f"error: {error}"
        return text if len(text) <= MOST_CHARACTERS else text[:MOST_CHARACTERS] + "\n[… cut off]"

    async def _search(self, given: JsonObject) -> str:
        paths = searchable(self.texts, globs=_globs(given), below=_text(given, "path"))
        matches = await search(self.sandbox, _text(given, "pattern", needed=True), paths)
        lines = [f"{shown_path(m.path)[1:-1]}:{m.line}: {printable(m.text)}" for m in matches.found]
        found = fenced("\n".join(lines)) if lines else f"Nothing found in {count_of(len(paths), 'file')}."
        return f"{found}\n{matches.note}".strip()

    def _read(self, given: JsonObject) -> str:
        path = _text(given, "path", needed=True).removeprefix("./")
        if path not in self.texts:
            raise _Wrong(f"there is no text file {path[:200]!r} in the repository; list_files shows what is")
        lines = self.texts[path].splitlines()
        first = max(1, _number(given, "first", 1))
        last = min(len(lines), _number(given, "last", first + MOST_LINES - 1), first + MOST_LINES - 1)
        if first > last:
            raise _Wrong(f"the file has {count_of(len(lines), 'line')}")
        self.read.setdefault(path, []).append((first, last))
        heading = f"{shown_path(path)}, lines {first} to {last} of {len(lines)}:"
        return f"{heading}\n{fenced(chr(10).join(lines[first - 1 : last]))}"

    def _list(self, given: JsonObject) -> str:
        paths = searchable(self.texts, globs=_globs(given), below=_text(given, "path"))
        shown = "\n".join(shown_path(path)[1:-1] for path in paths[:MOST_PATHS])
        more = f"\n… and {len(paths) - MOST_PATHS} more." if len(paths) > MOST_PATHS else ""
        return (fenced(shown) if paths else "No file fits.") + more


class _Wrong(Exception):
    """A call that can't be answered; the message is fit for the model."""


def _text(given: JsonObject, name: str, *, needed: bool = False) -> str:
    value = given.get(name, "")
    if not isinstance(value, str) or (needed and not value):
        raise _Wrong(f"{name} must be a text{'' if needed else ' or left out'}")
    return value


def _number(given: JsonObject, name: str, default: int) -> int:
    value = given.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Wrong(f"{name} must be a whole number")
    return value


def _globs(given: JsonObject) -> list[str]:
    return [glob] if (glob := _text(given, "glob")) else []
