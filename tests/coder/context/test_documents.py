"""Documents are cut where a reader would cut them, and searched by words."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coder.base.errors import UsageError
from coder.base.text.guards import guards_for
from coder.base.text.redact import Redactor
from coder.context import documents as documents_module
from coder.context.document_chunks import (
    MAX_CHUNK,
    chunks_by_definition,
    chunks_by_heading,
    chunks_by_paragraph,
)
from coder.context.documents import Documents, open_documents
from coder.run.settings import Settings

GUIDE = """# Guide

Words in front.

## Install

Run the installer.

```sh
# not a heading
```

### Windows

Use the store.

## Remove

Delete the folder.
"""
RST = """Guide
=====

Install
-------

Run the installer.
"""
LINES = st.lists(st.text(st.characters(exclude_characters="\n"), max_size=40))
KINDS = st.sampled_from(["heading", "definition", "paragraph"])


def test_markdown_is_cut_at_its_headings_and_a_title_has_those_above() -> None:
    chunks = chunks_by_heading("guide.md", GUIDE)

    assert [(chunk.line, chunk.title) for chunk in chunks] == [
        (1, "Guide"), (5, "Guide > Install"), (13, "Guide > Install > Windows"), (17, "Guide > Remove"),
    ]  # fmt: skip
    assert "# not a heading" in chunks[1].text


def test_restructured_text_is_cut_at_its_underlined_headings() -> None:
    chunks = chunks_by_heading("guide.rst", RST)

    assert [(chunk.line, chunk.title) for chunk in chunks] == [(1, "Guide"), (4, "Guide > Install")]


def test_source_is_cut_at_its_definitions() -> None:
    text = "import os\n\ndef first():\n    pass\n\ndef second():\n    return os\n"

    chunks = chunks_by_definition("a.py", text, [("first", 3), ("second", 6)])

    assert [(chunk.line, chunk.title, chunk.text) for chunk in chunks] == [
        (1, "", "import os"),
        (3, "first", "def first():\n    pass"),
        (6, "second", "def second():\n    return os"),
    ]


def test_a_method_is_titled_with_its_class() -> None:
    text = "class Filter:\n    def process(self):\n        pass\n\ndef other():\n    pass\n"

    chunks = chunks_by_definition("a.py", text, [("Filter", 1), ("process", 2), ("other", 5)])

    assert [chunk.title for chunk in chunks] == ["Filter", "Filter > process", "other"]


@pytest.mark.slow
@given(LINES, KINDS, st.lists(st.integers(-2, 50), max_size=5))
@example(["\x85", "0"], "paragraph", [])
@example(["  ", "0"], "heading", [])
def test_each_line_that_is_not_blank_is_in_one_chunk_at_its_place(
    lines: list[str], kind: str, places: list[int]
) -> None:
    text = "\n".join(lines)
    cut = {
        "heading": lambda: chunks_by_heading("f", text),
        "definition": lambda: chunks_by_definition("f", text, [("name", place) for place in places]),
        "paragraph": lambda: chunks_by_paragraph("f", text),
    }

    chunks = cut[kind]()

    rows = [
        (chunk.line + number, line)
        for chunk in chunks
        for number, line in enumerate(chunk.text.split("\n"))
        if line.strip()
    ]
    assert rows == [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


@given(LINES)
def test_a_chunk_of_several_lines_has_a_bounded_length(lines: list[str]) -> None:
    text = "\n".join(lines * 20)

    assert all(
        len(chunk.text) <= MAX_CHUNK or "\n" not in chunk.text for chunk in chunks_by_paragraph("f", text)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "guide.md").write_text(GUIDE)
    (docs / "api.py").write_text(
        "def parseHTTPHeader(line):\n    return line\n\n\ndef other():\n    return 1\n"
    )
    (docs / "notes.txt").write_text("The retention time is ninety days.\n")
    return docs


async def titles(roots: list[Path], query: str) -> list[str]:
    documents = Documents(roots)
    chunks = await documents.search(query, count=5)
    await documents.close()
    return [f"{chunk.path}:{chunk.line} {chunk.title}".strip() for chunk in chunks]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("removing", "docs/guide.md:17 Guide > Remove"),
        ("installation on windows", "docs/guide.md:13 Guide > Install > Windows"),
        ("http header", "docs/api.py:1 parseHTTPHeader"),
        ("how long is retention?", "docs/notes.txt:1"),
    ],
    ids=["another form of a word", "words of headings", "parts of an identifier", "a question"],
)
async def test_the_part_that_a_query_means_comes_first(folder: Path, query: str, first: str) -> None:
    assert (await titles([folder], query))[0] == first


@pytest.mark.parametrize("query", ['"', "* OR NEAR(", "title:", "--", "'; DROP TABLE chunks"])
async def test_a_query_is_words_and_never_syntax(folder: Path, query: str) -> None:
    await titles([folder], query)


async def test_a_single_file_may_be_named(folder: Path) -> None:
    assert await titles([folder / "notes.txt"], "retention") == ["notes.txt:1"]


async def test_keys_hidden_files_links_and_binary_files_are_left_out(folder: Path, tmp_path: Path) -> None:
    (folder / ".env").write_text("retention secret\n")
    (folder / "id_rsa").write_text("retention secret\n")
    (folder / "data.bin").write_bytes(b"retention \0 secret\n")
    (tmp_path / "outside.txt").write_text("retention secret\n")
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")

    assert await titles([folder], "retention secret") == ["docs/notes.txt:1"]


async def test_documents_that_are_too_many_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_module, "MAX_FILES", 2)

    with pytest.raises(UsageError, match="more than 2 files"):
        await titles([folder], "retention")


def test_a_folder_that_is_not_there_is_named_before_any_call(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"There are no documents at .*/gone. Name a file or a folder: --docs"
    ):
        Documents([tmp_path / "gone"])


async def test_documents_that_the_users_rules_deny_to_read_are_found_by_no_search(tmp_path: Path) -> None:
    for name in ("a.md", "secret.md"):
        (tmp_path / name).write_text("tangerine\n")
    denied = {str(tmp_path / "secret.md"): "secret.md"}

    chunks = await Documents([tmp_path], denied=denied.get).search("tangerine", count=9)

    assert [Path(chunk.path).name for chunk in chunks] == ["a.md"]


async def test_a_link_in_the_folder_names_no_documents_outside_of_it(tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "shop/inside").mkdir(parents=True)
    (tmp_path / "shop/docs").symlink_to(tmp_path / "private")
    (tmp_path / "shop/guide").symlink_to("inside")

    async def opened(name: str) -> Documents:
        settings = Settings(docs=(tmp_path / name,))
        where = tmp_path / "shop"
        return await open_documents(
            settings, Redactor(), guards_for(None), workspace=where, denied=lambda path: None
        )

    assert await opened("shop/guide")
    assert await opened("private")
    with pytest.raises(UsageError, match="leads out of"):
        await opened("shop/docs")
