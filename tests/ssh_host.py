"""A host behind ssh for tests: this machine, by a server of its own on the loopback interface."""

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faulty_endpoint import unused_port

HOST = "root@127.0.0.1"
_PATIENCE_S = 30.0


@contextlib.contextmanager
def ssh_host() -> Iterator[subprocess.Popen[bytes]]:
    """Run the server while the block lasts; CODER_SSH is set so that the backend `ssh` reaches it."""
    server = shutil.which("sshd") or "/usr/sbin/sshd"
    if os.geteuid() != 0 or not Path(server).exists():
        pytest.skip("a server of ssh needs root and openssh-server")
    port = unused_port()
    Path("/run/sshd").mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="ssh-") as folder, pytest.MonkeyPatch.context() as patch:
        place = Path(folder)
        for name in ("host", "user"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(place / name)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        settings = {
            "Port": port,
            "KexAlgorithms": "curve25519-sha256",  # a third less of processor time for each connection
            "ListenAddress": "127.0.0.1",
            "HostKey": place / "host",
            "AuthorizedKeysFile": place / "user.pub",
            "StrictModes": "no",
            "UsePAM": "no",
            "PermitRootLogin": "yes",
            "PidFile": "none",
        }
        (place / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        options = [f"-oUserKnownHostsFile={place / 'known'}", "-oStrictHostKeyChecking=no"]
        own = ["ssh", "-F", "none", "-p", str(port), "-i", str(place / "user"), *options, "-oLogLevel=ERROR"]
        patch.setenv("CODER_SSH", shlex.join(own))
        with subprocess.Popen(
            [server, "-D", "-f", str(place / "config"), "-E", str(place / "log")]
        ) as process:
            try:
                _wait_for(port, place / "log")
                yield process
            finally:
                process.terminate()


def _wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        else:
            return
