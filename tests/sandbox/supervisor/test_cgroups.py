"""Groups that go away while they are looked at, and those that serve another run."""

from pathlib import Path

import pytest

from sandbox import Policy, PythonCode, open_sandbox
from sandbox.supervisor.cgroup_places import CgroupFolders, find_places
from sandbox.supervisor.cgroups import Group, Groups, plan_groups


def test_a_group_that_can_not_be_read_any_more_has_killed_nothing(tmp_path: Path) -> None:
    (tmp_path / "memory.events").mkdir()  # reading it fails, as reading a removed group does
    group = Group(CgroupFolders(2, str(tmp_path), str(tmp_path)))

    assert group.count_kills() == 0


def test_the_kernels_kills_are_counted(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 3\n")
    group = Group(CgroupFolders(2, str(tmp_path), str(tmp_path)))

    assert group.count_kills() == 3


def test_a_group_holds_the_processes_that_its_kernel_names(tmp_path: Path) -> None:
    group = Group(CgroupFolders(2, str(tmp_path), str(tmp_path)))
    (tmp_path / "cgroup.procs").write_text("12\n345\n")

    assert group.contains_only(12, 345)
    assert not group.contains_only(12, 34)


def used_group(folder: Path, *, left: int, kills: int = 0) -> Group:
    """A group of version 2 with a limit of 64 MiB after its run."""
    (folder / "memory.current").write_text(str(left))
    (folder / "memory.events").write_text(f"oom_kill {kills}\n")
    (folder / "cgroup.procs").touch()
    group = Group(CgroupFolders(2, str(folder), str(folder)))
    for name in ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max"):
        (folder / name).touch()
    group.limit(memory_bytes=64 << 20, processes=8)
    return group


def test_a_group_that_a_runs_files_are_still_charged_to_serves_no_other_run(tmp_path: Path) -> None:
    assert used_group(tmp_path, left=100 << 10).can_reuse()
    assert not used_group(tmp_path, left=2 << 20).can_reuse()


def test_a_group_in_which_a_process_is_left_serves_no_other_run(tmp_path: Path) -> None:
    group = used_group(tmp_path, left=0)
    (tmp_path / "cgroup.procs").write_text("12\n")

    assert not group.can_reuse()


def test_a_kill_counts_for_one_run_alone(tmp_path: Path) -> None:
    group = used_group(tmp_path, left=0, kills=1)
    assert group.count_kills() == 1

    assert group.can_reuse()

    assert group.count_kills() == 0


@pytest.mark.slow
async def test_a_run_is_not_blamed_for_the_memory_of_the_one_before() -> None:
    greedy = PythonCode(source="x = b'x' * (200 << 20)")
    async with open_sandbox(Policy(memory_mb=64)) as box:
        for _ in range(4):
            assert (await box.run(greedy)).killed_by == "memory"

            assert (await box.run(PythonCode(source="raise SystemExit(9)"))).status == "error"


def test_folders_are_known_before_they_are_made() -> None:
    planned = plan_groups()
    assert not any(Path(folder).exists() for folder in planned.folders)

    if planned.make():
        assert planned.place is not None
        assert planned.place.folders <= set(planned.folders)
        planned.remove()

    assert not any(Path(folder).exists() for folder in planned.folders)


def test_where_no_group_can_be_made_nothing_is_left_of_the_attempt(tmp_path: Path) -> None:
    place = str(tmp_path / "coder")  # a plain folder has none of the kernel's files

    assert not Groups([CgroupFolders(2, place, place), CgroupFolders(1, place, place, place)]).make()

    assert not list(tmp_path.iterdir())


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The groups of a machine with version 2, as systemd makes them for a user's session."""
    session = tmp_path / "user.slice" / "user-1000.slice" / "session-1.scope"
    session.mkdir(parents=True)
    for folder in (session, session.parent, tmp_path):
        (folder / "cgroup.controllers").touch()
    (tmp_path / "own").write_text("0::/user.slice/user-1000.slice/session-1.scope\n")
    return tmp_path


def test_in_version_2_our_own_group_is_tried_then_what_is_above(machine: Path) -> None:
    places = find_places(cpu=False, root=machine, own_groups=machine / "own")

    user = machine / "user.slice" / "user-1000.slice"
    assert [place.memory for place in places] == [str(user / "session-1.scope"), str(user), str(machine)]
    assert all(place.folders == {place.memory} for place in places)


def test_a_place_that_counts_no_processors_comes_after_all_that_do(machine: Path) -> None:
    places = find_places(cpu=True, root=machine, own_groups=machine / "own")

    assert [bool(place.cpu) for place in places] == [True] * 3 + [False] * 3


def test_in_version_1_each_controller_has_its_folder(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("4:memory:/a\n3:cpu,cpuacct:/b\n2:pids:/\n")

    first, last = find_places(cpu=True, root=tmp_path, own_groups=tmp_path / "own")

    assert first.folders == {f"{tmp_path}/memory/a", f"{tmp_path}/cpu/b", f"{tmp_path}/pids"}
    assert last.folders == {f"{tmp_path}/memory/a", f"{tmp_path}/pids"}
