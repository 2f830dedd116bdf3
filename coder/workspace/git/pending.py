"""Find out what the user's git would commit, push and propose, and which programs it would start."""

import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from coder.base.errors import UsageError
from coder.workspace.git.commit import under_way
from coder.workspace.git.found import Repository, find_repository
from coder.workspace.git.isolated import isolated
from coder.workspace.git.known_files import contents_at_head
from coder.workspace.git.run_git import GitFailed

_COMMON_HOOKS = ("reference-transaction", "post-index-change", "pre-auto-gc")
HOOKS = {
    "commit": ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", *_COMMON_HOOKS),
    "switch": ("post-checkout", *_COMMON_HOOKS),
    "push": ("pre-push", *_COMMON_HOOKS),
}
"""Hooks by the command that starts them."""
_PLAIN_KEY = re.compile(
    r"(branch|user|color|alias)\..*"
    r"|core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf"
    r"|safecrlf|eol|longpaths|sparsecheckout(cone)?|untrackedcache|hookspath)"
    r"|extensions\.(objectformat|refstorage|worktreeconfig)|gc\.auto|gpg\.format|init\.defaultbranch"
    r"|(pull|fetch)\.(ff|rebase|prune)|push\.(default|autosetupremote|followtags)"
    r"|remote\..*\.(url|pushurl|fetch|tagopt|prune|gh-resolved)|submodule\..*\.(active|branch|path|url)"
)
"""Configuration keys by which git starts no program; hooks and addresses are checked separately."""
_FILE_STARTING_KEYS = r"^(core\.fsmonitor|filter\..*\.(clean|smudge|process)|hook\..*\.command)$"
"""Keys of the user's configuration that may start a file of the repository."""
_PLAIN_VALUES = ("", "true", "false", "yes", "no", "on", "off", "0", "1")
_MAX_HOOK = 1 << 18
"""Maximum bytes of a hook that is read."""
_DIFF_COMMAND = (
    *("diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules"),
)


@dataclass(frozen=True, slots=True)
class CheckedOutBranch:
    """A repository on a branch, with no operation in progress."""

    repository: Repository
    branch: str

    @property
    def top(self) -> Path:
        """Top of the work tree."""
        return self.repository.top


@dataclass(frozen=True, slots=True)
class Pending:
    """Files that differ from the last commit, relative to the top."""

    paths: tuple[str, ...]
    """Requested files."""
    new: tuple[str, ...]
    """Requested files that are untracked."""
    others: tuple[str, ...]
    """Other files that differ."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A branch, compared with the base of its pull request."""

    remote: str
    base: str
    log: str
    """Messages of the branch's commits, the latest first; empty without commits."""
    stat: str
    """Summary of the files that the commits change."""
    url: str
    """URL of the remote."""


def place_of(folder: Path) -> CheckedOutBranch:
    """Return the repository and branch of a folder.

    Raises:
        UsageError: there is no repository or branch, or an operation such as a merge is in progress.
        MachineError: the repository can't be read.
    """
    repository = find_repository(folder)
    if repository is None:
        raise UsageError(f"{folder} is in no git repository. Make one: git init")
    if (busy := under_way(repository)) is not None:
        raise UsageError(f"{busy[0].upper()}{busy[1:]} is in progress. End it first.")
    branch = repository.branch()
    if branch is None:
        raise UsageError("HEAD is on no branch. Begin one: git switch -c NAME")
    if branch[0] in "-+":  # git would read it as a flag or as a forced update
        raise UsageError(f"{branch} can't be named to git. Begin another branch: git switch -c NAME")
    return CheckedOutBranch(repository, branch)


def pending_in(place: CheckedOutBranch, names: Iterable[str]) -> Pending:
    """Return the files that differ from the last commit, staged or not; `names` are relative to the top."""
    with isolated(place.repository) as git:
        last_commit = (
            place.repository.head() or git.run("hash-object", "-t", "tree", "--stdin").decode().strip()
        )
        changed_names = _names(git.run(*_DIFF_COMMAND, last_commit)) | _names(
            git.run(*_DIFF_COMMAND, "--cached", last_commit)
        )
        new_names = _names(git.run("ls-files", "-z", "--others", "--exclude-standard"))
    requested = set(names)
    paths = sorted((changed_names | new_names) & requested)
    return Pending(
        tuple(paths),
        tuple(sorted(new_names & requested)),
        tuple(sorted((changed_names | new_names) - requested)),
    )


def literal(path: str) -> str:
    """Return a path in a form that git doesn't read as a pattern."""
    return f":(literal){path}" if path.startswith(":") or {*path} & {*"*?[\\"} else path


