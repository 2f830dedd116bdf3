"""What is found in source files, in every language, also in those that are meant to do harm."""

import asyncio
import json
from pathlib import Path

import pytest

from coder.base.fs.private_folder import facts_folder
from coder.context.definition_facts import MAX_CHARACTERS, DefinitionFacts, cached_facts, facts_of
from coder.source.languages import GRAMMARS
from tests.moved_python import FOLDERS, moved_python

SOURCES = {
    "a.py": "LIMIT = 3\nclass Box:\n    async def open(self): ...\ndef shut(): ...\n",
    "a.js": "class Box { open() {} }\nconst shut = (x) => x;\nfunction* each() {}\n",
    "a.ts": "interface Box { open(): void }\nexport const shut = async () => 1;\ntype Lid = string;\n",
    "a.tsx": "export const Box = () => <div/>;\n",
    "a.go": "package p\ntype Box struct{}\nfunc (b *Box) Open() {}\nfunc Shut() {}\n",
    "a.rs": "pub struct Box2;\nimpl Box2 { pub fn open(&self) {} }\ntrait Lid { fn shut(&self); }\n",
    "A.java": "class Box { void open() {} }\ninterface Lid {}\n",
    "a.c": "struct box { int lid; };\nchar *open_box(void) { return 0; }\n",
    "a.cpp": "class Box { void open(); };\nvoid Box::open() {}\nvoid n::Box::shut() {}\n",
    "a.rb": "module M\n  class Box\n    def open; end\n  end\nend\n",
    "a.php": "<?php\nclass Box { function open() {} }\nfunction shut() {}\n",
    "a.cs": "namespace N { class Box { void Open() {} } }\n",
}
EXPECTED = {
    "a.py": [("LIMIT", 1), ("Box", 2), ("open", 3), ("shut", 4)],
    "a.js": [("Box", 1), ("open", 1), ("shut", 2), ("each", 3)],
    "a.ts": [("Box", 1), ("open", 1), ("shut", 2), ("Lid", 3)],
    "a.tsx": [("Box", 1)],
    "a.go": [("Box", 2), ("Open", 3), ("Shut", 4)],
    "a.rs": [("Box2", 1), ("open", 2), ("Lid", 3), ("shut", 3)],
    "A.java": [("Box", 1), ("open", 1), ("Lid", 2)],
    "a.c": [("box", 1), ("open_box", 2)],
    "a.cpp": [("Box", 1), ("open", 1), ("open", 2), ("shut", 3)],
    "a.rb": [("M", 1), ("Box", 2), ("open", 3)],
    "a.php": [("Box", 2), ("open", 2), ("shut", 3)],
    "a.cs": [("Box", 1), ("Open", 1)],
}


@pytest.mark.slow
async def test_definitions_are_found_in_every_language(tmp_path: Path) -> None:
    facts = await facts_of(SOURCES, cache=tmp_path)

    assert {path: sorted(facts[path].definitions()) for path in SOURCES} == {
        path: sorted(pairs) for path, pairs in EXPECTED.items()
    }
    assert len(SOURCES) == len(GRAMMARS)


async def test_the_words_of_a_file_are_known_each_once(tmp_path: Path) -> None:
    source = '"""prose of a docstring"""\nused(other)  # a remark\ntext = used("quoted")\n'

    facts = await facts_of({"a.py": source}, cache=None)

    assert facts["a.py"].words.split() == ["docstring", "other", "prose", "quoted", "remark", "text", "used"]


async def test_what_was_read_once_is_taken_from_the_cache(tmp_path: Path) -> None:
    first = await facts_of(SOURCES, cache=tmp_path)
    _overwrite_cached(tmp_path, "kept:1")

    again = await facts_of(SOURCES, cache=tmp_path)

    assert all(again[path] == DefinitionFacts("kept:1", first[path].words) for path in SOURCES)


async def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    await facts_of({"a.py": "def old(): ..."}, cache=tmp_path)

    facts = await facts_of({"a.py": "def new(): ..."}, cache=tmp_path)

    assert facts["a.py"].defined == "new:1"


@pytest.mark.parametrize("damage", [b"", b"no JSON" * 100, b"[1]", b"\xff", b"[" * 100_000])
async def test_a_damaged_cache_costs_only_time(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "facts.json").write_bytes(damage)

    facts = await facts_of({"a.py": "def f(): ..."}, cache=tmp_path)

    assert facts["a.py"].defined == "f:1"


@pytest.mark.parametrize("defined", ["f", "f:", "f:x1 g:\u00b2 h:" + "9" * 5_000, None])
async def test_a_damaged_row_of_the_cache_ends_no_run(tmp_path: Path, defined: str | None) -> None:
    await facts_of({"a.py": "def f(): ..."}, cache=tmp_path)
    _overwrite_cached(tmp_path, defined)

    facts = await facts_of({"a.py": "def f(): ..."}, cache=tmp_path)

    assert list(facts["a.py"].definitions()) in ([], [("f", 1)])


@pytest.mark.slow
async def test_a_large_cache_is_left_with_what_was_asked_for_last(tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_text(json.dumps({"of another folder": ["", "word " * 4_000_000]}))

    await facts_of({"a.py": "def f(): ..."}, cache=tmp_path)

    assert list(cached_facts(tmp_path).values()) == [("f:1", "def")]


async def test_a_cache_that_cannot_be_made_costs_only_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    facts = await facts_of({"a.py": "def f(): ..."}, cache=tmp_path / "file" / "cache")

    assert facts["a.py"].defined == "f:1"


@pytest.mark.slow
async def test_deep_nesting_and_noise_are_survived_by_what_stands_beside_them() -> None:
    hostile = {
        "deep.py": "(" * 50_000,
        "deep.js": "[" * 50_000,
        "chain.py": "x" + ".y" * 60_000,
        "strings.py": "'" * 100_000 + '"""' * 10_000,
        "null.py": "\0" * 1000 + "def f(): ...",
        "half.py": "\ud800",
        "good.py": "def good(): ...\n",
    }

    facts = await facts_of(hostile, cache=None, deadline_s=100)

    assert facts["good.py"].defined == "good:1"


async def test_files_of_no_language_and_files_too_large_are_left_out() -> None:
    facts = await facts_of({"a.txt": "def f(): ...", "big.py": "x = 1\n" * MAX_CHARACTERS}, cache=None)

    assert facts == {}


async def test_what_is_not_read_before_the_deadline_is_left_out() -> None:
    many = {f"m{i}.py": f"def f{i}(): ...\n" for i in range(2000)}

    async with asyncio.timeout(300):
        facts = await facts_of(many, cache=None, deadline_s=0)

    assert len(facts) < len(many)


def test_the_cache_stands_below_the_home_that_was_named() -> None:
    assert facts_folder({"CODER_HOME": "/somewhere"}) == Path("/somewhere/cache")


def _overwrite_cached(folder: Path, defined: str | None) -> None:
    file = folder / "facts.json"
    rows = json.loads(file.read_text())
    file.write_text(json.dumps({key: [defined, words] for key, (_, words) in rows.items()}))


async def test_a_python_that_was_moved_reads_definitions(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", FOLDERS)
    monkeypatch.setattr("sys.executable", moved_python(tmp_path))

    facts = await facts_of({"a.py": SOURCES["a.py"]}, cache=None)

    assert sorted(facts["a.py"].definitions()) == sorted(EXPECTED["a.py"])
