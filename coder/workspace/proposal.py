"""Compute a run's changes to the user's folder, as a plan and as patches."""

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

from coder.base.text.sanitize import as_bytes, as_text
from coder.run.attempts import best_code, made_again
from coder.run.message import AnswerChanges, CodeMessage
from coder.run.metadata_edits import changes_metadata_alone
from coder.run.state import State
from coder.run.stored_file import StoredFile, charsets
from coder.run.target import Target, decides
from coder.workspace.consent import held_files, is_allowed, is_offered, landing_edits
from coder.workspace.diff import unified_diff
from coder.workspace.folder import Snapshot
from coder.workspace.landing import ForbiddenPath, LandingPlan, changes_of, plan
from coder.workspace.overlay import end_of, new_links

Contents = Mapping[str, bytes | None]
"""Required content of each path; None: remove the file."""


def intended(
    state: State, contents: Contents, unsaved: Mapping[str, StoredFile] = MappingProxyType({})
) -> LandingPlan:
    """Return the plan to write these contents into the user's folder, compared with its current files.

    Args:
        unsaved: files that an editor is to save before the plan is carried out.

    Raises:
        ForbiddenPath: a path may not be written.
        FileChanged: a file has changed since the run read it.
    """
    if state.root is None:
        raise ForbiddenPath("The task names no folder to write into.")
    read = {path: state.files[path] for path in contents if path in state.files}
    return plan(
        Snapshot(Path(state.root), read),
        contents,
        executable=modes_of(state),
        links=new_links(contents, state),
        unsaved=unsaved,
    )


def patch_of(state: State, contents: Contents) -> str:
    """Return the patch of these contents, against the files as the run read them."""
    changes = changes_of(state.files, contents, executable=modes_of(state))
    before = {change.path: state.files[change.path].content if change.before else None for change in changes}
    after = {change.path: contents[change.path] for change in changes}
    executable = {change.path for change in changes if change.executable}
    switched = {change.path for change in changes if change.chmod is not None}
    links = new_links(contents, state)
    return unified_diff(
        before,
        after,
        executable=executable,
        switched=switched,
        links=links,
        charset_of=charsets(state.files),
    )


def proposal(state: State) -> tuple[str, str]:
    """Return the patch of the best code, and the patch of risky files and test edits that land with it."""
    best = best_code(state)
    edits = landing_edits(state, best) if best is not None else {}
    risks = held_in(state)
    contents, separate = contents_of(state, risks)
    code = {path: content for path, content in contents.items() if path not in edits}
    risky_files = {path: content for path, content in separate.items() if path in risks}
    tests = {path: content for path, content in contents.items() if path in edits}
    return patch_of(state, code), patch_of(state, {**tests, **risky_files})


def contents_of(state: State, risks: Collection[str] | None = None) -> tuple[Contents, Contents]:
    """Return the contents that land, and those that need separate consent: test edits and risky files.

    Args:
        risks: paths of the risky files; None: those of `held_in`.
    """
    best = best_code(state)
    if best is None:
        return {}, {}
    edits = landing_edits(state, best)
    landing, risks = _own_files(state, best) | edits, held_in(state) if risks is None else risks
    separate = {path: text for path, text in best.changes.test_edits.items() if path not in edits}
    separate |= {path: landing[path] for path in risks}
    return _encoded({path: text for path, text in landing.items() if path not in risks}), _encoded(separate)


def held_in(state: State) -> dict[str, str]:
    """Return the files of the best code that need separate consent, with the reasons, by path."""
    best = best_code(state)
    if best is None:
        return {}
    risks = held_files(state, _own_files(state, best) | landing_edits(state, best))
    return {path: reason for path, reason in risks.items() if path not in state.landing.planned_paths}


def _own_files(state: State, code: CodeMessage) -> dict[str, str | None]:
    """Return the files of a change without those that the test command makes."""
    made = made_again(state)
    return {path: text for path, text in code.changes.files.items() if path not in made}


def _encoded(files: Mapping[str, str | None]) -> dict[str, bytes | None]:
    return {path: as_bytes(text) if text is not None else None for path, text in files.items()}


def session_changes(state: State, target: Target) -> AnswerChanges:
    """Return the changes of the session's tree against the files that the run read."""
    files: dict[str, str | None] = {}
    edits: dict[str, str | None] = {}
    others: list[str] = []
    for path, stored in state.dialogue.session.tree.items():
        if not _differs(state.files.get(path), stored):
            continue
        text = None if stored is None else as_text(stored.content)
        target_path = end_of(path, state.files)
        if is_allowed(path, state.settings.allow) or not _decides(target_path, text, state, target):
            files[target_path if text is not None else path] = text
        elif is_offered(target_path, state):
            edits[target_path] = text
        else:
            others.append(path)
    return AnswerChanges(files=files, test_edits=edits, left_out=tuple(others))


def _decides(path: str, text: str | None, state: State, target: Target) -> bool:
    """Whether a session's version of a file may change what passes, other than as code under test."""
    if not decides(path, state.task, target):
        return False
    before = state.files[path].text if path in state.files else None
    is_read_only = any(fnmatchcase(path, glob) for glob in state.task.read)
    return is_read_only or not changes_metadata_alone(path, before, text)


def text_file(text: str | None, *, like: StoredFile | None) -> StoredFile | None:
    """Return a file with this text and the mode of `like`; None without a text."""
    mode = like.mode if like is not None else 0o644
    return StoredFile.of(as_bytes(text), mode=mode) if text is not None else None


def modes_of(state: State) -> dict[str, bool]:
    """Return executable bits of new files, and of files whose bit the session changed."""
    return {
        path: stored.is_executable
        for path, stored in state.dialogue.session.tree.items()
        if stored is not None and (path not in state.files or is_switched(state.files[path], stored))
    }


def is_same(file: StoredFile | None, other: StoredFile | None) -> bool:
    """Whether two files have equal content and executable bits; listed files are compared by hash."""
    if file is None or other is None or file == other:
        return file == other
    return file.digest == other.digest and file.is_executable == other.is_executable


def is_switched(before: StoredFile | None, after: StoredFile | None) -> bool:
    """Whether a session changes an existing file's executable bit, other than to match its content."""
    if before is None or after is None:
        return False
    is_program = before.content.startswith((b"#!", b"\x7fELF"))
    return after.is_executable not in (is_program, before.is_executable)


def _differs(before: StoredFile | None, after: StoredFile | None) -> bool:
    if before is None or after is None:
        return before is not after
    return (before.text, before.base64) != (after.text, after.base64) or is_switched(before, after)
