"""The patch of an agent's container that a reviewer reads."""

import pytest

from benchmarks.harbor.changes import read_changes
from benchmarks.harbor.opening import open_container
from benchmarks.harbor.patch import MAX_CHARACTERS, MAX_FILE_BYTES, shown_files, write_patch
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.tasks_made import recipe_of

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def patch_after(engine: Engine, image: str, script: str) -> str:
    async with open_container(engine, recipe_of(image)) as container:
        await container.run(["bash", "-c", script], timeout_s=60)
        await container.stop()
        async with read_changes(container) as changes, open_container(engine, recipe_of(image)) as fresh:
            paths = [change.path for change in shown_files(changes)]
            before = await fresh.read_entries(paths, max_bytes=MAX_FILE_BYTES)
            return await write_patch(before, changes)


async def test_edits_show_old_and_new_lines_wherever_they_are(engine: Engine, image: str) -> None:
    patch = await patch_after(engine, image, "echo new > old.txt; rm given.txt; echo made > /etc/made")

    assert "--- a/app/old.txt\n+++ b/app/old.txt\n@@ -1 +1 @@\n-old\n+new\n" in patch
    assert "deleted file mode 100644\n--- a/app/given.txt" in patch
    assert "+++ b/etc/made\n@@ -0,0 +1 @@\n+made\n" in patch


async def test_binary_and_large_files_are_named_and_many_are_bounded(engine: Engine, image: str) -> None:
    large = MAX_FILE_BYTES + 1
    script = (
        f"printf 'a\\0b' > b.bin; head -c {large} /dev/zero | tr '\\0' x > large.txt; ln -s old.txt link;"
        f"for n in $(seq 100); do head -c {MAX_FILE_BYTES - 9} large.txt > many-$n; done"
    )

    patch = await patch_after(engine, image, script)

    assert "added /app/b.bin (file, 3 bytes): not shown\n" in patch
    assert f"added /app/large.txt (file, {large:,} bytes): not shown\n" in patch
    assert "added /app/link → old.txt (symlink): not shown\n" in patch
    assert "more characters aren't shown" in patch
    assert patch.count(": not shown") > 40
    assert len(patch) < MAX_CHARACTERS + 40_000
