"""Commands that start another one in a project's environment, such as `uv run`.

That environment is the task's interpreter, so that the command itself runs. A launcher would want to reach an
index and to write outside of the folder.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

LAUNCHERS = frozenset({"uv", "poetry", "pdm", "pipenv", "hatch", "rye"})
_FLAGS = frozenset((
    "--", "--active", "--all-extras", "--all-groups", "--all-packages", "--dev", "--exact", "--frozen",
    "--isolated", "--locked", "--no-config", "--no-default-groups", "--no-dev", "--no-editable",
    "--no-env-file", "--no-project", "--no-sync", "--offline", "--quiet", "--verbose", "-q", "-v",
))  # fmt: skip
"""Options of `run` without a value, of which none changes what the command tests."""
_OPTIONS = frozenset({"--env-file", "--extra", "--group", "--only-group", "--no-group", "--python", "-p"})
"""Options of `run` with a value, that choose packages or an interpreter."""


def without_launcher(argv: Sequence[str]) -> tuple[str, ...]:
    """Return the command that `uv run` or a similar command starts; any other command unchanged."""
    words = list(argv)
    if len(words) < 3 or PurePosixPath(words[0]).name not in LAUNCHERS or words[1] != "run":
        return tuple(argv)
    del words[:2]
    while words and words[0].startswith("-"):
        option, is_assigned, _ = words[0].partition("=")
        if option in ("-m", "--module"):
            return ("python", "-m", *words[1:])
        if option in _FLAGS:
            del words[:1]
        elif option in _OPTIONS:
            del words[: 1 if is_assigned else 2]
        else:
            return tuple(argv)
    if words and words[0].endswith(".py"):
        return ("python", *words)
    return tuple(words or argv)
