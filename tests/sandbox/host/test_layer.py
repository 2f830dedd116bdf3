"""A large workspace has a layer over it, and tells the same changes as one that is looked at whole."""

import asyncio
import hashlib
import itertools
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from sandbox import Changes, Command, Policy, PythonCode, Sandbox, Session
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.host.capabilities import LAYER_FROM
from sandbox.host.served_sandbox import ServedSandbox
from tests.growing_limits import growing_limits
from tests.layered import children_rest, has_layer, open_layered
from tests.ordinary_user import run_as_ordinary_user

ROOMY = Policy(wall_s=60, cpu_s=600, open_files=1024)
WITHOUT = frozenset({"layer"})
BASE = {"a": b"1", "s": b"#!x", "b/c": b"2", "d/x": b"3", "d/y": b"4", "d/e/z": b"5", "d/e/f/g": b"6"}
_TREES = 120
Told = tuple[dict[str, object], list[object]]
"""Changes by path, and what was left out."""
DO = """
import json, mmap, os, shutil, stat, sys
folder, *operations = json.loads(sys.argv[1])
os.chdir(folder)
def remove(path):
    shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)
def write(path, text, mode='w'):
    if os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode):
        return  # opening it waits for a reader
    open(path, mode).write(text)
def append(path, text):
    write(path, text, 'a')
def overwrite_in_memory(path):
    with open(path, 'r+b') as file, mmap.mmap(file.fileno(), 0) as view:
        view[:1] = b'M'
def mark(path):
    for name in ('user.overlay.opaque', 'user.overlay.whiteout', 'user.other'):
        os.setxattr(path, name, b'y')
def copy(path, other):
    other.startswith(path) or shutil.copytree(path, other)
def rename_over(path, other):
    os.path.isdir(path) or os.replace(path, other)
for name, *given in operations:
    try:
        {**globals(), 'mkdir': os.makedirs, 'mv': shutil.move, 'chmod': os.chmod, 'symlink': os.symlink,
         'link': os.link, 'touch': os.utime, 'mkfifo': os.mkfifo}[name](*given)
    except (OSError, shutil.Error, ValueError):
        pass
"""
SHOW = """
import json, os, stat, sys
shown = {}
for at, folders, files in os.walk(sys.argv[1], onerror=lambda error: shown.update({error.filename: None})):
    for name in [*files, *folders]:
        path = os.path.join(at, name)
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode):
                shown[path] = [oct(mode), open(path, 'rb').read().hex()]
            elif stat.S_ISLNK(mode):
                shown[path] = [oct(mode), os.readlink(path)]
            else:
                shown[path] = [oct(mode), '']
        except OSError:
            shown[path] = None
print(json.dumps(shown, sort_keys=True))
"""
_paths = st.sampled_from([*BASE, "b", "d", "d/e", "d/e/f", "n", "n/m", "d/n", "d/e/n", "a/n"])
_texts = st.sampled_from(["", "1", "new"])
_operations = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["write", "append"]), _paths, _texts),
        st.tuples(
            st.sampled_from(["remove", "mkdir", "touch", "mkfifo", "overwrite_in_memory", "mark"]), _paths
        ),
        st.tuples(st.sampled_from(["mv", "rename_over", "link", "copy"]), _paths, _paths),
        st.tuples(st.just("symlink"), st.sampled_from(["a", "d", "/etc", "../../../x"]), _paths),
        st.tuples(st.just("chmod"), _paths, st.sampled_from([0o644, 0o755, 0o4755, 0o000, 0o500, 0o644])),
        st.tuples(st.just("rebase")),
    ),
    max_size=8,
)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def what_lies_below(box: Sandbox) -> int:
    """A descriptor of it, which nothing hands out."""
    assert isinstance(box, ServedSandbox)
    layers = box._workspace._layers
    assert layers is not None
    return layers[0].below.root


def hashes_below(folder: int) -> dict[str, str]:
    hashes = {}
    for at, _, files, inner in os.fwalk(".", dir_fd=folder):
        for name in files:
            with open(os.open(name, os.O_RDONLY, dir_fd=inner), "rb") as file:
                hashes[os.path.normpath(f"{at}/{name}")] = sha256(file.read())
    return hashes


def told(found: Changes, folder: str) -> Told:
    changes = {one.path: (one.before, one.after, one.mode, one.kind, one.content) for one in found.changes}
    left_out = sorted((one.path, one.reason) for one in found.left_out)
    return (
        {path: one for path, one in changes.items() if path.startswith(folder)},
        [one for one in left_out if one[0].startswith(folder)],
    )


