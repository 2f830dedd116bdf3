"""Definitions of the nearest files, and names of the others, within a budget."""

from coder.context.best_places import QuotedPlace
from coder.context.definition_facts import DefinitionFacts
from coder.context.repo_map import repo_map
from coder.context.shown_files import show_files


def test_a_map_shows_lines_by_file_and_names_the_rest() -> None:
    texts = {"pkg/a.py": "x\n\tdef first_one(self): ...\n", "pkg/b.py": "", "c.txt": ""}
    facts = {"pkg/a.py": DefinitionFacts("first_one:2", ""), "pkg/b.py": DefinitionFacts("", "first_one")}

    text = repo_map(facts, texts, [QuotedPlace("pkg/a.py", 2)], budget=500)

    assert text == (
        "pkg/a.py:\n    2      def first_one(self): ...\nOther files, by folder:\npkg/ b.py\n./ c.txt"
    )


def test_folders_with_sources_are_named_before_others() -> None:
    texts = dict.fromkeys(
        (".idea/misc.xml", "docs/a.md", "pkg/deep/engine.py", "pkg/data.sql", "setup.py"), ""
    )
    facts = {path: DefinitionFacts("", "") for path in ("pkg/deep/engine.py", "setup.py")}

    text = repo_map(facts, texts, [], budget=500)

    folders = [line.split()[0] for line in text.splitlines()[1:]]
    assert folders == ["./", "pkg/deep/", ".idea/", "docs/", "pkg/"]


def test_a_method_is_listed_below_its_class_and_files_in_the_order_of_their_best_place() -> None:
    texts = {
        "a.py": "class Till:\n    def add(self): ...\n\n    def close(self): ...\n",
        "b.py": "def f(): ...\n",
    }
    facts = {"a.py": DefinitionFacts("Till:1 add:2 close:4"), "b.py": DefinitionFacts("f:1")}

    lines = repo_map(facts, texts, [QuotedPlace("b.py", 1), QuotedPlace("a.py", 4)], budget=500).splitlines()

    assert lines == [
        "b.py:",
        "    1  def f(): ...",
        "a.py:",
        "    1  class Till:",
        "    4      def close(self): ...",
    ]


def test_a_map_keeps_to_its_budget() -> None:
    texts = {f"folder{i}/file{i}.py": f"def some_function_{i}(): ...\n" for i in range(3000)}
    facts = {
        path: DefinitionFacts(f"some_function_{i}:1", f"some_function_{i + 1}")
        for i, path in enumerate(texts)
    }

    text = repo_map(facts, texts, [QuotedPlace(path, 1) for path in texts], budget=1000)

    assert 1500 < len(text) <= 3 * 1000
    assert text.endswith("\n… and more folders")


def test_what_is_shown_otherwise_is_not_on_the_map() -> None:
    assert (
        repo_map(
            {"a.py": DefinitionFacts("f:1", "")},
            {"a.py": "def f(): ...\n"},
            [QuotedPlace("a.py", 1)],
            budget=500,
            visible_lines={"a.py": {1}},
        )
        == ""
    )


def test_a_file_of_which_nothing_fits_the_prompt_is_named_on_the_map() -> None:
    texts = {"data.sql": "x\n" * 9_000, "a.py": "def f(): ...\n"}
    _, visible_lines = show_files(
        texts, [QuotedPlace("data.sql"), QuotedPlace("a.py", 1)], extents={}, whole_shares={}, budget=500
    )

    text = repo_map(
        {"a.py": DefinitionFacts("f:1", "")},
        texts,
        [QuotedPlace("a.py", 1)],
        budget=500,
        visible_lines=visible_lines,
    )

    assert text == "Other files, by folder:\n./ data.sql"
