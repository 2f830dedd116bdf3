"""Files of the workspace that lasts, in and out."""

import hashlib
from collections.abc import Awaitable

from sandbox.contract import Sandbox, Session
from sandbox.errors import FileFault, FileRefused
from sandbox.program import Command
from tests.contracts.rules.source import python


async def files_go_in_and_out(box: Sandbox) -> None:
    """Folders on the way are made; the manifest hashes what is there; removing is quiet."""
    await box.write("a/b.bin", b"\x00\xff")
    await box.write("run.sh", b"#!/bin/sh\necho ran\n", executable=True)

    listed = await box.manifest()
    ran = await box.run(Command(argv=("./run.sh",)))

    assert await box.read("a/b.bin") == b"\x00\xff"
    assert listed["a/b.bin"] == hashlib.sha256(b"\x00\xff").hexdigest()
    assert ran.stdout == "ran\n"
    for path in ("a", "run.sh", "never/there"):
        await box.remove(path)
    assert await box.manifest() == {}


async def a_manifest_is_soon_there_whatever_sizes_files_claim(box: Sandbox) -> None:
    """Holes cost a program nothing; hashing all of them would take an hour, and a test has minutes."""
    await box.run(python("for i in range(2000): open(f'hole{i}', 'w').truncate(200 << 20)"))
    await box.write("a.txt", b"x")

    listed = await box.manifest()

    assert listed["a.txt"] == hashlib.sha256(b"x").hexdigest()


async def what_is_laid_is_all_that_is_there(box: Sandbox) -> None:
    """Laid again, the files are as they were at first, whatever a program has made of them and put beside."""
    files = {f"{name}/inner/file.py": f"{name} = 1\n".encode() for name in "abcdefgh"}
    files["run.sh"] = b"#!/bin/sh\necho ran\n"
    littered = """
import os, shutil
open('a/inner/file.py', 'r+').write('A')
os.chmod('b/inner/file.py', 0o777)
os.link('c/inner/file.py', 'second_name')
os.remove('d/inner/file.py'); os.symlink('../../a/inner/file.py', 'd/inner/file.py')
os.rename('e', 'E'); os.symlink('E', 'e')
os.remove('f/inner/file.py'); os.makedirs('f/inner/file.py/deep')
shutil.rmtree('g'); open('g', 'w').close()
os.mkfifo('h/inner/fifo'); open(b'h/\\xff', 'w').close()
os.makedirs('empty/folder'); os.chmod('run.sh', 0o644)
os.chmod('h', 0); os.chmod('.', 0)
"""
    laid = await box.lay(files)
    littering = await box.run(python(littered))

    laid_again = await box.lay(files)

    find = (
        "find . -mindepth 1 ! -type d ! -type f; find . -links +1 -type f; find . -perm -002; find . -type d"
    )
    listing = await box.run(Command(argv=("sh", "-c", f"./run.sh; ({find}) | sort")))
    folders = sorted([".", *(f"./{name}{inner}" for name in "abcdefgh" for inner in ("", "/inner"))])
    assert littering.ok, littering.stderr
    assert listing.stdout == "\n".join(["ran", *folders, ""])
    assert await box.manifest() == laid == laid_again
    assert laid == {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}


async def a_written_file_replaces_what_was_there(box: Sandbox) -> None:
    """Shorter content leaves nothing of the longer."""
    await box.write("f", b"long content")

    await box.write("f", b"short")

    assert await box.read("f") == b"short"


async def all_of_the_workspace_can_be_removed(box: Sandbox) -> None:
    """Whatever a program left there, and whatever it did to the folder itself."""
    littered = """
import os, socket
os.makedirs('deep/' * 300 + 'x')
os.mkfifo('fifo')
os.symlink('/etc', 'link')
open('one', 'w').close()
os.link('one', 'two')
open(b'\\xff\\n', 'w').close()
socket.socket(socket.AF_UNIX).bind('socket')
os.chmod('deep', 0)
os.chmod('.', 0)
"""
    littering = await box.run(python(littered))

    await box.remove(".")

    await box.write("new", b"x")
    listing = await box.run(python("import os; print(os.listdir())"))
    assert littering.ok, littering.stderr
    assert listing.stdout == "['new']\n"


async def paths_that_leave_the_workspace_are_refused(box: Sandbox) -> None:
    """By name or by link, in and out."""
    await box.run(python("import os; os.symlink('/etc', 'folder'); os.symlink('/etc/passwd', 'file')"))
    for path in ("../x", "/etc/passwd", "a/../../x", "", ".", "folder/passwd", "file", "nul\0"):
        for act in (box.read(path), box.write(path, b"x")):
            await _refused(act, path)


async def what_is_no_regular_file_is_refused(box: Sandbox) -> None:
    """FIFOs don't hang, folders, missing and too large files are told."""
    await box.run(python("import os; os.mkfifo('fifo'); os.mkdir('d'); open('big', 'wb').write(bytes(2000))"))
    for path in ("fifo", "d", "missing", "fifo/x"):
        await _refused(box.read(path), path)
    await _refused(box.read("big", limit=1999), "big")
    assert len(await box.read("big", limit=2000)) == 2000
    await _refused(box.write("d", b"x"), "d")


