"""Groups that go away while they are looked at, and those that serve another run."""

from pathlib import Path

from sandbox import Policy, PythonCode, open_sandbox
from sandbox.cgroups import Group, Groups, plan_groups


def test_a_group_that_can_not_be_read_any_more_has_killed_nothing(tmp_path: Path) -> None:
    (tmp_path / "memory.events").mkdir()  # reading it fails, as reading a removed group does
    group = Group(version=2, memory=str(tmp_path), pids=str(tmp_path))

    assert group.kills() == 0


def test_the_kernels_kills_are_counted(tmp_path: Path) -> None:
    (tmp_path / "memory.events").write_text("low 0\noom 1\noom_kill 3\n")
    group = Group(version=2, memory=str(tmp_path), pids=str(tmp_path))

    assert group.kills() == 3


def test_a_group_holds_the_processes_that_its_kernel_names(tmp_path: Path) -> None:
    group = Group(version=2, memory=str(tmp_path), pids=str(tmp_path))
    (tmp_path / "cgroup.procs").write_text("12\n345\n")

    assert group.holds(12, 345)
    assert not group.holds(12, 34)


def used_group(folder: Path, *, left: int, kills: int = 0) -> Group:
    """A group of version 2 with a limit of 64 MiB after its run."""
    (folder / "memory.current").write_text(str(left))
    (folder / "memory.events").write_text(f"oom_kill {kills}\n")
    group = Group(version=2, memory=str(folder), pids=str(folder))
    for name in ("memory.max", "memory.swap.max", "memory.oom.group", "pids.max"):
        (folder / name).touch()
    group.limit(memory_bytes=64 << 20, processes=8)
    return group


def test_a_group_that_a_runs_files_are_still_charged_to_serves_no_other_run(tmp_path: Path) -> None:
    assert used_group(tmp_path, left=100 << 10).reuse()
    assert not used_group(tmp_path, left=2 << 20).reuse()


def test_a_kill_counts_for_one_run_alone(tmp_path: Path) -> None:
    group = used_group(tmp_path, left=0, kills=1)
    assert group.kills() == 1

    assert group.reuse()

    assert group.kills() == 0


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
        assert {planned.memory, planned.pids} <= set(planned.folders)
        planned.remove()

    assert not any(Path(folder).exists() for folder in planned.folders)


def test_where_no_group_can_be_made_nothing_is_left_of_the_attempt(tmp_path: Path) -> None:
    place = str(tmp_path / "coder")  # a plain folder has none of the kernel's files

    assert not Groups([(2, place, place), (1, place, place)]).make()

    assert not list(tmp_path.iterdir())
