"""Files that run by themselves later are told from those that somebody starts."""

import pytest

from coder.run.extensions import AGENT_FOLDERS, PROGRAM_FILES, hook_files
from coder.workspace.autorun import risky


@pytest.mark.parametrize(
    "path",
    [
        ".envrc", "sub/.envrc", "conftest.py", "tests/conftest.py", "sitecustomize.py",
        "lib/usercustomize.py",
        "lib/evil.pth", ".github/workflows/ci.yml", "a/.github/workflows/ci.yml", ".GitHub/Workflows/ci.yml",
        ".gitlab-ci.yml", ".vscode/tasks.json", ".idea/workspace.xml", ".pre-commit-config.yaml", ".bashrc",
        ".husky/pre-commit", ".devcontainer/devcontainer.json", ".pdbrc", "Jenkinsfile",
        ".devcontainer.json", ".hg/hgrc", ".jj/repo/config.toml", ".Rprofile", "sub/.ghci",
        ".cargo/config.toml",
        ".venv/bin/ls", "node_modules/.bin/jest", "lefthook.yaml", "appveyor.yml", ".config/mise/config.toml",
    ],
)  # fmt: skip
def test_a_file_that_runs_by_itself_has_a_reason(path: str) -> None:
    assert risky(path)


@pytest.mark.parametrize("kind", ["skills/a/SKILL.md", "commands/a.md", "agents/a.md", "plugins/a/x.json"])
@pytest.mark.parametrize("folder", AGENT_FOLDERS)
def test_whatever_is_read_for_agents_has_a_reason(folder: str, kind: str) -> None:
    assert risky(f"{folder}/{kind}")


@pytest.mark.parametrize(
    "path", [".agents/hooks.json", ".claude/settings.json", ".claude/settings.local.json"]
)
def test_a_file_of_hooks_and_one_that_starts_programs_have_a_reason(path: str) -> None:
    assert hook_files([path]) == [path]
    assert risky(path)
    assert all(map(risky, PROGRAM_FILES))


@pytest.mark.parametrize(
    "path",
    [
        "main.py", "Makefile", "Dockerfile", "setup.py", "setup.cfg", "pyproject.toml", "package.json",
        "README.md",
        ".github/ISSUE_TEMPLATE.md", "github/workflows/ci.yml", "my.vscode/x",
        "tests/test_conftest.py", ".gitignore", "Cargo.toml", "docs/node_modules.md",
    ],
)  # fmt: skip
def test_a_file_that_somebody_starts_has_none(path: str) -> None:
    assert risky(path) is None
