"""Recognize files that may run by themselves later: by name, and new dot files not known to be harmless.

They run when a folder is entered or opened, at a commit or a push, when Python, a shell or a debugger starts,
or when pytest collects tests.
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from coder.base.fs.git_names import folded_name
from coder.run.extensions import AGENT_FOLDERS, PROGRAM_FILES

_FILES = {
    "direnv runs it when the folder is entered": [".envrc"],
    "mise runs its hooks when the folder is entered": [
        ".mise.toml", "mise.toml", ".mise.local.toml", "mise.local.toml",
    ],
    "pytest runs it before any test": ["conftest.py"],
    "the debugger runs it at its start": [".pdbrc", ".gdbinit", ".lldbinit"],
    "a shell of its language runs it when it starts in the folder": [
        ".rprofile", ".ghci", ".irbrc", ".pryrc", ".octaverc",
    ],
    "the editor runs it when it starts in the folder": [
        ".exrc", ".nvimrc", ".nvim.lua", ".vimrc", ".dir-locals.el",
    ],
    "it can name programs that npm or yarn runs": [".yarnrc.yml", ".npmrc"],
    "its commands run when the folder is opened": [".devcontainer.json", ".gitpod.yml"],
    "agents and editors start the programs that it names": [".aider.conf.yml", *PROGRAM_FILES],
    "its hooks run at every commit": [
        ".pre-commit-config.yaml", "lefthook.yml", "lefthook.yaml", ".lefthook.yml", ".overcommit.yml",
    ],
    "a CI service runs it at every push": [
        ".gitlab-ci.yml", ".travis.yml", ".cirrus.yml", ".woodpecker.yml", ".drone.yml", "appveyor.yml",
        ".appveyor.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml", "jenkinsfile",
    ],
    "git fetches or runs what it names": [".gitmodules", ".gitconfig", ".gitattributes"],
    "rustup runs the toolchain that it names": ["rust-toolchain", "rust-toolchain.toml"],
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
    "agents run its hooks": [*AGENT_FOLDERS, ".gemini", ".codex", ".cursor"],
}  # fmt: skip

_AT_START = re.compile(r"(?:^|/)(?:site|user)customize(?:/|(?:\.[^/]*)?\.(?:py[cdw]?|so)$)")
"""A source or compiled module, or a package, of these names."""
_HARMLESS = (
    ".gitignore", ".gitkeep", ".keep", ".placeholder", ".mailmap", ".git-blame-ignore-revs", ".nojekyll",
    ".dockerignore", ".npmignore", ".eslintignore", ".prettierignore", ".stylelintignore", ".hgignore",
    ".ignore", ".rgignore", ".helmignore", ".gcloudignore", ".vscodeignore", ".slugignore", ".cfignore",
    ".editorconfig", ".clang-format", ".yamllint", ".yamllint.yml", ".yamllint.yaml", ".rustfmt.toml",
    ".python-version", ".node-version", ".nvmrc", ".ruby-version", ".java-version", ".go-version",
    ".terraform-version", ".env.example", ".env.sample", ".env.template",
    ".changeset/*.md", ".well-known/*", ".github/*.md", ".github/issue_template/*",
    ".github/pull_request_template/*", ".github/codeowners", ".github/funding.yml",
    ".github/dependabot.yml", ".github/release.yml", ".gitlab/issue_templates/*",
    ".gitlab/merge_request_templates/*",
)  # fmt: skip
"""Patterns of dot files and files in dot folders that nothing runs and that name no program."""


def risky(path: str) -> str | None:
    """Return the reason why a file at this path would run by itself later, or None."""
    folded_path = "/".join(map(folded_name, path.split("/")))  # on case-insensitive disks .VSCode is .vscode
    name, slashed_path = PurePosixPath(folded_path).name, f"/{folded_path}"
    if name.endswith(".pth"):
        return "every Python that finds it in its library runs the lines that begin with import"
    if _AT_START.search(folded_path):
        return "every Python that finds it runs it at its start"
    for reason, names in _FILES.items():
        if name in names:
            return reason
    for reason, folders in _FOLDERS.items():
        if any(f"/{folder}/" in slashed_path for folder in folders):
            return reason
    return None


def hidden(path: str) -> str | None:
    """Return the reason why a new dot file may run by itself, if not known to be harmless; or None."""
    parts = [folded_name(part) for part in path.split("/")]
    first_dot = next((index for index, part in enumerate(parts) if part.startswith(".")), None)
    if first_dot is None or _is_harmless(parts[first_dot:]):
        return None
    return "programs read such files unasked, and some run what those name"


def _is_harmless(parts: Sequence[str]) -> bool:
    """Whether a path that begins with a dot name is harmless, with any further dot names in the path."""
    inner_dots = [index for index, part in enumerate(parts) if index and part.startswith(".")]
    outer_path = "/".join(parts[: inner_dots[0]] if inner_dots else parts)
    is_known = any(
        fnmatchcase(outer_path if not inner_dots else f"{outer_path}/x", glob) for glob in _HARMLESS
    )
    return is_known and (not inner_dots or _is_harmless(parts[inner_dots[0] :]))
