"""Programs make virtual environments of the sandbox's interpreter, and know that they are in a container."""

from pathlib import Path

import pytest

from sandbox import Command, Policy
from sandbox.backends.bubblewrap import Walls, open_bubblewrap
from tests.environments import make_environment

MAKE = (
    "python3 -m venv --without-pip /tmp/made && /tmp/made/bin/python -c 'import json, sys; print(sys.prefix)'"
)
IS_CONTAINER = "test -e /run/.containerenv && ! touch /run/.containerenv 2>/dev/null && echo yes"


@pytest.mark.parametrize("walls", ["two", "one"])
async def test_an_environment_that_a_program_makes_works(walls: Walls, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_environment(tmp_path / "venv")
    for python in (None, tmp_path / "venv" / "bin" / "python"):
        async with open_bubblewrap(Policy(python=python), walls=walls) as sandbox:
            made = await sandbox.run(Command(argv=("sh", "-c", MAKE)))

            assert (made.stdout, made.stderr) == ("/tmp/made\n", "")


@pytest.mark.parametrize("walls", ["two", "one"])
async def test_a_program_knows_by_podmans_file_that_a_container_is_around_it(walls: Walls) -> None:
    async with open_bubblewrap(Policy(), walls=walls) as sandbox:
        known = await sandbox.run(Command(argv=("sh", "-c", IS_CONTAINER)))

    assert known.stdout == "yes\n"
