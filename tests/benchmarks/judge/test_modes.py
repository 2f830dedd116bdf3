"""What was found of a case's mode is kept, and only for the same suite."""

from pathlib import Path

from benchmarks.judge.mode import KnownModes, Mode
from sandbox.verdicts.run_report import Crossing

MODE = Mode(how="isolated", crossing=Crossing(kinds=frozenset({"generator"}), write_back=True))


def test_modes_are_there_the_next_time(tmp_path: Path) -> None:
    first = KnownModes(tmp_path, "suite")
    first.put("a", MODE)
    first.save()

    again = KnownModes(tmp_path, "suite")

    assert again.get("a") == MODE
    assert again.get("b") is None
    assert KnownModes(tmp_path, "another suite").get("a") is None


def test_a_case_that_could_not_be_judged_is_asked_again(tmp_path: Path) -> None:
    first = KnownModes(tmp_path, "suite")
    first.put("a", Mode(how="broken"))
    first.save()

    assert KnownModes(tmp_path, "suite").get("a") is None


def test_a_file_that_is_damaged_is_no_error(tmp_path: Path) -> None:
    first = KnownModes(tmp_path, "suite")
    first.put("a", MODE)
    first.save()
    (file,) = tmp_path.iterdir()
    file.write_text(file.read_text()[:20])

    assert KnownModes(tmp_path, "suite").get("a") is None
