"""Which definitions come first on the map."""

from collections.abc import Collection, Mapping

from coder.context.definition_facts import Facts, definers_of
from coder.context.ranking import Ranked, ranked
from coder.context.repo_map import repo_map


def ranks(
    facts: Mapping[str, Facts], *, seeds: Mapping[str, float], mentioned: Collection[str] = ()
) -> list[Ranked]:
    """The definitions of these files in their order."""
    return ranked(facts, definers_of(facts), seeds=seeds, mentioned=mentioned)


def test_what_the_seeds_refer_to_comes_before_what_they_do_not() -> None:
    facts = {
        "seed.py": Facts("main:1", "near_helper"),
        "near.py": Facts("near_helper:4", ""),
        "far.py": Facts("far_helper:1", ""),
        "other.py": Facts("other_main:1", "far_helper"),
    }

    names = [one.name for one in ranks(facts, seeds={"seed.py": 1.0})]

    assert names.index("near_helper") < names.index("far_helper")


def test_references_are_followed_further_than_one_step() -> None:
    facts = {
        "seed.py": Facts("main:1", "first_step"),
        "one.py": Facts("first_step:1", "second_step"),
        "two.py": Facts("second_step:1", ""),
        "z.py": Facts("unrelated_name:1", ""),
        "user.py": Facts("", "unrelated_name"),
    }

    scores = {one.name: one.score for one in ranks(facts, seeds={"seed.py": 1.0})}

    assert scores["second_step"] > scores["unrelated_name"]


def test_a_name_that_everyone_defines_says_nothing() -> None:
    facts = {f"f{i}.py": Facts("common_name:1", "common_name") for i in range(20)}

    assert ranks(facts, seeds={}) == []


def test_a_file_that_defines_a_name_means_its_own() -> None:
    facts = {"a.py": Facts("shared_name:1", "shared_name"), "b.py": Facts("shared_name:1", "")}

    assert ranks(facts, seeds={}) == []


def test_a_mentioned_name_is_found_though_nobody_uses_it() -> None:
    facts = {"a.py": Facts("lonely_name:7", ""), "b.py": Facts("main:1", "")}

    (found,) = ranks(facts, seeds={}, mentioned={"lonely_name"})

    assert (found.path, found.line) == ("a.py", 7)


def test_the_same_tree_has_the_same_order_whatever_order_it_comes_in() -> None:
    facts = {f"f{i}.py": Facts(f"name_{i}:1", " ".join(f"name_{j}" for j in range(9))) for i in range(9)}

    assert ranks(facts, seeds={}) == ranks(dict(reversed(facts.items())), seeds={})


def test_a_map_shows_lines_by_file_and_names_the_rest() -> None:
    texts = {"pkg/a.py": "x\n\tdef first_one(self): ...\n", "pkg/b.py": "", "c.txt": ""}
    facts = {"pkg/a.py": Facts("first_one:2", ""), "pkg/b.py": Facts("", "first_one")}

    text = repo_map(ranks(facts, seeds={}), texts, budget=500)

    assert text == (
        "pkg/a.py:\n    2      def first_one(self): ...\nOther files, by folder:\n./ c.txt\npkg/ b.py"
    )


def test_a_map_keeps_to_its_budget() -> None:
    texts = {f"folder{i}/file{i}.py": f"def some_function_{i}(): ...\n" for i in range(3000)}
    facts = {path: Facts(f"some_function_{i}:1", f"some_function_{i + 1}") for i, path in enumerate(texts)}

    text = repo_map(ranks(facts, seeds={}), texts, budget=1000)

    assert 1500 < len(text) <= 3 * 1000
