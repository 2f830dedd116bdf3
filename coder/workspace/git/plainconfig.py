"""The plain values of git's configuration: the repository's own file without its includes, and the user's."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from coder.workspace.git.found import Repository

_LONGEST_S = 20.0
_WORDS = re.compile(r"^(true|false|yes|no|on|off|0|1|input|warn|lf|crlf|native)?$", re.IGNORECASE)
PLAIN = {
    "core.autocrlf": _WORDS,
    "core.eol": _WORDS,
    "core.filemode": _WORDS,
    "core.ignorecase": _WORDS,
    "core.precomposeunicode": _WORDS,
    "core.protecthfs": _WORDS,
    "core.protectntfs": _WORDS,
    "core.sparsecheckout": _WORDS,
    "core.sparsecheckoutcone": _WORDS,
    "core.repositoryformatversion": _WORDS,
    "extensions.objectformat": re.compile("^sha(1|256)$"),
    "user.name": re.compile(r"^[^\n<>]{0,200}$"),
    "user.email": re.compile(r"^[^\n<>]{0,200}$"),
}
"""What is taken over of a repository's configuration, and what it may say: none of it names a program."""
_OF_USER = {"core.excludesfile": re.compile("")}


def own_values(repository: Repository) -> dict[str, str]:
    """What the repository's own files say of PLAIN; git parses them, and follows nothing in them."""
    values: dict[str, str] = {}
    for place in (repository.common_dir / "config", repository.git_dir / "config.worktree"):
        if place.is_file():
            values |= _read(["--file", str(place), "--no-includes"], {**_closed(), "GIT_DIR": os.devnull})
    return {key: value for key, value in values.items() if key in PLAIN and PLAIN[key].search(value)}


def user_values(repository: Repository) -> dict[str, str]:
    """What the user's own configuration says, with its includes: those on folders see the real repository."""
    environment = {**os.environ, "GIT_DIR": str(repository.git_dir), "GIT_PAGER": "cat"}
    values: dict[str, str] = {}
    for scope in ("--system", "--global"):
        values |= _read([scope, "--includes"], environment)
    known = PLAIN | _OF_USER
    values = {key: value for key, value in values.items() if key in known and known[key].search(value)}
    values.setdefault("core.excludesfile", str(_default_excludes()))
    return {key: _expanded(value) if key in _OF_USER else value for key, value in values.items()}


def _read(source: list[str], environment: dict[str, str]) -> dict[str, str]:
    """Key → value of one place; empty where it has none, can't be read, or there is no git."""
    program = shutil.which("git")
    pattern = "^(" + "|".join(key.replace(".", r"\.") for key in PLAIN | _OF_USER) + ")$"
    if program is None:
        return {}
    try:
        done = subprocess.run(
            [program, "config", *source, "--null", "--get-regexp", pattern],
            env=environment,
            cwd=os.sep,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LONGEST_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    rows = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    parted = (row.partition("\n") for row in rows if row)
    return {key: value if newline else "true" for key, newline, value in parted}


def _closed() -> dict[str, str]:
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "HOME": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def _default_excludes() -> Path:
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(home) / "git" / "ignore"


def _expanded(path: str) -> str:
    return os.path.expanduser(path)