def expected(shown: Mapping[str, Any], folder: str) -> Told:
    """The changes, by comparing the trees, where nothing is left out."""
    before = {f"{folder}/{path}": ("100644", content) for path, content in BASE.items()}
    before[f"{folder}/s"] = ("100755", BASE["s"])
    after = {}
    for path, (mode, content) in shown.items():
        if mode.startswith("0o12"):
            after[path] = ("120000", content.encode())
        elif mode.startswith("0o10"):
            after[path] = ("100755" if int(mode, 8) & 0o100 else "100644", bytes.fromhex(content))
    changes: dict[str, object] = {}
    for path in before.keys() | after.keys():
        was, now = before.get(path), after.get(path)
        if was != now:
            mode, _ = now or was or ("", b"")
            kind = "deleted" if now is None else "modified" if was else "added"
            hashes = [one and sha256(one[1]) for one in (was, now)]
            changes[path] = (*hashes, mode, kind, now and now[1])
    return changes, []


async def apply(
    session: Session, folder: str, operations: Sequence[Sequence[object]], ignored: str
) -> tuple[Told, str]:
    for again, group in itertools.groupby(operations, lambda one: one[0] == "rebase"):
        if again:
            await session.rebase()
        else:
            done = await session.run(PythonCode(source=DO, arguments=(json.dumps([folder, *group]),)))
            assert done.ok, done.output
    listing = await session.run(PythonCode(source=SHOW, arguments=(folder,)))
    changes = await session.changes(ignored=lambda path: bool(ignored) and path == f"{folder}/{ignored}")
    return told(changes, folder), listing.output


