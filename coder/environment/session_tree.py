"""SessionTree: the session that a model works in, and the changes of its files after each call."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from coder.base.errors import MachineError
from coder.base.text.sanitize import one_line
from coder.context.ignoring import ignores
from coder.environment.links import make_links
from coder.run.stored_file import LINK_MODE, LeftOut, StoredFile, charsets
from coder.workspace.folder import take_snapshot
from coder.workspace.landing.staging import (
    ForbiddenPath,
    check_folder,
    check_same_repository,
    parts_of,
    state_beside,
    state_of,
    takes_place,
)
from coder.workspace.overlay import ignored_files, links_among, target_of
from coder.workspace.proposal import is_same
from sandbox import Change, Policy, Sandbox, Session

if TYPE_CHECKING:
    from coder.run.state import State
    from sandbox import Kernel

Tree = Mapping[str, StoredFile | None]
"""Files by path; None for a removed file."""
_EXECUTABLE, _LINK = "100755", "120000"
_CACHES = {
    "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox", ".coverage",
    "node_modules",
}  # fmt: skip
"""Names of caches and other files that tools leave."""
_BASE_COMMIT = """for place in $INSTALLS; do [ -w "$place" ] || [ ! -d "$place" ] || echo "$place"; done
command -v git >/dev/null || exit 0
git init --quiet . &&
printf '%s\\n' '[gc]' 'auto = 0' '[maintenance]' 'auto = false' '[user]' 'name = coder' \
    'email = coder@localhost' >>.git/config &&
git add --all && git commit --quiet --message 'The files as they were'"""
"""Commits the workspace to a repository for `git diff`; `git config` would take one process per value."""
_COMMIT_S = 10.0
"""Longest wait for the commit in seconds; in a larger tree it continues during the first command."""


class SessionTree:
    """A session on the user's files, and the files changed in it."""

    def __init__(
        self,
        session: Session,
        *,
        files: Mapping[str, StoredFile],
        root: str | None,
        overlay: Collection[str] = (),
    ) -> None:
        """Start with the user's files in the workspace; changes of files of `overlay` aren't kept."""
        self.session = session
        self.kernel: Kernel | None = None
        """The kernel, if the run uses cells."""
        self._overlay = overlay
        self._root = Path(root) if root is not None else None
        self._begin(files)

    def _begin(self, files: Mapping[str, StoredFile]) -> None:
        self.files = files
        self._folders = {f"{folder}/" for path in files for folder in map(str, PurePosixPath(path).parents)}
        texts = {
            path: file.text
            for path, file in files.items()
            if PurePosixPath(path).name == ".gitignore" and file.text
        }
        self._ignores = ignores(texts)
        self._charset_of = charsets(files)
        self._seen_changes: dict[str, Change] = {}
        self._base = files
        """The files when the sandbox started to track changes."""
        self._unrecorded: dict[str, StoredFile | None] = {}
        """Changes made before tracking started, which no event records."""

    def continue_from(self, present: Mapping[str, StoredFile], tree: Tree) -> None:
        """Start in a folder that already contains the run's changes: those of `tree` and later ones."""
        recorded = {**self.files, **tree}
        self._base = present
        self._unrecorded = {
            path: present.get(path)
            for path in {**recorded, **present}
            if not is_same(recorded.get(path), present.get(path))
        }

    async def changes(self) -> tuple[dict[str, StoredFile | None], tuple[str, ...]]:
        """Return the files that changed since the last call, and reasons for changes that are left out."""
        result = await self.session.changes(ignored=self.is_ignored)
        refusals: dict[str, LeftOut] = {}
        removed: set[str] = set()
        for change in sorted(result.changes, key=lambda change: change.content is not None):
            if reason := self._reason_to_refuse(change, removed):
                refusals[change.path] = reason
            elif change.content is None:
                removed.add(change.path)
        left_out = {entry.path: entry.reason for entry in result.left_out}
        refusals |= _replaced_deletions(result.changes, {**refusals, **left_out})
        current_changes = {change.path: change for change in result.changes if change.path not in refusals}
        changed_files: dict[str, StoredFile | None] = {
            path: self._stored(change)
            for path, change in current_changes.items()
            if _differs(change, self._seen_changes.get(path))
        }
        changed_files |= {
            path: self._base.get(path) for path in self._seen_changes.keys() - current_changes.keys()
        }
        changed_files, self._unrecorded = {**self._unrecorded, **changed_files}, {}
        self._seen_changes = current_changes
        notes = [f"{one_line(path)}: {reason}" for path, reason in refusals.items()]
        return changed_files, (*notes, *(f"{entry.path}: {entry.reason}" for entry in result.left_out))

    async def present(self, *, rescan: bool) -> Collection[Change]:
        """Return all files that differ from the user's: at the latest look, or now if `rescan` is set."""
        if rescan:
            return (await self.session.changes(ignored=self.is_ignored)).changes
        return self._seen_changes.values()

    async def rebase(self, files: Mapping[str, StoredFile], tree: Tree) -> None:
        """Replace the user's files with the current ones, and keep the run's changes. Raises FileRefused."""
        current_files = {
            **self.files,
            **{path: self._stored(change) for path, change in self._seen_changes.items()},
        }
        paths = [
            path
            for path in {**current_files, **files}
            if not (is_same(current_files.get(path), files.get(path)) or self._follows(path, files))
        ]
        await self.write({path: files.get(path) for path in paths})
        await self.session.rebase()
        self._begin(files)
        await make_repository(self.session)
        await self.write(tree)

    def _stored(self, change: Change) -> StoredFile | None:
        if change.content is None:
            return None
        mode = {_EXECUTABLE: 0o755, _LINK: LINK_MODE}.get(change.mode, 0o644)
        return StoredFile.of(change.content, mode=mode).in_charset(self._charset_of(change.path))

    def _is_link(self, path: str) -> bool:
        file = self.files.get(path)
        return file is not None and file.link is not None

    def _follows(self, path: str, files: Mapping[str, StoredFile]) -> bool:
        """Whether a path is a link to the same file as among these, so that it has that file's content."""
        new = files.get(path)
        return self._is_link(path) and new is not None and new.link == self.files[path].link

    def _reason_to_refuse(self, change: Change, removed: Collection[str]) -> LeftOut | None:
        """Return the reason why a file can't be written into the user's folder; None if it can.

        Args:
            removed: files that are removed before.
        """
        try:
            if change.mode == _LINK:
                if change.kind != "added" or change.content is None:
                    return "link"
                parts_of(target_of(change.path, change.content))
        except (ForbiddenPath, UnicodeDecodeError):
            return "link"
        try:
            parts = parts_of(change.path)
        except ForbiddenPath:
            return "name"
        try:
            if self._root is not None:
                check_same_repository(self._root, parts)
                if change.kind == "added" and takes_place(change.path, removed):
                    check_folder(self._root, change.path, removed)
                    state_beside(self._root, parts)
                elif change.kind == "added":
                    state_of(self._root, parts)
        except (ForbiddenPath, MachineError):
            return "special"
        return None

    def is_ignored(self, path: str) -> bool:
        """Whether git ignores a path or it is a cache of tools, unless the run read the file."""
        if path in self.files or path in self._folders:
            return False
        return path in self._overlay or PurePosixPath(path).name in _CACHES or self._ignores(path)

    async def write(self, changes: Tree) -> None:
        """Write files that changed elsewhere. Raises FileRefused if a path is outside or the disk is full."""
        for path, stored in changes.items():
            if stored is None or self._is_link(path):
                await self.session.remove(path)
        for path, stored in changes.items():
            if stored is not None and stored.is_new_link:
                where = {"FILE": path, "TARGET": stored.content.decode()}
                await self.session.sh(
                    'mkdir -p "$(dirname "./$FILE")" && ln -sfn "$TARGET" "./$FILE"', environment=where
                )
            elif stored is not None:
                await self.session.write(path, stored.content, executable=stored.is_executable)
        await self.changes()


