"""Files that run by themselves later, without anyone starting them by name: they need the user's word.

A Makefile, a setup.py or a Dockerfile isn't here: somebody types `make` or `pip install .` and means that
file. What is here runs when a folder is entered or opened, at a commit or a push, at the start of any Python,
shell or debugger, or when pytest collects.
"""

from pathlib import PurePosixPath

_NAMES = {
    ".envrc": "direnv runs it when the folder is entered",
    ".mise.toml": "mise runs its hooks when the folder is entered",
    "mise.toml": "mise runs its hooks when the folder is entered",
    ".mise.local.toml": "mise runs its hooks when the folder is entered",
    "mise.local.toml": "mise runs its hooks when the folder is entered",
    "conftest.py": "pytest runs it before any test",
    "sitecustomize.py": "every Python that finds it runs it at its start",
    "usercustomize.py": "every Python that finds it runs it at its start",
    ".pdbrc": "the Python debugger runs it at its start",
    ".gdbinit": "gdb runs it at its start",
    ".lldbinit": "lldb runs it at its start",
    ".rprofile": "R runs it when it starts in the folder",
    ".ghci": "GHCi runs it when it starts in the folder",
    ".irbrc": "Ruby's irb runs it when it starts in the folder",
    ".pryrc": "Ruby's pry runs it when it starts in the folder",
    ".octaverc": "Octave runs it when it starts in the folder",
    ".exrc": "vi runs it when it starts in the folder",
    ".nvimrc": "Neovim runs it when it starts in the folder",
    ".nvim.lua": "Neovim runs it when it starts in the folder",
    ".vimrc": "Vim runs it at its start",
    ".dir-locals.el": "Emacs evaluates it when a file of the folder is opened",
    ".yarnrc.yml": "it names a program that yarn runs in its own place",
    ".npmrc": "it can name programs that npm runs",
    ".devcontainer.json": "its commands run when the folder is opened in a container",
    ".gitpod.yml": "Gitpod runs its tasks when the folder is opened",
    ".aider.conf.yml": "an agent runs the commands that it names",
    ".mcp.json": "agents and editors start the programs that it names",
    ".pre-commit-config.yaml": "its hooks run at every commit",
    "lefthook.yml": "its hooks run at every commit",
    "lefthook.yaml": "its hooks run at every commit",
    ".lefthook.yml": "its hooks run at every commit",
    ".overcommit.yml": "its hooks run at every commit",
    ".gitlab-ci.yml": "GitLab runs it at every push",
    ".travis.yml": "Travis runs it at every push",
    ".cirrus.yml": "Cirrus runs it at every push",
    ".woodpecker.yml": "Woodpecker runs it at every push",
    ".drone.yml": "Drone runs it at every push",
    "appveyor.yml": "AppVeyor runs it at every push",
    ".appveyor.yml": "AppVeyor runs it at every push",
    "azure-pipelines.yml": "Azure runs it at every push",
    "bitbucket-pipelines.yml": "Bitbucket runs it at every push",
    "jenkinsfile": "Jenkins runs it at every push",
    ".gitmodules": "git fetches what it names",
    ".gitconfig": "git runs the programs that it names",
}
_SHELL = "bash_profile bash_login bash_logout bashrc profile zshrc zshenv zprofile zlogin zlogout kshrc cshrc"
_NAMES |= {f".{name}": "a shell runs it at its start" for name in _SHELL.split()}

_FOLDERS = {
    ".github/workflows": "GitHub runs it at a push",
    ".github/actions": "workflows run it at a push",
    ".gitea/workflows": "Gitea runs it at a push",
    ".forgejo/workflows": "Forgejo runs it at a push",
    ".circleci": "CircleCI runs it at a push",
    ".semaphore": "Semaphore runs it at a push",
    ".buildkite": "Buildkite runs it at a push",
    ".woodpecker": "Woodpecker runs it at a push",
    ".vscode": "the editor can run its tasks when the folder is opened",
    ".idea": "the editor can run its tasks when the folder is opened",
    ".fleet": "the editor can run its tasks when the folder is opened",
    ".zed": "the editor can run its tasks when the folder is opened",
    ".devcontainer": "its commands run when the folder is opened in a container",
    ".husky": "git runs it at every commit",
    ".githooks": "git runs it at every commit",
    ".lefthook": "git runs it at every commit",
    ".hg": "Mercurial runs the hooks that it names",
    ".jj": "Jujutsu runs the programs that it names",
    ".svn": "Subversion keeps its own files there",
    ".cargo": "cargo runs the programs that it names in its own place",
    ".mise": "mise runs its hooks when the folder is entered",
    ".config/mise": "mise runs its hooks when the folder is entered",
    ".venv": "an environment's programs run in place of others",
    "node_modules": "a project's programs and packages run from there",
    ".claude": "agents run its hooks",
    ".gemini": "agents run its hooks",
    ".codex": "agents run its hooks",
    ".cursor": "agents run its hooks",
}


def risky(path: str) -> str | None:
    """Why a file at this path (relative, with `/`) would run by itself later; None when it wouldn't."""
    lowered = path.lower()  # on many disks .VSCode is .vscode
    name = PurePosixPath(lowered).name
    if name.endswith(".pth"):
        return "every Python that finds it in its library runs the lines that begin with import"
    around = f"/{lowered}"
    folder = next((reason for folder, reason in _FOLDERS.items() if f"/{folder}/" in around), None)
    return _NAMES.get(name) or folder
