"""Which files of a session land, and how: executable ones, and what is no text."""

import os
from pathlib import Path

import pytest

from coder.workspace.consent import in_parts
from coder.workspace.diff import diff_stat
from coder.workspace.take_back import undo
from tests.kept_sandboxes import KEPT
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

from .test_acting import DONE, EDIT, RIGHT, bash, project, told, worked

pytestmark = [KEPT, RECORDED]

__all__ = ["project"]
MEND = "sed -i 's/a - b/a + b/' calc.py"


@pytest.mark.slow
async def test_executable_files_of_a_session_land_as_such(project: Path) -> None:
    program = r"printf 'echo 1\n' > run; printf '#!/bin/sh\n' > start; chmod +x run start"

    run, _ = await worked(project, bash(f"{MEND}; {program}; echo 1 > plain"), DONE)

    assert [os.access(project / name, os.X_OK) for name in ("run", "start", "plain")] == [True, True, False]
    assert run.status == "solved"


@pytest.mark.slow
async def test_files_that_are_no_text_land_by_their_bytes(project: Path) -> None:
    (project / "old.bin").write_bytes(b"\xff\x00old")
    (project / "gone.bin").write_bytes(b"\xfe")
    change = r"printf '\377\000\n' > new.bin; printf '\376new' > old.bin; rm gone.bin"
    log = MemoryLog()

    run, _ = await worked(project, bash(f"{MEND}; {change}"), DONE, log=log)

    assert (run.status, run.left_out) == ("solved", {})
    assert (project / "new.bin").read_bytes() == b"\xff\x00\n"
    assert (project / "old.bin").read_bytes() == b"\xfenew"
    assert not (project / "gone.bin").exists()
    assert set(run.files) == {"calc.py"}
    assert "new.bin binary, 3 bytes" in diff_stat(run.patch)
    assert "binary, 4 bytes" in in_parts(run.patch, "")
    assert "literal" not in in_parts(run.patch, "")
    assert all(event.as_json() for event in await log.read(run.run_id))


@pytest.mark.slow
async def test_a_file_over_the_limit_is_named_to_the_model_and_lands_nowhere(project: Path) -> None:
    run, model = await worked(
        project, bash("head -c 11000000 /dev/zero > large"), bash(f"{MEND}; rm large"), DONE
    )

    assert told(model, 2).endswith("[left out, lands nowhere: large: too_large]")
    assert "left out" not in told(model, 3)
    assert (run.status, run.left_out) == ("solved", {})


@pytest.mark.slow
async def test_links_and_names_that_no_run_may_write_are_named_and_the_rest_lands(project: Path) -> None:
    links = "ln -s calc.py link; mv test_calc.py x; ln -s x test_calc.py"
    change = rf"{links}; echo 1 > $'a\u202eb.txt'; echo 1 > 'a\b'"

    run, model = await worked(project, bash(f"{MEND}; {change}"), bash("rm link; rm x *.txt 'a\\b'"), DONE)

    left_out = told(model, 2).rpartition("[left out, lands nowhere: ")[2]
    assert left_out.endswith("test_calc.py: link]")
    assert (run.status, run.left_out) == ("solved", {"test_calc.py": "link"})
    assert (project / "calc.py").read_text() == RIGHT
    assert sorted(path.name for path in project.iterdir()) == ["calc.py", "test_calc.py"]


@pytest.mark.slow
async def test_what_the_folder_has_no_place_for_is_named_and_the_rest_lands(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (project / "data").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    (project / "other").mkdir()
    (project / "other/a.py").write_text("")
    (project / "other/.git").write_text("gitdir: ../x\n")
    (project / "full").mkdir()
    (project / "full/c.py").write_text("")
    (project / "full/unread").symlink_to("/etc/hostname")
    (project / "sub").mkdir()
    (project / "sub/b.py").write_text("")
    change = "rm -r full other sub; mkfifo sub; mkdir data; echo 1 | tee data/x full > other"

    run, _ = await worked(project, bash(f"{MEND}; {change}"), DONE)

    assert run.left_out == dict.fromkeys(
        ("data/x", "other", "other/a.py", "sub", "sub/b.py", "full", "full/c.py"), "special"
    )
    assert run.status == "solved"
    assert (project / "full/c.py").exists()  # it isn't removed for what can't land in its place
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
async def test_existing_files_become_executable_or_cease_to_be_so_and_undo_puts_that_back(
    project: Path,
) -> None:
    (project / "run").write_text("echo 1\n")
    (project / "start").write_text("#!/bin/sh\n")
    (project / "start").chmod(0o755)
    (project / "plain").write_text("#!/bin/sh\n")
    (project / "tool").write_text("echo 2\n")
    (project / "tool").chmod(0o755)
    edit = "echo '# more' | tee -a plain tool"
    log = MemoryLog()

    run, _ = await worked(project, bash(f"{MEND}; chmod +x run; chmod -x start; {edit}"), DONE, log=log)

    modes = {name: os.access(project / name, os.X_OK) for name in ("run", "start", "plain", "tool")}
    assert modes == {"run": True, "start": False, "plain": False, "tool": True}
    assert "diff --git a/run b/run\nold mode 100644\nnew mode 100755\n" in run.patch
    assert "run +0 -0, mode 100755" in diff_stat(run.patch)
    assert run.patch.count("new mode") == 2

    await undo(run.run_id, log=log)

    assert not os.access(project / "run", os.X_OK)
    assert os.access(project / "start", os.X_OK)


@pytest.mark.slow
async def test_of_an_answer_what_fits_is_made_and_only_the_rest_is_asked_for_again(project: Path) -> None:
    (project / "names.py").write_text("FIRST = 'Ada'\nLAST = 'Lovelace'\n")
    first = "names.py\n```\n<<<<<<< SEARCH\nFIRST = 'Ada'\n=======\nFIRST = 'Grace'\n>>>>>>> REPLACE\n"
    misfit = "<<<<<<< SEARCH\nLAST = 'Lace'\n=======\nLAST = 'Hopper'\n>>>>>>> REPLACE\n```\n"
    rest = misfit.replace("'Lace'", "'Lovelace'")

    run, model = await worked(project, f"{EDIT}{first}{misfit}", f"names.py\n```\n{rest}")

    assert "All others are made, in `calc.py`, `names.py`" in told(model, 2)
    assert "   2| LAST = 'Lovelace'\n" in told(model, 2)
    assert run.status == "solved"
    assert (project / "names.py").read_text() == "FIRST = 'Grace'\nLAST = 'Hopper'\n"
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
async def test_a_run_says_that_a_repositorys_hooks_cannot_be_read(project: Path) -> None:
    (project / ".agents").mkdir()
    (project / ".agents/hooks.json").write_text("{")
    log = MemoryLog()

    run, _ = await worked(project, [*bash("sed -i 's/-/+/' calc.py"), *DONE], log=log)

    notes = (await log.read(run.run_id))[0].body["notes"]
    assert [note.partition(": its hooks")[0] for note in notes] == [".agents/hooks.json"]