async def lay_session(
    sandbox: Sandbox, stack: AsyncExitStack, state: "State", policy: Policy
) -> tuple[SessionTree, str]:
    """Open a session on the user's files with the run's changes, in a new repository.

    Returns:
        The session's tree, and the names of read-only folders of installs.
    """
    files = {path: stored.content for path, stored in state.files.items()} | ignored_files(state)
    await sandbox.lay(files)
    await make_links(sandbox, links_among(files, state.files))
    session = await stack.enter_async_context(sandbox.session())
    session_tree = SessionTree(session, files=state.files, root=state.root, overlay=state.settings.show)
    if policy.kernel:
        from sandbox import Kernel

        session_tree.kernel = Kernel(session)
    installs = [folder for folder in policy.folders if folder.endswith("node_modules")]
    read_only = await make_repository(session, installs)
    if state.dialogue.session.tree:
        await session_tree.write(state.dialogue.session.tree)
    return session_tree, read_only


async def open_in_folder(
    sandbox: Sandbox, stack: AsyncExitStack, state: "State", policy: Policy
) -> tuple[SessionTree, str]:
    """Open a session in the user's folder itself, like `lay_session` but without writing files.

    The folder of a resumed run already contains its changes. The tree first returns the changes that no
    event records yet. If the sandbox has its own folder, as a task's container does, only the
    session reports changes there.
    """
    session = await stack.enter_async_context(sandbox.session())
    session_tree = SessionTree(session, files=state.files, root=state.root, overlay=state.settings.show)
    tree = state.dialogue.session.tree
    present = {path: file for path, file in {**state.files, **tree}.items() if file is not None}
    if not state.settings.judged_elsewhere:
        snapshot = await asyncio.to_thread(
            take_snapshot, Path(state.root or ""), read=state.task.read, unread=state.task.unread
        )
        present = dict(snapshot.files)
    session_tree.continue_from(present, tree)
    if policy.kernel:
        from sandbox import Kernel

        session_tree.kernel = Kernel(session)
    return session_tree, ""


async def make_repository(session: Session, installs: Collection[str] = ()) -> str:
    """Commit the tree, so that `git diff` shows later changes; return the read-only folders of `installs`."""
    commit = await session.start(_BASE_COMMIT, environment={"INSTALLS": " ".join(installs)})
    with suppress(TimeoutError):
        async with asyncio.timeout(_COMMIT_S):
            await commit.wait()
    return ", ".join(sorted(set(installs) & set(commit.output().splitlines())))


def _replaced_deletions(changes: Collection[Change], refusals: Mapping[str, LeftOut]) -> dict[str, LeftOut]:
    """Return further deletions to leave out: the deleted file is replaced by one that can't be written."""
    reasons_of_parents: dict[str, LeftOut] = {}
    for path, why in refusals.items():
        reasons_of_parents |= dict.fromkeys(map(str, PurePosixPath(path).parents), why)
    deletions: dict[str, LeftOut] = {}
    for path in (change.path for change in changes if change.kind == "deleted"):
        reasons = (
            reasons_of_parents.get(path),
            *(refusals.get(str(folder)) for folder in PurePosixPath(path).parents),
        )
        deletions.update((path, reason) for reason in reasons if reason)
    return deletions


def _differs(change: Change, previous: Change | None) -> bool:
    return previous is None or (change.after, change.mode) != (previous.after, previous.mode)
