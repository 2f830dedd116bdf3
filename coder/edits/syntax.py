"""Check the syntax of changed files before anything runs."""

import ast
import json
import tomllib
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from coder.context.quoting import fenced
from coder.edits.lines import bare, split_lines

MAX_CHECKED = 500_000
"""Files with more characters aren't checked."""
_LINES_AROUND = 3
_MAX_LINES = 16
"""Maximum lines to quote."""
_MAX_WIDTH = 300
"""Maximum characters to quote of a line."""


def find_broken(files: Mapping[str, str | None], before: Mapping[str, str | None]) -> str | None:
    """Return a message about the first file that was valid before and isn't now, or None."""
    for path, text in files.items():
        if text is None or (fault := new_fault(path, text, before.get(path))) is None:
            continue
        line, message = fault
        excerpt = numbered(split_lines(text), line - 1 - _LINES_AROUND, line + _LINES_AROUND)
        return (
            f"After your edits `{path}` is no longer valid: line {line}: {message}.\n{excerpt}\n"
            "The files are as they were before. Answer with all of your edits again, put right."
        )
    return None


def new_fault(path: str, text: str, before: str | None) -> tuple[int, str] | None:
    """Return the line (from 1) and message of the first error in a file that was valid before, or None."""
    fault = _fault(path, text) if before is not None else None
    return fault if fault is not None and _fault(path, before or "") is None else None


def numbered(lines: Sequence[str], start: int, end: int) -> str:
    """Return lines of a file with their numbers, in a fence."""
    start_index, end_index = max(0, start), min(end, len(lines))
    return block([f"{index + 1:>4}| {bare(lines[index])}" for index in range(start_index, end_index)])


def block(lines: Sequence[str]) -> str:
    """Return lines in a fence that none of them can close; long lines and the middle of many are elided."""
    if len(lines) > _MAX_LINES:
        half = _MAX_LINES // 2
        note = f"[… {len(lines) - 2 * half} lines …]"
        lines = [*lines[:half], note, *lines[-half:]]
    visible = [line if len(line) <= _MAX_WIDTH else f"{line[:_MAX_WIDTH]}[…]" for line in lines]
    return fenced("\n".join(visible))


def _fault(path: str, text: str) -> tuple[int, str] | None:
    """Return line and message of the first error in a file; None if there is none, or no check exists."""
    parse = _PARSERS.get(PurePosixPath(path).suffix.lower())
    if parse is None or len(text) > MAX_CHECKED:
        return None
    try:
        parse(text.removeprefix("\ufeff"))
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except json.JSONDecodeError as error:
        return error.lineno, error.msg
    except tomllib.TOMLDecodeError as error:
        line = str(error).rpartition("(at line ")[2].partition(",")[0]
        return int(line) if line.isdigit() else text.count("\n") + 1, str(error).partition(" (at")[0]
    except (ValueError, RecursionError, MemoryError) as error:
        return 1, str(error) or "it is nested too deeply"
    return None


def _python(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # untrusted code may cause warnings
        ast.parse(text)


def _toml(text: str) -> None:
    """Parse TOML. Raises ValueError: it is invalid."""
    from coder.base.text.strict_toml import parse_toml  # imported only for an answer that changes TOML

    parse_toml(text)


def _yaml(text: str) -> None:
    """Parse YAML. Raises SyntaxError: it is invalid."""
    import yaml  # imported only for an answer that changes YAML

    from coder.config.strict_yaml import StrictLoader

    try:
        for _ in yaml.parse(text, Loader=StrictLoader):
            continue
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        syntax_error = SyntaxError(problem or str(error).splitlines()[0])
        syntax_error.lineno = mark.line + 1 if mark is not None else 1
        raise syntax_error from error


_PARSERS: Mapping[str, Callable[[str], object]] = {
    ".py": _python,
    ".pyi": _python,
    ".json": json.loads,
    ".toml": _toml,
    ".yaml": _yaml,
    ".yml": _yaml,
}
