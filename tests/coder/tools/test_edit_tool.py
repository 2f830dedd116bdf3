"""edit: a replacement, a new file, a patch; what is said where it doesn't fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.models.model import JsonObject
from coder.tools.edit_tool import EditTool
from coder.tools.replacement import replaced, shown_changes
from tests.coder.tools.in_memory import InMemory, desk

CODE = "def one():\n    return 1\n\n\ndef two():\n    return 1\n"


async def edited(session: InMemory, **given: object) -> str:
    arguments: JsonObject = dict(given)  # type: ignore[arg-type]
    return (await EditTool().call(arguments, desk(session))).text


def holding(**files: str) -> InMemory:
    return InMemory({name.replace("_", "."): text.encode() for name, text in files.items()})


async def test_a_replacement_is_answered_with_the_changed_lines_and_their_numbers() -> None:
    session = holding(a_py=CODE)

    said = await edited(session, path="a.py", old="def two():\n    return 1", new="def two():\n    return 2")

    assert session.files["a.py"].decode() == CODE[:-2] + "2\n"
    assert said == "`a.py` is changed:\n```\n   4| \n   5| def two():\n   6|     return 2\n```"


async def test_a_text_that_is_there_twice_is_refused_with_its_lines() -> None:
    session = holding(a_py=CODE)

    with pytest.raises(ValueError, match="several times, at lines 2, 6"):
        await edited(session, path="a.py", old="return 1", new="return 2")

    assert session.files["a.py"].decode() == CODE


async def test_with_all_each_occurrence_is_replaced_and_each_place_is_shown() -> None:
    session = holding(a_py=CODE + "\n" * 20)

    said = await edited(session, path="a.py", old="return 1", new="return 2", all=True)

    assert session.files["a.py"].decode().count("return 2") == 2
    assert "   2|     return 2" in said
    assert "   6|     return 2" in said


async def test_a_text_that_is_not_there_is_told_with_the_nearest_lines() -> None:
    with pytest.raises(ValueError, match="its lines aren't there") as error:
        await edited(holding(a_py=CODE), path="a.py", old="def three():\n    return 3", new="")

    assert "   2|     return 1" in str(error.value)


async def test_another_indentation_of_the_old_text_is_understood() -> None:
    session = holding(a_py="class A:\n    def one(self):\n        return 1\n")

    await edited(session, path="a.py", old="def one(self):\n    return 1", new="def one(self):\n    return 2")

    assert session.files["a.py"].decode() == "class A:\n    def one(self):\n        return 2\n"


async def test_line_ends_stay_as_the_file_has_them() -> None:
    session = holding(a_py="a = 1\r\nb = 2\r\n")

    await edited(session, path="a.py", old="a = 1\nb = 2", new="a = 1\nc = 3")

    assert session.files["a.py"] == b"a = 1\r\nc = 3\r\n"


async def test_without_an_old_text_a_file_is_made() -> None:
    session = holding()

    assert await edited(session, path="src/a.py", new="x = 1\n") == "`src/a.py` is made (1 line)."
    assert session.files == {"src/a.py": b"x = 1\n"}


async def test_a_file_that_is_there_is_not_made_anew() -> None:
    with pytest.raises(ValueError, match="is there already"):
        await edited(holding(a_py=CODE), path="a.py", new="x = 1\n")


async def test_a_file_that_is_not_there_is_told_with_a_near_name() -> None:
    with pytest.raises(ValueError, match=r"There is no file `tets\.py`; did you mean test\.py\?"):
        await edited(holding(test_py=CODE), path="tets.py", old="x", new="y")


@pytest.mark.parametrize("path", ["../a.py", "/etc/passwd", "", "src/.git/config", ".GIT/hooks/x", "~/a"])
async def test_no_path_leads_out_of_the_workspace_or_into_git(path: str) -> None:
    session = holding()

    with pytest.raises(ValueError, match=r"leads out of the folder|belongs to git"):
        await edited(session, path=path, new="x")
    assert session.files == {}


async def test_a_path_of_the_workspace_may_be_given_as_commands_see_it() -> None:
    session = holding()

    await edited(session, path="/w/a.py", new="x = 1\n")

    assert list(session.files) == ["a.py"]


async def test_a_folder_and_a_file_that_is_no_text_are_told() -> None:
    session = InMemory({"src/a.png": b"\x89PNG"})

    with pytest.raises(ValueError, match="no file, but a folder"):
        await edited(session, path="src", old="x", new="y")
    with pytest.raises(ValueError, match="no UTF-8 text"):
        await edited(session, path="src/a.png", old="x", new="y")


async def test_a_script_stays_executable() -> None:
    session = InMemory({"run.sh": b"#!/bin/sh\nls\n"}, executables={"run.sh"})

    await edited(session, path="run.sh", old="ls", new="pwd")

    assert session.executables == {"run.sh"}


async def test_an_edit_that_breaks_a_file_is_made_and_told() -> None:
    session = holding(a_py=CODE)

    said = await edited(session, path="a.py", old="def one():", new="def one(:")

    assert "It is no longer valid: line 1: " in said
    assert session.files["a.py"].startswith(b"def one(:")


PATCH = """*** Begin Patch
*** Update File: a.py
@@ def two():
-    return 1
+    return 2
*** Add File: b.py
+x = 1
*** Delete File: c.py
*** End Patch"""
DIFF = "--- a/a.py\n+++ b/a.py\n@@ -5,2 +5,2 @@\n def two():\n-    return 1\n+    return 2\n"


@pytest.mark.parametrize("argument", ["path", "old", "new", "patch", "input"])
async def test_a_patch_is_taken_in_any_argument(argument: str) -> None:
    session = holding(a_py=CODE, c_py="")

    said = await edited(session, **{argument: PATCH})

    assert session.files == {"a.py": (CODE[:-2] + "2\n").encode(), "b.py": b"x = 1\n"}
    assert "`a.py` is changed:" in said
    assert "`b.py` is made (1 line).\n`c.py` is deleted." in said


@pytest.mark.parametrize("text", [DIFF, f"```diff\n{DIFF}```", f"```\n{PATCH}\n```\n"])
async def test_a_diff_and_a_fenced_patch_are_taken(text: str) -> None:
    session = holding(a_py=CODE, c_py="")

    await edited(session, path="a.py", new=text)

    assert session.files["a.py"] == (CODE[:-2] + "2\n").encode()


async def test_a_patch_that_does_not_fit_changes_nothing() -> None:
    session = holding(a_py=CODE)
    before = dict(session.files)

    with pytest.raises(ValueError, match=r"none of them was(.|\n)*There is no file `c\.py`"):
        await edited(session, new=PATCH)
    assert session.files == before


async def test_a_patch_leads_nowhere_out_of_the_workspace() -> None:
    session = holding()

    with pytest.raises(ValueError, match="leads out of the folder"):
        await edited(session, new="*** Begin Patch\n*** Add File: ../x.py\n+x\n*** End Patch")
    assert session.files == {}


async def test_the_text_of_a_patch_can_be_written_and_replaced_itself() -> None:
    session = holding(test_py=f'PATCH = """x"""\n# {PATCH}')

    await edited(session, path="a.patch", new=DIFF)
    await edited(session, path="test.py", old='"""x"""', new=PATCH)

    assert session.files["a.patch"].decode() == DIFF
    assert session.files["test.py"].decode().startswith(f"PATCH = {PATCH}")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"path": "a.py", "old": "return 1"}, "`new` is missing"),
        ({"path": "a.py", "old": "two", "new": "two"}, "the same"),
        ({"path": "a.py", "text": "x"}, "text: Extra inputs"),
        ({"path": "a.py", "old": ["x"], "new": ""}, "old: Input should be a valid string"),
    ],
)
async def test_arguments_that_do_not_fit_are_told(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        await edited(holding(a_py=CODE), **given)


lines = st.lists(st.sampled_from(["a", "b", " c", "", "d\r", "\té"]), min_size=1).map("\n".join)


@given(before=lines, old=lines.filter(bool), new=lines, behind=lines)
def test_a_text_that_is_there_once_is_replaced_and_nothing_else(
    before: str, old: str, new: str, behind: str
) -> None:
    text = f"{before}<{old}>{behind}"

    assert replaced("a", text, f"<{old}>", new) == f"{before}{new}{behind}"


@given(before=lines, after=lines)
def test_any_change_of_a_file_can_be_shown(before: str, after: str) -> None:
    assert "|" in shown_changes(before + "\nx\n", after + "\ny\n")
