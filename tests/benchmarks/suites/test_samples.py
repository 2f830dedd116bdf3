"""Samples files in every format of the field, and in every state that a file can be in."""

import gzip
import json
import os
import re
import tracemalloc
from pathlib import Path

import pytest

from benchmarks.suite import FunctionCase, Suite
from benchmarks.suites import records
from benchmarks.suites.samples import Sample, read_samples, take_stock
from coder.base.errors import UsageError
from tests.benchmarks.reports.reports_made import report_of, suite_of

SUITE = Suite(
    name="small",
    version="1",
    cases=tuple(FunctionCase(id=f"HumanEval/{i}", prompt="", entry_point="f", test="") for i in range(3)),
)
IDS = [case.id for case in SUITE.cases]
A, B = '{"task_id": "HumanEval/0", "completion": "a"}', '{"task_id": "HumanEval/1", "solution": "b"}'


def samples(path: Path) -> list[tuple[str, int, str, str]]:
    return [(one.id, one.sample, one.form, one.text) for one in read_samples(path, IDS)]


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_json_lines_of_human_eval_and_evalplus_are_read(tmp_path: Path, packed: bool) -> None:
    text = f"{A}\n\n{B}\n{A}".encode()
    path = written(tmp_path / "samples.jsonl", gzip.compress(text) if packed else text)

    assert samples(path) == [
        ("HumanEval/0", 0, "completion", "a"),
        ("HumanEval/1", 0, "solution", "b"),
        ("HumanEval/0", 1, "completion", "a"),
    ]
    assert take_stock(path, SUITE).missing == ("HumanEval/2",)


def test_a_report_is_no_file_of_answers(tmp_path: Path) -> None:
    path = written(tmp_path / "report.json", report_of({"a": "p"}).model_dump_json(indent=1))

    with pytest.raises(UsageError, match="is a report, not answers"):
        take_stock(path, SUITE)


def test_folders_of_evalplus_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "HumanEval_1"
    folder.mkdir()
    for name in ("10.py", "0.py", "2.py"):
        written(folder / name, name)

    assert [text for *_, text in samples(tmp_path)] == ["0.py", "2.py", "10.py"]
    stock = take_stock(tmp_path, SUITE)
    assert (stock.samples, stock.missing) == (3, ("HumanEval/0", "HumanEval/2"))


ONE = {"instance_id": "HumanEval/0", "model_patch": "diff", "model_name_or_path": "m"}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ONE]),
        json.dumps([ONE], indent=2),
        json.dumps(ONE),
        json.dumps({"HumanEval/0": ONE}),
        json.dumps({"HumanEval/0": ONE}, indent=2),
        json.dumps({"HumanEval/0": {"model_patch": "diff"}}),
        json.dumps({"HumanEval/0": "diff"}),
    ],
)
def test_predictions_of_swe_bench_are_read_in_all_their_forms(tmp_path: Path, text: str) -> None:
    path = written(tmp_path / "preds.json", text)

    assert samples(path) == [("HumanEval/0", 0, "patch", "diff")]


@pytest.mark.parametrize("indent", [None, 1])
def test_a_folder_of_files_of_multipl_e_is_read_without_their_results(
    tmp_path: Path, indent: int | None
) -> None:
    for name in ("a", "b"):
        row = {"name": name, "language": "sh", "prompt": "f() {", "completions": [f"{name}1", f"{name}2"]}
        packed = gzip.compress(json.dumps(row, indent=indent).encode())
        (tmp_path / f"{name}.json.gz").write_bytes(packed)
        (tmp_path / f"{name}.results.json.gz").write_bytes(b"other")

    read = [(one.id, one.sample, one.text) for one in read_samples(tmp_path, ["sh/a", "sh/b"])]

    assert read == [("sh/a", 0, "a1"), ("sh/a", 1, "a2"), ("sh/b", 0, "b1"), ("sh/b", 1, "b2")]
    suite = suite_of("sh/a", "sh/b")
    before = take_stock(tmp_path, suite)
    (tmp_path / "b.json.gz").unlink()
    assert (before.samples, take_stock(tmp_path, suite).missing) == (4, ("sh/b",))
    assert take_stock(tmp_path, suite).digest != before.digest


