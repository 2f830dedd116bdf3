"""Files land whole or not at all, only over what the run has read, and can be taken back."""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from coder.base.errors import FolderError
from coder.workspace.folder import take_snapshot
from coder.workspace.landing import FileChanged, ForbiddenPath, LandingPlan, apply, is_made, plan, undo
from tests.forked import become_nobody, killed_at, limit_files, mount_small_disk, said_by_child

BEFORE = {"kept.txt": b"kept\n", "main.py": b"old\n", "gone.py": b"gone\n"}
FILES: dict[str, bytes | None] = {"main.py": b"new\n", "deep/er/made.py": b"made\n", "gone.py": None}
AFTER = {"kept.txt": b"kept\n", "main.py": b"new\n", "deep/er/made.py": b"made\n"}
CONTENTS = {path: content for path, content in FILES.items() if content is not None}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    _write(folder, BEFORE)
    return folder


def test_a_plan_holds_hashes_before_and_after_and_changes_nothing(root: Path) -> None:
    planned = plan(take_snapshot(root), {**FILES, "kept.txt": b"kept\n"})

    assert [(c.path, c.before is None, c.after is None) for c in planned.changes] == [
        ("deep/er/made.py", True, False),
        ("gone.py", False, True),
        ("main.py", False, False),
    ]
    assert planned.made == ("deep", "deep/er")
    assert _content(root) == BEFORE


def test_a_plan_survives_the_log(root: Path) -> None:
    planned = plan(take_snapshot(root), FILES)

    assert LandingPlan.model_validate_json(planned.model_dump_json()) == planned


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../x", "a/../../x", "a/..", "", ".", "a//b", "a/", "./a", "a\0b", "a\nb", "a\\b",
     "\ud800", ".git/hooks/pre-commit", "sub/.git/config", ".GIT/config", "git~1/config"],
)  # fmt: skip
def test_a_path_that_is_not_plainly_inside_is_refused(root: Path, path: str) -> None:
    with pytest.raises(ForbiddenPath):
        plan(take_snapshot(root), {path: b"x"})


def test_a_path_over_a_link_is_refused(root: Path) -> None:
    (root / "link").symlink_to(root.parent)

    with pytest.raises(ForbiddenPath, match="link"):
        plan(take_snapshot(root), {"link/x.py": b"x"})


@pytest.mark.parametrize("target", ["/etc/hostname", "nowhere", "main.py"])
def test_a_link_in_the_place_of_a_file_is_refused(root: Path, target: str) -> None:
    (root / "x.py").symlink_to(target)

    with pytest.raises(ForbiddenPath, match="link"):
        plan(take_snapshot(root), {"x.py": b"x"})


def test_a_folder_in_the_way_is_refused(root: Path) -> None:
    (root / "x.py").mkdir()

    with pytest.raises(ForbiddenPath, match="folder"):
        plan(take_snapshot(root), {"x.py": b"x"})


def test_a_file_as_a_folder_is_refused(root: Path) -> None:
    with pytest.raises(ForbiddenPath, match="over a link or a file"):
        plan(take_snapshot(root), {"main.py/x.py": b"x"})
    with pytest.raises(ForbiddenPath, match="can't both be written"):
        plan(take_snapshot(root), {"new": b"x", "new/x.py": b"x"})


def test_a_file_that_the_run_has_not_read_is_never_overwritten(root: Path) -> None:
    snapshot = take_snapshot(root)
    (root / "later.py").write_text("mine")

    with pytest.raises(FileChanged, match="has not read it"):
        plan(snapshot, {"later.py": b"x"})


@pytest.mark.parametrize("change", [lambda f: f.write_text("mine"), lambda f: f.unlink()], ids=["edit", "rm"])
def test_a_file_changed_since_it_was_read_is_never_overwritten(root: Path, change: object) -> None:
    snapshot = take_snapshot(root)
    change(root / "main.py")  # type: ignore[operator]

    with pytest.raises(FileChanged, match="changed since"):
        plan(snapshot, FILES)


