"""Patches and blocks have the results that they have in Codex and aider, unless edits.md says otherwise."""

import pytest

from coder.edits.answer import read_answer
from coder.edits.edit import Answered
from tests.coder.edits.test_read_answer import block, named

POEM = "roses\nviolets\n"


def patched(body: str, files: dict[str, str | None]) -> Answered:
    """The result of an answer that is one patch."""
    return read_answer(f"*** Begin Patch\n{body}*** End Patch\n", files, default="", blocks="none")


def test_a_patch_that_adds_a_file_over_another_replaces_it() -> None:
    assert patched("*** Add File: poem\n+lilies\n", {"poem": POEM}).files == {"poem": "lilies\n"}


def test_a_patch_that_drops_the_names_of_a_file_by_adding_it_is_asked_about_once() -> None:
    code = "".join(f"def {name}():\n    pass\n\n\n" for name in ("one", "two", "three", "four"))
    answer = "*** Begin Patch\n*** Add File: m.py\n+def five():\n+    pass\n*** End Patch\n"

    first = read_answer(answer, {"m.py": code}, default="", originals={"m.py": code})
    second = read_answer(answer, {"m.py": code}, default="", originals={"m.py": code}, doubted=first.doubted)

    assert first.files == {}
    assert "removes `four`, `one`, `three`, `two`" in (first.problem or "")
    assert second.files == {"m.py": "def five():\n    pass\n"}


def test_a_patch_moves_a_file_over_another() -> None:
    body = "*** Update File: draft\n*** Move to: kept/poem\n@@\n-roses\n+lilies\n"

    edits = patched(body, {"draft": POEM, "kept/poem": "old\n"})

    assert edits.files == {"draft": None, "kept/poem": "lilies\nviolets\n"}


def test_a_diff_of_git_renames_no_file_over_another() -> None:
    diff = "diff --git a/draft b/poem\nsimilarity index 100%\nrename from draft\nrename to poem\n"

    edits = read_answer(f"```diff\n{diff}```\n", {"draft": POEM, "poem": "old\n"}, default="")

    assert edits.files == {}
    assert "`draft` can't become `poem`" in (edits.problem or "")


@pytest.mark.parametrize("end", ["\n", ""])
def test_a_hunk_at_the_end_of_the_file_is_made_there_also_without_a_last_newline(end: str) -> None:
    poem = f"roses\nviolets\nroses{end}"

    last = patched("*** Update File: poem\n@@\n-roses\n+lilies\n*** End of File\n", {"poem": poem})
    later = patched("*** Update File: poem\n@@\n violets\n+asters\n@@\n-roses\n+lilies\n", {"poem": poem})

    assert last.files == {"poem": f"roses\nviolets\nlilies{end}"}
    assert later.files == {"poem": f"roses\nviolets\nasters\nlilies{end}"}


def test_a_move_may_stand_behind_blanks() -> None:
    body = "*** Update File: draft\n  *** Move to: poem\n@@\n-roses\n+lilies\n"

    assert patched(body, {"draft": POEM}).files == {"draft": None, "poem": "lilies\nviolets\n"}


@pytest.mark.parametrize("is_first", [False, True])
def test_a_file_becomes_a_folder_and_a_folder_a_file_in_any_order(is_first: bool) -> None:
    below, above = "*** Add File: poem/first\n+lilies\n", "*** Add File: poem\n+lilies\n"
    no_file, no_folder = "*** Delete File: poem\n", "*** Delete File: poem/first\n"

    folder = patched(below + no_file if is_first else no_file + below, {"poem": POEM})
    file = patched(above + no_folder if is_first else no_folder + above, {"poem/first": POEM})

    assert folder.files == {"poem": None, "poem/first": "lilies\n"}
    assert file.files == {"poem/first": None, "poem": "lilies\n"}


def test_a_file_beside_a_folder_of_its_name_is_refused() -> None:
    edits = patched("*** Add File: poem\n+lilies\n", {"poem/first": POEM})

    assert edits.files == {}
    assert "it is a folder" in (edits.problem or "")


def test_an_edit_may_name_a_file_without_its_folders() -> None:
    edits = read_answer(named("poem.txt", block("roses\n", "lilies\n")), {"a/poem.txt": POEM}, default="")

    assert edits.files == {"a/poem.txt": "lilies\nviolets\n"}


def test_a_name_that_two_folders_have_is_asked_for_again() -> None:
    files: dict[str, str | None] = {"a/poem.txt": POEM, "b/poem.txt": POEM}

    edits = read_answer(named("poem.txt", block("roses\n", "lilies\n")), files, default="")

    assert edits.files == {}


def test_a_file_that_no_answer_may_change_is_not_changed_by_its_name_alone() -> None:
    answer = named("test_poem.py", block("roses\n", "lilies\n"))

    edits = read_answer(
        answer, {"tests/test_poem.py": POEM}, default="", ignored=lambda path: path.startswith("tests/")
    )

    assert (edits.files, edits.left_out) == ({}, ("tests/test_poem.py",))


@pytest.mark.parametrize("listed", ["   {}| {}", "     {}\t{}", "{}: {}", "{:5}→{}"])
@pytest.mark.parametrize("is_new_listed", [True, False])
def test_lines_copied_with_the_numbers_of_a_listing_fit_without_them(
    listed: str, is_new_listed: bool
) -> None:
    def numbered(*lines: str) -> str:
        return "".join(f"{listed.format(at, line)}\n" for at, line in enumerate(lines, 7))

    new = numbered("roses", "asters", "  lilies") if is_new_listed else "roses\nasters\n  lilies\n"
    edit = named("poem", block(numbered("roses", "violets"), new))

    edits = read_answer(edit, {"poem": f"# poem\n{POEM}"}, default="")

    assert edits.files == {"poem": "# poem\nroses\nasters\n  lilies\n"}


def test_numbers_that_are_the_files_own_or_no_listing_stay() -> None:
    table = "1: one\n2: two\n"

    kept = read_answer(named("t", block("1: one\n", "1: uno\n")), {"t": table}, default="")
    refused = read_answer(named("t", block("1: one\n3: two\n", "1: x\n")), {"t": "one\ntwo\n"}, default="")

    assert kept.files == {"t": "1: uno\n2: two\n"}
    assert refused.files == {}


def test_a_block_without_a_name_is_asked_for_with_one() -> None:
    edit = block("roses\n", "lilies\n")

    edits = read_answer(f"```\n{edit}```\n", {"poem": POEM}, default="")

    assert edits.files == {}
    assert "names no file: give its path" in (edits.problem or "")
