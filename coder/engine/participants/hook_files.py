"""Files that a repository's hook runs; during the hook they have the contents that the run has read.

The hook and the model share a session, so that a formatter's work counts. The model must not control
decisions, so a script that it has changed is replaced by the original while the hook runs, then put back.
"""

import hashlib
import json
import posixpath
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from shlex import quote

from coder.config.named_files import paths_named
from coder.run.extensions import AGENT_FOLDERS, Hook
from coder.run.stored_file import StoredFile
from sandbox import Session

_KEPT = "/tmp/.hook-kept"
"""Folder of the sandbox with the model's versions while a hook runs."""
_PLAIN = re.compile(r"[\w./@+ -]+", re.ASCII)
"""Paths that shell tools print unchanged."""
_MODULES = re.compile(r"__pycache__|.+\.(?:py|pyc|so|js|mjs|cjs|sh|json)", re.ASCII)
"""Names of files beside a script that it may load."""
_MAX_FILES, _MAX_BYTES = 50, 1 << 20


def files_run_by(hook: Hook, files: Mapping[str, StoredFile]) -> dict[str, StoredFile]:
    """Return a repository's files that a hook's command names, and their neighbors in folders for agents."""
    names = {posixpath.normpath(name) for name in paths_named(json.dumps([hook.command]).encode())}
    if hook.plugin:
        names |= {posixpath.normpath(f"{hook.plugin}/{name}") for name in names}
    named_paths = {path for path in files if path in names}
    folders = _agent_folders(named_paths)
    paths = named_paths | {path for path in files if posixpath.dirname(path) in folders}
    plain_paths = sorted(path for path in paths if _PLAIN.fullmatch(path))[:_MAX_FILES]
    return {path: files[path] for path in plain_paths}


@asynccontextmanager
async def as_read(session: Session, files: Mapping[str, StoredFile]) -> AsyncIterator[Sequence[str]]:
    """Return a context manager that restores files as they were read; it yields the paths that differed."""
    contents: dict[str, bytes] = {}
    for path, file in files.items():
        with suppress(LookupError):  # of a large folder, not every content is stored
            if len(file.content) <= _MAX_BYTES:
                contents[path] = file.content
    changed_paths = await _changed(session, contents) if contents else []
    added_paths = await _added(session, contents)
    places = {path: f"{_KEPT}/{count}" for count, path in enumerate([*changed_paths, *added_paths])}
    for path, place in places.items():
        move = f"mkdir -p {_KEPT}; rm -rf {place}; mv -T -- {quote(path)} {place} 2>/dev/null"
        write = f"mkdir -p -- {quote(posixpath.dirname(path) or '.')}; cat >{quote(path)}"
        mode = f"chmod {files[path].mode & 0o777:o} {quote(path)}" if path in contents else ""
        script = f"{move}; {write}; {mode}" if path in contents else move
        await session.sh(script, stdin=contents.get(path, b""))
    try:
        yield [*places]
    finally:
        for path, place in places.items():
            name = quote(path)
            await session.sh(f"rm -rf -- {name}; [ -e {place} ] && mv -T -- {place} {name}")


async def _changed(session: Session, contents: Mapping[str, bytes]) -> list[str]:
    """Return the files that the session has changed or removed."""
    result = await session.sh(f"sha256sum -- {' '.join(map(quote, contents))} 2>/dev/null")
    rows = {path: digest for digest, _, path in (line.partition("  ") for line in result.output.splitlines())}
    return [path for path, text in contents.items() if rows.get(path) != hashlib.sha256(text).hexdigest()]


async def _added(session: Session, contents: Mapping[str, bytes]) -> list[str]:
    """Return modules that the session added beside these files, in folders for agents."""
    folders = sorted(_agent_folders(contents))
    if not folders:
        return []
    script = f"find {' '.join(map(quote, folders))} -mindepth 1 -maxdepth 1"
    paths = (await session.sh(f"{script} 2>/dev/null")).output.splitlines()
    return [
        path
        for path in paths
        if path not in contents and _PLAIN.fullmatch(path) and _MODULES.fullmatch(posixpath.basename(path))
    ]


def _agent_folders(paths: Mapping[str, object] | set[str]) -> set[str]:
    """Return the folders of these files that are below those for agents."""
    folders = tuple(f"{folder}/" for folder in AGENT_FOLDERS)
    return {posixpath.dirname(path) for path in paths if f"{posixpath.dirname(path)}/".startswith(folders)}