async def test_applying_makes_every_change_and_records_each_path(root: Path) -> None:
    recorded: list[str] = []

    await apply(plan(take_snapshot(root), FILES), CONTENTS, _into(recorded))

    assert _content(root) == AFTER
    assert recorded == ["deep/er/made.py", "gone.py", "main.py"]


async def test_applying_twice_changes_nothing_more(root: Path) -> None:
    planned = plan(take_snapshot(root), FILES)
    await apply(planned, CONTENTS, _into([]))
    inode = (root / "main.py").stat().st_ino

    await apply(planned, CONTENTS, _into([]))

    assert (root / "main.py").stat().st_ino == inode
    assert _content(root) == AFTER


def test_a_file_and_one_below_it_are_refused_by_both_their_names(root: Path) -> None:
    with pytest.raises(ForbiddenPath, match=r"^gone.py/c.py and gone.py can't both be written"):
        plan(take_snapshot(root), {"gone.py": b"x", "gone.py/c.py": b"x"})


@pytest.mark.parametrize("ends_after", [0, 1, 9])
async def test_a_new_link_lands_also_after_a_kill_and_is_taken_back(root: Path, ends_after: int) -> None:
    files: dict[str, bytes | None] = {"deep/link.py": b"../main.py", "main.py": b"new\n"}
    planned = plan(take_snapshot(root), files, links=["deep/link.py"])
    recorded: list[str] = []

    async def record(path: str) -> None:
        if len(recorded) == ends_after:
            raise KeyboardInterrupt
        recorded.append(path)

    with contextlib.suppress(KeyboardInterrupt):
        await apply(planned, CONTENTS | {"deep/link.py": b"../main.py"}, record)
    await apply(planned, CONTENTS | {"deep/link.py": b"../main.py"}, _into([]))

    assert (root / "deep/link.py").readlink() == Path("../main.py")
    assert all(is_made(planned, change) for change in planned.changes)
    await undo(planned, BEFORE, _left({}))
    assert _content(root) == BEFORE
    assert not (root / "deep").exists()


async def test_a_link_that_the_user_has_changed_since_is_left_by_an_undo(root: Path) -> None:
    planned = plan(take_snapshot(root), {"link.py": b"main.py"}, links=["link.py"])
    await apply(planned, {"link.py": b"main.py"}, _into([]))
    (root / "link.py").unlink()
    (root / "link.py").symlink_to("kept.txt")
    left: dict[str, str] = {}

    await undo(planned, {}, _left(left))

    assert (root / "link.py").readlink() == Path("kept.txt")
    assert [*left] == ["link.py"]


FOLDER = {"d/x": b"x\n", "d/e/y": b"y\n", "kept.txt": b"kept\n"}
SWITCHES: dict[str, tuple[dict[str, bytes], dict[str, bytes | None]]] = {
    "a file becomes a folder": (BEFORE, {"gone.py": None, "gone.py/deep/c.py": b"c\n"}),
    "a folder becomes a file": (FOLDER, {"d/x": None, "d/e/y": None, "d": b"d\n"}),
    "a folder in it becomes a file": (FOLDER, {"d/e/y": None, "d/e": b"e\n"}),
}


@pytest.mark.parametrize(("before", "files"), SWITCHES.values(), ids=SWITCHES)
@pytest.mark.parametrize("ends_after", [0, 1, 2, 9])
async def test_a_file_and_a_folder_take_each_others_place_also_after_a_kill_and_are_taken_back(
    tmp_path: Path, before: dict[str, bytes], files: dict[str, bytes | None], ends_after: int
) -> None:
    root = tmp_path / "root"
    _write(root, before)
    planned = plan(take_snapshot(root), files)
    contents = {path: content for path, content in files.items() if content is not None}
    recorded: list[str] = []

    async def record(path: str) -> None:
        if len(recorded) == ends_after:
            raise KeyboardInterrupt
        recorded.append(path)

    with contextlib.suppress(KeyboardInterrupt):
        await apply(planned, contents, record)
    await apply(planned, contents, _into([]))

    after = {path: content for path, content in {**before, **files}.items() if content is not None}
    assert _content(root) == after
    assert all(is_made(planned, change) for change in planned.changes)
    await undo(planned, before, _left({}))
    assert _content(root) == before


