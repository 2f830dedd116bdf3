"""Find the answer of a task in git repositories of its image: tags, branches, reflogs, dangling commits.

An agent that may run git can take the answer from there. Versions of the files that the task's own solution
changes are compared with the solved versions.
"""

import asyncio
import difflib
import hashlib
import posixpath
import shlex
from collections.abc import Iterator

from benchmarks.harbor.applying import read_files
from benchmarks.harbor.changes import ContainerChanges
from benchmarks.harbor.container import HarborContainer

MAX_FILES = 20
MAX_BYTES = 256 << 10
MAX_VERSIONS_BYTES = 32 << 20
_TIMEOUT_S = 120.0
_LOG, _FOLDER = "/.coder-history", "/.coder-history-files"
_MIN_LENGTH = 4
"""Minimum length of compared lines: shorter ones, such as `}` or `else`, don't show their origin."""
_VERSIONS = """\
exec 2> /dev/null
set -e
folder={folder}
while [ ! -d "$folder" ]; do folder=$(dirname "$folder"); done
cd "$folder"
g() {{ git -c safe.directory='*' -c core.fsmonitor=false "$@"; }}
root=$(g rev-parse --show-toplevel)
cd "$root"
name={path}
name=${{name#"$root"/}}
mkdir -p {scratch}
g cat-file --batch-all-objects --batch-check='%(objecttype) %(objectname)' > {scratch}/objects
sed -n 's/^commit //p' {scratch}/objects > {scratch}/commits
g log --stdin --full-history -m --format= --raw --no-abbrev -- "$name" < {scratch}/commits > {scratch}/log
sed -n 's/^:[0-9]* [0-9]* \\([0-9a-f]*\\) \\([0-9a-f]*\\) .*/\\1\\n\\2/p' {scratch}/log > {scratch}/ids
grep -x 'blob {blob}' {scratch}/objects | cut -d' ' -f2 >> {scratch}/ids || true
sort -u {scratch}/ids | grep -v '^0*$' | g cat-file --batch='%(objectname) %(objectsize)' | head -c {most}
"""


async def find_in_history(
    container: HarborContainer, changes: ContainerChanges, paths: frozenset[str]
) -> tuple[str, ...]:
    """Return the paths whose solved version is already in the git history of a repository of the image.

    Args:
        container: a fresh container of the image; nothing is found if the image has no git.
        changes: changes by the task's own solution.
        paths: paths that the solution must change.

    Raises:
        SandboxBroken: the engine failed.
    """
    file_paths = [change.path for change in changes.items if change.path in paths and change.type == "file"][
        :MAX_FILES
    ]
    files = await asyncio.to_thread(read_files, changes, file_paths, max_bytes=MAX_BYTES)
    image = await container.read_entries(files, max_bytes=MAX_BYTES)
    revealed = []
    for path, (_, content) in files.items():
        if content is None:
            continue
        base = image[path][1] or b"" if path in image else b""
        versions = await _versions(container, path, content)
        if await asyncio.to_thread(_reveal, versions, base, content):
            revealed.append(path)
    return tuple(revealed)


async def _versions(container: HarborContainer, path: str, content: bytes) -> bytes:
    """Return git's output of all versions of a file, and of equal content elsewhere; empty without git."""
    blob = hashlib.sha1(b"blob %d\0%b" % (len(content), content), usedforsecurity=False).hexdigest()
    script = _VERSIONS.format(
        folder=shlex.quote(posixpath.dirname(path)),
        path=shlex.quote(path),
        scratch=_FOLDER,
        blob=blob,
        most=MAX_VERSIONS_BYTES,
    )
    await container.run(["sh", "-c", script], timeout_s=_TIMEOUT_S, user="0", log=_LOG, ends_container=False)
    printed = await container.read_file(_LOG, max_bytes=MAX_VERSIONS_BYTES) or b""
    await container.run(["rm", "-rf", _FOLDER, _LOG], timeout_s=_TIMEOUT_S, user="0", ends_container=False)
    return printed


def _reveal(printed: bytes, base: bytes, content: bytes) -> bool:
    """Whether a version equals the solved one, or has all lines that the solution adds, none it removes."""
    removed, added = _differing_lines(base, content)
    for version in _parse(printed):
        if version == base:
            continue
        if version == content:
            return True
        lines = {line.strip() for line in version.splitlines()}
        if added and added <= lines and not removed & lines:
            return True
    return False


def _differing_lines(base: bytes, content: bytes) -> tuple[set[bytes], set[bytes]]:
    """Return the lines that a change removes and adds, without lines that it only moves."""
    before = [line.strip() for line in base.splitlines()]
    after = [line.strip() for line in content.splitlines()]
    matcher = difflib.SequenceMatcher(None, before, after)
    removed, added = set[bytes](), set[bytes]()
    for kind, start, end, new_start, new_end in matcher.get_opcodes():
        if kind != "equal":
            removed.update(line for line in before[start:end] if len(line) >= _MIN_LENGTH)
            added.update(line for line in after[new_start:new_end] if len(line) >= _MIN_LENGTH)
    return removed - {*after}, added - {*before}


def _parse(printed: bytes) -> Iterator[bytes]:
    """Yield the contents in the output of `git cat-file --batch`, without a last one that is cut off."""
    start = 0
    while (end := printed.find(b"\n", start)) >= 0:
        words = printed[start:end].split()
        if len(words) != 2 or not words[1].isdigit():
            return
        start, size = end + 1, int(words[1])
        if start + size > len(printed):
            return
        yield printed[start : start + size]
        start += size + 1
