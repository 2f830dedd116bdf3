"""Submodules are named to the person and to the model, as no change in them lands."""

from pathlib import Path

from coder.models.scripted import Scripted
from coder.run.event_types import RunStarted, parse
from coder.run.settings import Budget, Settings
from coder.run.stored_file import StoredFile
from coder.run.submodules import submodules
from coder.run.task import Task
from coder.show.render import progress
from tests.coder.workspace.test_edited_tests import answer
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog

pytestmark = KEPT
MANIFEST = '[submodule "lib"]\n\tpath = vendor/lib\n\turl = ../lib\n[submodule "b"]\n\tpath = "my docs"\r\n'


def files(*paths: str, manifest: str = MANIFEST) -> dict[str, StoredFile]:
    texts = dict.fromkeys(paths, "") | {".gitmodules": manifest}
    return {path: StoredFile.of(text.encode()) for path, text in texts.items()}


def test_the_submodules_that_hold_files_are_found() -> None:
    assert submodules(files("vendor/lib/a.py", "my docs/a.md")) == ("vendor/lib", "my docs")
    assert submodules(files("vendor/library.py")) == ()
    assert submodules(files("a/b", manifest="path a\n[submodule\npath")) == ()
    assert submodules({}) == ()


async def test_the_person_and_the_model_read_which_folders_are_submodules(tmp_path: Path) -> None:
    for path, text in {"m.py": "A = 1\n", "vendor/lib/a.py": "B = 1\n", ".gitmodules": MANIFEST}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    log, model = MemoryLog(), Scripted([answer(m__py="A = 2\n")])
    settings = Settings(strategy="repair", plan=False, budget=Budget(max_calls=1))

    run = await solve(Task(prompt="A is 2.", workspace=tmp_path), model=model, settings=settings, log=log)

    bodies = [parse(event) for event in await log.read(run.run_id)]
    line = progress(next(body for body in bodies if isinstance(body, RunStarted)))
    assert line is not None
    assert "changes of submodules don't land: vendor/lib" in line
    assert "no change in them lands: `vendor/lib`." in model.requests[0].messages[-1].content