@pytest.mark.parametrize("other", ["d/.cache", "d/e/new.txt"])
def test_a_folder_with_other_files_becomes_no_file(tmp_path: Path, other: str) -> None:
    _write(tmp_path, FOLDER)
    snapshot = take_snapshot(tmp_path)
    (tmp_path / other).write_text("mine")

    with pytest.raises(ForbiddenPath, match=f"^d can't take the place of its folder, which has {other}"):
        plan(snapshot, {"d/x": None, "d/e/y": None, "d": b"d\n"})


async def test_a_file_that_appears_in_the_folder_meanwhile_stays(tmp_path: Path) -> None:
    _write(tmp_path, FOLDER)
    planned = plan(take_snapshot(tmp_path), {"d/x": None, "d/e/y": None, "d": b"d\n"})
    (tmp_path / "d/mine").write_text("mine")

    with pytest.raises(FileChanged, match="which has other files"):
        await apply(planned, {"d": b"d\n"}, _into([]))

    assert (tmp_path / "d/mine").read_text() == "mine"


def test_a_folder_that_is_a_link_becomes_no_file(tmp_path: Path) -> None:
    _write(tmp_path / "root", {"e/x": b"x\n"})
    (tmp_path / "root/d").symlink_to("e")

    with pytest.raises(ForbiddenPath, match="link"):
        plan(take_snapshot(tmp_path / "root"), {"d/x": None, "d": b"d\n"})


async def test_a_root_that_is_missing_is_made_and_taken_back(tmp_path: Path) -> None:
    planned = plan(take_snapshot(tmp_path / "new"), {"a/x.py": b"x"})

    await apply(planned, {"a/x.py": b"x"}, _into([]))
    assert _content(tmp_path / "new") == {"a/x.py": b"x"}
    await undo(planned, {}, _left({}))

    assert not (tmp_path / "new").exists()


async def test_the_mode_of_a_file_stays_and_setuid_does_not(root: Path) -> None:
    (root / "main.py").chmod(0o4750)

    await apply(plan(take_snapshot(root), FILES), CONTENTS, _into([]))

    assert (root / "main.py").stat().st_mode & 0o7777 == 0o750


async def test_a_new_file_has_the_mode_that_the_umask_leaves(root: Path) -> None:
    old = os.umask(0o027)
    try:
        await apply(plan(take_snapshot(root), FILES), CONTENTS, _into([]))
    finally:
        os.umask(old)

    assert (root / "deep/er/made.py").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(("mode", "content"), [(0o755, b"gone\n"), (0o750, b"other\n"), (0o644, b"#!gone\n")])
async def test_a_file_that_is_moved_keeps_its_mode_there_and_back(
    root: Path, mode: int, content: bytes
) -> None:
    (root / "gone.py").chmod(mode)
    files: dict[str, bytes | None] = {"gone.py": None, "bin/gone.py": content}
    planned = plan(take_snapshot(root), files)

    await apply(planned, files, _into([]))

    assert (root / "bin" / "gone.py").stat().st_mode & 0o777 == mode
    assert [change.executable for change in planned.changes] == [mode != 0o644] * 2
    await undo(planned, BEFORE, _left({}))
    assert ((root / "gone.py").stat().st_mode & 0o777, _content(root)) == (mode, BEFORE)


async def test_a_file_that_changed_between_plan_and_landing_stops_it(root: Path) -> None:
    planned = plan(take_snapshot(root), FILES)
    (root / "main.py").write_text("mine")
    recorded: list[str] = []

    with pytest.raises(FileChanged, match=r"main\.py"):
        await apply(planned, CONTENTS, _into(recorded))

    assert (root / "main.py").read_text() == "mine"
    assert "main.py" not in recorded


