"""Check the syntax of changed files before anything runs."""

import ast
import json
import tomllib
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from coder.context.quoting import fenced
from coder.edits.lines import bare, split_lines

MOST_READ = 500_000
"""Characters; a larger file isn't checked."""
_AROUND = 3
_QUOTED = 16
"""Lines quoted of an edit, and of the file."""
_WIDE = 300
"""Characters quoted of a line."""


def broken(files: Mapping[str, str | None], before: Mapping[str, str | None]) -> str | None:
    """The fault of the first file that was valid before and isn't now; None if there is none."""
    for path, text in files.items():
        if text is None or (fault := new_fault(path, text, before.get(path))) is None:
            continue
        line, message = fault
        excerpt = numbered(split_lines(text), line - 1 - _AROUND, line + _AROUND)
        return (
            f"After your edits `{path}` is no longer valid: line {line}: {message}.\n{excerpt}\n"
            "The files are as they were before. Answer with all of your edits again, put right."
        )
    return None


def new_fault(path: str, text: str, before: str | None) -> tuple[int, str] | None:
    """Line (from 1) and message of the first fault in a file that was valid before."""
    fault = _fault(path, text) if before is not None else None
    return fault if fault is not None and _fault(path, before or "") is None else None


def numbered(lines: Sequence[str], start: int, end: int) -> str:
    """Lines of a file with their numbers, between fences."""
    first, last = max(0, start), min(end, len(lines))
    return block([f"{i + 1:>4}| {bare(lines[i])}" for i in range(first, last)])


def block(lines: Sequence[str]) -> str:
    """Lines between fences that none of them can close; long lines and the middle of many are elided."""
    if len(lines) > _QUOTED:
        half = _QUOTED // 2
        left_out = f"[… {len(lines) - 2 * half} lines …]"
        lines = [*lines[:half], left_out, *lines[-half:]]
    visible = [line if len(line) <= _WIDE else f"{line[:_WIDE]}[…]" for line in lines]
    return fenced("\n".join(visible))


def _fault(path: str, text: str) -> tuple[int, str] | None:
    """Line and message of the first fault in a file; None if there is none, or no check exists."""
    read = _READERS.get(PurePosixPath(path).suffix.lower())
    if read is None or len(text) > MOST_READ:
        return None
    try:
        read(text.removeprefix("\ufeff"))
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
        warnings.simplefilter("ignore")  # of untrusted code
        ast.parse(text)


def _yaml(text: str) -> None:
    """Raises SyntaxError: it isn't YAML."""
    import yaml  # loaded only for an answer that changes YAML

    try:
        for _ in yaml.parse(text, Loader=yaml.SafeLoader):
            continue
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        fault = SyntaxError(problem or str(error).splitlines()[0])
        fault.lineno = mark.line + 1 if mark is not None else 1
        raise fault from error


_READERS: Mapping[str, Callable[[str], object]] = {
    ".py": _python,
    ".pyi": _python,
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
}
