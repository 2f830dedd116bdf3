"""Decide which changes need the user's consent: files that may run by themselves, and edits of given tests.

The former are recognized by `autorun`; the test command uses the given tests unchanged. Consent is `--allow`,
or a yes to the changes shown on the terminal.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

from coder.base.text.sanitize import as_bytes, as_text
from coder.config.permission_rules import of_edits, restricts
from coder.run.attempts import best_code, decisive_outcome, shows_done, tried
from coder.run.command_inputs import MODULES, TOOL_FILES
from coder.run.extensions import Ruling
from coder.run.message import HUMAN, AnswerChanges, CodeMessage, Outcome, OutcomeMessage
from coder.run.questions import Decision
from coder.run.state import State
from coder.run.target import Target, decides
from coder.workspace.autorun import hidden, risky
from coder.workspace.landing.grounds import holds_home, is_of_settings, parts_above
from coder.workspace.overlay import end_of, new_links
from coder.workspace.started_files import started_files

_BINARY = re.compile(
    r"^index \w+\.\.\w+\nGIT binary patch\nliteral (\d+)\n(?:[A-Za-z]\S+\n)*\n", re.MULTILINE
)
_TITLE = (
    "Left out without your word "
    "(given tests, what decides what passes, what may run by itself later, or what your rules hold):"
)


def is_allowed(path: str, allow: Sequence[str]) -> bool:
    """Whether `--allow` names a path; patterns don't match files that run by themselves later."""
    return path in allow or (risky(path) is None and any(fnmatchcase(path, glob) for glob in allow))


def _is_yes_to(path: str, allow: Sequence[str]) -> bool:
    """Whether `--allow` names a path that may run by itself: exactly, or a dot file also by a pattern.

    As in a shell, a pattern matches a dot at the beginning of a name only if the pattern has a dot there.
    """
    dot_patterns = [glob for glob in allow if any(part.startswith(".") for part in glob.split("/"))]
    return path in allow or (hidden(path) is not None and is_allowed(path, dot_patterns))


