"""A room has a budget of processor time, which is as much longer as the machine is slower."""

from pathlib import Path

import pytest

from tests import room_budgets
from tests.room_budgets import FILE, Budgets, unit_s
from tests.room_costs import RoomCosts

BUDGETS = Budgets(0.1, {"coder/verify": 100, "coder/base": 2})
FAST, SLOW = 0.05, 0.2


def test_a_room_may_take_half_as_much_again_and_no_more() -> None:
    assert BUDGETS.excesses({"coder/verify": 150}) == []
    assert BUDGETS.excesses({"coder/verify": 151}) == [
        "The tests of coder/verify took 151 s of a processor, and its budget is 100."
    ]


def test_a_small_room_may_take_some_seconds_more() -> None:
    assert BUDGETS.excesses({"coder/base": 7}) == []
    assert len(BUDGETS.excesses({"coder/base": 8})) == 1


def test_a_new_room_is_named_and_one_that_did_not_run_is_not() -> None:
    assert BUDGETS.excesses({"coder/new": 4}) == []
    assert BUDGETS.excesses({"coder/new": 6}) == [
        "The tests of coder/new took 6 s of a processor, and it has no budget."
    ]


@pytest.mark.parametrize("here_s", [FAST, BUDGETS.unit_s, SLOW])
@pytest.mark.parametrize(
    ("room", "seconds"), [("coder/verify", 140), ("coder/verify", 160), ("coder/base", 6)]
)
def test_a_machine_of_another_speed_fails_the_same_rooms(here_s: float, room: str, seconds: float) -> None:
    as_slow = here_s / BUDGETS.unit_s

    here = BUDGETS.here([here_s]).excesses({room: seconds * as_slow})

    assert bool(here) == bool(BUDGETS.excesses({room: seconds}))


def test_the_speed_is_that_of_most_moments() -> None:
    assert BUDGETS.here([0.1, 0.2, 5.0, 0.2, 0.01]).rooms["coder/verify"] == 200


def test_a_run_s_table_becomes_the_budgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = RoomCosts()
    costs.wall_s |= {"tests/a/b/test_1.py::one": 9.0, "tests/test_2.py::two": 1.0}
    costs.processor_s |= {"tests/a/b/test_1.py::one": 7.4, "tests/test_2.py::two": 0.1}
    old = "A fixed piece of work took 9.000 s\n" + "\n".join(costs.lines(BUDGETS)).replace("a/b", "gone")
    new = "A fixed piece of work took 0.125 s of a processor\n" + "\n".join(costs.lines())
    log = tmp_path / "log"
    log.write_text(f"....F [ 9%]\n{old}\n{new}\n3 passed in 4.1s\n")
    monkeypatch.setattr(room_budgets, "FILE", tmp_path / "budgets.txt")

    room_budgets.main([str(log)])

    assert Budgets.load((tmp_path / "budgets.txt").read_text()) == Budgets(0.125, {"a/b": 7, "tests": 0})


def test_a_log_without_a_table_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for log in (tmp_path / "missing", tmp_path):
        with pytest.raises(SystemExit, match="2"):
            room_budgets.main([str(log)])
    (tmp_path / "log").write_text("3 passed in 4.1s\n")
    with pytest.raises(SystemExit, match="2"):
        room_budgets.main([str(tmp_path / "log")])

    assert "holds no table of budgets" in capsys.readouterr().err


def test_the_budgets_are_readable_and_were_measured_by_the_same_work() -> None:
    budgets = Budgets.load(FILE.read_text())

    assert Budgets.load(budgets.dump()) == budgets
    assert 1 / 20 < unit_s() / budgets.unit_s < 20
