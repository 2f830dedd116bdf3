"""Two mechanisms without a switch of ours: what bubblewrap shows, and no_new_privs, which it always sets."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from sandbox import Command, Policy, PythonCode
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.backends.container import open_in_container
from sandbox.host.capabilities import Build
from sandbox.host.served_sandbox import ServedSandbox
from sandbox.host.server import start_server
from sandbox.supervisor.outer_wall import SandboxPlan, Specification, environment, two_walls
from tests.system_python import SYSTEM_PYTHON

HOST_FILE = "/etc/resolv.conf"
READS = PythonCode(source=f"print('ESCAPED' if open({HOST_FILE!r}).read() else '')")


class ShowingAHostFile(SandboxPlan):
    @property
    def etc(self) -> list[str]:
        return [*super().etc, HOST_FILE]


def showing_a_host_file(plan: SandboxPlan) -> Specification:
    return two_walls(ShowingAHostFile(**{one.name: getattr(plan, one.name) for one in fields(plan)}))


async def test_a_host_file_is_out_of_reach_because_bubblewrap_does_not_show_it() -> None:
    async with open_bubblewrap(Policy()) as box:
        kept = await box.run(READS)
    server = await start_server(Policy(), showing_a_host_file, without=frozenset(), landlock=99)
    try:
        holed = ServedSandbox(server, Policy(), Build("bubblewrap", (), environment(server.interpreter, {})))
        escaped = await holed.run(READS)
        await holed.close()
    finally:
        await server.close()

    assert (kept.exit_code, kept.stdout) == (1, "")
    assert escaped.stdout == "ESCAPED\n"


@pytest.fixture
def setuid_id() -> Iterator[Path]:
    """The command `id`, of root and with root's rights for whoever starts it, where any uid can reach it."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file root's rights")
    folder = Path(f"/var/tmp/setuid-{os.getpid()}")
    folder.mkdir()
    folder.chmod(0o755)
    place = folder / "id"
    shutil.copy("/usr/bin/id", place)
    place.chmod(0o4755)
    yield place
    shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.usefixtures("allowed_host")
async def test_no_new_privs_keeps_a_program_from_the_rights_of_a_files_owner(setuid_id: Path) -> None:
    escalations = []
    others = {"landlock", "seccomp"}  # the kernel wants no_new_privs for them
    for without in (frozenset(others), frozenset({*others, "no_new_privs"})):
        async with open_in_container(Policy(python=SYSTEM_PYTHON), without=without) as box:
            result = await box.run(Command(argv=(str(setuid_id), "-u")))
            escalations.append(result.stdout.strip() == "0")

    assert escalations == [False, True]
