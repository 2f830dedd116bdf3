"""`coder solve --in-place`: the model works in the folder itself, and nothing is copied or landed."""

import json
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import calls, faulty_endpoint, says
from tests.git_repository import GitRepository
from tests.processes import wait_until
from tests.system_python import SYSTEM_PYTHON

pytestmark = pytest.mark.slow
PERMITTED = {"CODER_UNSAFE_HOST": "1"}
FLAGS = ("--in-place", "--strategy", "act", "--python", str(SYSTEM_PYTHON))
CHECK = ("--check", "from add import add; assert add(1, 2) == 3")
WRONG, RIGHT = "def add(a, b):\n    return a - b\n", "def add(a, b):\n    return a + b\n"


def test_the_model_changes_the_folder_and_the_machine_around_it_and_nothing_lands(
    console: Console, folder: Path
) -> None:
    (folder / "add.py").write_text(WRONG)
    folder.chmod(0o755)
    outside = console.home / "installed"
    work = f"sed -i s/-/+/ add.py; echo made > made.txt; echo installed > {outside}; pwd"
    with faulty_endpoint(calls("bash", command=work), calls("done", summary="Done.")) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        done = console.run(
            "solve", "Mend add.", ".", *CHECK, *FLAGS, *model, "--json", cwd=folder, **PERMITTED
        )
        answered = endpoint.requests[1].body["messages"][-1]["content"]

    document = json.loads(done.out)
    print(done.err, document)
    assert (done.code, document["status"]) == (0, "solved"), done.err
    assert str(folder) in answered
    assert (folder / "add.py").read_text() == RIGHT
    assert outside.read_text() == "installed\n"
    assert sorted(path.name for path in folder.iterdir()) == ["add.py", "made.txt"]
    assert folder.stat().st_mode & 0o777 == 0o755
    assert "+    return a + b" in document["patch"]


@pytest.mark.parametrize("others", [0, 201])
def test_a_killed_run_goes_on_in_the_folder_and_its_patch_holds_what_no_event_recorded(
    console: Console, folder: Path, others: int
) -> None:
    """With 201 other files the log holds a listing, and the old content is that of the last commit."""
    (folder / "add.py").write_text(WRONG)
    for number in range(others):
        (folder / f"other{number}.py").write_text(f"n = {number}\n")
    repository = GitRepository(folder)
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-qm", "As it was")):
        repository.git(*arguments)
    work = calls("bash", command="sed -i s/-/+/ add.py; echo made > made.txt")
    slow = calls("bash", command="[ -e late.txt ] || { echo late > late.txt; sleep 100; }")
    with faulty_endpoint(work, slow, calls("done", summary="Done.")) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        killed = console.start("solve", "Mend add.", ".", *CHECK, *FLAGS, *model, cwd=folder, **PERMITTED)
        late = folder / "late.txt"
        assert wait_until(lambda: late.exists() and late.read_text() == "late\n")
        killed.kill()
        killed.communicate()
        refused = console.run("resume", "run_", "--sandbox", "docker", cwd=folder, **PERMITTED)
        resumed = console.run("resume", "run_", "--json", cwd=folder, **PERMITTED)

    document = json.loads(resumed.out)
    assert (refused.code, len(endpoint.requests)) == (2, 3), refused.err
    assert (resumed.code, document["status"], document["strength"]) == (0, "solved", "inside"), resumed.err
    for line in ("-    return a - b", "+    return a + b", "+made", "+late"):
        assert line in document["patch"].splitlines()
    assert document["landed"] == []


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--sandbox", "docker"), "works by the sandbox container, not by docker"),
        (("--strategy", "repair"), "not for --strategy repair"),
        (("--samples", "2"), "has one folder"),
        (("--commit",), "can't be combined"),
        (("--no-apply",), "can't be combined"),
    ],
)
def test_an_option_that_contradicts_it_is_refused_before_a_model_is_called(
    console: Console, folder: Path, flags: tuple[str, ...], reason: str
) -> None:
    with faulty_endpoint() as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        refused = console.run(
            "solve", "Mend add.", ".", "--in-place", *flags, *model, cwd=folder, **PERMITTED
        )

    assert (refused.code, endpoint.requests) == (2, [])
    assert reason in refused.err


def test_a_command_that_ends_its_session_is_not_made_again_and_its_change_is_recorded(
    console: Console, folder: Path
) -> None:
    (folder / "add.py").write_text(WRONG)
    work = calls("bash", command="sed -i s/-/+/ add.py; echo once >> made.txt; kill -9 $PPID; sleep 9")
    with faulty_endpoint(work, calls("done", summary="Done.")) as endpoint:
        arguments = (".", *CHECK, *FLAGS, "--base-url", endpoint.url, "-m", "toy", "--json")
        done = console.run("solve", "Mend add.", *arguments, cwd=folder, **PERMITTED)

    assert done.code == 0, done.err
    assert (folder / "made.txt").read_text() == "once\n"
    assert "+once" in json.loads(done.out)["patch"].splitlines()


def test_edits_of_an_answer_without_calls_are_in_the_folder(console: Console, folder: Path) -> None:
    (folder / "add.py").write_text(WRONG)
    edit = "add.py\n```\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n```\n"
    with faulty_endpoint(says(edit)) as endpoint:
        arguments = (".", *CHECK, *FLAGS, "--base-url", endpoint.url, "-m", "toy")
        done = console.run("solve", "Mend add.", *arguments, cwd=folder, **PERMITTED)
        prompt = endpoint.requests[0].body["messages"][0]["content"]

    assert done.code == 0, done.err
    assert (folder / "add.py").read_text() == RIGHT
    assert "left out" not in prompt
    assert "Existing tests are run as they were" in prompt