def test_a_file_saved_while_its_replacement_was_written_is_left(root: Path) -> None:
    planned = plan(take_snapshot(root), {"main.py": b"new\n"})

    def save_meanwhile() -> None:
        # The replacement gets its mode once it was made, and before it is put in place.
        sys.addaudithook(
            lambda event, _: (root / "main.py").write_text("mine") if event == "os.chmod" else None
        )

    message = said_by_child(
        lambda: asyncio.run(apply(planned, {"main.py": b"new\n"}, _into([]))), prepare=save_meanwhile
    )

    assert message.startswith("FileChanged")
    assert _content(root) == {**BEFORE, "main.py": b"mine"}


async def test_a_folder_swapped_for_a_link_after_the_plan_is_not_followed(root: Path, tmp_path: Path) -> None:
    (root / "deep").mkdir()
    planned = plan(take_snapshot(root), {"deep/x.py": b"x"})
    (root / "deep").rmdir()
    (tmp_path / "outside").mkdir()
    (root / "deep").symlink_to(tmp_path / "outside")

    with pytest.raises(ForbiddenPath, match="link"):
        await apply(planned, {"deep/x.py": b"x"}, _into([]))

    assert not list((tmp_path / "outside").iterdir())


async def test_contents_other_than_the_planned_ones_are_refused(root: Path) -> None:
    with pytest.raises(ValueError, match="not the planned one"):
        await apply(plan(take_snapshot(root), FILES), {**CONTENTS, "main.py": b"other"}, _into([]))


async def test_undo_puts_everything_back_also_modes_and_folders(root: Path) -> None:
    (root / "gone.py").chmod(0o750)
    planned = plan(take_snapshot(root), FILES)
    await apply(planned, CONTENTS, _into([]))
    reasons: dict[str, str | None] = {}

    await undo(planned, BEFORE, _left(reasons))

    assert _content(root) == BEFORE
    assert (root / "gone.py").stat().st_mode & 0o777 == 0o750
    assert not (root / "deep").exists()
    assert reasons == dict.fromkeys(FILES)


async def test_undo_leaves_a_file_that_was_edited_since_and_says_so(root: Path) -> None:
    planned = plan(take_snapshot(root), FILES)
    await apply(planned, CONTENTS, _into([]))
    (root / "main.py").write_text("mine")
    (root / "deep/er/own.txt").write_text("mine too")
    reasons: dict[str, str | None] = {}

    await undo(planned, BEFORE, _left(reasons))

    remaining_files = {
        "kept.txt": b"kept\n",
        "gone.py": b"gone\n",
        "main.py": b"mine",
        "deep/er/own.txt": b"mine too",
    }
    assert _content(root) == remaining_files
    assert "changed since" in str(reasons["main.py"])


async def test_undoing_twice_changes_nothing_more(root: Path) -> None:
    planned = plan(take_snapshot(root), FILES)
    await apply(planned, CONTENTS, _into([]))
    await undo(planned, BEFORE, _left({}))

    await undo(planned, BEFORE, _left({}))

    assert _content(root) == BEFORE


@pytest.mark.parametrize("content", [b"main\n", b"new\n"], ids=["mode alone", "content too"])
@pytest.mark.parametrize("mine", [0o600, 0o4600])
async def test_undo_leaves_a_file_whose_permissions_were_changed_since_and_says_so(
    root: Path, mine: int, content: bytes
) -> None:
    main = root / "main.py"
    main.write_bytes(b"main\n")
    main.chmod(0o644)
    planned = plan(take_snapshot(root), {"main.py": content}, executable={"main.py": True})
    await apply(planned, {"main.py": content}, _into([]))
    assert main.stat().st_mode & 0o777 == 0o755
    main.chmod(mine)
    reasons: dict[str, str | None] = {}

    await undo(planned, {"main.py": b"main\n"}, _left(reasons))

    assert (main.stat().st_mode & 0o7777, main.read_bytes()) == (mine, content)
    assert "permissions" in str(reasons["main.py"])
    assert not is_made(planned, planned.changes[0])