def _texts_before(state: State, files: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the available contents of changed files before the change, by path."""
    texts: dict[str, str | None] = {}
    for path in files:
        with suppress(LookupError):
            texts[path] = as_text(state.files[path].content)
    return texts


def held_files(state: State, files: Mapping[str, str | None]) -> dict[str, str]:
    """Return the files of a change that need separate consent, with the reasons, by path.

    These are files that run by themselves later, new dot files that aren't known to be harmless, all files
    of the home folder, and removed files that a risky one replaces, except files that `--allow` names. Parent
    folders' names count, too, because the folder itself may be `.github/workflows`.
    """
    if state.root is None:
        return {}
    root = Path(state.root)
    if holds_home(root):
        reasons = dict.fromkeys(
            files, "the folder holds your home folder, where many programs look for settings"
        )
    else:
        parents, is_repository = parts_above(root)
        reasons = {}
        for path, text in files.items():
            full_path = "/".join((*parents, path))
            is_dot_file_new = text is not None and path not in state.files
            is_above_dot = not is_repository and any(part.startswith(".") for part in parents)
            reason = risky(full_path) or (hidden(full_path) if is_dot_file_new or is_above_dot else None)
            if reason is None and is_of_settings(root, path):
                reason = "programs look for your settings in its folder"
            if reason is not None:
                reasons[path] = reason
        reasons |= dict.fromkeys(_links_in(state, files), "a symbolic link")
        reasons = started_files(root, files, _texts_before(state, files)) | reasons
    for path, ruling in rulings_of(state, files).items():
        if ruling.verdict == "ask":
            reasons[path] = (
                f"{reasons[path]}; your rule: {ruling}" if path in reasons else f"your rule: {ruling}"
            )
    reasons = {path: reason for path, reason in reasons.items() if not _is_yes_to(path, state.settings.allow)}
    replaced = {path: f"{new} takes its place" for path, new in _replaced(state, files, reasons).items()}
    return reasons | replaced | denied_files(state, files)


def _links_in(state: State, files: Mapping[str, str | None]) -> list[str]:
    """Return the paths of a change that are new symbolic links."""
    contents = {path: None if text is None else as_bytes(text) for path, text in files.items()}
    return [*new_links(contents, state)]


def denied_files(state: State, files: Iterable[str]) -> dict[str, str]:
    """Return the files of a change that the user's rules deny, which no yes overrides."""
    rulings = rulings_of(state, files).items()
    return {path: f"your rule: {ruling}" for path, ruling in rulings if ruling.verdict == "deny"}


def rulings_of(state: State, files: Iterable[str]) -> dict[str, Ruling]:
    """Return the rulings on files of a change that the user's rules deny or ask about, by path."""
    rules = state.settings.rules
    if rules is None or state.root is None:
        return {}

    rulings = of_edits(rules, files, Path(state.root))
    return {path: ruling for path, ruling in rulings.items() if restricts(ruling)}


def _replaced(state: State, files: Mapping[str, str | None], risks: Mapping[str, str]) -> dict[str, str]:
    """Return removed files with the risky file that replaces each: of equal content or name, or nested."""
    replaced_paths = {}
    for old_path, text in files.items():
        if text is not None or old_path in risks or old_path not in state.files:
            continue
        for new_path in risks:
            content, is_below = (
                files[new_path],
                new_path.startswith(f"{old_path}/") or old_path.startswith(f"{new_path}/"),
            )
            has_same_content = content is not None and as_bytes(content) == state.files[old_path].content
            if (
                has_same_content
                or is_below
                or (content is not None and new_path.split("/")[-1] == old_path.split("/")[-1])
            ):
                replaced_paths[old_path] = new_path
    return replaced_paths


def is_protected(path: str, state: State, target: Target) -> bool:
    """Whether a path affects which tests pass, so that edits of it are separated from an answer."""
    is_free = is_allowed(path, state.settings.allow)
    return not is_free and decides(end_of(path, state.files), state.task, target)


def is_given_test(path: str, state: State, target: Target) -> bool:
    """Whether edits of a protected path can be offered to the user, because it is a test of the folder."""
    is_read_only = any(fnmatchcase(path, glob) for glob in state.task.read)
    is_setting = path in TOOL_FILES or risky(path) is not None
    return target.is_of_tests(path) and path in state.files and not is_read_only and not is_setting


def is_offered(path: str, state: State) -> bool:
    """Whether a session's version of a file that affects the tests can be offered to the user."""
    parts = path.split("/")
    return MODULES not in parts and not any(fnmatchcase(path, glob) for glob in state.task.read)


def is_contradicted(state: State) -> bool:
    """Whether the result fails given tests, but passes them as edited by the run."""
    outcome = decisive_outcome(state)
    return outcome is not None and bool(outcome.contradicts)


def is_accepted(state: State) -> bool:
    """Whether the user accepted an unverified result beforehand, including edits of given tests."""
    code = best_code(state)
    edits = (
        code.changes.test_edits
        if code is not None and (is_contradicted(state) or not code.changes.files)
        else {}
    )
    return state.settings.accept_unverified and all(is_allowed(path, state.settings.allow) for path in edits)


def is_to_be_committed(state: State) -> bool:
    """Whether the result is to be committed: it is solved, or the user accepts it unverified."""
    if state.landing.committed is not None:
        return False
    is_landing_green = state.landing.planned is not None and not state.settings.keep and suite_passed(state)
    return is_green(state) or is_accepted(state) or is_landing_green


def landing_edits(state: State, best: CodeMessage) -> dict[str, str | None]:
    """Return the edits of given tests that land with the change: ordered by the task, planned or allowed."""
    outcome = decisive_outcome(state)
    is_ordered = outcome is not None and bool(outcome.ordered)
    return {
        path: text
        for path, text in best.changes.test_edits.items()
        if is_ordered or path in state.landing.planned_paths or is_allowed(path, state.settings.allow)
    }


def files_to_edit(state: State, best: CodeMessage) -> dict[str, str | None]:
    """Return the texts of a change that a person may edit, with the edits of given tests that may land."""
    edits = best.changes.test_edits if is_contradicted(state) else landing_edits(state, best)
    return {**best.changes.files, **edits}


def objection(answer: Decision, code: CodeMessage) -> CodeMessage | OutcomeMessage | None:
    """Return a person's version or request instead of a change; None if the person only declined."""
    if answer.files is not None:
        return CodeMessage(author=HUMAN, changes=AnswerChanges(files=answer.files))
    if not answer.words:
        return None
    outcome = Outcome(passed=False, verified="none", feedback=answer.words)
    return OutcomeMessage(author=HUMAN, text=answer.words, outcome=outcome)


def in_parts(patch: str, tests: str) -> str:
    """Return a change for display: first the code, then the separated edits."""
    text = f"{patch}\n{_TITLE}\n\n{tests}" if tests else patch
    return _BINARY.sub(r"binary, \1 bytes\n", text)


def is_green(state: State) -> bool:
    """Whether given tests or checks have passed, for the latest code or the best."""
    best = best_code(state)
    outcomes = [state.outcome, *(outcome for code, outcome in tried(state) if code is best)]
    return any(outcome is not None and outcome.passed and shows_done(state, outcome) for outcome in outcomes)


def suite_passed(state: State) -> bool:
    """Whether the tests of the test command passed, even if they don't test the task."""
    outcome, baseline = decisive_outcome(state), state.progress.baseline
    has_tests = state.task.test_command is not None and (baseline is None or baseline.told)
    return has_tests and outcome is not None and outcome.passed
