"""A run on a large folder goes on with what stands there, and stops where that would lose something."""

from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.run.event_types import FilesChanged, Spoken
from coder.run.find_target import find_target
from coder.run.message import AnswerChanges, CodeMessage
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.stored_file import listed, listing
from coder.run.task import Task
from coder.workspace.folder import take_snapshot
from coder.workspace.read import read_workspace, restore, started
from tests.coder.states import state_of
from tests.git_repository import GitRepository, make_repository


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    """A repository of more files than the log keeps."""
    project = make_repository(tmp_path / "project", main__py="x = 1\n")
    for number in range(210):
        (project.top / f"{number}.txt").write_text(f"{number}\n")
    project.commit()
    return project


def stopped(repository: GitRepository, *touched: str) -> State:
    """A run that was cut off after an answer, as the log gives it."""
    task = Task(prompt="Mend x.", workspace=repository.top)
    read = read_workspace(task)
    begun = started(read, task, Settings(), model="toy", target=find_target(task, read.files))
    assert begun.listing
    answer = CodeMessage(author="coder", changes=AnswerChanges(files=dict.fromkeys(touched, "x = 2\n")))
    return state_of([begun, Spoken(message=answer)])


def test_a_folder_that_has_not_changed_is_read_again_in_full(repository: GitRepository) -> None:
    restored = restore(stopped(repository, "main.py"))

    assert restored.happened == ()
    assert restored.files["7.txt"].content == b"7\n"


def test_a_listing_keeps_what_a_link_leads_to(repository: GitRepository) -> None:
    (repository.top / "link.py").symlink_to("main.py")
    repository.commit()
    files = take_snapshot(repository.top).files

    kept = listed(listing(files))

    assert {path: file.link for path, file in kept.items() if file.link} == {"link.py": "main.py"}
    assert kept["link.py"].sha256 == files["main.py"].sha256


def test_what_no_answer_touched_is_taken_as_it_is_now_and_the_answer_tried_again(
    repository: GitRepository,
) -> None:
    state = stopped(repository, "main.py")
    (repository.top / "7.txt").write_text("seven\n")
    (repository.top / "8.txt").unlink()
    (repository.top / "new.txt").write_text("new\n")

    restored = restore(state)

    changed, again = restored.happened
    assert isinstance(changed, FilesChanged)
    assert (sorted(changed.files), changed.gone) == (["7.txt", "new.txt"], ("8.txt",))
    assert isinstance(again, Spoken)
    assert restored.files["7.txt"].content == b"seven\n"
    assert "8.txt" not in restored.files


def test_a_file_that_both_have_changed_is_had_from_head_so_that_edits_can_be_joined(
    repository: GitRepository,
) -> None:
    state = stopped(repository, "main.py")
    (repository.top / "main.py").write_text("mine\n")

    restored = restore(state)

    assert restored.files["main.py"].content == b"x = 1\n"
    assert restored.happened == ()


def test_a_file_that_both_have_changed_and_head_never_had_stops_the_run(repository: GitRepository) -> None:
    (repository.top / "main.py").write_text("dirty\n")
    state = stopped(repository, "main.py")
    (repository.top / "main.py").write_text("mine\n")

    with pytest.raises(UsageError, match=r"main\.py has changed since"):
        restore(state)


def test_a_listing_gives_back_modes_hashes_and_paths(tmp_path: Path) -> None:
    (tmp_path / "a b\nc.sh").write_text("x")
    (tmp_path / "a b\nc.sh").chmod(0o750)
    files = take_snapshot(tmp_path).files

    (entry,) = listed(listing(files)).items()

    assert entry[0] == "a b\nc.sh"
    assert (entry[1].mode, entry[1].sha256) == (0o750, files["a b\nc.sh"].sha256)