@pytest.mark.parametrize("before", [0o644, 0o4640])
async def test_undo_switches_an_executable_bit_back(root: Path, before: int) -> None:
    main = root / "main.py"
    main.chmod(before)
    content = main.read_bytes()
    planned = plan(take_snapshot(root), {"main.py": content}, executable={"main.py": True})
    await apply(planned, {"main.py": content}, _into([]))
    assert is_made(planned, planned.changes[0])

    await undo(planned, {"main.py": content}, _left({}))

    assert main.stat().st_mode & 0o777 == before & 0o777
    assert not is_made(planned, planned.changes[0])


async def test_permissions_that_the_user_sets_before_a_landing_stay(root: Path) -> None:
    main = root / "main.py"
    content = main.read_bytes()
    planned = plan(take_snapshot(root), {"main.py": content}, executable={"main.py": True})
    main.chmod(0o600)

    await apply(planned, {"main.py": content}, _into([]))

    assert main.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
@pytest.mark.parametrize("way_back", [False, True], ids=["apply", "undo"])
def test_killed_at_any_moment_it_can_be_finished_or_undone(tmp_path: Path, way_back: bool) -> None:
    moment, finished = 0, False
    while not finished:
        moment += 1
        root = tmp_path / f"at{moment}"
        _write(root, BEFORE)
        planned = plan(take_snapshot(root), FILES)
        if way_back:
            asyncio.run(apply(planned, CONTENTS, _into([])))

        finished = not killed_at(moment, lambda root=root, planned=planned: _go(planned, back=way_back))

        _assert_nothing_is_half(root)
        other = tmp_path / f"other{moment}"
        shutil.copytree(root, other)
        _go(planned, back=False)
        _go(planned.model_copy(update={"root": str(other)}), back=True)
        assert (moment, _content(root), (root / "deep").exists()) == (moment, AFTER, True)
        assert (moment, _content(other), (other / "deep").exists()) == (moment, BEFORE, False)
    assert moment > 10


def test_on_a_full_disk_the_file_is_as_it_was_and_the_message_names_it(root: Path) -> None:
    large = b"x" * 5000
    planned = plan(take_snapshot(root), {"main.py": large})

    message = said_by_child(
        lambda: asyncio.run(apply(planned, {"main.py": large}, _into([]))), prepare=limit_files(1000)
    )

    assert message.startswith("FolderError: ")
    assert str(root / "main.py") in message
    assert _content(root) == BEFORE


def test_a_disk_that_fills_while_files_land_changes_none_of_them(root: Path) -> None:
    files = {"first.py": b"fits\n", "main.py": b"x" * 200_000}

    def land_on_a_small_disk() -> str:
        _write(root, BEFORE)
        try:
            asyncio.run(apply(plan(take_snapshot(root), files), files, _into([])))
        except FolderError as error:
            return f"{error} {_content(root) == BEFORE}"
        return "it fitted"

    output = said_by_child(land_on_a_small_disk, prepare=lambda: mount_small_disk(root, size=65_536))

    assert "No space left on device" in output
    assert output.endswith("True")


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        root = Path(folder) / "root"
        _write(root, BEFORE)
        root.chmod(0o555)
        yield root
        root.chmod(0o755)


def test_a_read_only_folder_is_an_error_that_names_the_file(read_only: Path) -> None:
    planned = plan(take_snapshot(read_only), FILES)

    message = said_by_child(lambda: asyncio.run(apply(planned, CONTENTS, _into([]))), prepare=become_nobody)

    assert message.startswith(f"{FolderError.__name__}: Can't write {read_only}/")
    assert _content(read_only) == BEFORE


def _write(root: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def _content(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def _assert_nothing_is_half(root: Path) -> None:
    for path in BEFORE.keys() | AFTER.keys():
        content = (root / path).read_bytes() if (root / path).exists() else None
        assert content in (BEFORE.get(path), AFTER.get(path))


def _go(planned: LandingPlan, *, back: bool) -> None:
    if back:
        asyncio.run(undo(planned, BEFORE, _left({})))
    else:
        asyncio.run(apply(planned, CONTENTS, _into([])))


def _into(recorded: list[str]) -> object:
    async def record(path: str) -> None:
        recorded.append(path)

    return record


def _left(told: dict[str, str | None]) -> object:
    async def record(path: str, left: str | None) -> None:
        told[path] = left

    return record