async def a_full_disk_refuses_a_file(box: Sandbox) -> None:
    """And goes on working."""
    await _refused(box.write("big", bytes(300 << 20)), "big")
    await box.remove("big")

    await box.write("small", b"x")

    assert await box.read("small") == b"x"


async def what_stands_under_a_path_is_told(box: Sandbox | Session) -> None:
    """Alone and by folder: kind, size, and whether it can be run. A link is told, and never followed."""
    await box.write("a/run.sh", b"#!/bin/sh\n", executable=True)
    await box.write("a/b.bin", b"\x00\xff")
    await box.make_folder("a/empty/deep")
    await box.make_folder("a/empty")
    await box.run(python("import os; os.symlink('/etc', 'a/link'); os.mkfifo('a/pipe')"))

    listed = await box.list("a")
    looked_at = [await box.stat(f"a/{entry.name}") for entry in listed]

    entries = [(entry.name, entry.kind, entry.executable) for entry in listed]
    assert entries == [
        ("b.bin", "file", False),
        ("empty", "folder", False),
        ("link", "link", False),
        ("pipe", "other", False),
        ("run.sh", "file", True),
    ]
    assert looked_at == list(listed)
    assert [entry.size for entry in listed if entry.kind == "file"] == [2, 10]
    assert [entry.name for entry in await box.list("a/empty")] == ["deep"]
    assert (await box.stat(".")).kind == "folder"


async def what_is_appended_comes_last(box: Sandbox | Session) -> None:
    """In a file that was there, with its rights, and in one that wasn't; part of a file can be read."""
    await box.write("run.sh", b"#!/bin/sh\n", executable=True)
    for path in ("run.sh", "new/file"):
        for piece in (b"echo one\n", b"echo two\n"):
            await box.append(path, piece)

    ran = await box.run(Command(argv=("./run.sh",)))

    assert ran.ok
    assert await box.read("run.sh") == b"#!/bin/sh\necho one\necho two\n"
    assert await box.read("new/file", start=5, limit=3) == b"one"
    assert await box.read("new/file", start=14) == b"two\n"
    assert await box.read("new/file", start=99) == b""


async def what_does_not_fit_is_not_appended_in_part(box: Sandbox | Session) -> None:
    """And what was there stays."""
    filling = await box.run(
        python("f = open('big', 'wb')\nfor _ in range(200): f.write(bytes(1 << 20))\nf.close()")
    )
    assert filling.ok, filling

    await _refused(box.append("big", bytes(100 << 20)), "big", kind="no_room")

    assert (await box.stat("big")).size == 200 << 20


async def a_refused_path_says_of_which_kind_it_is(box: Sandbox | Session) -> None:
    """Whatever is to be done with it."""
    source = """
import os
os.makedirs('folder/closed')
open('file', 'w').write('content')
open('mine', 'w').close(); os.chmod('mine', 0)
open('folder/closed/f', 'w').close(); os.chmod('folder/closed', 0)
os.symlink('file', 'link'); os.symlink('folder', 'way')
os.link('file', 'folder/second'); os.mkfifo('pipe')
"""
    await box.run(python(source))
    for path in ("../x", "/etc/passwd", "way/x", "nul\0"):
        for act in (box.read, box.stat, box.list, box.make_folder):
            await _refused(act(path), path, kind="refused")
        await _refused(box.append(path, b"x"), path, kind="refused")
        await _refused(box.write(path, b"x"), path, kind="refused")
    for path in ("link", "pipe", "folder/second"):
        await _refused(box.read(path), path, kind="refused")
        await _refused(box.append(path, b"x"), path, kind="refused")
    for path in ("missing", "missing/x", "file/x"):
        for look in (box.read, box.stat, box.list):
            await _refused(look(path), path, kind="not_found")
    for path in ("mine", "folder/closed/f"):
        await _refused(box.read(path), path, kind="permission")
        await _refused(box.append(path, b"x"), path, kind="permission")
    await _refused(box.list("folder/closed"), "folder/closed", kind="permission")
    for write in (box.write, box.append):
        await _refused(write("folder", b"x"), "folder", kind="is_directory")
    await _refused(box.read("folder"), "folder", kind="is_directory")
    await _refused(box.read("link"), "link", kind="refused")
    await box.remove(".")
    await box.write("file", b"content")
    await _refused(box.read("file", limit=6), "file", kind="too_large")
    await _refused(box.write("big", bytes(300 << 20)), "big", kind="no_room")


async def _refused(act: Awaitable[object], path: str, *, kind: FileFault | None = None) -> None:
    fault: FileFault | None = None
    try:
        await act
    except FileRefused as error:
        fault = error.kind
    assert fault is not None, f"{path!r} was not refused"
    assert kind in (None, fault), f"{path!r} was refused as {fault}, not as {kind}"


OF_SESSIONS_TOO = (
    what_stands_under_a_path_is_told,
    what_is_appended_comes_last,
    what_does_not_fit_is_not_appended_in_part,
    a_refused_path_says_of_which_kind_it_is,
)
FILES = (
    files_go_in_and_out,
    a_manifest_is_soon_there_whatever_sizes_files_claim,
    what_is_laid_is_all_that_is_there,
    a_written_file_replaces_what_was_there,
    all_of_the_workspace_can_be_removed,
    paths_that_leave_the_workspace_are_refused,
    what_is_no_regular_file_is_refused,
    a_full_disk_refuses_a_file,
    *OF_SESSIONS_TOO,
)
