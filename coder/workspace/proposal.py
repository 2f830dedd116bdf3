"""Proposal: what of a run's answer would change the user's folder, as a plan and as patches."""

import shlex
from collections.abc import Mapping

from coder.run.attempts import best_code
from coder.run.state import State
from coder.text.binary import as_bytes
from coder.workspace.autorun import risky
from coder.workspace.diff import unified_diff
from coder.workspace.edited_tests import landing_edits
from coder.workspace.landing import LandingRefused, Plan, plan
from coder.workspace.read import content, snapshot_of

Contents = Mapping[str, bytes | None]
"""What is to stand at each path; None removes."""


def intended(state: State, *, edits: Contents | None = None) -> Plan:
    """What would change in the user's folder, by what stands there now.

    Args:
        edits: of given tests, that are to land beside those that do anyway.

    Raises:
        LandingRefused: a path may not be written.
        FileChanged: a file isn't as the run has read it.
    """
    contents = {**contents_of(state), **(edits or {})}
    if reason := _by_itself(state, contents):
        raise LandingRefused(reason)
    if state.root is None:
        raise LandingRefused("The task names no folder to write into.")
    read = {path: state.files[path] for path in contents if path in state.files}
    return plan(snapshot_of(state.root, read), contents, executable=_modes(state))


def proposal(state: State) -> tuple[str, str]:
    """The patch of what the run would change in the files that it has read, and the one of given tests.

    The latter are those that land with it in a conversation. Either is empty where that is nothing.
    """
    best = best_code(state)
    edits = landing_edits(state, best) if best is not None else {}
    contents = contents_of(state)
    code = {path: text for path, text in contents.items() if path not in edits}
    return read_diff(state, code), read_diff(state, {path: contents[path] for path in edits})


def patch_of(state: State, planned: Plan, *, edits: Contents | None = None) -> str:
    """The patch of a plan."""
    contents = {**contents_of(state), **(edits or {})}
    before = {c.path: content(state.files[c.path]) if c.before else None for c in planned.changes}
    after = {change.path: contents[change.path] for change in planned.changes}
    runs = {change.path for change in planned.changes if change.executable}
    switched = {change.path for change in planned.changes if change.chmod is not None}
    return unified_diff(before, after, executable=runs, switched=switched)


def contents_of(state: State) -> dict[str, bytes | None]:
    """What lands: the best code, with the edits of given tests that land with it."""
    best = best_code(state)
    return _encoded({**best.files, **landing_edits(state, best)}) if best is not None else {}


def left_edits(state: State) -> dict[str, bytes | None]:
    """The edits of given tests that don't land."""
    best = best_code(state)
    edits = best.test_edits if best is not None else {}
    going = landing_edits(state, best) if best is not None else {}
    return _encoded({path: text for path, text in edits.items() if path not in going})


def _encoded(files: Mapping[str, str | None]) -> dict[str, bytes | None]:
    return {path: as_bytes(text) if text is not None else None for path, text in files.items()}


def read_diff(state: State, contents: Contents) -> str:
    """The patch from the files as the run has read them."""
    before = {path: content(state.files[path]) if path in state.files else None for path in contents}
    modes = _modes(state)
    begins = {path: now if now is not None else before[path] or b"" for path, now in contents.items()}
    runs = {path for path, begin in begins.items() if modes.get(path, begin.startswith(b"#!"))}
    there = {path for path in modes if path in state.files and contents.get(path) is not None}
    switched = {path for path in there if bool(state.files[path].mode & 0o100) != modes[path]}
    return unified_diff(before, contents, executable=runs, switched=switched)


def _modes(state: State) -> dict[str, bool]:
    """As `modes_of`, which has nothing to say where no session has changed anything."""
    if not state.tree:
        return {}
    from coder.workspace.session_changes import modes_of

    return modes_of(state)


def _by_itself(state: State, contents: Mapping[str, bytes | None]) -> str | None:
    """Why a file would run by itself later, when the user has not allowed it."""
    for path in contents:
        reason = risky(path)
        if reason is not None and path not in state.settings.allow:
            return (
                f"{path} would run by itself later ({reason}). If it may: "
                f"coder resume {state.run} --allow {shlex.quote(path)}"
            )
    return None
