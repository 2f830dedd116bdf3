"""What programs see of Maven's settings: what it needs to start, never a file with passwords."""

from pathlib import Path

import pytest

from sandbox import Command, Policy
from sandbox.backends.bubblewrap import Walls, open_bubblewrap


@pytest.mark.skipif(not Path("/etc/maven/m2.conf").exists(), reason="needs Debian's Maven")
@pytest.mark.parametrize("walls", ["two", "one"])
async def test_maven_finds_its_classpath_and_no_program_reads_its_passwords(walls: Walls) -> None:
    async with open_bubblewrap(Policy(), walls=walls) as sandbox:
        result = await sandbox.run(
            Command(argv=("sh", "-c", "ls /etc/maven; test -r /usr/share/maven/bin/m2.conf"))
        )

    assert (result.exit_code, result.stdout) == (0, "logging\nm2.conf\n"), result
