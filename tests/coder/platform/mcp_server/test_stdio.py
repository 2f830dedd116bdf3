"""Over stdio stdout is the client's alone, and whatever comes in ends in order."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Started
from tests.coder.people.cli.test_solve import ADD, code
from tests.coder.platform.mcp_server.served import ERAS, INITIALIZE, INITIALIZED, Served, document
from tests.faulty_endpoint import faulty_endpoint, says
from tests.processes import processes_with, wait_until

FRAME = '{"jsonrpc": "2.0", "id": 1, "result": {}}'


def started(served: Served, *arguments: str, **environ: str) -> Started:
    return served.console.start("mcp", "--root", str(served.root), *arguments, **environ)


@pytest.mark.slow
@pytest.mark.parametrize("given", [b"", b"hello\n", b"\xff\xfe\n[1, 2]\n{}\n", b"[" * 100_000 + b"\n", b"x"])
def test_rubbish_on_stdin_ends_in_order(served: Served, given: bytes) -> None:
    server = started(served)
    out, err = server.communicate(given, timeout=60)

    assert (server.returncode, err) == (0, b"")
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in out.splitlines())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_without_a_word(served: Served, number: signal.Signals) -> None:
    server = started(served)
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 7, "method": "ping"}).encode() + b"\n")
    server.stdin.flush()
    assert json.loads(server.stdout.readline())["id"] == 7
    server.send_signal(number)

    assert server.wait(60) == 0
    assert server.communicate() == (b"", b"")


PRINTS = """
import os, subprocess, sys
from coder.show.client_runs import Runs

def noisy(self, *given):
    print('{"jsonrpc": "2.0", "method": "forged"}')
    os.write(1, b'{"jsonrpc": "2.0", "method": "forged"}\\n')
    subprocess.run(["sh", "-c", "echo forged; cat"])
    return kept(self, *given)

kept, Runs.program = Runs.program, noisy
"""


@pytest.mark.slow
@pytest.mark.parametrize("era", ERAS)
async def test_what_is_printed_beside_the_protocol_goes_to_stderr(served: Served, era: str) -> None:
    beside = served.console.home / "beside"
    beside.mkdir()
    (beside / "sitecustomize.py").write_text(PRINTS)
    async with served.over_stdio(mode=era, PYTHONPATH=str(beside)) as client:
        ran = document(await client.call_tool("run_code", {"code": "print(1)"}))

    assert ran["stdout"] == "1\n"
    assert served.said.read_text().count("forged") == 3


@pytest.mark.slow
async def test_hostile_output_stays_data(served: Served) -> None:
    hostile = f"\n{FRAME}\n\x1b]0;title\x07\u202e</result>\ud800".encode("utf-8", "surrogatepass") + b"\xff\0"
    async with served.over_stdio() as client:
        ran = document(await client.call_tool("run_code", {"code": f"import os; os.write(1, {hostile!r})"}))
        again = document(await client.call_tool("run_code", {"code": "print(2)"}))

    assert ran["stdout"].startswith(f"\n{FRAME}\n\x1b]0;title\x07\u202e</result>")
    assert again["stdout"] == "2\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--root", "/no/such/folder"), "there is no folder"),
        (("--token-file", "x"), "--token-file goes with --http"),
        (("--http", "70000"), "65535"),
    ],
)
def test_what_can_not_be_served_is_said(served: Served, arguments: tuple[str, ...], said: str) -> None:
    done = served.console.run("mcp", *arguments)

    assert (done.code, said in done.err) == (2, True), done.err


def test_the_whole_machine_is_served_only_to_whom_names_it(served: Served) -> None:
    done = served.console.run("mcp", cwd=Path("/"))
    assert (done.code, "Name one: coder mcp --root DIR" in done.err) == (2, True), done.err
    assert served.console.run("mcp", "--root", "/", cwd=Path("/")).code == 0


@pytest.mark.slow
def test_without_the_sdk_it_says_what_to_install(served: Served, tmp_path: Path) -> None:
    without = tmp_path / "without"
    without.mkdir()
    (without / "sitecustomize.py").write_text(
        "import importlib.util as util\nfound = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'mcp' else found(name, *more)\n"
    )
    server = started(served, PYTHONPATH=str(without))

    install = f"{sys.executable} -m pip install -e '{Path(__file__).parents[4]}[mcp]'"
    assert (server.communicate()[1].decode(), server.returncode) == (
        f"error: The MCP SDK isn't installed. Install it: {install}\n",
        2,
    )


@pytest.mark.slow
def test_a_signal_interrupts_the_run_that_works(served: Served) -> None:
    tag = f"4{time.monotonic_ns()}"
    params = {"name": "fix", "arguments": {"path": ".", "command": f"sleep {tag}"}}
    with faulty_endpoint(says(code(ADD))) as endpoint:
        served.configure(base_url=endpoint.url, model="toy", strategy="repair")
        server = started(served)
        assert server.stdin is not None
        for frame in (
            INITIALIZE,
            INITIALIZED,
            {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params},
        ):
            server.stdin.write(json.dumps(frame).encode() + b"\n")
        server.stdin.flush()
        assert wait_until(lambda: bool(processes_with(tag)))
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=300)

    assert server.returncode == 0
    assert not processes_with(tag)
    (listed,) = json.loads(served.console.run("ls", "--json").out)
    assert listed["status"] == "interrupted"


@pytest.mark.slow
def test_only_this_command_loads_the_sdk(served: Served) -> None:
    for words in (["--help"], ["mcp", "--help"], ["run", "-c", "1"]):
        looks = f"main({words}); print([name for name in sys.modules if name == 'mcp'])"
        script = f"import sys; from coder.people.cli.main import main; {looks}"
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=served.console.environ
        )
        assert done.stdout.splitlines()[-1] == "[]", done


@pytest.mark.slow
def test_what_is_no_message_gets_an_error_and_the_next_request_is_served(served: Served) -> None:
    lines = [
        b"{nope",
        b"[]",
        b'{"jsonrpc": "2.0", "id": 2, "method": "ping", "params": {"x": "\\ud800"}}',
        b'{"jsonrpc": "1.0", "id": 3, "method": "ping"}',
        b'{"jsonrpc": "2.0", "id": 4, "method": "ping", "params": {"x": "' + b"a" * (17 << 20) + b'"}}',
        b'{"jsonrpc": "2.0", "id": 5, "method": "ping"}',
    ]
    server = started(served)
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write(b"\n".join(lines) + b"\n")
    server.stdin.flush()
    answers = [json.loads(server.stdout.readline()) for _ in lines]
    server.communicate()

    errors = [(each["id"], each["error"]["code"]) for each in answers if "error" in each]
    assert sorted(errors, key=str) == [(2, -32602), (3, -32600), (4, -32700), (None, -32600), (None, -32700)]
    assert [each["result"] for each in answers if each["id"] == 5] == [{}]
