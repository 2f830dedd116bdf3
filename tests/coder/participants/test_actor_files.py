"""Which files of a session land, and how: executable ones, and what is no text."""

import os
from pathlib import Path

from .test_actor import DONE, GREEN, bash, project, told, worked

__all__ = ["project"]


async def test_executable_files_of_a_session_land_as_such_and_what_is_no_text_is_named(project: Path) -> None:
    program = r"printf 'echo 1\n' > run; printf '#!/bin/sh\n' > start; chmod +x run start"
    command = rf"{program}; printf '\377\000' > picture.bin; echo 1 > plain"

    run, _ = await worked(project, bash(f"sed -i 's/a - b/a + b/' calc.py; {command}"), DONE)

    assert [os.access(project / name, os.X_OK) for name in ("run", "start", "plain")] == [True, True, False]
    assert not (project / "picture.bin").exists()
    assert run.status == "solved"


async def test_what_is_no_text_is_named_before_the_run_ends_with_it(project: Path) -> None:
    (project / "test_calc.py").write_text(GREEN)

    _, model = await worked(project, bash(r"printf '\377\000' > picture.bin; echo 1 > a"), DONE, DONE)

    assert "picture.bin" in told(model, 3)
