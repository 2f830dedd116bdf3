"""Which programs there are, and that each is started as it would be elsewhere."""

from typing import Any

from sandbox.contract import Sandbox
from sandbox.errors import FileRefused
from sandbox.program import Command, PythonCode
from tests.contracts.rules.source import python


async def a_command_is_found_on_the_path(box: Sandbox) -> None:
    """With its arguments and its own environment."""
    command = Command(argv=("sh", "-c", 'echo "$1 $GIVEN"; exit 3', "sh", "a b"), environment={"GIVEN": "c"})

    result = await box.run(command)

    assert (result.exit_code, result.stdout) == (3, "a b c\n")


async def a_program_begins_in_its_folder_with_its_variables(box: Sandbox) -> None:
    """Of either kind, in the workspace that lasts and in a fresh one; its code finds what lies beside it."""
    files = {"src/beside.py": b"NAME = 'found'\n", "lib/further.py": b"NAME = 'too'\n"}
    for path, content in files.items():
        await box.write(path, content)
    source = """
import beside, further, os, sys
open('left', 'w').close()
print(os.path.basename(os.getcwd()), beside.NAME, further.NAME, os.environ['GIVEN'], input(), __file__[-11:])
"""
    variables = {"GIVEN": "given", "PYTHONPATH": "../lib"}
    script = 'read word; : > left; echo "$(basename "$PWD") $GIVEN $word"'
    code = PythonCode(source=source, cwd="src", environment=variables)
    command = Command(argv=("sh", "-c", script), cwd="./src/", environment=variables)
    for how in (dict[str, Any](), {"fresh": True, "files": files}):
        ran = await box.run(code, stdin=b"word\n", **how)
        command_result = await box.run(command, stdin=b"word\n", **how)

        assert ran.stdout == "src found too given word src/main.py\n", ran.stderr
        assert command_result.stdout == "src given word\n", command_result.stderr
        artifact_paths = [[file.path for file in result.artifacts] for result in (ran, command_result)]
        assert all(("src/left" in paths) == bool(how) for paths in artifact_paths)
    assert (await box.stat("src/left")).kind == "file"


async def a_folder_where_no_program_may_begin_is_refused(box: Sandbox) -> None:
    """It leaves the workspace, goes over a link, isn't there, is a file, is closed; the next one runs."""
    statements = (
        "os.symlink('/tmp', 'link'); os.mkdir('in'); os.symlink('..', 'in/up'); os.mkdir('closed', 0)"
    )
    await box.run(python(f"import os; {statements}"))
    await box.write("file", b"")
    kinds = {"missing": "not_found", "in/missing": "not_found", "file": "not_found", "closed": "permission"}
    refused = dict.fromkeys(("/tmp", "..", "in/../..", "link", "in/up", "in/up/in", "nul\0", ""), "refused")
    for cwd, kind in {**kinds, **refused}.items():
        fault = ""
        for program in (PythonCode(source="", cwd=cwd), Command(argv=("true",), cwd=cwd)):
            try:
                await box.run(program)
            except FileRefused as error:
                fault = error.kind
            assert fault == kind, cwd
    try:
        await box.run(PythonCode(source="", cwd="in"), fresh=True)
    except FileRefused as error:
        fault = f"fresh {error.kind}"

    assert fault == "fresh not_found"
    assert (await box.run(PythonCode(source="print('ran')", cwd="in"))).stdout == "ran\n"


async def a_command_that_cannot_run_says_why(box: Sandbox) -> None:
    """127 where there is none, 126 where it can't be executed, as a shell has it."""
    await box.write("data.txt", b"not a program")

    missing = await box.run(Command(argv=("no-such-program",)))
    data = await box.run(Command(argv=("./data.txt",)))
    nameless = await box.run(Command(argv=("",)))

    assert missing.exit_code == 127
    assert "no-such-program: command not found" in missing.stderr
    assert (nameless.exit_code, nameless.stderr) == (127, ": command not found\n")
    assert data.exit_code == 126


async def a_program_opens_its_streams_by_name(box: Sandbox) -> None:
    """As its user, whoever made the pipes; in a fresh workspace and in one that lasts."""
    script = "cat {0} | tee {2} > {1}"
    names = [
        ("/dev/stdin", "/dev/stdout", "/dev/stderr"),
        ("/dev/fd/0", "/dev/fd/1", "/dev/fd/2"),
        ("/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"),
    ]
    source = (
        "open('/dev/stdout', 'w').write(open('/dev/stdin').read()); open('/dev/stderr', 'w').write('in\\n')"
    )
    programs = [Command(argv=("sh", "-c", script.format(*streams))) for streams in names]
    for program in (*programs, python(source)):
        for fresh in (False, True):
            result = await box.run(program, stdin=b"in\n", fresh=fresh)

            assert (result.exit_code, result.stdout, result.stderr) == (0, "in\n", "in\n"), program


async def python_is_there_by_both_names(box: Sandbox) -> None:
    """The same interpreter as for PythonCode."""
    own = await box.run(python("import sys; print(sys.prefix, sys.version_info[:3])"))
    for name in ("python", "python3"):
        script = "import sys; print(sys.prefix, sys.version_info[:3])"

        result = await box.run(Command(argv=(name, "-c", script)))

        assert result.stdout == own.stdout, (name, result.stderr)


async def python_code_is_main(box: Sandbox) -> None:
    """With its arguments, its file's name, and functions that child processes can find."""
    source = """
import multiprocessing, sys
def square(n):
    return n * n
if __name__ == '__main__':
    with multiprocessing.Pool(2) as pool:
        print(pool.map(square, [1, 2, 3]), sys.argv, __file__.endswith('/tool.py'))
"""
    result = await box.run(PythonCode(source=source, filename="tool.py", arguments=("-v",)))

    assert result.stdout == "[1, 4, 9] ['tool.py', '-v'] True\n", result.stderr


async def python_ends_as_python_does(box: Sandbox) -> None:
    """atexit runs, threads are waited for, and a file that was never closed is written."""
    source = """
import atexit, threading, time
kept = open('kept.txt', 'w')
kept.write('written')
atexit.register(print, 'at exit')
threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start()
"""
    result = await box.run(python(source))

    assert result.stdout == "thread\nat exit\n", result.stderr
    assert await box.read("kept.txt") == b"written"


async def the_workspace_can_be_imported_from(box: Sandbox) -> None:
    """Its folder is first on the path, and modules of the sandbox's own don't answer."""
    await box.write("wire.py", b"value = 7")

    result = await box.run(
        python("import wire; print(wire.value)\ntry:\n  import sandbox\nexcept ImportError: print('no')")
    )

    assert result.stdout == "7\nno\n", result.stderr


PROGRAMS = (
    a_command_is_found_on_the_path,
    a_program_begins_in_its_folder_with_its_variables,
    a_folder_where_no_program_may_begin_is_refused,
    a_command_that_cannot_run_says_why,
    a_program_opens_its_streams_by_name,
    python_is_there_by_both_names,
    python_code_is_main,
    python_ends_as_python_does,
    the_workspace_can_be_imported_from,
)
