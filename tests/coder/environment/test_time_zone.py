"""A project's programs run in the time zone of the person's machine."""

from pathlib import Path

import pytest

from coder.environment.run_policy import with_sources
from coder.environment.time_zone import find_time_zone
from coder.run.settings import Settings
from coder.run.task import Task
from sandbox import Policy


@pytest.mark.parametrize(
    ("target", "zone"),
    [
        ("/usr/share/zoneinfo/Europe/Berlin", {"TZ": "Europe/Berlin"}),
        ("../var/db/timezone/zoneinfo/America/Argentina/Ushuaia", {"TZ": "America/Argentina/Ushuaia"}),
        ("/usr/share/zoneinfo/Etc/GMT+5", {"TZ": "Etc/GMT+5"}),
        ("/usr/share/zoneinfo/Etc/UTC", {}),
        ("/etc/own-zone", {}),
    ],
)
def test_the_zone_is_the_one_to_which_the_machines_local_time_links(
    tmp_path: Path, target: str, zone: dict[str, str]
) -> None:
    localtime = tmp_path / "localtime"
    localtime.symlink_to(target)

    assert find_time_zone({}, localtime=localtime) == zone


def test_a_machine_whose_local_time_is_no_link_has_no_named_zone(tmp_path: Path) -> None:
    (tmp_path / "copied").write_bytes(b"TZif2")

    assert find_time_zone({}, localtime=tmp_path / "copied") == {}
    assert find_time_zone({}, localtime=tmp_path / "missing") == {}


@pytest.mark.parametrize(
    ("value", "zone"),
    [
        ("Asia/Tokyo", {"TZ": "Asia/Tokyo"}),
        (":Asia/Tokyo", {"TZ": "Asia/Tokyo"}),
        ("CET-1CEST", {"TZ": "CET-1CEST"}),
        ("", {}),
        ("UTC", {}),
        (":/etc/localtime", {}),
    ],
)
def test_the_variable_comes_before_the_machines_local_time(
    tmp_path: Path, value: str, zone: dict[str, str]
) -> None:
    localtime = tmp_path / "localtime"
    localtime.symlink_to("/usr/share/zoneinfo/Europe/Berlin")

    assert find_time_zone({"TZ": value}, localtime=localtime) == zone


def test_a_projects_command_may_set_another_zone_and_code_without_a_project_runs_in_utc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")

    def zone_of(task: Task) -> str | None:
        return with_sources(Policy(), task, Settings(), {}).environment.get("TZ")

    assert zone_of(Task(prompt="x", workspace=tmp_path)) == "Asia/Tokyo"
    assert (
        zone_of(Task(prompt="x", workspace=tmp_path, test_command=("TZ=Asia/Seoul", "pytest")))
        == "Asia/Seoul"
    )
    assert zone_of(Task(prompt="x")) is None
