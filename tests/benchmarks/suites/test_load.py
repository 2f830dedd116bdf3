"""Suites by name and by path, in whatever state the file is."""

import gzip
import io
import json
import re
import tarfile
from pathlib import Path

import pytest

from benchmarks.judge.judge import open_judge
from benchmarks.stats.scoring import make_report
from benchmarks.suite import FunctionCase, RepositoryCase, ScriptCase, UnreadableCase
from benchmarks.suites.load import SuiteEntry, load_suite, read_entry
from coder.base.errors import UsageError

FUNCTION = {"id": "add", "prompt": "Add.", "entry_point": "add", "test": "def check(candidate): pass"}
HUMANEVAL = {**FUNCTION, "task_id": "HumanEval/0", "canonical_solution": "    return 1"}
del HUMANEVAL["id"]


def written(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_humaneval_is_read(data: Path) -> None:
    suite = load_suite(data / "HumanEval.jsonl.gz")

    assert (suite.name, len(suite.cases), suite.cases[163].id) == ("HumanEval", 164, "HumanEval/163")
    assert isinstance(suite.cases[0], FunctionCase)
    assert "return" in (suite.cases[0].canonical_solution or "")


def test_a_digest_changes_with_any_field_and_with_nothing_else(tmp_path: Path) -> None:
    one = load_suite(written(tmp_path / "s.jsonl", HUMANEVAL))
    again = load_suite(written(tmp_path / "s.jsonl", dict(reversed(HUMANEVAL.items()))))
    other = load_suite(written(tmp_path / "s.jsonl", {**HUMANEVAL, "test": "def check(candidate): ..."}))

    assert one.digest == again.digest != other.digest


@pytest.mark.parametrize(("given", "read"), [("hard", "hard"), (3, "3"), (None, None)])
def test_a_difficulty_is_read_and_leaves_the_digest_as_it_was(
    tmp_path: Path, given: str | int | None, read: str | None
) -> None:
    plain = load_suite(written(tmp_path / "s.jsonl", FUNCTION))
    graded = load_suite(written(tmp_path / "s.jsonl", {**FUNCTION, "difficulty": given}))

    assert graded.cases[0].difficulty == read
    assert graded.digest == plain.digest


def test_own_cases_of_all_three_kinds_are_read_from_json_lines_and_from_yaml(tmp_path: Path) -> None:
    script = {"id": "echo", "prompt": "Echo.", "runs": [{"stdin": "a", "stdout": "a"}]}
    repository = {"id": "r", "kind": "repository", "prompt": "", "files": {"a.py": "1"}, "hidden_tests": {}}
    lines = load_suite(written(tmp_path / "own.jsonl", FUNCTION, script, repository))
    (tmp_path / "own.yaml").write_text(json.dumps({"cases": [FUNCTION, script, repository]}))

    assert [type(case) for case in lines.cases] == [FunctionCase, ScriptCase, RepositoryCase]
    assert load_suite(tmp_path / "own.yaml").cases == lines.cases
    assert isinstance(lines.cases[2], RepositoryCase)
    assert lines.cases[2].files == {"a.py": b"1"}


def archive(path: Path, *members: tuple[str, bytes, int]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, content, mode in members:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            file.addfile(info, io.BytesIO(content))
    return path


def test_a_repository_may_lie_in_an_archive_beside_the_suite(tmp_path: Path) -> None:
    archive(tmp_path / "r.tar.gz", ("./run.sh", b"\xff", 0o755), ("a/b.py", b"1", 0o644))
    case = {"id": "r", "prompt": "", "archive": "r.tar.gz", "hidden_tests": {}}

    (read,) = load_suite(written(tmp_path / "own.jsonl", case)).cases

    assert isinstance(read, RepositoryCase)
    assert read.files == {"run.sh": b"\xff", "a/b.py": b"1"}
    assert read.executable == ("run.sh",)


@pytest.mark.parametrize("name", ["../out.py", "/etc/passwd", "a/../../b"])
def test_a_path_that_leads_out_of_a_tree_is_refused(tmp_path: Path, name: str) -> None:
    archive(tmp_path / "r.tar", (name, b"", 0o644))
    packed = {"id": "r", "prompt": "", "archive": "r.tar", "hidden_tests": {}}
    plain = {"id": "r", "prompt": "", "files": {name: ""}, "hidden_tests": {}}
    tests = {"id": "r", "prompt": "", "files": {}, "hidden_tests": {name: ""}}

    for record in (packed, plain, tests):
        with pytest.raises(UsageError, match="leads out of the tree"):
            load_suite(written(tmp_path / "own.jsonl", record))


BAD: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "holds no cases"),
    "twice one id": (json.dumps(FUNCTION) + "\n" + json.dumps(FUNCTION), "two cases have the id 'add'"),
    "no known format": ('{"a": 1}', "line 1: no known format has the fields a"),
    "a field missing": ('{"id": "a", "prompt": ""}', "line 1, case a: the field entry_point is missing."),
    "a field unknown": (json.dumps({**FUNCTION, "tset": ""}), "there is no field tset; did you mean test?"),
    "an unknown kind": (json.dumps({**FUNCTION, "kind": "poem"}), "line 1: the kind 'poem'"),
    "cut off": (json.dumps(FUNCTION)[:-9], "line 1: not JSON.*cut off"),
    "no archive": ('{"id": "a", "prompt": "", "archive": "x.tar", "hidden_tests": {}}', "There is no file"),
    "an archive elsewhere": (
        '{"id": "a", "prompt": "", "archive": "../x.tar", "hidden_tests": {}}',
        "leads out of the tree",
    ),
    "a file that is a folder, too": (
        '{"id": "a", "prompt": "", "files": {"a": "", "a/b": ""}, "hidden_tests": {}}',
        "a is a file, so a/b can't lie in it",
    ),
    "a test in a file": (
        '{"id": "a", "prompt": "", "files": {"a/b": ""}, "hidden_tests": {"a/b/test_c.py": ""}}',
        "a/b is a file, so a/b/test_c.py can't lie in it",
    ),
    "a folder of this machine": (
        '{"id": "a", "prompt": "", "files": {}, "hidden_tests": {}, "shown": {"x": "/"}}',
        "can't show folders of this machine",
    ),
    "a damaged pack": (gzip.compress(json.dumps(FUNCTION).encode())[:-12], "cut off"),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_bad_suite_is_refused_by_its_line(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = tmp_path / "suite.jsonl"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(UsageError, match=f"(?s){said}"):
        load_suite(path)


def test_two_cases_with_one_id_leave_the_other_cases(tmp_path: Path) -> None:
    rows = (FUNCTION, {**FUNCTION, "id": "other"}, FUNCTION, {**FUNCTION, "id": "add (case 3)"})

    suite = load_suite(written(tmp_path / "own.jsonl", *rows))

    assert len(suite.cases) == len(rows)
    assert [case.id for case in suite.cases if isinstance(case, FunctionCase)] == ["other"]
    first = suite.cases[0]
    assert isinstance(first, UnreadableCase)
    assert "two cases have the id 'add'" in first.reason


def test_yaml_that_makes_objects_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("- !!python/object/apply:os.getcwd []")

    with pytest.raises(UsageError, match="isn't YAML"):
        load_suite(tmp_path / "s.yaml")


def test_an_unknown_name_gets_the_names_that_there_are() -> None:
    with pytest.raises(UsageError, match="There is no suite and no file 'humanevil'"):
        load_suite("humanevil")


def test_the_example_of_the_reference_is_a_suite(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs/reference/suites.md").read_text()
    (tmp_path / "own.yaml").write_text(page.partition("```yaml\n")[2].partition("```")[0])

    cases = load_suite(tmp_path / "own.yaml").cases

    assert [case.kind for case in cases] == ["function", "script", "repository"]


BAD_ROWS: dict[str, dict[str, object]] = {
    "a field missing": {"id": "bad", "prompt": ""},
    "a field unknown": {**FUNCTION, "id": "bad", "tset": ""},
    "an unknown kind": {**FUNCTION, "id": "bad", "kind": "poem"},
    "no archive": {"id": "bad", "prompt": "", "archive": "x.tar", "hidden_tests": {}},
    "endless time": {**FUNCTION, "id": "bad", "timeout_s": float("inf")},
    "half a surrogate pair": {**FUNCTION, "id": "bad", "prompt": "\ud800"},
    "a path that leads out": {"id": "bad", "prompt": "", "files": {"../x": ""}, "hidden_tests": {}},
}


@pytest.mark.parametrize("row", BAD_ROWS.values(), ids=BAD_ROWS)
def test_a_row_that_can_not_be_read_is_one_case_and_the_others_are_read(
    tmp_path: Path, row: dict[str, object]
) -> None:
    first, bad, last = load_suite(written(tmp_path / "s.jsonl", FUNCTION, row, {**FUNCTION, "id": "z"})).cases

    assert (first.id, bad.id, last.id) == ("add", "bad", "z")
    assert isinstance(bad, UnreadableCase)
    assert "s.jsonl, line 2" in bad.reason or "x.tar" in bad.reason


BAD_LINES = {
    "not JSON": b'{"id": ',
    "not UTF-8": b'{"id": "\xff"}',
    "no object": b"[1, 2]",
    "nested too deeply": b'{"id": ' + b"[" * 100_000 + b"}",
    "a key stands twice": b'{"id": "b", "prompt": "", "prompt": "x"}',
    "too long to be read": b'{"id": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
def test_a_row_without_a_readable_id_is_a_case_named_by_its_place(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "s.jsonl"
    rows = [json.dumps({**FUNCTION, "id": id}).encode() for id in ("a", "z")]
    path.write_bytes(b"\n".join([rows[0], line, rows[1]]))

    first, bad, last = load_suite(path).cases

    assert (first.id, bad.id, last.id) == ("a", f"{path}, line 2", "z")
    assert isinstance(bad, UnreadableCase)


def test_an_id_that_no_file_can_hold_is_one_case(tmp_path: Path) -> None:
    suite = load_suite(written(tmp_path / "s.jsonl", FUNCTION, {**FUNCTION, "id": "\ud800"}))

    assert [case.id for case in suite.cases] == ["add", "?"]
    assert len(suite.digest) == 64


def test_an_entry_of_a_list_that_is_no_object_is_one_case(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps([FUNCTION, None]))

    assert [case.kind for case in load_suite(tmp_path / "s.json").cases] == ["function", "unreadable"]


def test_a_bug_in_reading_one_row_is_one_case_with_its_traceback() -> None:
    def broken() -> FunctionCase:
        raise ZeroDivisionError("of ours")

    case = read_entry(SuiteEntry("a", broken))

    assert isinstance(case, UnreadableCase)
    assert case.reason == "reading the case: a bug in coder: ZeroDivisionError: of ours"
    assert "in broken" in case.trace


async def test_a_row_that_can_not_be_read_is_infrastructure_with_its_place(tmp_path: Path) -> None:
    suite = load_suite(written(tmp_path / "s.jsonl", FUNCTION, {"id": "bad", "prompt": ""}))

    async with open_judge(suite) as judge:
        verdict = await judge.judge(suite.cases[1], "def f(): pass")

    assert verdict.verdict == "infrastructure"
    assert "s.jsonl, line 2, case bad: the field entry_point is missing." in verdict.detail


def test_a_case_may_have_category_tags_and_metadata_that_arent_part_of_its_digest(tmp_path: Path) -> None:
    plain = {"id": "a", "prompt": "p", "entry_point": "f", "test": "def check(f): pass"}
    grouped = {**plain, "category": "io", "tags": ["slow"], "metadata": {"author": {"team": 7}}}
    suites = []
    for fields in (plain, grouped):
        (tmp_path / "suite.jsonl").write_text(json.dumps(fields) + "\n")
        suites.append(load_suite(tmp_path / "suite.jsonl"))

    (case,) = suites[1].cases
    assert (case.category, case.tags, case.metadata) == ("io", ("slow",), {"author": {"team": 7}})
    assert suites[0].digest == suites[1].digest
    report = make_report(suites[1], [], digests={})
    assert (report.groups["category"], report.groups["tag"]) == ({"a": ("io",)}, {"a": ("slow",)})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("id: yes\n  test: t", "case 1: id has to be a text, and it is true (YAML reads yes, no, on and off"),
        ("id: a\n  test: 3", "case 1, case a: test has to be a text, and it is 3."),
        ("id: a\n  test: t\n  timeout_s: -1", "case a: timeout_s has to be above 0, and it is -1."),
        ("id: a\n  test: t\n  visible: x", 'case a: visible has to be a list, and it is "x".'),
        ("id: a\n  test: t\n  categry: x", "case a: there is no field categry; did you mean category?"),
    ],
)
def test_a_case_that_cant_be_read_says_field_and_value(tmp_path: Path, fields: str, said: str) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text(f"- {fields}\n  prompt: p\n  entry_point: f\n")

    with pytest.raises(UsageError, match=re.escape(said)):
        load_suite(path)


def test_a_value_inside_a_list_has_its_number(tmp_path: Path) -> None:
    case = {"id": "a", "kind": "script", "prompt": "p", "runs": [{"stdout": "x", "arguments": "-v"}]}
    (tmp_path / "suite.jsonl").write_text(json.dumps(case) + "\n")

    with pytest.raises(UsageError, match=re.escape('runs[0].arguments has to be a list, and it is "-v".')):
        load_suite(tmp_path / "suite.jsonl")
