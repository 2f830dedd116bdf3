"""Logs of Inspect as answers: `log.json` and `zstandard.eval` of 0.3.285, `deflated.eval` of 0.3.100."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from benchmarks.suites.samples import read_samples, take_stock
from coder.base.errors import UsageError
from tests.benchmarks.reports.reports_made import suite_of

LOGS = Path(__file__).with_name("inspect_logs")
NAMES = ["log.json", "zstandard.eval", "deflated.eval"]
ANSWERS = [
    ("add", 0, "completion", "```python\ndef add(a, b):\n    return a + b\n```"),
    ("add", 1, "completion", "    return a - b\n"),
    ("twice", 0, "completion", "    return 2 * a\n"),
    ("twice", 1, "completion", "def twice(a):\n    return a + a\n"),
]
SUITE = suite_of("add", "twice")


def answers(path: Path) -> list[tuple[str, int, str, str]]:
    return sorted((one.id, one.sample, one.form, one.text) for one in read_samples(path, ["add", "twice"]))


def recorded() -> dict[str, object]:
    log: dict[str, object] = json.loads((LOGS / "log.json").read_text())
    return log


@pytest.mark.parametrize("name", NAMES)
def test_the_completion_of_each_epoch_is_a_sample_of_its_case(name: str) -> None:
    assert answers(LOGS / name) == ANSWERS


def test_a_log_on_one_line_and_a_folder_of_logs_are_read(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps(recorded()))
    shutil.copy(LOGS / "deflated.eval", tmp_path)

    assert answers(tmp_path / "log.json") == ANSWERS
    assert take_stock(tmp_path, SUITE).samples == 8


def test_a_sample_that_an_error_ended_has_no_answer_and_keeps_its_case(tmp_path: Path) -> None:
    log = recorded()
    log["samples"][0]["error"] = {"message": "RateLimitError()", "traceback": ""}  # type: ignore[index]
    (tmp_path / "log.json").write_text(json.dumps(log))

    (broken,) = [one for one in read_samples(tmp_path / "log.json", ["add", "twice"]) if one.fault]

    assert (broken.id, broken.sample) == ("add", 0)
    assert str(broken.fault).endswith("sample 1: an error ended it in Inspect: RateLimitError()")


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        (
            {"choices": [{"message": {"content": [{"type": "reasoning"}, {"type": "text", "text": "x"}]}}]},
            "x",
        ),
        ({"choices": [{"message": {"content": "x"}}]}, "x"),
        ({"choices": []}, ""),
        ({"choices": [], "completion": "x"}, "x"),
        ({"choices": 3}, ""),
    ],
)
def test_without_a_completion_the_text_of_the_message_is_the_answer(
    tmp_path: Path, output: dict[str, object], answer: str
) -> None:
    log = {**recorded(), "samples": [{"id": "add", "epoch": 1, "output": output}]}
    (tmp_path / "log.json").write_text(json.dumps(log))

    assert [(one.text, one.fault) for one in read_samples(tmp_path / "log.json", ["add"])] == [(answer, None)]


@pytest.mark.parametrize("name", ["zstandard.eval", "deflated.eval"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_a_log_that_is_cut_off_is_refused(tmp_path: Path, name: str, part: float) -> None:
    content = (LOGS / name).read_bytes()
    (tmp_path / "cut.eval").write_bytes(content[: int(len(content) * part)])

    with pytest.raises(UsageError, match="looks cut off"):
        take_stock(tmp_path / "cut.eval", SUITE)


@pytest.mark.parametrize("name", ["zstandard.eval", "deflated.eval"])
def test_a_damaged_sample_is_named_and_the_others_are_read(tmp_path: Path, name: str) -> None:
    content = bytearray((LOGS / name).read_bytes())
    with zipfile.ZipFile(LOGS / name) as archive:
        damaged = archive.getinfo("samples/add_epoch_1.json")
    start = damaged.header_offset + 30 + len(damaged.filename)
    content[start + 20 : start + 300] = bytes(280)
    (tmp_path / "damaged.eval").write_bytes(content)

    samples = [*read_samples(tmp_path / "damaged.eval", ["add", "twice"])]

    assert [one.id for one in samples if one.fault] == ["damaged.eval, samples/add_epoch_1.json"]
    assert len(samples) == 4


@pytest.mark.parametrize(
    ("member", "text", "reason"),
    [
        ("header.json", "{}", "holds no samples of Inspect"),
        ("samples/add_epoch_1.json", "[]", "it has to be an object with fields"),
        ("samples/add_epoch_1.json", '{"id": "add"}', "a sample of Inspect has an id and an output"),
        ("samples/add_epoch_1.json", '{"id": null, "output": {}}', "has no task_id"),
        ("samples/add_epoch_1.json", '{"id": "add", "output": {"completion": 3}}', "has to be a string"),
    ],
)
def test_an_archive_of_something_else_says_what_is_missing(
    tmp_path: Path, member: str, text: str, reason: str
) -> None:
    with zipfile.ZipFile(tmp_path / "other.eval", "w") as archive:
        archive.writestr(member, text)

    with pytest.raises(UsageError, match=reason):
        take_stock(tmp_path / "other.eval", SUITE)


def test_a_log_without_samples_holds_none(tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps({**recorded(), "samples": None}))

    with pytest.raises(UsageError, match="holds no samples"):
        take_stock(tmp_path / "log.json", SUITE)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="zipfile unpacks Zstandard by itself")
def test_without_zstandard_it_is_said_how_to_install_it_and_how_to_do_without() -> None:
    program = (
        "import sys; sys.modules['zstandard'] = None\n"
        "from pathlib import Path\n"
        "from benchmarks.suites.samples import read_samples\n"
        f"print(next(read_samples(Path({str(LOGS / 'zstandard.eval')!r}), ['add'])).fault)"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert "zstandard, which unpacks logs of Inspect, isn't installed" in said
    assert "inspect log convert LOG --to json" in said
