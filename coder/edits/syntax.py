"""Syntax: whether a file can still be read by what reads it, before anything is run."""

import ast
import json
import tomllib
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePosixPath

from coder.context.quoting import fenced
from coder.edits.lines import bare, split_lines

MOST_READ = 500_000
"""Characters; a larger file is left to whatever runs it."""
_AROUND = 3
_QUOTED = 16
"""Lines of an edit, and of the file, that are quoted."""
_WIDE = 300
"""Characters of a line that are quoted."""


def broken(files: Mapping[str, str | None], before: Mapping[str, str | None]) -> str | None:
    """What is wrong with the first file that could be read before and can't be now; None where none is."""
    for path, text in files.items():
        if text is not None and (fault := new_fault(path, text, before.get(path))) is not None:
            return fault_report(path, text, fault)
    return None


def new_fault(path: str, text: str, before: str | None) -> tuple[int, str] | None:
    """Line, from 1, and words of the first thing wrong in a file that could be read before."""
    fault = _fault(path, text) if before is not None else None
    return fault if fault is not None and _fault(path, before or "") is None else None


def fault_report(path: str, text: str, fault: tuple[int, str]) -> str:
    """The remark on a file whose syntax an edit broke.

    Args:
        text: of the file as it would be.
        fault: a line, which begins at 1, and what is wrong there.
    """
    line, said = fault
    shown = numbered(split_lines(text), line - 1 - _AROUND, line + _AROUND)
    return (
        f"After your edits `{path}` is no longer valid: line {line}: {said}.\n{shown}\n"
        "The files are as they were before. Answer with all of your edits again, put right."
    )


def numbered(lines: Sequence[str], start: int, end: int) -> str:
    """Lines of a file with their numbers, between fences."""
    first, last = max(0, start), min(end, len(lines))
    return block([f"{i + 1:>4}| {bare(lines[i])}" for i in range(first, last)])


def block(lines: Sequence[str]) -> str:
    """Lines between fences that none of them can end; long ones and the middle of many left out."""
    if len(lines) > _QUOTED:
        half = _QUOTED // 2
        left_out = f"[… {len(lines) - 2 * half} lines …]"
        lines = [*lines[:half], left_out, *lines[-half:]]
    shown = [line if len(line) <= _WIDE else f"{line[:_WIDE]}[…]" for line in lines]
    return fenced("\n".join(shown))


def _fault(path: str, text: str) -> tuple[int, str] | None:
    """Line and words of the first thing wrong in a file; None where nothing is, or no check fits."""
    check = _CHECKS.get(PurePosixPath(path).suffix.lower())
    return check(text.removeprefix("\ufeff")) if check is not None and len(text) <= MOST_READ else None


def _python(text: str) -> tuple[int, str] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of code that isn't ours
            ast.parse(text)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except (ValueError, RecursionError, MemoryError) as error:
        return 1, str(error) or "it is nested too deeply"
    return None


def _json(text: str) -> tuple[int, str] | None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.lineno, error.msg
    except RecursionError:
        return 1, "it is nested too deeply"
    return None


def _toml(text: str) -> tuple[int, str] | None:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = str(error).rpartition("(at line ")[2].partition(",")[0]
        return int(line) if line.isdigit() else text.count("\n") + 1, str(error).partition(" (at")[0]
    except RecursionError:
        return 1, "it is nested too deeply"
    return None


def _yaml(text: str) -> tuple[int, str] | None:
    import yaml  # loaded only for an answer that changes YAML

    try:
        for _ in yaml.parse(text, Loader=yaml.SafeLoader):
            continue
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        return (mark.line + 1 if mark is not None else 1), error.problem or "it can't be read"
    except (yaml.YAMLError, RecursionError) as error:
        return 1, str(error).splitlines()[0]
    return None


_CHECKS: Mapping[str, Callable[[str], tuple[int, str] | None]] = {
    ".py": _python,
    ".pyi": _python,
    ".json": _json,
    ".toml": _toml,
    ".yaml": _yaml,
    ".yml": _yaml,
}
