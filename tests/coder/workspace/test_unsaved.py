"""The text of an editor becomes what the editor would save, and nothing counts as unsaved that isn't."""

from collections.abc import Collection, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.run.watch import Watch
from coder.workspace.folder import MAX_FILE_BYTES
from coder.workspace.unsaved import as_saved, unsaved_files

LINES = st.lists(st.text(st.characters(blacklist_characters="\r\n\ufeff", codec="utf-8"), max_size=9))


class Holder(Watch):
    """An editor that holds texts."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    async def open_texts(self, paths: Collection[str]) -> Mapping[str, str]:
        return {path: text for path, text in self.texts.items() if path in paths}

    def saved_digest(self, path: str) -> str | None:
        raise AssertionError(path)

    async def write_texts(self, texts: Mapping[str, str]) -> None:
        raise AssertionError(texts)


@pytest.mark.slow
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.sampled_from(["", "\ufeff"]))
def test_a_text_without_edits_is_the_saved_one(lines: list[str], end: str, mark: str) -> None:
    assert as_saved("\n".join(lines), mark + end.join(lines)) == (mark + end.join(lines)).encode()


@pytest.mark.slow
@given(LINES, LINES)
def test_an_edited_text_keeps_the_line_ends_of_the_file(lines: list[str], others: list[str]) -> None:
    content = as_saved("\n".join(lines), "\r\n".join(["", *others, ""]))

    assert content == "\r\n".join(lines).encode()


@pytest.mark.parametrize("text", ["half \ud800", "x" * (MAX_FILE_BYTES + 1)])
def test_what_is_no_text_or_too_long_is_not_saved(text: str) -> None:
    assert as_saved(text, "") is None


async def test_only_texts_that_differ_from_a_text_on_the_disk_are_unsaved(tmp_path: Path) -> None:
    (tmp_path / "same").write_text("a\n")
    (tmp_path / "other").write_text("a\n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    texts = dict.fromkeys(("same", "missing"), "a\n") | dict.fromkeys(("other", "bytes"), "b\n")
    unsaved = await unsaved_files(Holder(texts), tmp_path, texts)

    assert {path: file.text for path, file in unsaved.items()} == {"other": "b\n"}


def test_a_text_is_saved_in_the_encoding_of_its_file_or_not_at_all() -> None:
    assert (
        as_saved("# coding: latin-1\né\n", "# coding: latin-1\ne\n", "latin-1")
        == b"# coding: latin-1\n\xe9\n"
    )
    assert as_saved("→\n", "é\n", "latin-1") is None
