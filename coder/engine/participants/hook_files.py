"""Files that hooks of a repository consist of, which no change of a model reaches.

They are those in folders for agents, and those that a hook's command names. Before a call, they are also all
in named folders and beside named files, modules that would stand for others, and files that name programs.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from coder.run.extensions import AGENT_FOLDERS, Hook
from coder.run.stored_file import StoredFile
from coder.workspace.autorun import risky
from sandbox import Change

_MODULE_FILE = re.compile(r"[^/]+\.(?:py|pyc|so|js|mjs|cjs)|[^/]+/__init__\.[^/]+")
"""Paths at the top of a workspace that a program started there may load in place of another module."""
_LAUNCHERS = frozenset(
    ("package.json", "pyproject.toml", "Makefile", "makefile", "GNUmakefile", "justfile", "Taskfile.yml")
)
"""Names of files whose programs a command starts by a name of their own, as `npm run guard` does."""
_VARIABLE = re.compile(r"\$\{[^}]*\}|\$\w+")
_BETWEEN = re.compile(r"[\s=;|&<>'\"`(){}:,@]+")
_OPTION = re.compile(r"-[A-Za-z]")
"""Option whose value may follow without a space, as in `-r./hook.js`."""
_MODULE = re.compile(r"[A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*", re.ASCII)


def kept_by(
    hooks: Iterable[Hook], files: Mapping[str, StoredFile], *, decides: bool
) -> Callable[[Change], bool]:
    """Return a function that says whether a change would change what the hooks do.

    Args:
        files: the files as the run read them.
        decides: whether it is about hooks before a call.
    """
    agent_folders = tuple(f"{folder}/" for folder in AGENT_FOLDERS)
    names = {name for hook in hooks for name in _names(hook)}
    parts = {
        path
        for path in files
        if path.startswith(agent_folders)
        or not names.isdisjoint((path, posixpath.splitext(path)[0], *(_parents(path) if decides else ())))
    }
    parts |= {target for path in parts if (target := files[path].link) is not None}
    folders = {f"{posixpath.dirname(path)}/" for path in parts if "/" in path} if decides else set()
    prefixes = (*agent_folders, *folders)
    above = {*AGENT_FOLDERS, *(folder for path in parts for folder in _parents(path))}

    def keeps(change: Change) -> bool:
        path = change.path
        if path in parts or path in above or path.startswith(prefixes):
            return True
        if not decides:
            return False
        is_module = change.kind == "added" and _MODULE_FILE.fullmatch(path) is not None
        return is_module or posixpath.basename(path) in _LAUNCHERS or risky(path) is not None

    return keeps


def _names(hook: Hook) -> Iterator[str]:
    """Yield the paths of files and folders that a hook's command may name, also without their endings."""
    for word in _words(hook.command):
        for name in _paths(word):
            yield posixpath.normpath(name)
            if hook.plugin:
                yield posixpath.normpath(f"{hook.plugin}/{name}")


def _parents(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path


def _words(text: str) -> Iterator[str]:
    """Yield the words of a command."""
    for word in filter(None, _BETWEEN.split(text)):
        yield word
        yield word.lstrip("-")  # also the default of a variable, ${NAME:-PATH}
        if _OPTION.match(word):
            yield word[2:]


def _paths(word: str) -> Iterator[str]:
    """Yield paths and modules that a word may name in the repository, also after a variable."""
    plain = _VARIABLE.sub("", word)
    for path in dict.fromkeys((word, plain, plain.lstrip("/"))):
        if path:
            yield path
    if _MODULE.fullmatch(word):
        yield word.replace(".", "/")