async def two_sessions(stack: AsyncExitStack, files: Mapping[str, bytes]) -> tuple[Session, Session]:
    layered = await stack.enter_async_context(open_layered(ROOMY, files))
    whole = await stack.enter_async_context(open_bubblewrap(ROOMY, without=WITHOUT))
    await whole.lay(files)
    first, second = [await stack.enter_async_context(box.session()) for box in (layered, whole)]
    assert (await has_layer(first), await has_layer(second)) == (True, False)
    return first, second


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_layer_tells_the_same_changes_as_a_look_at_the_whole_tree() -> None:
    files = {f"{number:03d}/{path}": content for number in range(_TREES) for path, content in BASE.items()}
    numbers = itertools.count()
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        layered, whole = runner.run(two_sessions(stack, files))

        @settings(deadline=None, max_examples=_TREES // 4, suppress_health_check=list(HealthCheck))
        @given(_operations, st.sampled_from(["", "", "d/", "d/e/", "n", "b"]))
        @example([("remove", "d"), ("mkdir", "d"), ("write", "d/n", "new")], "")  # hides what lies below
        @example([("mv", "d", "n"), ("mkdir", "d/e"), ("rebase",), ("remove", "d")], "")
        def same(operations: list[tuple[object, ...]], ignored: str) -> None:
            number = next(numbers)
            assume(number < _TREES)  # each has a tree of its own
            folder = f"{number:03d}"
            (changes, tree), (whole_changes, wanted_tree) = (
                runner.run(apply(session, folder, operations, ignored)) for session in (layered, whole)
            )

            assert tree == wanted_tree
            assert changes == whole_changes
            entries = json.loads(tree)
            whole_base = not ignored and ("rebase",) not in operations
            if whole_base and changes[1] == [] and None not in entries.values():
                assert changes == expected(entries, folder)

        try:
            same()
        finally:
            runner.run(stack.aclose())


@pytest.mark.slow
async def test_a_large_workspace_has_a_layer_and_a_small_one_none() -> None:
    layer_flags = {}
    for number in (10, LAYER_FROM):
        async with open_bubblewrap(ROOMY) as box:
            await box.lay({f"{n % 50}/{n}": b"1" for n in range(number)})
            await children_rest(box)
            async with box.session() as session:
                layer_flags[number] = await has_layer(session)
                await session.sh("echo 2 > 1/1; rm -r 2; mv 3 three")
                paths = {(one.path, one.kind) for one in (await session.changes()).changes}
                assert {("1/1", "modified"), ("2/2", "deleted"), ("three/3", "added")} <= paths

    assert layer_flags == {10: False, LAYER_FROM: True}


@pytest.mark.slow
@pytest.mark.parametrize(
    "attack",
    [
        "umount /w; umount -l /w; mount -o remount,rw /w; mount -t tmpfs none /w",
        "unshare -Urm sh -c 'umount -l /w; mount -o remount,rw /w; echo changed > /w/a'",
        "ls -A /run /run/upper; echo x > /run/upper/a; echo x > /run/work/a",
        "for pid in /proc/[0-9]*; do echo changed > $pid/root/run/upper/a; echo x > $pid/cwd/a; done",
        "for fd in /proc/[0-9]*/fd/*; do echo changed > $fd/a; ls $fd/upper; done",
        "rm -rf /w/* /w/.*; chmod -R 000 /w; mkdir -m 000 -p /w/d/e",
        "chmod -R 777 .; find . -type f -exec truncate -s 0 {} +; find . -type f -delete",
        "mknod a c 0 0; mknod n c 0 0; setfattr -n user.overlay.opaque -v y d; cp -a d d2; mv -T d2 d",
        "ln a l; echo x >> l; ln -f s a; mv b n; mv n/c b; exec 9<>d/x; rm d/x; echo late >&9",
    ],
)
async def test_no_program_reaches_what_lies_below(attack: str) -> None:
    laid = {path: sha256(content) for path, content in BASE.items()}
    async with open_layered(ROOMY, BASE) as box:
        below = what_lies_below(box)
        async with box.session() as session:
            await session.sh(attack, wall_s=10)
            await session.changes()
        await box.run(Command(argv=("sh", "-c", attack)))

        assert hashes_below(below) == laid
        assert await box.lay(BASE) == laid
        assert await box.manifest() == laid
        async with box.session() as session:
            after = await session.sh("cat a s b/c d/x d/y d/e/z d/e/f/g; ls -A")
            assert after.output == "1#!x23456a\nb\nd\ns\n"


async def test_what_lies_below_is_sealed_for_whoever_has_it_still() -> None:
    async with open_layered(ROOMY, BASE) as box:
        below = what_lies_below(box)

        for attempt in (
            lambda: os.open("a", os.O_WRONLY, dir_fd=below),
            lambda: os.mkdir("new", dir_fd=below),
            lambda: os.unlink("a", dir_fd=below),
            lambda: os.chmod(f"/proc/self/fd/{below}/a", 0o777),
        ):
            with pytest.raises(OSError, match="Read-only file system"):
                attempt()


@pytest.mark.slow
async def test_where_a_layer_is_refused_the_workspace_stays_as_it_was() -> None:
    async with open_bubblewrap(ROOMY, layer_from=1) as box:
        assert isinstance(box, ServedSandbox)
        await box.lay(BASE)
        await children_rest(box)
        descriptor = os.open("a", os.O_WRONLY, dir_fd=box._workspace._workspace.below.root)
        try:
            async with box.session() as session:
                assert not await has_layer(session)
                await box.write("a", b"2")
                ran = await box.run(Command(argv=("sh", "-c", "cat a; mv d e")))
                changes = {(one.path, one.kind) for one in (await session.changes()).changes}
        finally:
            os.close(descriptor)

    assert ran.stdout == "2"
    assert {("a", "modified"), ("d/x", "deleted"), ("e/x", "added")} <= changes


@pytest.mark.slow
async def test_runs_and_sessions_share_the_workspace_below_and_above_the_layer() -> None:
    async with open_layered(ROOMY, BASE) as box:
        async with box.session() as session:
            await session.sh("echo new > b/c; rm a")
            ran = await box.run(Command(argv=("sh", "-c", "cat b/c d/x; ls; echo ran > of-a-run")))
            await box.write("d/x", b"of the host")
            kinds = {one.path: one.kind for one in (await session.changes()).changes}
        read = await box.read("of-a-run")
        async with box.session() as session:
            again = await session.changes()
            await session.sh("echo 1 > a; rm of-a-run; rm -r d/e")
            later = {one.path: one.kind for one in (await session.changes()).changes}

    assert (ran.stdout, read) == ("new\n3b\nd\ns\n", b"ran\n")
    assert kinds == {"a": "deleted", "b/c": "modified", "d/x": "modified", "of-a-run": "added"}
    assert again.changes == ()
    assert later == {"a": "added", "of-a-run": "deleted", "d/e/z": "deleted", "d/e/f/g": "deleted"}


@pytest.mark.slow
async def test_a_write_of_the_host_while_the_layer_comes_is_neither_refused_nor_lost() -> None:
    async with open_bubblewrap(ROOMY, layer_from=1) as box:
        await box.lay(BASE)
        await children_rest(box)
        async with AsyncExitStack() as stack:
            opening = asyncio.ensure_future(stack.enter_async_context(box.session()))
            await asyncio.gather(opening, *(box.write(f"written/{n}", b"%d" % n) for n in range(20)))
            session = opening.result()
            assert await has_layer(session)
            assert (await session.sh("cat written/* | wc -c")).output == "30\n"


@pytest.mark.slow
async def test_programs_that_write_all_the_time_do_not_confuse_the_look() -> None:
    restless = """
i=0
while :; do
  i=$((i+1)); echo $i > a; rm -rf b; mkdir b; echo $i > b/c; mv b/c b/d; ln -sfn d b/l; rm -rf d/e
  mkdir -p d/e/f; echo $i > d/e/f/g; chmod 000 d/e; chmod 755 d/e; mv s t; mv t s; mkfifo d/x.new
  mv d/x.new d/x; rm d/x; echo 3 > d/x
done"""
    async with open_layered(ROOMY, BASE) as box, box.session() as session:
        program = await session.start(restless)
        for _ in range(100):
            changes = await session.changes()
            for one in changes.changes:
                assert one.content is None or sha256(one.content) == one.after
        await program.stop()
        await session.sh(
            "chmod -f 755 d/e; rm -rf b d/e d/x; mkdir -p b d/e/f; printf 2 > b/c; printf 5 > d/e/z;"
            "printf 6 > d/e/f/g"
        )
        await session.sh("printf 1 > a; printf 3 > d/x; rm -f d/x.new; [ -e s ] || mv t s")

        assert await session.changes() == Changes(changes=(), left_out=())


@pytest.mark.slow
async def test_an_agent_that_is_replaced_leaves_the_changes_as_they_were() -> None:
    async with open_layered(ROOMY, BASE, without={"pid"}) as box, box.session() as session:
        for wall_s in growing_limits(0.5):
            lost = await session.sh("echo 2 > a; rm -rf d; kill -STOP $PPID; sleep 1000", wall_s=wall_s)
            if lost.state_lost:
                break
        after = await session.sh("cat a b/c; ls")
        changes = {one.path: one.kind for one in (await session.changes()).changes}

    assert (lost.state_lost, after.output) == (True, "2\n2a\nb\ns\n")
    assert changes == {"a": "modified", **dict.fromkeys(("d/x", "d/y", "d/e/z", "d/e/f/g"), "deleted")}


async def test_folders_of_the_machine_are_shown_above_the_layer_and_are_no_changes(tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "module.js").write_text("1")
    policy = ROOMY.model_copy(update={"folders": {"d/node_modules": modules}})
    async with open_layered(policy, BASE) as box:
        async with box.session() as session:
            result = await session.sh("cat d/node_modules/module.js; echo 2 > d/node_modules/module.js")
            changes = await session.changes()
        await box.lay({"a": b"2"})
        ran = await box.run(Command(argv=("sh", "-c", "cat d/node_modules/module.js; find . -type f | sort")))

    assert result.output.startswith("1")
    assert changes == Changes(changes=(), left_out=())
    assert ran.stdout == "1./a\n./d/node_modules/module.js\n"


@pytest.mark.slow
async def test_whatever_a_program_left_in_the_layer_is_removed() -> None:
    deep = "import os\nos.chdir('d/e')\nfor _ in range(3000): os.mkdir('n'); os.chdir('n')"
    async with open_layered(ROOMY, BASE) as box, box.session() as session:
        await session.python(deep)
        await session.sh("mkdir -p b/n/m d/n; mv d/y b/n/m; chmod 000 b/n/m b/n b d/e/f d/e d")

        await session.remove("d")
        await session.remove("b")
        entries = await session.list()
        changes = {one.path: one.kind for one in (await session.changes()).changes}

    assert [one.name for one in entries] == ["a", "s"]
    assert changes == dict.fromkeys(("b/c", "d/x", "d/y", "d/e/z", "d/e/f/g"), "deleted")


async def test_nothing_is_open_any_more_when_the_sandbox_closes() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    async with open_layered(ROOMY, BASE) as box, box.session() as session:
        await session.sh("echo 2 > a")
        await session.changes()

    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.slow
def test_an_ordinary_user_has_layers_too() -> None:
    script = """
import asyncio
from sandbox import Policy
from tests.layered import open_layered
async def main():
    async with open_layered(Policy(wall_s=60), {"a": b"1", "d/x": b"2", "d/e/y": b"3"}) as box:
        async with box.session() as session:
            await session.sh("echo 2 > a; rm d/x; chmod 000 d/e; chmod 755 d/e; mv d/e n")
            print(*((one.path, one.kind) for one in (await session.changes()).changes))
        await box.lay({"a": b"1"})
        print(await box.read("a"))
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=100)

    expected_output = "('a', 'modified') ('d/e/y', 'deleted') ('d/x', 'deleted') ('n/y', 'added')\nb'1'\n"
    assert ended.stdout == expected_output, ended.stderr[-2000:]
