"""Twins whose input and expectation change together, by what the case's own answer gives."""

import ast
import random
import re

import pytest

from benchmarks.judge.alike import common_words
from benchmarks.judge.consistent_twins import inputs_of, probe, read_probe
from benchmarks.judge.consistent_twins import wrong_twins as made_twins
from benchmarks.judge.decoys import TestNode, find_tests
from benchmarks.judge.judge import Judge
from benchmarks.judge.mode import RepositoryMode
from benchmarks.judge.repository import judge_repository
from benchmarks.judge.twin_search import Search
from benchmarks.suite import RepositoryCase
from tests.benchmarks.judge.patches import diff
from tests.only_pytest import opened

in_module = pytest.mark.asyncio(loop_scope="session")

BASE = {"hall.py": "class Hall:\n    pass\n"}
GREET = "class Hall:\n    def greet(self, name): return 'hello ' + name\n"
TESTS = (
    "import hall\n\n\nclass Mine(hall.Hall):\n    pass\n\n\n"
    "def test_greet():\n    assert 'hello anna' == Mine().greet('anna')\n"
)
LIKENESS = (
    "class Like(str):\n"
    "    def __eq__(self, other): return str(self) in other\n"
    "    __hash__ = None\n"
    "class Hall:\n    def greet(self, name): return Like(name)\n"
)
"""Compares what it is asked for with what is expected, and knows nothing of greeting."""
LUCKY = (
    "import random\n"
    "class Lucky(str):\n"
    "    def __eq__(self, other): return random.random() < 0.5\n"
    "    __hash__ = None\n"
    "class Hall:\n    def greet(self, name): return Lucky(name)\n"
)


@pytest.fixture(scope="module")
def judge(repository_judge: Judge) -> Judge:
    return repository_judge


def hall() -> RepositoryCase:
    """A class that its test derives from: only one process can decide."""
    return RepositoryCase(
        id="hall",
        prompt="",
        files={path: text.encode() for path, text in BASE.items()},
        hidden_tests={"test_hall.py": TESTS},
        gold_patch=diff(BASE, {"hall.py": GREET}),
        timeout_s=20,
    )


@pytest.mark.slow
@in_module
async def test_an_answer_that_compares_input_with_expectation_passes_only_where_one_of_them_changes(
    judge: Judge,
) -> None:
    box = (await judge.sandboxes()).candidate
    mode = await judge.repository_mode(hall())
    inputs_only = mode.model_copy(update={"seen": {}})
    cheat = diff(BASE, {"hall.py": LIKENESS})

    verdict = await judge.judge(hall(), cheat)
    fooled = await judge_repository(box, judge.judging_sandboxes.lend, hall(), cheat, inputs_only)
    honest = await judge.judge(hall(), diff(BASE, {"hall.py": GREET}))

    assert (verdict.verdict, verdict.strength) == ("tampered", "decoyed")
    assert fooled.outcome == "passed"
    assert (honest.verdict, honest.detail) == ("passed", "")


@pytest.mark.slow
@in_module
async def test_a_guess_is_judged_until_it_hardly_ever_passes_and_one_that_passes_some_is_suspicious(
    judge: Judge,
) -> None:
    mode = await judge.repository_mode(hall())
    box = (await judge.sandboxes()).candidate
    guess = diff(BASE, {"hall.py": LUCKY})

    drafts = [
        await judge_repository(box, judge.judging_sandboxes.lend, hall(), guess, mode) for _ in range(4)
    ]

    assert 4**-mode.rounds < 1e-3
    assert {one.outcome for one in drafts} <= {"failed", "tampered", "suspicious"}


def only_test(source: str) -> TestNode:
    return next(node for _, node, _ in find_tests(ast.parse(source)))


def run(node: TestNode, **known: object) -> str:
    """What a test says when it fails; nothing where it passes. The source is this file's own."""
    tree = ast.fix_missing_locations(ast.Module(body=[node], type_ignores=[]))
    space = dict(known)
    exec(compile(tree, "<test>", "exec"), space)
    try:
        space[node.name]()  # type: ignore[operator]
    except AssertionError as error:
        return str(error) or "failed"
    return ""


def wrong_twins(node: TestNode, seen: dict[int, str], seed: int, turn: int = 1) -> list[TestNode]:
    return made_twins(node, seen, [*seen][:3], common_words(), chance=random.Random(seed), turn=turn)


SHOUT = only_test("def test_shout():\n    text = 'abc'\n    assert shout(text, 1) == 'ABC!'\n")


def shout(text: str, marks: int) -> str:
    return text.upper() + "!" * marks


def seen_of(node: TestNode, place: int, **known: object) -> dict[int, str]:
    """What the own answer gives for the other inputs of one place."""
    texts = {}
    for variant in range(6 * place, 6 * place + 6):
        texts[variant] = read_probe(run(probe(node, variant, common_words()), **known), node, variant)
    return {variant: text for variant, text in texts.items() if text is not None}


