"""Diffs as git writes them by any of its options: the files are what `git apply` makes of them."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from coder.edits.answer import read_answer

TEXT = "one\ntwo\nthree\nfour\nfive\nsix\n"
LONG = "".join(f"line {i}\n" for i in range(30))
NAMES = ["f.py", "a/x.txt", "b/y.txt", "my file.txt", "a b/é ü.txt", 'q"uote.txt', "x b/x", "d/e/f.md"]
OPTIONS = [
    ["diff"],
    ["diff", "-U1"],
    ["diff", "-U10"],
    ["diff", "--no-prefix"],
    ["-c", "diff.mnemonicPrefix=true", "diff"],
    ["diff", "--src-prefix=old/", "--dst-prefix=new/"],
    ["diff", "-M", "-C", "--find-copies-harder"],
    ["-c", "core.quotePath=false", "diff"],
]


def git(folder: Path, *arguments: str, given: str = "") -> str:
    """What git says in a folder, whatever this machine's configuration is."""
    mine = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "PATH": "/usr/bin:/bin"}
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, input=given.encode(), env=mine, capture_output=True, check=True
    )
    return done.stdout.decode()


def put(folder: Path, files: dict[str, str]) -> None:
    """Make a folder's files these and no others."""
    for path in folder.rglob("*"):
        if path.is_file() and ".git" not in path.relative_to(folder).parts:
            path.unlink()
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())


def by_git(folder: Path, before: dict[str, str], after: dict[str, str], options: Sequence[str]) -> str:
    """git's diff between two trees."""
    git(folder, "init", "-q")
    put(folder, before)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "before", "--allow-empty")
    put(folder, after)
    git(folder, "add", "-A")
    return git(folder, *options, "--cached", "HEAD", "--")


def after_answer(answer: str, before: dict[str, str]) -> dict[str, str]:
    """The tree after an answer; it has to be readable."""
    answered = read_answer(answer, dict(before), default="main.py")
    assert answered.fits, f"{answered.problem}\n{answer}"
    return {path: text for path, text in {**before, **answered.files}.items() if text is not None}


CHANGES = st.sampled_from(["edit", "add", "cut", "append", "no end", "crlf", "rename", "delete", "stay"])


def changed(text: str, how: str) -> str:
    lines = text.splitlines(keepends=True)
    if how == "edit":
        lines[len(lines) // 2] = "changed\n"
    elif how == "add":
        lines[2:2] = ["```\n", "-- x\n", "++ y\n", "\n"]
    elif how == "cut":
        del lines[1:3]
    elif how == "append":
        lines.append("last\n")
    elif how == "no end":
        lines[-1] = "last"
    elif how == "crlf":
        lines = [line.replace("\n", "\r\n") for line in lines]
    return "".join(lines)


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(NAMES), st.tuples(st.sampled_from([TEXT, LONG]), CHANGES), min_size=1),
    st.sampled_from(OPTIONS),
    st.sampled_from(["{}", "Here:\n\n`````diff\n{}`````\nDone.\n"]),
)
def test_what_git_writes_is_made(
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[str, tuple[str, str]],
    options: list[str],
    answer: str,
) -> None:
    before = {name: text for name, (text, _) in files.items()}
    after = {name: changed(text, how) for name, (text, how) in files.items() if how != "delete"}
    for name, (_, how) in files.items():
        if how == "rename":
            after[f"n/{name}"] = after.pop(name)
    assume(before != after)

    diff = by_git(tmp_path_factory.mktemp("tree"), before, after, options)

    assert after_answer(answer.replace("{}", diff), before) == after


@pytest.mark.parametrize("name", ["a/x.txt", "b/x.txt"])
def test_a_new_file_in_a_folder_named_as_gits_prefixes_is_made_there(tmp_path: Path, name: str) -> None:
    diff = by_git(tmp_path, {"f.txt": TEXT}, {"f.txt": TEXT, name: "new\n"}, ["diff"])

    assert after_answer(diff, {"f.txt": TEXT})[name] == "new\n"


def test_a_mailed_patch_is_made_in_a_block_and_out_of_one(tmp_path: Path) -> None:
    by_git(tmp_path, {"f.txt": TEXT}, {"f.txt": changed(TEXT, "edit")}, ["diff"])
    git(tmp_path, "commit", "-q", "-m", "Change a line\n\nAnd say why.")
    mail = git(tmp_path, "format-patch", "-1", "--stdout")

    alone, in_block = (after_answer(answer, {"f.txt": TEXT}) for answer in (mail, f"```diff\n{mail}```\n"))

    assert alone == in_block == {"f.txt": changed(TEXT, "edit")}


def test_a_last_line_that_git_adds_without_an_end_has_none(tmp_path: Path) -> None:
    diff = by_git(tmp_path, {"f.txt": TEXT}, {"f.txt": f"{TEXT}seven"}, ["diff", "-U0"])

    assert after_answer(diff, {"f.txt": TEXT}) == {"f.txt": f"{TEXT}seven"}
