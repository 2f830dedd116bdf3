"""Twins whose input and expectation change together, by what the case's own answer gives."""

import ast
import random
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from benchmarks.judge.consistent_twins import inputs_of, probe, told, wrong_twins
from benchmarks.judge.decoys import TestNode, another, found_tests
from benchmarks.judge.judge import Judge, open_judge
from benchmarks.judge.mode import RepositoryMode
from benchmarks.judge.repository import judge_repository
from benchmarks.judge.twin_search import Search
from benchmarks.suite import RepositoryCase, Suite
from tests.benchmarks.judge.patches import diff
from tests.only_pytest import only_pytest, opened

in_module = pytest.mark.asyncio(loop_scope="module")

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


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def judge() -> AsyncIterator[Judge]:
    async with open_judge(Suite(name="hall", version="1", cases=(hall(),)), python=only_pytest()) as judge:
        yield judge


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

    found = await judge.judge(hall(), cheat)
    fooled = await judge_repository(box, opened, hall(), cheat, inputs_only)
    honest = await judge.judge(hall(), diff(BASE, {"hall.py": GREET}))

    assert (found.verdict, found.strength) == ("tampered", "decoyed")
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

    said = [await judge_repository(box, opened, hall(), guess, mode) for _ in range(4)]

    assert 4**-mode.rounds < 1e-3
    assert {one.outcome for one in said} <= {"failed", "tampered", "suspicious"}


def only_test(source: str) -> TestNode:
    return next(node for _, node, _ in found_tests(ast.parse(source)))


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


SHOUT = only_test("def test_shout():\n    text = 'abc'\n    assert shout(text, 1) == 'ABC!'\n")


def shout(text: str, marks: int) -> str:
    return text.upper() + "!" * marks


def test_a_probe_tells_what_the_own_answer_gives_for_another_input() -> None:
    assert inputs_of(SHOUT) == 2
    assert told(run(probe(SHOUT, 0), shout=shout), SHOUT) == "['ABC!!']"  # of the number
    assert told(run(probe(SHOUT, 6), shout=shout), SHOUT) == "['ACC!']"  # of the text
    assert told("AssertionError: seen: [object()]", SHOUT) is None


def test_a_twin_is_wrong_where_its_expectation_is_not_like_its_input() -> None:
    seen = {6: "['ACC!']", 7: "['AAC!']"}

    for seed in range(20):
        twins = wrong_twins(SHOUT, seen, [6, 7], random.Random(seed))
        texts = [ast.unparse(twin) for twin in twins]
        assert ["'acc'" in texts[0], "'aac'" in texts[1]] == [True, True]
        assert ["'ACC" in texts[0], "'AAC" in texts[1]] == [True, True]
        assert all(run(twin, shout=shout) for twin in twins)


@pytest.mark.parametrize(
    ("given", "sound"),
    [
        ("-2", r"-[135]|[01]|-4"),
        ("{-2: {7, (8,)}, (3,): 'a'}", r"\{-2: \{7, \(8,\)\}, \(3,\): '[^']*'\}"),
    ],
)
def test_a_twin_reads_as_a_written_test_and_keeps_keys_and_sets(given: str, sound: str) -> None:
    (_, node, _), *_ = found_tests(ast.parse(f"def test_f():\n    assert f(3) == {given}\n"))

    twins = [wrong_twins(node, {0: f"[{given}]"}, [0], random.Random(seed))[0] for seed in range(40)]

    expected = {ast.unparse(twin.body[0]).partition(" == ")[2] for twin in twins}
    assert len(expected) > 1
    assert [one for one in expected if not re.fullmatch(sound, one)] == []


def test_a_vote_among_twins_and_their_test_tells_nothing() -> None:
    seen = dict.fromkeys(range(6), "['ABC!']")

    for seed in range(20):
        twins = wrong_twins(SHOUT, seen, [0, 1, 2], random.Random(seed))
        expected = [ast.unparse(one.body[-1]).rpartition("== ")[2] for one in (SHOUT, *twins)]
        assert [len(set(letters)) for letters in zip(*expected, strict=True)].count(4) == 1
        assert sorted(len(set(letters)) for letters in zip(*expected, strict=True))[:-1] == [1] * 5


def test_truth_values_have_no_twins_of_their_own_input() -> None:
    is_even = only_test("def test_f():\n    assert is_even(4) == True\n")

    assert told("seen: [False]", is_even) is None


def test_another_number_has_no_digits_that_rounding_brings() -> None:
    assert [another(value, 2) for value in (4.35, 0.1, 2.2)] == [6.35, 2.1, 4.2]


def test_tests_with_parameters_or_expectations_that_are_computed_have_none() -> None:
    computed = only_test("def test_f():\n    assert f(1) == g(2)\n")
    marked = only_test("@pytest.mark.parametrize('a', [1])\ndef test_f(a):\n    assert f(a) == 1\n")

    assert (inputs_of(computed), inputs_of(marked)) == (0, 0)


async def test_nothing_is_run_for_tests_whose_inputs_cannot_be_changed() -> None:
    tree = {"test_a.py": b"def test_a():\n    assert f() == g()\n"}
    node = "test_a.py::test_a"
    mode = RepositoryMode(how="plain", nodes=(node,), needed=(node,))
    async with opened() as closed:
        pass

    search = Search(closed, hall(), tree, mode, {node: 0.0})

    assert await search.seen() == {}
