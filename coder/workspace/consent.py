"""Changes that need the user's consent: files that run by themselves later, and edits of given tests.

The former run when a folder is entered or opened, at a commit or a push, when Python, a shell or a debugger
starts, or when pytest collects; a Makefile is run by its name. The test command uses the tests as given.
`--allow`, or a yes on the terminal, is consent.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from coder.run.attempts import best_code, decisive_outcome
from coder.run.command_inputs import MODULES, TOOL_FILES
from coder.run.message import HUMAN, Message, Outcome
from coder.run.questions import Decision
from coder.run.state import State
from coder.run.target import Target, decides
from coder.workspace.overlay import end_of

_BINARY = re.compile(
    r"^index \w+\.\.\w+\nGIT binary patch\nliteral (\d+)\n(?:[A-Za-z]\S+\n)*\n", re.MULTILINE
)
_TITLE = "Left out without your word (given tests, or what decides what passes):"
_FILES = {
    "direnv runs it when the folder is entered": [".envrc"],
    "mise runs its hooks when the folder is entered": [
        ".mise.toml", "mise.toml", ".mise.local.toml", "mise.local.toml",
    ],
    "pytest runs it before any test": ["conftest.py"],
    "every Python that finds it runs it at its start": ["sitecustomize.py", "usercustomize.py"],
    "the debugger runs it at its start": [".pdbrc", ".gdbinit", ".lldbinit"],
    "a shell of its language runs it when it starts in the folder": [
        ".rprofile", ".ghci", ".irbrc", ".pryrc", ".octaverc",
    ],
    "the editor runs it when it starts in the folder": [
        ".exrc", ".nvimrc", ".nvim.lua", ".vimrc", ".dir-locals.el",
    ],
    "it can name programs that npm or yarn runs": [".yarnrc.yml", ".npmrc"],
    "its commands run when the folder is opened": [".devcontainer.json", ".gitpod.yml"],
    "agents and editors start the programs that it names": [".aider.conf.yml", ".mcp.json"],
    "its hooks run at every commit": [
        ".pre-commit-config.yaml", "lefthook.yml", "lefthook.yaml", ".lefthook.yml", ".overcommit.yml",
    ],
    "a CI service runs it at every push": [
        ".gitlab-ci.yml", ".travis.yml", ".cirrus.yml", ".woodpecker.yml", ".drone.yml", "appveyor.yml",
        ".appveyor.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml", "jenkinsfile",
    ],
    "git fetches or runs what it names": [".gitmodules", ".gitconfig"],
    "a shell runs it at its start": [
        ".bash_profile", ".bash_login", ".bash_logout", ".bashrc", ".profile", ".zshrc", ".zshenv",
        ".zprofile", ".zlogin", ".zlogout", ".kshrc", ".cshrc",
    ],
}  # fmt: skip
_FOLDERS = {
    "a CI service runs it at a push": [
        ".github/workflows", ".github/actions", ".gitea/workflows", ".forgejo/workflows", ".circleci",
        ".semaphore", ".buildkite", ".woodpecker",
    ],
    "the editor can run its tasks when the folder is opened": [".vscode", ".idea", ".fleet", ".zed"],
    "its commands run when the folder is opened in a container": [".devcontainer"],
    "git runs it at every commit": [".husky", ".githooks", ".lefthook"],
    "a version control system runs what it names": [".hg", ".jj", ".svn"],
    "cargo runs the programs that it names in its own place": [".cargo"],
    "mise runs its hooks when the folder is entered": [".mise", ".config/mise"],
    "programs and packages run from there": [".venv", "node_modules"],
    "agents run its hooks": [".claude", ".gemini", ".codex", ".cursor"],
}  # fmt: skip


def risky(path: str) -> str | None:
    """Why a file at this path (relative, with `/`) would run by itself later; None if it wouldn't."""
    lowered = path.lower()  # on case-insensitive disks .VSCode is .vscode
    name, around = PurePosixPath(lowered).name, f"/{lowered}"
    if name.endswith(".pth"):
        return "every Python that finds it in its library runs the lines that begin with import"
    for reason, names in _FILES.items():
        if name in names:
            return reason
    for reason, folders in _FOLDERS.items():
        if any(f"/{folder}/" in around for folder in folders):
            return reason
    return None


def is_allowed(path: str, allow: Sequence[str]) -> bool:
    """Whether `--allow` names a path; patterns don't match files that run by themselves later."""
    return path in allow or (risky(path) is None and any(fnmatchcase(path, glob) for glob in allow))


def is_kept_apart(path: str, state: State, target: Target) -> bool:
    """Whether a path affects which tests pass, so that edits of it are separated from an answer."""
    is_free = is_allowed(path, state.settings.allow)
    return not is_free and decides(end_of(path, state.files), state.task, target)


def is_given_test(path: str, state: State, target: Target) -> bool:
    """Whether edits of a forbidden path can be offered to the user: it is a test of the folder."""
    is_read_only = any(fnmatchcase(path, glob) for glob in state.task.read)
    is_setting = path in TOOL_FILES or risky(path) is not None
    return path in target.tests and path in state.files and not is_read_only and not is_setting


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
    best = best_code(state)
    edits = best.test_edits if best is not None and (is_contradicted(state) or not best.files) else {}
    return state.settings.accept_unverified and all(is_allowed(path, state.settings.allow) for path in edits)


def landing_edits(state: State, best: Message) -> dict[str, str | None]:
    """The edits of given tests that land with the change: allowed ones, and those that the user accepted."""
    planned = {change.path for change in state.landing.plan.changes} if state.landing is not None else set()
    shown = state.settings.chat and is_contradicted(state)
    return {
        path: text
        for path, text in best.test_edits.items()
        if shown or path in planned or is_allowed(path, state.settings.allow)
    }


def objection(answer: Decision, code: Message) -> Message | None:
    """What a person wants in place of a change: their own version, or a different one; None of a plain no."""
    if answer.files is not None:
        return Message(
            author=HUMAN, kind="code", sample=code.sample, attempt=code.attempt, files=answer.files
        )
    if not answer.words:
        return None
    refused = Outcome(passed=False, verified="none", feedback=answer.words)
    return Message(
        author=HUMAN,
        kind="outcome",
        sample=code.sample,
        attempt=code.attempt,
        text=answer.words,
        outcome=refused,
    )


def in_parts(patch: str, tests: str) -> str:
    """A change as displayed: first the code, then the separated edits."""
    both = f"{patch}\n{_TITLE}\n\n{tests}" if tests else patch
    return _BINARY.sub(r"binary, \1 bytes\n", both)