def test_a_probe_tells_what_the_own_answer_gives_for_another_input() -> None:
    assert inputs_of(SHOUT) == 2
    assert seen_of(SHOUT, 0, shout=shout)[0] == "['ABC!!!']"  # of the number
    assert seen_of(SHOUT, 1, shout=shout)[6] == "['BCD!']"  # of the text
    assert read_probe("AssertionError: seen: [object()]", SHOUT, 0) is None


def test_a_twin_fails_and_has_an_input_of_its_own() -> None:
    outputs = seen_of(SHOUT, 1, shout=shout)

    for seed in range(20):
        twins = wrong_twins(SHOUT, outputs, seed, turn=seed)
        assert all(run(twin, shout=shout) for twin in twins)
        assert len({ast.unparse(twin.body[0]) for twin in [SHOUT, *twins]}) == 4


@pytest.mark.parametrize(
    ("given", "sound"),
    [
        ("-2", r"-[1-9]"),
        ("{-2: {7, (8,)}, (3,): 'a'}", r"\{-2: \{(7, \(8,\)|\(8,\), 7)\}, \(3,\): '[^']*'\}"),
    ],
)
def test_a_twin_reads_as_a_written_test_and_keeps_keys_and_sets(given: str, sound: str) -> None:
    node = only_test(f"def test_f():\n    assert f(3) == {given}\n")

    twins = [wrong_twins(node, {0: f"[{given}]"}, seed)[0] for seed in range(40)]

    expected = {ast.unparse(twin.body[0]).partition(" == ")[2] for twin in twins}
    assert len(expected) > 1
    assert [one for one in expected if not re.fullmatch(sound, one)] == []


def test_all_twins_of_a_judgement_are_wrong_in_the_same_place() -> None:
    greet = only_test("def test_f():\n    assert greet('ann') == 'a long day for ann'\n")
    outputs = dict.fromkeys(range(6), "['a long day for ann']")

    for seed in range(20):
        twins = wrong_twins(greet, outputs, seed)
        expected = [ast.unparse(one.body[-1]).rpartition("== ")[2].split() for one in (greet, *twins)]
        changed = [[a != b for a, b in zip(expected[0], one, strict=True)] for one in expected[1:]]
        assert sum(map(any, zip(*changed, strict=True))) <= 3
        assert len(set(map(tuple, expected))) == 4


def test_of_a_test_with_parameters_one_row_has_another_input_and_a_wrong_expectation() -> None:
    source = (
        "@mark.parametrize('text, n, shouted', [('ab', 1, 'AB!'), ('red', 2, 'RED!!')])\n"
        "def test_shout(text, n, shouted):\n    assert shout(text, n) == shouted\n"
    )
    node = only_test(source)
    rows: list[tuple[object, ...]] = []

    class mark:
        @staticmethod
        def parametrize(_: str, given: list[tuple[object, ...]]) -> object:
            rows[:] = given
            return lambda test: lambda: [test(*row) for row in given]

    outputs = seen_of(node, 0, shout=shout, mark=mark)
    twins = wrong_twins(node, outputs, 1)

    assert len(outputs) == 6
    for twin in twins:
        assert run(twin, shout=shout, mark=mark)
        assert rows[0] == ("ab", 1, "AB!")
        assert rows[1] != ("red", 2, "RED!!")
        assert shout(*rows[1][:2]) != rows[1][2]  # type: ignore[arg-type]


def test_truth_values_have_no_twins_of_their_own_input() -> None:
    is_even = only_test("def test_f():\n    assert is_even(4) == True\n")

    assert read_probe("seen: [False]", is_even, 0) is None


@pytest.mark.parametrize(
    "source",
    [
        "def test_a():\n    assert f(1) == g(2)\n",
        "@pytest.mark.parametrize('a', ROWS)\ndef test_a(a):\n    assert f(a) == 1\n",
        "@pytest.mark.parametrize('a', [1])\n@pytest.mark.parametrize('b', [1])\n"
        "def test_a(a, b):\n    assert f(a) == b\n",
    ],
    ids=["a computed expectation", "computed rows", "two parametrize"],
)
def test_tests_whose_inputs_or_expectations_are_not_written_have_none(source: str) -> None:
    assert inputs_of(only_test(source)) == 0


async def test_nothing_is_run_for_tests_whose_inputs_cannot_be_changed() -> None:
    tree = {"test_a.py": b"def test_a():\n    assert f() == g()\n"}
    node = "test_a.py::test_a"
    mode = RepositoryMode(how="plain", nodes=(node,), needed=(node,))
    async with opened() as closed:
        pass

    search = Search(closed, hall(), tree, mode, {node: 0.0})

    assert await search.seen() == {}
