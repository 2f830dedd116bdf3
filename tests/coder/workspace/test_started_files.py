"""What hooks and installations start is found by what names it; what they only mention is not."""

import json
import os
import shutil
from pathlib import Path

import pytest

from coder.workspace.started_files import started_files
from tests.coder.workspace.test_held import files, solve
from tests.git_repository import make_repository


def package(**scripts: str) -> str:
    return json.dumps({"name": "x", "scripts": scripts})


def hooked(folder: Path, hook: str, **contents: str) -> Path:
    """A repository with these files, whose commits start this hook."""
    top = make_repository(folder, **{"a__py": "x = 1\n", **contents}).top
    place = top / ".git" / "hooks" / "pre-commit"
    place.parent.mkdir(exist_ok=True)
    place.write_text(f"#!/bin/sh\n{hook}\n")
    place.chmod(0o755)
    return top


def test_one_process_of_git_tells_what_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = make_repository(tmp_path / "top", a__py="x = 1\n").top
    git, calls = shutil.which("git"), tmp_path / "calls"
    (wrapper := tmp_path / "bin" / "git").parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\necho "$@" >>{calls}\nexec {git} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")

    started_files(top, {"a.py": "x = 2\n"}, {})

    assert len(calls.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("hook", "path"),
    [
        ("exec ./scripts/lint.sh", "scripts/lint.sh"),
        (
            'if ! "$(git rev-parse --show-toplevel)"/scripts/lint.sh --fast; then exit 1; fi',
            "scripts/lint.sh",
        ),
        ("MODE=fast python3 -u tools/check.py a.py", "tools/check.py"),
        ("python -m tools.check", "tools/check.py"),
        ("make lint", "Makefile"),
        ("cd web && make", "web/Makefile"),
        ("sh outer.sh", "inner.sh"),
    ],
)
def test_a_program_that_a_hook_starts_is_found(tmp_path: Path, hook: str, path: str) -> None:
    top = hooked(tmp_path, hook)
    (top / "outer.sh").write_text("# calls another\n./inner.sh\n")

    assert {*started_files(top, {path: "touch ran\n"}, {})} == {path}


@pytest.mark.parametrize(
    ("hook", "path"),
    [
        ("ruff check --config pyproject.toml src/app.py", "src/app.py"),
        ("# once: ./scripts/lint.sh", "scripts/lint.sh"),
        ("git diff --cached -- scripts/lint.sh", "scripts/lint.sh"),
        ("echo call make first", "Makefile"),
        ("npm test", "src/index.js"),
    ],
)
def test_a_file_that_a_hook_only_mentions_is_not_found(tmp_path: Path, hook: str, path: str) -> None:
    top = hooked(tmp_path, hook)
    (top / "package.json").write_text(package(test="node --test", start="node src/index.js"))

    assert started_files(top, {path: "x = 2\n"}, {}) == {}


@pytest.mark.parametrize(
    ("hook", "before", "after", "is_found"),
    [
        ("true", package(test="a"), package(test="a", postinstall="touch ran"), True),
        ("true", None, package(prepare="touch ran"), True),
        ("true", package(test="a"), package(test="a", build="tsc"), False),
        ("npm run lint", package(lint="a"), package(lint="touch ran"), True),
        ("npm run lint", package(lint="a"), package(lint="a", prelint="touch ran"), True),
        ("npm run all", package(all="npm run lint", lint="a"), package(all="npm run lint", lint="b"), True),
        ("npm run lint", package(lint="a"), package(lint="a", build="tsc"), False),
        ("true", package(prepare="a"), package(prepare="a", build="tsc"), False),
        ("npx lint-staged", None, json.dumps({"lint-staged": {"*.js": "touch ran"}}), True),
    ],
)
def test_a_package_is_found_by_the_scripts_that_run_by_themselves(
    tmp_path: Path, hook: str, before: str | None, after: str, is_found: bool
) -> None:
    top = hooked(tmp_path, hook)

    assert (
        "package.json" in started_files(top, {"package.json": after}, {"package.json": before})
    ) == is_found


def test_the_program_of_a_script_of_an_installation_is_found_below_its_package(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "package.json").write_text(package(postinstall="node post.js", start="node main.js"))

    paths = started_files(tmp_path, {"web/post.js": "1", "web/main.js": "2"}, {})

    assert {*paths} == {"web/post.js"}


@pytest.mark.parametrize(
    ("key", "value"),
    [("include.path", "../etc/git.txt"), ("core.editor", "./etc/git.txt"), ("alias.st", "!etc/git.txt")],
)
def test_whatever_setting_of_the_repository_names_a_file_it_is_found(
    tmp_path: Path, key: str, value: str
) -> None:
    repository = make_repository(tmp_path, a__py="x = 1\n")
    repository.git("config", key, value)

    assert {*started_files(repository.top, {"etc/git.txt": "x", "main": "y"}, {})} == {"etc/git.txt"}


async def test_a_script_that_a_hook_calls_is_left_out_and_named_without_a_terminal(tmp_path: Path) -> None:
    hooked(tmp_path, "./scripts/lint.sh")

    run = await solve(tmp_path, files(scripts__lintDOTsh="touch ran"))

    assert (run.exit_code, run.landed, run.left_out) == (8, ("solution.py",), {"scripts/lint.sh": "held"})


async def test_a_pattern_with_a_dot_allows_dot_files_but_none_that_run(tmp_path: Path) -> None:
    answer = files(DOTeslintrcDOTjson="{}", DOTgithub__workflows__ciDOTyml="on: push")

    run = await solve(tmp_path, answer, allow=(".eslintrc*", ".github/*"))

    assert run.landed == (".eslintrc.json", "solution.py")
    assert run.left_out == {".github/workflows/ci.yml": "held"}
