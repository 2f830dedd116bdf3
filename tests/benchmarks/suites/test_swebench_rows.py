"""Rows of SWE-bench and of data sets that follow it: what is read of each, and of rows that are damaged."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.suite import RepositoryCase
from benchmarks.suites.load import load_suite
from benchmarks.suites.records import Record
from benchmarks.suites.swebench import PRO, SWEBENCH, swebench_case
from coder.base.errors import UsageError
from tests.benchmarks.judge.patches import diff

BASE: Record = {
    "instance_id": "Org__repo-12",
    "repo": "Org/repo",
    "base_commit": "c",
    "problem_statement": "It breaks.",
    "patch": "gold",
    "test_patch": diff({}, {"tests/test_a.py": "def test_a(): pass\n"}),
    "FAIL_TO_PASS": json.dumps(["tests/test_a.py::test_a"]),
    "PASS_TO_PASS": "[]",
    "version": "1.0",
}


def case(**more: object) -> RepositoryCase:
    return swebench_case({**BASE, **more}, "rows.jsonl, line 1")


def touching(path: str) -> str:
    return diff({}, {path: "new\n"})


def test_django_and_sympy_are_read_by_their_repository() -> None:
    django = case(repo="django/django", FAIL_TO_PASS=json.dumps(["test_x (app.tests.Case)"]))
    sympy = case(repo="sympy/sympy", FAIL_TO_PASS=["test_x"])

    assert (django.runner, django.fail_to_pass) == ("django", ("test_x (app.tests.Case)",))
    assert (sympy.runner, sympy.image) == ("sympy", "swebench/sweb.eval.x86_64.org_1776_repo-12:latest")


def test_rows_of_live_have_an_image_commands_and_a_named_parser() -> None:
    old = case(test_cmds=["pytest -rA"], log_parser="pytest", FAIL_TO_PASS=["tests/test_a.py::test_a"])
    new = case(test_cmds=["go test -v ./..."], log_parser="go", docker_image="starryzhang/x:1")

    assert (old.runner, old.image) == ("pytest", "starryzhang/sweb.eval.x86_64.org_1776_repo-12:latest")
    assert (new.runner, new.test_commands, new.image) == ("go", ("go test -v ./...",), "starryzhang/x:1")


def test_a_parser_that_is_a_program_is_never_run(tmp_path: Path) -> None:
    program = f"def parser(log):\n    open({str(tmp_path / 'ran')!r}, 'w')\n    return {{}}\n"

    assert case(test_cmds=["make test"], log_parser=program).runner == "other"
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("form", [dict, json.dumps])
def test_rows_of_rebench_have_an_install_config(form: type) -> None:
    config = {"test_cmd": "pytest --no-header -rA", "log_parser": "parse_log_pytest", "python": "3.9"}
    first = case(install_config=form(config), docker_image="swerebench/sweb.eval.x86_64.x", meta={})
    second = case(
        install_config=form({"test_cmd": ["cargo test"], "log_parser": "parse_log_cargo"}),
        language="rust",
        image_name="swerebench/x",
    )

    assert (first.runner, first.image, first.tree) == ("pytest", "swerebench/sweb.eval.x86_64.x", "/testbed")
    assert (second.runner, second.test_commands, second.tree) == ("cargo", ("cargo test",), "/repo")


def test_rows_of_pro_have_lists_in_pythons_notation_and_a_tag() -> None:
    row = {name: value for name, value in BASE.items() if not name.endswith("_PASS")} | {
        "fail_to_pass": "['tests/test_a.py::test_a', \"tests/test_a.py::test_it's\"]",
        "pass_to_pass": "[]",
        "selected_test_files_to_run": "['tests/test_a.py']",
        "before_repo_set_cmd": "git checkout c -- tests/test_a.py",
        "dockerhub_tag": "org.repo-Org__repo-c",
        "repo_language": "python",
    }

    repository_case = swebench_case(row, "here")

    assert row.keys() >= PRO
    assert repository_case.fail_to_pass == ("tests/test_a.py::test_a", "tests/test_a.py::test_it's")
    assert (repository_case.image, repository_case.tree) == (
        "jefzda/sweap-images:org.repo-Org__repo-c",
        "/app",
    )


@pytest.mark.parametrize(
    ("path", "runner"),
    [("a/b_test.go", "go"), ("tests/a.rs", "cargo"), ("src/test/A.java", "other"), ("t.py", "pytest")],
)
def test_rows_of_multilingual_are_read_by_their_test_files(path: str, runner: str) -> None:
    assert case(test_patch=touching(path)).runner == runner


def test_two_rows_of_any_kind_are_a_suite(tmp_path: Path) -> None:
    pro = {name.lower(): value for name, value in BASE.items()} | {"instance_id": "pro", "dockerhub_tag": "t"}
    (tmp_path / "rows.jsonl").write_text(f"{json.dumps(BASE)}\n{json.dumps(pro)}\n")

    assert [one.id for one in load_suite(tmp_path / "rows.jsonl").cases] == ["Org__repo-12", "pro"]


@pytest.mark.parametrize(
    "row",
    [
        {"FAIL_TO_PASS": "__import__('os').getcwd()"},
        {"FAIL_TO_PASS": "[" * 100_000},
        {"FAIL_TO_PASS": "{'a': 1}"},
        {"FAIL_TO_PASS": [1]},
        {"install_config": "no object"},
        {"install_config": ["a"]},
        {"test_cmds": {"a": 1}},
        {"test_cmds": [1]},
    ],
    ids=str,
)
def test_a_damaged_row_is_named(row: Record) -> None:
    with pytest.raises(UsageError, match=r"rows\.jsonl, line 1"):
        case(**row)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    [
        *SWEBENCH,
        *PRO,
        "patch",
        "repo",
        "test_cmds",
        "log_parser",
        "install_config",
        "image_name",
        "dockerhub_tag",
    ]
)


@pytest.mark.slow
@given(st.dictionaries(names, values))
def test_any_row_is_a_case_or_a_usage_error(row: Record) -> None:
    try:
        repository_case = swebench_case({**BASE, **row}, "here")
    except UsageError:
        return
    assert isinstance(repository_case, RepositoryCase)
