"""Links within the folder under work: read as their files, tried as them, and never replaced by a file."""

import json
from pathlib import Path

import pytest

from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.workspace.folder import take_snapshot
from tests.git_repository import make_repository
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

WRONG = "def add(a, b):\n    return a - b\n"
RIGHT = "def add(a, b):\n    return a + b\n"
TEST = """import unittest
from calc import add

class Test(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository whose tests import what is a link to the code; so is a folder."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "calc_1.py").write_text(WRONG)
    (tmp_path / "calc.py").symlink_to("lib/calc_1.py")
    (tmp_path / "other").symlink_to("lib")
    (tmp_path / "test_calc.py").write_text(TEST)
    make_repository(tmp_path).commit()
    return tmp_path


async def fixed(folder: Path, *answers: tuple[str, str]) -> Run:
    texts = [f"`{path}`\n```python\n{text}```\n" for path, text in answers]
    task = Task(prompt="Mend it.", workspace=folder, test_command=("python", "-m", "unittest"), mends=True)
    return await solve(task, model=Scripted(texts), settings=Settings(edit_format="whole"), log=MemoryLog())


@pytest.mark.slow
@pytest.mark.parametrize("path", ["lib/calc_1.py", "calc.py", "other/calc_1.py"])
async def test_the_file_that_a_link_leads_to_is_mended_and_the_link_stays(folder: Path, path: str) -> None:
    run = await fixed(folder, (path, WRONG.replace("a - b", "b - a")), (path, RIGHT))

    assert (run.status, run.calls, run.landed) == ("solved", 2, ("lib/calc_1.py",)), run.error
    assert (folder / "lib" / "calc_1.py").read_text() == RIGHT
    assert (folder / "calc.py").is_symlink()


@pytest.mark.slow
async def test_a_test_is_not_changed_by_way_of_a_link(folder: Path) -> None:

    (folder / "given.py").symlink_to("test_calc.py")

    run = await fixed(folder, *[("given.py", TEST.replace("5", "-1"))] * 4)

    assert run.status != "solved"
    assert (folder / "test_calc.py").read_text() == TEST


def test_a_chain_of_links_within_the_folder_is_followed_and_others_are_left_out(folder: Path) -> None:
    for path, target in {
        "chain/a": "b",
        "chain/b": "../x/c",
        "x/c": "../calc.py",
        "all": "chain",
        "loop/a": "b",
        "loop/b": "a",
        "out/a": "b",
        "out/b": "../../secret",
        "within/self": "../within",
    }.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).symlink_to(target)
    (folder.parent / "secret").write_text("secret")
    make_repository(folder).commit()

    snapshot = take_snapshot(folder)

    links = {path: file.link for path, file in snapshot.files.items() if file.text == WRONG and file.link}
    chained = ("calc.py", "chain/a", "chain/b", "x/c", "all/a", "all/b", "other/calc_1.py")
    assert links == dict.fromkeys(chained, "lib/calc_1.py")
    left_out = {note.split(":")[0] for note in snapshot.notes}
    assert left_out == {"loop/a", "loop/b", "out/a", "out/b", "within/self"}


@pytest.mark.slow
async def test_programs_that_decide_find_what_lies_beside_the_file_that_a_link_leads_to(folder: Path) -> None:
    (folder / "bin").mkdir()
    (folder / "bin" / "run").symlink_to("../other/calc_1.py")
    beside = "os.path.exists(os.path.join(os.path.dirname(os.path.realpath('bin/run')), 'beside.txt'))"
    found = f"\n    def test_beside(self):\n        self.assertTrue({beside})\n"
    (folder / "test_calc.py").write_text(f"import os\n{TEST}{found}")
    (folder / "lib" / "beside.txt").write_text("")
    make_repository(folder).commit()

    run = await fixed(folder, ("calc.py", RIGHT))

    assert (run.status, run.landed) == ("solved", ("lib/calc_1.py",)), run.reason


def call(name: str, **arguments: str) -> list[ToolCall]:
    return [ToolCall(id=f"{name}{len(str(arguments)):08d}", name=name, arguments=json.dumps(arguments))]


async def acted(folder: Path, *calls: list[ToolCall], allow: tuple[str, ...] = ()) -> tuple[Run, Scripted]:
    model = Scripted([*calls, call("done", summary="Done.")])
    task = Task(prompt="Mend it.", workspace=folder, test_command=("python", "-m", "unittest"))
    settings = Settings(strategy="act", allow=allow)
    return await solve(task, model=model, settings=settings, log=MemoryLog()), model


APPENDED = f"{RIGHT}# more\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "written",
    [
        call("bash", command="echo '# more' >>calc.py; sed -i 's/a - b/a + b/' lib/calc_1.py"),
        call("edit", path="calc.py", old="    return a - b\n", new="    return a + b\n# more\n"),
        call(
            "edit",
            new="*** Begin Patch\n*** Update File: other/calc_1.py\n@@\n-    return a - b\n"
            "+    return a + b\n+# more\n*** End Patch\n",
        ),
    ],
    ids=["commands", "an edit", "a patch"],
)
async def test_what_a_model_writes_through_a_link_is_in_the_file_that_it_leads_to(
    folder: Path, written: list[ToolCall]
) -> None:
    run, model = await acted(
        folder, written, call("bash", command="cat calc.py lib/calc_1.py other/calc_1.py")
    )

    assert APPENDED * 3 in model.requests[2].messages[-1].content
    assert (run.status, run.landed) == ("solved", ("lib/calc_1.py",)), run.reason
    assert (folder / "lib" / "calc_1.py").read_text() == APPENDED
    assert (folder / "calc.py").is_symlink()


@pytest.mark.slow
async def test_a_link_out_of_the_workspace_is_no_file_to_edit(folder: Path) -> None:
    _, model = await acted(
        folder,
        call("bash", command="ln -s /etc/hostname out; sed -i 's/a - b/a + b/' lib/calc_1.py"),
        call("edit", path="out", new="x"),
    )

    assert "a link that leads out of the workspace" in model.requests[2].messages[-1].content


@pytest.mark.slow
async def test_a_link_that_a_model_removes_stays_and_the_rest_lands(folder: Path) -> None:
    run, _ = await acted(folder, call("bash", command="sed -i 's/a - b/a + b/' lib/calc_1.py; rm -r other"))

    assert (run.status, run.landed) == ("solved", ("lib/calc_1.py",)), run.error
    assert (folder / "other" / "calc_1.py").read_text() == RIGHT


MAKES_LINKS = call(
    "bash",
    command="sed -i 's/a - b/a + b/' lib/calc_1.py; mkdir new; ln -s ../calc.py new/link.py; "
    "ln -s lib new/not_there; ln -s /etc/hostname out; ln -s .git/config settings",
)


@pytest.mark.slow
async def test_a_new_link_within_the_folder_lands_only_if_the_user_allows_it(folder: Path) -> None:
    run, _ = await acted(folder, MAKES_LINKS)

    assert run.left_out == {
        "new/link.py": "held",
        "new/not_there": "held",
        "out": "link",
        "settings": "link",
    }
    assert run.landed == ("lib/calc_1.py",)
    assert not (folder / "new").exists()


@pytest.mark.slow
async def test_a_new_link_that_is_allowed_lands_as_a_link_and_is_one_for_the_tests(folder: Path) -> None:
    (folder / "test_link.py").write_text(
        "import os, unittest\nclass Test(unittest.TestCase):\n    def test_it(self):\n"
        "        self.assertEqual(os.readlink('new/link.py'), '../calc.py')\n"
    )
    make_repository(folder).commit()

    run, _ = await acted(folder, MAKES_LINKS, allow=("new/link.py", "new/not_there"))

    assert (run.status, run.left_out) == ("solved", {"out": "link", "settings": "link"}), run.reason
    assert (folder / "new/link.py").readlink() == Path("../calc.py")
    assert "new file mode 120000" in run.patch
