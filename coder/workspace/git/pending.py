"""Read in isolation what the user's own git would commit, push and propose, so that nothing runs unasked."""

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

_ANY = ("reference-transaction", "post-index-change", "pre-auto-gc")
HOOKS = {
    "commit": ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", *_ANY),
    "switch": ("post-checkout", *_ANY),
    "push": ("pre-push", *_ANY),
}
"""Hooks by the command that runs them."""
_PLAIN = re.compile(
    r"(branch|user|color|alias)\..*"
    r"|core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf"
    r"|safecrlf|eol|longpaths|sparsecheckout(cone)?|untrackedcache|hookspath)"
    r"|extensions\.(objectformat|refstorage|worktreeconfig)|gc\.auto|gpg\.format|init\.defaultbranch"
    r"|(pull|fetch)\.(ff|rebase|prune)|push\.(default|autosetupremote|followtags)"
    r"|remote\..*\.(url|pushurl|fetch|tagopt|prune|gh-resolved)|submodule\..*\.(active|branch|path|url)"
)
"""Configuration keys of a repository by which git runs nothing. Hooks and addresses are told apart."""
_BESIDE_FILES = r"^(core\.fsmonitor|filter\..*\.(clean|smudge|process)|hook\..*\.command)$"
"""Those of the user's own that may start a file of the repository."""
_WORDS = ("", "true", "false", "yes", "no", "on", "off", "0", "1")
_MOST_OF_A_HOOK = 1 << 18
"""Bytes; a larger one is a program of its own."""
_CHANGED = (
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
    """All other files that differ."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A branch, compared with the base of its pull request."""

    remote: str
    base: str
    log: str
    """Messages of its commits, the latest first; empty without any."""
    stat: str
    """The files that they change."""
    url: str
    """URL of the remote."""


def place_of(folder: Path) -> CheckedOutBranch:
    """The repository of a folder.

    Raises:
        UsageError: there is none, it is on no branch, or a merge or the like is in progress.
        MachineError: it can't be read.
    """
    repository = find_repository(folder)
    if repository is None:
        raise UsageError(f"{folder} is in no git repository. Make one: git init")
    if (busy := under_way(repository)) is not None:
        raise UsageError(f"{busy[0].upper()}{busy[1:]} is in progress. End it first.")
    branch = repository.branch()
    if branch is None:
        raise UsageError("HEAD is on no branch. Begin one: git switch -c NAME")
    if branch[0] in "-+":  # to git a flag, or an order to overwrite
        raise UsageError(f"{branch} can't be named to git. Begin another branch: git switch -c NAME")
    return CheckedOutBranch(repository, branch)


def pending_in(place: CheckedOutBranch, names: Iterable[str]) -> Pending:
    """Differences from the last commit, staged or not; `names` are paths relative to the top."""
    with isolated(place.repository) as git:
        base = place.repository.head() or git.run("hash-object", "-t", "tree", "--stdin").decode().strip()
        changed = _names(git.run(*_CHANGED, base)) | _names(git.run(*_CHANGED, "--cached", base))
        new = _names(git.run("ls-files", "-z", "--others", "--exclude-standard"))
    wanted = set(names)
    paths = sorted((changed | new) & wanted)
    return Pending(tuple(paths), tuple(sorted(new & wanted)), tuple(sorted((changed | new) - wanted)))


def literal(path: str) -> str:
    """A path as git takes it for itself, and not for a pattern."""
    return f":(literal){path}" if path.startswith(":") or {*path} & {*"*?[\\"} else path


def mixed_in(place: CheckedOutBranch, befores: Mapping[str, list[bytes | None]]) -> list[str]:
    """Files whose committed content is none of those before their change."""
    committed = contents_at_head(place.top, befores)
    return [path for path, before in befores.items() if committed.get(path) not in before]


def hooks_of(place: CheckedOutBranch, command: str) -> list[str]:
    """Hooks that a git command starts."""
    folder = _hooks_folder(place.repository)
    return [name for name in HOOKS.get(command, ()) if os.access(folder / name, os.X_OK)]


def settings_in(place: CheckedOutBranch) -> list[str]:
    """`KEY=VALUE` by which git may run a program: the repository's own, and some of the user's."""
    own = place.repository.own_settings(".")
    beside = place.repository.user_settings(_BESIDE_FILES)
    return [
        *(one for one in own if not _PLAIN.fullmatch(one.partition("=")[0].lower())),
        *(one for one in beside if one.partition("=")[2].lower() not in _WORDS),
    ]


def startable(place: CheckedOutBranch, paths: Iterable[str]) -> list[str]:
    """Those of these files that git may start: hooks, files beside them, and files on PATH."""
    top, paths = place.top.resolve(), list(paths)
    on_path = {(top / entry).resolve() for entry in os.get_exec_path()}
    hooks = {*_hooks_in(place.repository, paths)}
    return [
        path
        for path in paths
        if path in hooks or ((top / path).parent in on_path and os.access(top / path, os.X_OK))
    ]


def programs_named(repository: Repository) -> list[str]:
    """Values of a repository's own settings, any of which may name a program, and of some of the user's."""
    try:
        settings = [*repository.own_settings("."), *repository.user_settings(_BESIDE_FILES)]
    except GitFailed:
        return []
    return [value for one in settings if (value := one.partition("=")[2]).lower() not in _WORDS]


def hooks_in(repository: Repository, paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """Those of these files that are hooks, or beside them; and the texts of the hooks that there are."""
    folder = _hooks_folder(repository)
    folder = folder.parent if folder.name == "_" else folder
    texts = []
    with suppress(OSError):
        for hook in sorted(folder.iterdir()):
            with suppress(OSError):
                is_small = hook.is_file() and hook.stat().st_size <= _MOST_OF_A_HOOK
                if is_small and hook.suffix != ".sample":
                    texts.append(hook.read_text("utf-8", "replace"))
    return _hooks_in(repository, paths), texts


def _hooks_in(repository: Repository, paths: Iterable[str]) -> list[str]:
    """Those of these files that lie in the folder of hooks, or that a hook is a link to."""
    top, folder = repository.top.resolve(), _hooks_folder(repository)
    links = {hook.resolve() for hook in folder.glob("*") if hook.is_symlink()}
    folder = folder.parent if folder.name == "_" else folder  # husky's hooks start those above them
    return [path for path in paths if (top / path).is_relative_to(folder) or top / path in links]


def _hooks_folder(repository: Repository) -> Path:
    folder = repository.common_dir / "hooks"
    with suppress(GitFailed):  # it isn't set
        folder = repository.top / os.path.expanduser(repository.configured("core.hooksPath"))
    return folder.resolve()


def proposed_in(place: CheckedOutBranch) -> Proposed:
    """Contents of a pull request of the branch."""
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
    with suppress(GitFailed):  # it isn't set
        if (
            own := repository.configured(f"branch.{branch}.remote")
        ) in names:  # it may be a dot: another branch
            return own
    if not names:
        raise UsageError("The repository has no remote to push to. Add one: git remote add origin URL")
    return "origin" if "origin" in names else names[0]


def _default_branch(repository: Repository, remote: str) -> str:
    try:
        return repository.run("symbolic-ref", f"refs/remotes/{remote}/HEAD").removeprefix(
            f"refs/remotes/{remote}/"
        )
    except GitFailed:
        usual = [name for name in ("main", "master") if repository.resolved(f"refs/remotes/{remote}/{name}")]
    if not usual:
        raise UsageError(
            f"The default branch of {remote} isn't known. Ask it: git remote set-head {remote} --auto"
        )
    return usual[0]


def _names(printed: bytes) -> set[str]:
    return {os.fsdecode(name) for name in printed.split(b"\0") if name}
