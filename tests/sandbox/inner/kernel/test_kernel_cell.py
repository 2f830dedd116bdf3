"""The command of a cell, beside a client that does what that of an ended kernel does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CLIENT = """
import os, socket, sys, time
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(sys.argv[1] + ".socket")
listener.listen()
print("listens", flush=True)
connection, _ = listener.accept()
socket.recv_fds(connection, 100, 3)
connection.send(bytes.fromhex(sys.argv[2]))
connection.close()
time.sleep(float(sys.argv[3]))
"""
CELL = "import sys; from sandbox.inner.kernel.kernel_cell import run_cell; sys.exit(run_cell())"


@pytest.mark.parametrize(("answer", "code"), [("", 1), ("0001", 0), ("0301", 3)])
def test_a_cell_that_ends_its_kernel_ends_after_it(tmp_path: Path, answer: str, code: int) -> None:
    with _client(tmp_path, answer, seconds="0.3") as client:
        cell = subprocess.run((sys.executable, "-c", CELL, f"{tmp_path}/home", "1"))
        ended = os.waitid(os.P_PID, client.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)

    assert cell.returncode == code
    assert ended is not None


def test_a_cell_waits_for_no_kernel_that_goes_on(tmp_path: Path) -> None:
    with _client(tmp_path, "0300", seconds="600") as client:
        cell = subprocess.run((sys.executable, "-c", CELL, f"{tmp_path}/home", "1"), timeout=300)
        goes_on = client.poll() is None
        client.kill()

    assert (cell.returncode, goes_on) == (3, True)


def _client(folder: Path, answer: str, *, seconds: str) -> subprocess.Popen[bytes]:
    command = (sys.executable, "-c", CLIENT, f"{folder}/home", answer, seconds)
    client = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert client.stdout is not None
    assert client.stdout.readline() == b"listens\n"
    return client