@pytest.mark.parametrize("field", ["completion", "solution"])
def test_an_answer_of_null_is_an_empty_answer(tmp_path: Path, field: str) -> None:
    path = written(tmp_path / "s.jsonl", json.dumps({"task_id": "HumanEval/0", field: None}))

    (sample,) = read_samples(path, ["HumanEval/0"])

    assert (sample.form, sample.text) == (field, "")


def test_a_prediction_of_null_is_an_empty_patch(tmp_path: Path) -> None:
    path = written(tmp_path / "p.jsonl", '{"instance_id": "HumanEval/0", "model_patch": null}')

    assert samples(path) == [("HumanEval/0", 0, "patch", "")]


DAMAGED: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "holds no samples"),
    "blank": ("\n\n", "holds no samples"),
    "an empty list": ("[]", "holds no samples"),
    "cut off": (f'{A}\n{{"task_id": "HumanEval/1", "compl', r"line 2.*not JSON.*cut off"),
    "a line of something else": (f"{A}\nhello\n{B}\n", "line 2: not JSON"),
    "a list in a line": (f"{A}\n[1]\n", "line 2: a list"),
    "no id": (f'{A}\n{{"completion": "x"}}\n', "line 2: the sample has no task_id"),
    "fields of something else": (f'{{"a": 1}}\n{A}\n', "line 1: the sample has no task_id"),
    "no answer": (f'{A}\n{{"task_id": "HumanEval/1"}}\n', "line 2: .*none of the fields"),
    "an answer that is a number": (
        '{"task_id": "HumanEval/1", "completion": 3}\n',
        "completion has to",
    ),
    "an id that is a list": ('{"task_id": [1], "completion": ""}\n', "line 1"),
    "not UTF-8": (A.encode() + b'\n{"task_id": "\xff"}\n', "line 2: not UTF-8"),
    "nested deeply": (A + "\n" + "[" * 200_000 + "\n", "line 2: nested too deeply"),
    "a long number": (f'{A}\n{{"task_id": {"9" * 5000}}}\n', "line 2: a number"),
    "unknown": (f'{A}\n{{"task_id": "HumanEval/7", "completion": ""}}\n', "line 2: .*no case 'HumanEval/7'"),
    "packed and cut off": (gzip.compress(f"{A}\n{B}\n".encode() * 500)[:-20], "cut off"),
    "packed and damaged": (gzip.compress(f"{A}\n".encode())[:15] + b"\xff" * 9, "can't be unpacked|cut off"),
    "binary": (bytes(range(256)), "line 1"),
}


