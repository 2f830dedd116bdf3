"""What the editor holds and hasn't saved is what the model reads, changes, and what a person approves."""

from pathlib import Path
from typing import Any

import pytest
from acp import RequestError
from acp.schema import ClientCapabilities, FileSystemCapabilities

from tests.coder.people.acp.editor import Editor, spawned
from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_fix import RIGHT, WRONG
from tests.faulty_endpoint import calls, faulty_endpoint, says

pytestmark = pytest.mark.slow
UNSAVED = f'"""Not saved."""\n\n\n{WRONG}'
MENDED = UNSAVED.replace(WRONG, RIGHT)
EDIT = calls("bash", command="cat calc.py; sed -i 's/a - b/a + b/' calc.py")
DONE = calls("done", summary="Mended it.")


def offers(*, reads: bool = True, writes: bool = True) -> ClientCapabilities:
    """What an editor offers."""
    return ClientCapabilities(fs=FileSystemCapabilities(read_text_file=reads, write_text_file=writes))


async def work(console: Console, editor: Editor, project: Path, capabilities: ClientCapabilities) -> Any:
    """Have a model that edits by a command work in an editor; return its requests."""
    with faulty_endpoint(EDIT, DONE, says("Well.")) as endpoint:
        async with spawned(console, endpoint, editor, capabilities=capabilities):
            await editor.say(await editor.open(project), "Mend add.")
    return endpoint.requests


@pytest.mark.parametrize("writes", [True, False])
async def test_the_model_reads_and_changes_an_unsaved_text(
    console: Console, project: Path, *, writes: bool
) -> None:
    assert "a - b" in WRONG
    editor, path = Editor("yes"), project / "calc.py"
    editor.buffers[str(path)] = UNSAVED
    requests = await work(console, editor, project, offers(writes=writes))

    diff = editor.questions[0][0].content[-1]
    assert "Not saved." in str(requests[1].body["messages"][-1])
    assert (diff.old_text, diff.new_text) == (UNSAVED, MENDED)
    assert path.read_text() == MENDED
    assert (editor.written == {str(path): UNSAVED}) is writes  # saved, and then changed on the disk


async def test_an_edit_on_the_disk_below_an_unsaved_text_is_not_overwritten(
    console: Console, project: Path
) -> None:
    editor, path = Editor("yes", "yes"), project / "calc.py"
    editor.buffers[str(path)] = UNSAVED
    editor.on_question = lambda: path.write_text(f"# pulled\n{WRONG}") and None
    with pytest.raises(RequestError, match="save or reload it"):
        await work(console, editor, project, offers())

    assert (path.read_text(), editor.written) == (f"# pulled\n{WRONG}", {})


async def test_nothing_is_saved_for_a_change_that_is_refused(console: Console, project: Path) -> None:
    editor = Editor("no")
    editor.buffers[str(project / "calc.py")] = UNSAVED
    await work(console, editor, project, offers())

    assert (editor.written, (project / "calc.py").read_text()) == ({}, WRONG)


async def test_what_is_typed_during_the_question_is_merged_and_asked_about_again(
    console: Console, project: Path
) -> None:
    editor, path = Editor("yes", "yes"), project / "calc.py"
    editor.on_question = lambda: editor.buffers.update({str(path): f"# typed\n\n\n{WRONG}"})
    (project / "calc.py").write_text(WRONG)
    with faulty_endpoint(EDIT, DONE, says("Well.")) as endpoint:
        async with spawned(console, endpoint, editor, capabilities=offers()):
            session = await editor.open(project)
            await editor.say(session, "Mend add.")

    assert [call.content[-1].old_text for call, _ in editor.questions] == [WRONG, f"# typed\n\n\n{WRONG}"]
    assert path.read_text() == f"# typed\n\n\n{RIGHT}"


@pytest.mark.parametrize("before", [True, False])
async def test_a_text_of_a_file_that_the_change_leaves_alone_stays_unsaved_and_holds_nothing_up(
    console: Console, project: Path, *, before: bool
) -> None:
    editor, other = Editor("yes"), project / "other.py"
    other.write_text("X = 1\n")

    def type_on() -> None:
        editor.buffers[str(other)] = "X = 2  # not sa"

    if before:
        type_on()
    else:
        editor.on_question = type_on
    await work(console, editor, project, offers())

    assert len(editor.questions) == 1
    assert (project / "calc.py").read_text() == RIGHT
    assert (other.read_text(), editor.written) == ("X = 1\n", {})


async def test_a_buffer_that_shows_the_old_text_is_written_through_the_editor(
    console: Console, project: Path
) -> None:
    class Stale(Editor):
        """It doesn't notice that a file has changed on the disk."""

        async def read_text_file(self, session_id: str, path: str, **more: object) -> Any:
            self.buffers.setdefault(path, Path(path).read_text())
            return await super().read_text_file(session_id, path, **more)

    editor, path = Stale("yes"), project / "calc.py"
    await work(console, editor, project, offers())

    assert editor.written == {str(path): path.read_text()}
    assert "a + b" in path.read_text()


async def test_an_editor_that_offers_no_files_is_not_asked_for_any(console: Console, project: Path) -> None:
    class Deaf(Editor):
        """It must not be asked."""

        async def read_text_file(self, session_id: str, path: str, **_: object) -> Any:
            raise AssertionError(path)

    editor = Deaf("yes")
    await work(console, editor, project, offers(reads=False, writes=False))

    assert "a + b" in (project / "calc.py").read_text()