def mixed_in(place: CheckedOutBranch, befores: Mapping[str, list[bytes | None]]) -> list[str]:
    """Return files whose content at HEAD isn't in `befores`, so a commit would include other edits."""
    committed = contents_at_head(place.top, befores)
    return [path for path, contents in befores.items() if committed.get(path) not in contents]


def hooks_of(place: CheckedOutBranch, command: str) -> list[str]:
    """Return the hooks that a git command starts."""
    folder = place.repository.hooks_folder()
    return [name for name in HOOKS.get(command, ()) if os.access(folder / name, os.X_OK)]


def settings_in(place: CheckedOutBranch) -> list[str]:
    """Return `KEY=VALUE` of settings by which git may start a program."""
    settings = place.repository.settings()
    return [
        *(
            setting
            for setting in settings.of_repository()
            if not _PLAIN_KEY.fullmatch(setting.partition("=")[0].lower())
        ),
        *(
            setting
            for setting in settings.of_user(_FILE_STARTING_KEYS)
            if setting.partition("=")[2].lower() not in _PLAIN_VALUES
        ),
    ]


def startable(place: CheckedOutBranch, paths: Iterable[str]) -> list[str]:
    """Return the files that git may start: hooks, files next to hooks, and files on PATH."""
    top, paths = place.top.resolve(), list(paths)
    on_path = {(top / entry).resolve() for entry in os.get_exec_path()}
    folder = place.repository.hooks_folder()
    hooks = {*_hooks_in(place.repository, folder, paths)}
    return [
        path
        for path in paths
        if path in hooks or ((top / path).parent in on_path and os.access(top / path, os.X_OK))
    ]


def programs_and_hooks(
    repository: Repository, paths: Iterable[str]
) -> tuple[list[str], list[str], list[str]]:
    """Return the programs and hooks that git may start in a repository.

    Returns:
        Values of settings that may name a program, the repository's and some of the user's; the paths in
        `paths` of hooks or files next to hooks; the texts of existing hooks.
    """
    settings = repository.settings()
    rows = [*settings.of_repository(), *settings.of_user(_FILE_STARTING_KEYS)]
    programs = [value for row in rows if (value := row.partition("=")[2]).lower() not in _PLAIN_VALUES]
    folder = repository.hooks_folder(settings)
    hooks = _hooks_in(repository, folder, paths)
    folder = folder.parent if folder.name == "_" else folder
    texts = []
    with suppress(OSError):
        for hook in sorted(folder.iterdir()):
            with suppress(OSError):
                is_small = hook.is_file() and hook.stat().st_size <= _MAX_HOOK
                if is_small and hook.suffix != ".sample":
                    texts.append(hook.read_text("utf-8", "replace"))
    return programs, hooks, texts


def _hooks_in(repository: Repository, folder: Path, paths: Iterable[str]) -> list[str]:
    """Return the files that are in the folder of hooks, or to which a hook is a link."""
    top = repository.top.resolve()
    links = {hook.resolve() for hook in folder.glob("*") if hook.is_symlink()}
    folder = (
        folder.parent if folder.name == "_" else folder
    )  # husky's hooks start the files in the parent folder
    return [path for path in paths if (top / path).is_relative_to(folder) or top / path in links]


def proposed_in(place: CheckedOutBranch) -> Proposed:
    """Return the contents of a pull request for the branch."""
    repository = place.repository
    remote = _remote(repository, place.branch)
    base = _default_branch(repository, remote)
    return Proposed(
        remote,
        base,
        repository.run("log", "--no-show-signature", "--format=- %s%n%b", f"{remote}/{base}..HEAD"),
        repository.run("diff", "--stat", "--no-ext-diff", "--no-textconv", f"{remote}/{base}...HEAD"),
        repository.run("remote", "get-url", remote),
    )


def _remote(repository: Repository, branch: str) -> str:
    names = [name for name in repository.run("remote").split() if not name.startswith("-")]
    with suppress(GitFailed):  # the key isn't set
        if (
            configured_remote := repository.configured(f"branch.{branch}.remote")
        ) in names:  # a dot means another local branch
            return configured_remote
    if not names:
        raise UsageError("The repository has no remote to push to. Add one: git remote add origin URL")
    return "origin" if "origin" in names else names[0]


def _default_branch(repository: Repository, remote: str) -> str:
    try:
        return repository.run("symbolic-ref", f"refs/remotes/{remote}/HEAD").removeprefix(
            f"refs/remotes/{remote}/"
        )
    except GitFailed:
        candidates = [
            name for name in ("main", "master") if repository.resolved(f"refs/remotes/{remote}/{name}")
        ]
    if not candidates:
        raise UsageError(
            f"The default branch of {remote} isn't known. Ask it: git remote set-head {remote} --auto"
        )
    return candidates[0]


def _names(printed: bytes) -> set[str]:
    return {os.fsdecode(name) for name in printed.split(b"\0") if name}
