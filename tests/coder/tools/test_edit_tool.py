"""edit: a replacement, a new file, a patch; what is said where it doesn't fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.models.model import JsonObject
from coder.tools.edit_tool import EditTool, replaced, shown_changes
from coder.tools.tool import Desk
from tests.linear_work import assert_linear

CODE = "def one():\n    return 1\n\n\ndef two():\n    return 1\n"


async def edited(desk: Desk, **given: object) -> str:
    arguments: JsonObject = dict(given)  # type: ignore[arg-type]
    return (await EditTool().call(arguments, desk)).text


async def hold(desk: Desk, **files: str) -> None:
    for name, text in files.items():
        await desk.session.write(name.replace("_", "."), text.encode())


async def files(desk: Desk) -> dict[str, bytes]:
    entries = await desk.session.list()
    return {entry.name: await desk.session.read(entry.name) for entry in entries if entry.kind == "file"}


async def test_a_replacement_that_fits_word_for_word_is_answered_with_its_counts_alone(desk: Desk) -> None:
    await hold(desk, a_py=CODE)

    answer = await edited(desk, path="a.py", old="def two():\n    return 1", new="def two():\n    return 2")

    assert (await desk.session.read("a.py")).decode() == CODE[:-2] + "2\n"
    assert answer == "`a.py` is changed (+1 −1)."


async def test_an_edit_that_was_fitted_but_for_blanks_is_answered_with_the_changed_lines(desk: Desk) -> None:
    await hold(desk, a_py=CODE)

    answer = await edited(
        desk, path="a.py", old="  def two():\n      return 1", new="  def two():\n      return 2"
    )

    assert answer.startswith("`a.py` is changed (+1 −1), where the edit was fitted:\n")
    assert "   6|     return 2" in answer


async def test_a_hunk_at_another_line_than_its_own_is_answered_with_the_changed_lines(desk: Desk) -> None:
    await hold(desk, a_py=CODE)

    there, elsewhere = DIFF, DIFF.replace("@@ -5,2 +5,2 @@", "@@ -3,2 +3,2 @@")

    assert await edited(desk, new=there) == "`a.py` is changed (+1 −1)."
    await hold(desk, a_py=CODE)
    assert "   6|     return 2" in await edited(desk, new=elsewhere)


async def test_a_text_that_is_there_twice_is_refused_with_its_lines(desk: Desk) -> None:
    await hold(desk, a_py=CODE)

    with pytest.raises(ValueError, match="several times, at lines 2, 6"):
        await edited(desk, path="a.py", old="return 1", new="return 2")

    assert (await desk.session.read("a.py")).decode() == CODE


async def test_with_all_each_occurrence_is_replaced_and_counted(desk: Desk) -> None:
    await hold(desk, a_py=CODE + "\n" * 20)

    answer = await edited(desk, path="a.py", old="return 1", new="return 2", all=True)

    assert (await desk.session.read("a.py")).decode().count("return 2") == 2
    assert answer == "`a.py` is changed (+2 −2)."


async def test_a_text_that_is_not_there_is_told_with_the_nearest_lines(desk: Desk) -> None:
    await hold(desk, a_py=CODE)

    with pytest.raises(ValueError, match="its lines aren't there") as error:
        await edited(desk, path="a.py", old="def three():\n    return 3", new="")

    assert "   2|     return 1" in str(error.value)


async def test_another_indentation_of_the_old_text_is_understood(desk: Desk) -> None:
    await hold(desk, a_py="class A:\n    def one(self):\n        return 1\n")

    await edited(desk, path="a.py", old="def one(self):\n    return 1", new="def one(self):\n    return 2")

    assert (await desk.session.read("a.py")).decode() == "class A:\n    def one(self):\n        return 2\n"


@pytest.mark.parametrize("old", ["= 1", "= 1\nb = 2", "a = 1\nb = 2\n"])
async def test_line_ends_stay_as_the_file_has_them(desk: Desk, old: str) -> None:
    await hold(desk, a_py="a = 1\r\nb = 2\r\n")

    await edited(desk, path="a.py", old=old, new=f"{old}\nc = 3")

    assert (await desk.session.read("a.py")).replace(b"\r\n", b"").count(b"\n") == 0


async def test_without_an_old_text_a_file_is_made(desk: Desk) -> None:
    assert await edited(desk, path="src/a.py", new="x = 1\n") == "`src/a.py` is created (1 line)."
    assert await desk.session.read("src/a.py") == b"x = 1\n"


async def test_a_file_that_is_there_is_not_made_anew(desk: Desk) -> None:
    await hold(desk, a_py=CODE)

    with pytest.raises(ValueError, match="is there already"):
        await edited(desk, path="a.py", new="x = 1\n")


async def test_a_file_that_is_not_there_is_told_with_a_near_name(desk: Desk) -> None:
    await hold(desk, test_py=CODE)

    with pytest.raises(ValueError, match=r"There is no file `tets\.py`; did you mean test\.py\?"):
        await edited(desk, path="tets.py", old="x", new="y")


@pytest.mark.parametrize("path", ["../a.py", "/etc/passwd", "", "src/.git/config", ".GIT/hooks/x", "~/a"])
async def test_no_path_leads_out_of_the_workspace_or_into_git(desk: Desk, path: str) -> None:
    with pytest.raises(ValueError, match=r"leads out of the folder|belongs to git|names no file"):
        await edited(desk, path=path, new="x")
    assert await files(desk) == {}


async def test_a_path_of_the_workspace_may_be_given_as_commands_see_it(desk: Desk) -> None:
    await edited(desk, path="/w/a.py", new="x = 1\n")

    assert list(await files(desk)) == ["a.py"]


async def test_a_folder_and_a_file_that_is_no_text_are_told(desk: Desk) -> None:
    await desk.session.write("src/a.png", b"\x89PNG")

    with pytest.raises(ValueError, match="no file, but a folder"):
        await edited(desk, path="src", old="x", new="y")
    with pytest.raises(ValueError, match="is no text"):
        await edited(desk, path="src/a.png", old="x", new="y")


async def test_a_script_stays_executable(desk: Desk) -> None:
    await desk.session.write("run.sh", b"#!/bin/sh\nls\n", executable=True)

    await edited(desk, path="run.sh", old="ls", new="pwd")

    assert (await desk.session.sh("./run.sh")).output == "/w\n"


async def test_an_edit_that_breaks_a_file_is_made_and_told(desk: Desk) -> None:
    await hold(desk, a_py=CODE)

    answer = await edited(desk, path="a.py", old="def one():", new="def one(:")

    assert "It is no longer valid: line 1: " in answer
    assert (await desk.session.read("a.py")).startswith(b"def one(:")


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
async def test_a_patch_is_taken_in_any_argument(desk: Desk, argument: str) -> None:
    await hold(desk, a_py=CODE, c_py="")

    answer = await edited(desk, **{argument: PATCH})

    assert await files(desk) == {"a.py": (CODE[:-2] + "2\n").encode(), "b.py": b"x = 1\n"}
    assert answer == (
        "3 files, +2 −1:\n`a.py` is changed (+1 −1).\n`b.py` is created (1 line).\n`c.py` is deleted."
    )


@pytest.mark.parametrize("end", ["", "\n", "\n+*** End Patch", "\n+*** End Patch\n"])
async def test_a_patch_whose_end_slipped_is_taken(desk: Desk, end: str) -> None:
    await edited(desk, new=f"*** Begin Patch\n*** Add File: b.py\n+x = 1{end}")

    assert await files(desk) == {"b.py": b"x = 1\n"}


async def test_a_unified_diff_is_taken(desk: Desk) -> None:
    await hold(desk, a_py=CODE, c_py="")

    await edited(desk, path="a.py", new=DIFF)

    assert await desk.session.read("a.py") == (CODE[:-2] + "2\n").encode()


async def test_a_patch_that_does_not_fit_changes_nothing(desk: Desk) -> None:
    await hold(desk, a_py=CODE)
    before = await files(desk)

    with pytest.raises(ValueError, match=r"none of them was(.|\n)*There is no file `c\.py`"):
        await edited(desk, new=PATCH)
    assert await files(desk) == before


async def test_a_patch_leads_nowhere_out_of_the_workspace(desk: Desk) -> None:
    with pytest.raises(ValueError, match="leads out of the folder"):
        await edited(desk, new="*** Begin Patch\n*** Add File: ../x.py\n+x\n*** End Patch")
    assert await files(desk) == {}


async def test_no_link_leads_an_edit_out_of_the_workspace(desk: Desk) -> None:
    await desk.session.sh("ln -s /tmp out; echo x > /tmp/a; ln -s /tmp/a a")

    for path in ("out/b", "a"):
        with pytest.raises(ValueError, match="link"):
            await edited(desk, path=path, old="x" if path == "a" else "", new="y")
    assert (await desk.session.sh("cat /tmp/a; ls /tmp/b")).output.startswith("x\nls: ")


async def test_what_was_written_before_a_file_that_cannot_be_is_told(desk: Desk) -> None:
    await hold(desk, a_py=CODE)

    patch = "*** Begin Patch\n*** Add File: b.py\n+x\n*** Add File: a.py/c.py\n+x\n*** End Patch"
    with pytest.raises(ValueError, match=r"before it `b\.py` was written"):
        await edited(desk, new=patch)


async def test_the_text_of_a_patch_can_be_written_and_replaced_itself(desk: Desk) -> None:
    await hold(desk, test_py=f'PATCH = """x"""\n# {PATCH}')

    await edited(desk, path="a.patch", new=DIFF)
    await edited(desk, path="test.py", old='"""x"""', new=PATCH)

    assert (await desk.session.read("a.patch")).decode() == DIFF
    assert (await desk.session.read("test.py")).decode().startswith(f"PATCH = {PATCH}")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"path": "a.py", "old": "return 1"}, "`new` is missing"),
        ({"path": "a.py", "old": "two", "new": "two"}, "the same"),
        ({"path": "a.py", "text": "x"}, "text: Extra inputs"),
        ({"path": "a.py", "old": ["x"], "new": ""}, "old: Input should be a valid string"),
    ],
)
async def test_arguments_that_do_not_fit_are_told(desk: Desk, given: dict[str, object], said: str) -> None:
    await hold(desk, a_py=CODE)

    with pytest.raises(ValueError, match=said):
        await edited(desk, **given)


lines = st.lists(st.sampled_from(["a", "b", " c", "", "\té"]), min_size=1).map("\n".join)


@pytest.mark.slow
@given(before=lines, old=lines.filter(bool), new=lines, behind=lines)
def test_a_text_that_is_there_once_is_replaced_and_nothing_else(
    before: str, old: str, new: str, behind: str
) -> None:
    text = f"{before}<{old}>{behind}"

    assert replaced("a", text, f"<{old}>", new) == f"{before}{new}{behind}"


def test_looking_for_a_long_text_that_almost_repeats_costs_no_more_than_its_length() -> None:
    def look(count: int) -> None:
        with pytest.raises(ValueError, match="aren't there"):
            replaced("a", "ab" * count, "ab" * (count // 6) + "c", "")

    assert_linear(look, int, size=200_000)


@pytest.mark.slow
@given(before=lines, after=lines)
def test_any_change_of_a_file_can_be_shown(before: str, after: str) -> None:
    assert "|" in shown_changes(before + "\nx\n", after + "\ny\n")