@pytest.mark.parametrize(("text", "said"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_row_is_named_by_its_line_and_costs_the_others_nothing(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    path = written(tmp_path / "samples.jsonl", text)
    rows = list(read_samples(path, IDS))
    faults = [row.fault for row in rows if row.fault is not None]

    if len(faults) == len(rows):
        with pytest.raises(UsageError, match=f"(?s){said}"):
            take_stock(path, SUITE)
    else:
        assert take_stock(path, SUITE).samples == len(rows)
        (fault,) = faults
        assert re.search(f"(?s){said}", str(fault))


@pytest.mark.parametrize("damaged", ["[1]", "[", "{", "7", '"text"', "null", "[" * 200_000, "\\xff", "{]"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_whatever_a_damaged_line_holds_and_wherever_it_stands_the_others_are_read(
    tmp_path: Path, damaged: str, place: int
) -> None:
    lines = [A, B, A]
    lines.insert(place, damaged)
    path = written(tmp_path / "samples.jsonl", "\n".join(lines) + "\n")

    rows = list(read_samples(path, IDS))

    assert [row.text for row in rows if row.fault is None] == ["a", "b", "a"]
    assert [row.id for row in rows if row.fault is not None] == [f"samples.jsonl, line {place + 1}"]


def test_one_answer_of_several_in_a_row_may_be_damaged(tmp_path: Path) -> None:
    row = {"question_id": "HumanEval/0", "code_list": ["a", 7, None]}
    path = written(tmp_path / "s.json", json.dumps([row, {**row, "code_list": "b"}, 3]))

    rows = list(read_samples(path, IDS))

    assert [(one.id, one.sample, one.text) for one in rows if one.fault is None] == [
        ("HumanEval/0", 0, "a"),
        ("HumanEval/0", 2, ""),
    ]
    assert [one.id for one in rows if one.fault is not None] == [
        "HumanEval/0",
        "HumanEval/0",
        "s.json, entry 3",
    ]


def test_a_file_of_a_folder_that_cant_be_read_is_that_cases_sample(tmp_path: Path) -> None:
    (tmp_path / "HumanEval_0").mkdir()
    written(tmp_path / "HumanEval_0" / "0.py", b"\xff")
    written(tmp_path / "HumanEval_0" / "1.py", "a")
    (tmp_path / "HumanEval_0" / "2.py").mkdir()

    rows = list(read_samples(tmp_path, IDS))

    assert [(row.id, row.sample, row.fault is None) for row in rows] == [
        ("HumanEval/0", 0, False),
        ("HumanEval/0", 1, True),
        ("HumanEval/0", 2, False),
    ]
    assert take_stock(tmp_path, SUITE).samples == 3


def test_a_file_that_isnt_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no file .*nothing\.jsonl"):
        take_stock(tmp_path / "nothing.jsonl", SUITE)


@pytest.mark.slow
def test_a_line_without_end_isnt_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    max_line = 4 << 20
    monkeypatch.setattr(records, "MAX_LINE", max_line)
    monkeypatch.setattr(records, "MAX_DOCUMENT", 8 * max_line)
    spaces = gzip.compress(b" " * (max_line >> 3))  # what follows itself is one file, too
    bomb = written(tmp_path / "bomb.jsonl", gzip.compress(f"{A}\n".encode()) + spaces * 64)

    first = written(tmp_path / "first.jsonl", spaces * 64)
    opened = written(tmp_path / "opened.jsonl", gzip.compress(b"{") + spaces * 64)

    behind = written(tmp_path / "behind.jsonl", spaces * 64 + gzip.compress(f"\n{B}\n".encode()))

    tracemalloc.start()
    for path in (first, opened):
        with pytest.raises(UsageError, match="line 1: longer than"):
            take_stock(path, SUITE)
    rows = [[*read_samples(path, IDS)] for path in (bomb, behind)]
    far = written(tmp_path / "far.jsonl", spaces * 96 + gzip.compress(f"\n{B}\n".encode()))
    with pytest.raises(UsageError, match=r"longer than 4 MiB.*\n.*Nothing behind it is read"):
        take_stock(far, SUITE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert [[(row.text, row.fault is None) for row in one] for one in rows] == [
        [("a", True), ("", False)],
        [("", False), ("b", True)],
    ]
    assert peak < 3 * max_line


def test_a_packed_file_has_a_bound_in_all_whatever_its_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_UNPACKED", 1 << 20)
    bomb = written(tmp_path / "bomb.jsonl.gz", gzip.compress(f"{A}\n".encode() + b"\n" * (2 << 20)))

    (first, fault) = read_samples(bomb, IDS)
    assert first.text == "a"
    assert "unpacks to more than" in str(fault.fault)
    assert "unpack it first" in str(fault.fault)


@pytest.mark.slow
def test_many_samples_take_no_more_memory_than_one(tmp_path: Path) -> None:
    line = json.dumps({"task_id": "HumanEval/0", "completion": "x" * 100})
    path = written(tmp_path / "many.jsonl", f"{line}\n" * 20_000)

    tracemalloc.start()
    count = sum(1 for _ in read_samples(path, IDS))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert count == 20_000
    assert peak < 1 << 20


def test_half_a_character_pair_is_replaced(tmp_path: Path) -> None:
    path = written(tmp_path / "s.jsonl", '{"task_id": "HumanEval/0", "completion": "\\ud800"}')

    assert [one.text for one in read_samples(path, IDS)] == ["\ufffd"]


def test_a_sample_says_where_it_stands(tmp_path: Path) -> None:
    path = written(tmp_path / "s.jsonl", f"\n{A}\n")

    assert list(read_samples(path, IDS)) == [Sample("HumanEval/0", 0, "completion", "a", f"{path}, line 2")]


@pytest.mark.parametrize("kind", ["a pipe", "a device", "a sparse file"])
def test_what_would_never_end_is_no_file_of_samples(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "samples.jsonl"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    else:
        path.touch()
        os.truncate(path, records.MAX_FILE + 1)

    with pytest.raises(UsageError, match=r"pipe, socket or device|more than 64 GiB"):
        take_stock(path, SUITE)
