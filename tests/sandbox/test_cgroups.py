"""Groups that go away while they are looked at."""

from pathlib import Path

from sandbox.cgroups import Group


def test_a_group_that_can_not_be_read_any_more_has_killed_nothing(tmp_path: Path) -> None:
    (tmp_path / "memory.events").mkdir()  # reading it fails, as reading a removed group does
    group = Group(version=2, memory=tmp_path, pids=tmp_path)

    assert group.kills() == 0


def test_the_kernels_kills_are_counted(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 3\n")
    group = Group(version=2, memory=tmp_path, pids=tmp_path)

    assert group.kills() == 3


def test_a_group_holds_the_processes_that_its_kernel_names(tmp_path: Path) -> None:
    group = Group(version=2, memory=tmp_path, pids=tmp_path)
    (tmp_path / "cgroup.procs").write_text("12\n345\n")

    assert group.holds(12, 345)
    assert not group.holds(12, 34)
