"""Files that run by themselves later, without anyone starting them by name: they need the user's word.

A Makefile, a setup.py or a Dockerfile isn't here: somebody types `make` or `pip install .` and means that
file. What is here runs when a folder is entered or opened, at a commit or a push, at the start of any Python,
shell or debugger, or when pytest collects.
"""

from pathlib import PurePosixPath

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
    """Why a file at this path (relative, with `/`) would run by itself later; None when it wouldn't."""
    lowered = path.lower()  # on many disks .VSCode is .vscode
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
