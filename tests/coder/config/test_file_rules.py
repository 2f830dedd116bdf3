"""Patterns of files in rules: they mean places, wherever links lead, and `.gitignore`'s own semantics."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings

from coder.config.permission_rules import of_edits, parse_rule, unenforced
from coder.config.unread import Unread
from coder.run.extensions import Rules
from tests.coder.base.text.test_ignore_patterns import PATHS, PATTERNS, comparable, ignored


def denied(glob: str, root: Path, *paths: str) -> list[str]:
    """The paths of which a rule denies edits."""
    return [*of_edits(Rules(deny=(f"Edit({glob})",)), paths, root)]


@pytest.fixture
def linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to which the link `~/proj` leads, in a home folder that is a link itself."""
    (root := tmp_path / "disk/shop").mkdir(parents=True)
    (tmp_path / "disk/home").mkdir()
    (tmp_path / "disk/home/proj").symlink_to(root)
    (tmp_path / "home").symlink_to(tmp_path / "disk/home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return root


@pytest.mark.parametrize(
    "glob", ["~/proj/**", "~/proj", "~/*/a.py", "~/**/a.py", "~/proj/[ab].py", "~/pro*/"]
)
def test_a_rule_on_the_home_folder_holds_where_links_lead_out_of_it(linked: Path, glob: str) -> None:
    assert denied(glob, linked, "a.py") == ["a.py"]


def test_a_rule_on_a_path_of_the_machine_holds_through_links(linked: Path, tmp_path: Path) -> None:
    (linked / "keys").mkdir()
    (linked / "alias").symlink_to("keys")
    (linked / "a.py").symlink_to("keys/b.py")

    assert denied(f"/{tmp_path}/home/proj/**", linked, "x") == ["x"]
    assert denied(f"/{tmp_path}/home/proj/keys/*", linked, "keys/a", "x") == ["keys/a"]
    assert denied("alias/**", linked, "keys/a", "x") == ["keys/a"]
    assert denied("keys/**", linked, "alias/a", "x") == ["alias/a"]
    assert denied("keys/b.py", linked, "a.py", "b.py") == ["a.py"]
    assert denied(f"/{tmp_path}/disk/other/**", linked, "x") == []


def test_a_rule_that_leads_out_of_the_folder_and_back_is_read_as_a_place(linked: Path) -> None:
    assert denied("../shop/a.py", linked, "a.py", "b.py") == ["a.py"]
    assert denied("./src/../a.py", linked, "a.py") == ["a.py"]
    assert denied("/", linked, "a.py", "x/b.py") == ["a.py", "x/b.py"]


def test_a_name_is_denied_in_other_cases_and_forms_of_its_letters() -> None:
    assert denied("Café/*", Path("/w"), "cafe\u0301/A", "tea/a") == ["cafe\u0301/A"]
    assert denied("[a-c].PY", Path("/w"), "B.py", "d.py") == ["B.py"]


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(PATTERNS.filter(lambda text: ".." not in text and "//" not in text and text.strip(" *")), PATHS)
def test_a_rule_denies_what_git_ignores_by_its_pattern(
    tmp_path_factory: pytest.TempPathFactory, pattern: str, paths: list[str]
) -> None:
    repository = tmp_path_factory.getbasetemp() / "judged"
    if not repository.exists():
        subprocess.run(["git", "init", "-q", str(repository)], check=True)
    paths = comparable(pattern, paths)
    rule = f"Edit({pattern})"
    try:
        parse_rule(rule)
    except ValueError:
        assert not ignored(repository, pattern, paths)
        return

    assert {*denied(pattern, repository, *paths)} >= ignored(repository, pattern, paths)


@pytest.mark.parametrize(
    "glob", ["[ab", "a\\", "!a", "~other/x", "", "*/../x", "a\0b", "x" * 5_000], ids=lambda glob: glob[:9]
)
def test_a_pattern_that_could_match_nothing_denies_all_edits_and_is_named(glob: str) -> None:
    rules = Rules(deny=(f"Edit({glob})",), allow=(f"Edit({glob})",))

    assert [str(ruling.verdict) for ruling in of_edits(rules, ["any.py"], Path("/w")).values()] == ["deny"]
    assert Unread(("**",), Path("/w")).by("any.py") == "**"
    (note,) = unenforced(rules).values()
    assert "this rule denies Edit as a whole, as it can't be read: " in note


def test_files_in_other_folders_of_a_run_are_denied_by_their_names_and_places(tmp_path: Path) -> None:
    (docs := tmp_path / "docs").mkdir()
    (docs / "old").mkdir()
    for name in ("secret.txt", "old/SECRET.txt", "old/a.md"):
        (docs / name).touch()

    def below(*globs: str) -> list[str]:
        rules = Unread(globs, tmp_path / "run", [tmp_path])
        return sorted(Path(path).relative_to(docs).as_posix() for path, _ in rules.below(docs))

    assert below("secret.txt") == ["old/SECRET.txt", "secret.txt"]
    assert below("**/[s]ecret.*") == ["old/SECRET.txt", "secret.txt"]
    assert below("./secret.txt") == []
    assert below("docs") == ["."]
    assert below(f"/{tmp_path}/*/old") == ["old"]
