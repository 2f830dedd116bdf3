"""What a stopped container changed is read from the engine, and applied to a fresh one."""

import pytest
import requests

import benchmarks.harbor.changes as changes_module
from benchmarks.harbor.applying import apply_changes
from benchmarks.harbor.archive_reader import ChangedPath, ChangesTooLarge
from benchmarks.harbor.changes import read_changes
from benchmarks.harbor.container import HarborContainer
from benchmarks.harbor.opening import open_container
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.tasks_made import recipe_of

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
WORK = """
cd /app
rm old.txt
echo more >> given.txt
mkdir -m 750 -p new/deep
echo x > new/deep/file
chown 1234:5678 new/deep/file
chmod 4755 new/deep/file
ln -s /etc/passwd new/link
ln new/deep/file new/twin
mkfifo new/pipe
echo 1 > '/app/a name
of two lines'
mkdir -p /logs/verifier /tests /solution
echo 1 > /logs/verifier/reward.txt
echo evil > /tests/conftest.py
"""
LIST = "cd /app; find . -printf '%p %y %m %U:%G %l\\n' | sort; cat given.txt; ls /logs /tests /solution 2>&1"


async def shell(container: HarborContainer, script: str) -> str:
    ended = await container.run(["bash", "-c", script], timeout_s=60, user="0", log="/out.txt")
    assert ended.exit_code is not None
    return (await container.read_file("/out.txt", max_bytes=1 << 20) or b"").decode()


async def test_a_fresh_container_gets_files_modes_owners_links_and_deletions(
    engine: Engine, image: str
) -> None:
    async with open_container(engine, recipe_of(image)) as used:
        await shell(used, WORK)
        before = await shell(used, LIST)
        await used.stop()
        async with read_changes(used) as changes, open_container(engine, recipe_of(image)) as fresh:
            await apply_changes(fresh, changes, changes.items)
            after = await shell(fresh, LIST)

    by_path = {change.path: change for change in changes.items}
    assert by_path["/app/old.txt"] == ChangedPath(path="/app/old.txt", kind="deleted")
    assert (by_path["/app/given.txt"].kind, by_path["/app/new"].kind) == ("changed", "added")
    assert by_path["/app/new/deep/file"].owner == (1234, 5678)
    assert by_path["/app/new/deep/file"].lends_rights
    assert by_path["/app/new/link"].target == "/etc/passwd"
    assert changes.left_out == ("/app/new/pipe",)
    tree_before = [line for line in before.split("more\n")[0].splitlines() if "pipe" not in line]
    assert after.split("more\n")[0].splitlines() == tree_before
    assert "conftest.py" in before
    assert "cannot access '/tests'" in after
    assert "cannot access '/logs'" in after


async def test_a_folder_deleted_and_made_again_loses_what_the_image_has_in_it(
    engine: Engine, image: str
) -> None:
    async with open_container(engine, recipe_of(image)) as used:
        await shell(used, "rm -r /usr/share/doc; mkdir -m 700 /usr/share/doc; echo new > /usr/share/doc/one")
        await used.stop()
        async with read_changes(used) as changes, open_container(engine, recipe_of(image)) as fresh:
            await apply_changes(fresh, changes, changes.items)
            listed = await shell(fresh, "ls /usr/share/doc; stat -c %a /usr/share/doc")

    assert listed == "one\n700\n"


async def test_many_changed_files_are_read_at_once_and_all_arrive(
    engine: Engine, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_module, "_MOST_REQUESTS", 20)
    many = "cd /usr/lib/python3.11 && for file in $(ls *.py | head -150); do echo '# more' >> $file; done"
    count = "cat /usr/lib/python3.11/*.py | grep -c '^# more$'"

    async with open_container(engine, recipe_of(image)) as used:
        await shell(used, many)
        before = await shell(used, count)
        await used.stop()
        async with read_changes(used) as changes, open_container(engine, recipe_of(image)) as fresh:
            await apply_changes(fresh, changes, changes.items)
            after = await shell(fresh, count)

    assert int(after) == int(before) >= 150


async def test_changed_files_of_a_folder_leave_it_in_one_archive_and_arrive_in_one(
    engine: Engine, image: str
) -> None:
    script = (
        "cd /app; for n in $(seq 20); do echo $n > new-$n; done; rm old.txt; ln given.txt link; mkdir more"
    )
    answers = list[str]()

    def count(answer: requests.Response, *_: object, **__: object) -> None:
        if "/archive" in answer.url:
            answers.append(str(answer.request.method))

    async with open_container(engine, recipe_of(image)) as used:
        await shell(used, script)
        await used.stop()
        async with open_container(engine, recipe_of(image)) as fresh:
            await engine.ask("count", lambda api: api.hooks["response"].append(count))
            try:
                async with read_changes(used) as changes:
                    await apply_changes(fresh, changes, changes.items)
            finally:
                await engine.ask("count", lambda api: api.hooks["response"].remove(count))
            after = await shell(fresh, "cd /app; ls -d *; cat new-20 link")

    names = [f"new-{number}" for number in range(1, 21)]
    assert {*after.split()} == {*names, "given.txt", "link", "more", "20", "given"}
    assert answers.count("PUT") == 1
    assert answers.count("GET") <= 4  # of /app, of the link by itself, of /tmp and of what a shell leaves


async def test_changes_among_many_other_files_all_arrive(engine: Engine, image: str) -> None:
    script = "cd /usr/lib/python3.11; echo '# more' >> this.py; mkdir zz; echo 1 > zz/one; echo 2 > zz/two"

    async with open_container(engine, recipe_of(image)) as used:
        await shell(used, script)
        await used.stop()
        async with read_changes(used) as changes, open_container(engine, recipe_of(image)) as fresh:
            await apply_changes(fresh, changes, changes.items)
            after = await shell(fresh, "cd /usr/lib/python3.11; tail -n 1 this.py; cat zz/*")

    assert after == "# more\n1\n2\n"


async def test_changes_beyond_the_limit_are_refused_before_they_are_read(engine: Engine, image: str) -> None:
    async with open_container(engine, recipe_of(image)) as used:
        await shell(used, "truncate -s 1T /app/sparse")
        await used.stop()
        with pytest.raises(ChangesTooLarge):
            async with read_changes(used, max_bytes=1 << 20):
                pass


async def test_stopping_ends_a_process_that_ignores_signals_after_one_that_writes_its_state(
    engine: Engine, image: str
) -> None:
    services = """
(trap 'echo saved > /app/state; exit' TERM; : > /tmp/heeds; while :; do sleep 0.1; done) &
(trap '' TERM; while :; do date +%N > /app/beat; sleep 0.1; done) &
until [ -e /tmp/heeds ] && [ -s /app/beat ]; do sleep 0.02; done
"""
    async with open_container(engine, recipe_of(image)) as used:
        await shell(used, services)
        await used.stop()
        state = await used.read_file("/app/state", max_bytes=100)
        beats = {await used.read_file("/app/beat", max_bytes=100) for _ in range(3)}

    assert state == b"saved\n"
    assert len(beats) == 1
