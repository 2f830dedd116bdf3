"""Folders of this machine in a workspace: seen at their place, and never changed, listed or removed."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from pydantic import ValidationError

from sandbox import Command, Policy, Result, Sandbox
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.backends.container import open_in_container
from sandbox.docker.open_docker import open_docker
from sandbox.errors import PolicyUnmet
from tests.docker_engine import POLICY
from tests.ordinary_user import run_as_ordinary_user

Opener = Callable[[Policy], AbstractAsyncContextManager[Sandbox]]
CHANGES = """
for change in "touch N/new" "rm N/left.js" "rm -rf N" "mv N other" "chmod 777 N/left.js" "mkdir N/made"; do
    sh -c "$(echo "$change" | sed s,N,node_modules,)" 2>&- && echo "could: $change"
done
true
"""


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder with a file, and with a link to one outside of it."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "node_modules"
    folder.mkdir(mode=0o755)
    (folder / "left.js").write_text("7\n")
    (tmp_path / "secret").write_text("no business of theirs\n")
    (folder / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "lib").mkdir(mode=0o755)
    (tmp_path / "lib" / "left.js").write_text("8\n")
    return folder


async def sh(box: Sandbox, words: str, **more: bool) -> Result:
    return await box.run(Command(argv=("sh", "-c", words)), **more)


async def is_shown_and_stays(box: Sandbox, folder: Path) -> None:
    """What holds for a folder `node_modules` on every backend that shows one."""
    await box.lay({"a": b"1"})

    changed = await sh(box, CHANGES)

    assert changed.stdout == "", changed.stdout
    assert await box.manifest() == {"a": "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"}
    assert (await sh(box, "cat node_modules/out")).exit_code == 1
    await box.remove(".")
    await box.lay({"b": b"2"})
    assert (await sh(box, "ls; cat node_modules/left.js")).stdout == "b\nnode_modules\n7\n"
    fresh = await sh(box, "cat node_modules/left.js; echo x > new", fresh=True)
    assert fresh.stdout == "7\n"
    assert [artifact.path for artifact in fresh.artifacts] == ["new"]
    assert fresh.artifacts_left_out == 0
    assert sorted(path.name for path in folder.iterdir()) == ["left.js", "out"]
    beside = await sh(box, "cat /opt/shown/lib/left.js; touch /opt/shown/lib/x")
    assert (beside.stdout, beside.exit_code) == ("8\n", 1)


@pytest.mark.slow
@pytest.mark.parametrize("walls", ["two", "one"])
async def test_bubblewrap_shows_a_folder_that_no_program_changes(walls: str, modules: Path) -> None:
    policy = Policy(folders={"node_modules": modules}, beside={"lib": modules.parent / "lib"})

    async with open_bubblewrap(policy, walls="one" if walls == "one" else "two") as box:
        await is_shown_and_stays(box, modules)


@pytest.mark.slow
@pytest.mark.parametrize("fresh", [False, True], ids=["lasting", "fresh"])
async def test_what_a_run_writes_into_a_layered_folder_is_discarded_with_the_run(
    fresh: bool, modules: Path
) -> None:
    policy = Policy(folders={"a/node_modules": modules}, layered=("a/node_modules",), disk_mb=4)
    write = "cd a/node_modules && mkdir .cache && echo 1 > .cache/results && echo 9 > left.js && cat left.js"
    async with open_bubblewrap(policy, walls="two") as box:
        written = await sh(box, write, fresh=fresh)
        later = await sh(box, "cd a/node_modules && ls -A && cat left.js", fresh=fresh)
        filled = await sh(box, "head -c 9000000 /dev/zero > a/node_modules/large", fresh=fresh)

    assert (written.stdout, written.exit_code) == ("9\n", 0), written.stderr
    assert later.stdout == "left.js\nout\n7\n"
    assert not filled.ok
    assert sorted(path.name for path in modules.iterdir()) == ["left.js", "out"]


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.slow
async def test_docker_shows_a_folder_that_no_program_changes(modules: Path) -> None:
    update = {"folders": {"node_modules": modules}, "beside": {"lib": modules.parent / "lib"}}
    async with open_docker(POLICY.model_copy(update=update)) as box:
        await is_shown_and_stays(box, modules)


@pytest.mark.slow
def test_an_ordinary_user_has_it_too() -> None:
    script = """
import asyncio, os, tempfile
from pathlib import Path
from sandbox import Command, Policy, open_sandbox
async def main():
    folder = Path(tempfile.mkdtemp())
    (folder / "left.js").write_text("7\\n")
    for layered in ((), ("node_modules",)):
        async with open_sandbox(Policy(folders={"node_modules": folder}, layered=layered)) as box:
            await box.lay({"a": b"1"})
            words = "cat node_modules/left.js; rm -rf node_modules/left.js"
            ran = await box.run(Command(argv=("sh", "-c", words)))
            print(ran.stdout.strip(), ran.exit_code, os.listdir(folder))
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=300)

    assert ended.stdout == "7 1 ['left.js']\n7 0 ['left.js']\n", ended.stdout + ended.stderr


async def test_a_folder_deeper_down_outlasts_the_files_around_it(modules: Path) -> None:
    async with open_bubblewrap(Policy(folders={"packages/a/node_modules": modules}), walls="two") as box:
        await box.lay({"packages/a/package.json": b"{}"})
        await box.lay({"main.js": b""})

        ended = await sh(
            box, "cat packages/a/node_modules/left.js; grep -c " + str(modules) + " /proc/*/mountinfo"
        )

    assert ended.stdout.splitlines()[0] == "7"
    assert str(modules) not in ended.stdout.replace("grep", "")


@pytest.mark.slow
async def test_a_link_in_its_way_is_not_followed(modules: Path) -> None:
    async with open_bubblewrap(Policy(folders={"x/node_modules": modules}), walls="one") as box:
        await sh(box, "mkdir -p y; ln -s y x")

        ended = await sh(box, "ls y")

    assert ended.stdout == ""


@pytest.mark.usefixtures("allowed_host")
async def test_a_backend_that_mounts_nothing_refuses_it(modules: Path) -> None:
    with pytest.raises(PolicyUnmet, match="can't show folders"):
        async with open_in_container(Policy(folders={"node_modules": modules})):
            pass


@pytest.mark.parametrize("place", ["", "/etc", "../up", "a/../b", "a//b", "."])
def test_a_place_outside_of_the_workspace_is_refused(place: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no plain path"):
        Policy(folders={place: tmp_path})


def test_a_folder_at_two_places_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="at two places"):
        Policy(folders={"a": tmp_path, "b": tmp_path})
