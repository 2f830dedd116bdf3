"""Search the files of a run for a regular expression that a model wrote.

Such a pattern can take for ever, and what it is held against is nobody's friend either: so it runs in the
sandbox, on the files as they are laid out there, within its limits of time and output. The semantics are
ripgrep's: smart case, ignore files, no hidden files, nothing binary, globs.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from coder.context.ignoring import glob_matches, visible
from sandbox import Limits, PythonCode, Sandbox

MOST_MATCHES = 60
LONGEST_PATTERN = 1_000
SEARCH_S = 5.0


class BadPattern(ValueError):
    """A pattern that is none; the message is fit for the model."""


@dataclass(frozen=True, slots=True)
class Match:
    """One line that a pattern was found in."""

    path: str
    line: int
    """Begins at 1."""
    text: str


@dataclass(frozen=True, slots=True)
class Matches:
    """What a search found, in the order of paths and lines."""

    found: tuple[Match, ...]
    note: str = ""
    """Why there may be more; empty where there aren't."""


async def search(sandbox: Sandbox, pattern: str, paths: Sequence[str]) -> Matches:
    """Look for a pattern in files of the workspace.

    Args:
        sandbox: its workspace holds the files.
        pattern: as of Python's `re`; one without capitals finds them too.
        paths: sorted, relative.

    Raises:
        BadPattern: it is too long, or can't be compiled.
        SandboxError: the sandbox itself failed.
    """
    if len(pattern) > LONGEST_PATTERN:
        raise BadPattern(f"The pattern has more than {LONGEST_PATTERN} characters.")
    asked = {
        "pattern": pattern,
        "ignore_case": not any(character.isupper() for character in pattern),
        "paths": list(paths),
        "most": MOST_MATCHES,
    }
    program = PythonCode(source=_program(), filename="search.py")
    result = await sandbox.run(
        program, stdin=json.dumps(asked).encode(), limits=Limits(wall_s=SEARCH_S, cpu_s=SEARCH_S)
    )
    rows = [
        json.loads(line) for line in result.stdout.splitlines() if line.startswith("{") and line.endswith("}")
    ]
    if rows and "bad" in rows[0]:
        raise BadPattern(f"{pattern!r} is no regular expression: {rows[0]['bad']}")
    found = tuple(Match(row["path"], row["line"], row["text"]) for row in rows if "path" in row)
    if not rows or "more" not in rows[-1]:
        return Matches(found, f"The search was stopped after {SEARCH_S:g} s: use a simpler pattern.")
    return Matches(found, "There are more matches." if rows[-1]["more"] else "")


def searchable(texts: Mapping[str, str], *, globs: Iterable[str] = (), below: str = "") -> list[str]:
    """The paths that a search looks at: neither ignored nor hidden, below a folder, and fitting the globs.

    Args:
        texts: text of each file by path; binary ones aren't among them.
        globs: a path must fit one of those without `!`, where there are such, and none of those with it.
    """
    wanted = [glob for glob in globs if not glob.startswith("!")]
    unwanted = [glob for glob in globs if glob.startswith("!")]
    folder = below.strip("/").removeprefix("./")
    folder = "" if folder in ("", ".") else folder + "/"
    shown = [path for path in sorted(texts) if not _is_hidden(path)]
    return [
        path
        for path in visible(shown, texts)
        if (path.startswith(folder) or path == folder[:-1])
        and (not wanted or any(glob_matches(glob, path) for glob in wanted))
        and not any(glob_matches(glob, path) for glob in unwanted)
    ]


def _is_hidden(path: str) -> bool:
    return re.search(r"(^|/)\.", path) is not None


def _program() -> str:
    return files("coder.context").joinpath("inside_search.py").read_text(encoding="utf-8")
