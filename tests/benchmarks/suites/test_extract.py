"""Code out of answers: as it is where it is Python, else found among prose, fences and self-made tests."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.judge.mode import with_setup
from benchmarks.suite import FunctionCase, RepositoryCase, ScriptCase, ScriptRun
from benchmarks.suites.extract import (
    MAX_CODE,
    code_of,
    completion_patch,
    extract_code,
    program_of,
    script_of,
)
from benchmarks.suites.samples import Form, Sample

PROMPT = '''from typing import List

def double(values: List[int]) -> List[int]:
    """Twice each value."""
'''
CASE = FunctionCase(id="double", prompt=PROMPT, entry_point="double", test="")
WHOLE = "def double(values):\n    return [2 * value for value in values]\n"
BODY = "    out = []\n    for value in values:\n        out.append(2 * value)\n    return out\n"


def sample(text: str, form: Form = "completion") -> Sample:
    return Sample("double", 0, form, text, "line 1")


def works(code: str | None) -> bool:
    """Only for the answers of this file: they are our own, and harmless."""
    names: dict[str, object] = {}
    exec(code or "", names)
    function = names["double"]
    return callable(function) and function([1, 2]) == [2, 4]


ANSWERS = {
    "a fence": f"```python\n{WHOLE}```",
    "prose and a fence": f"Sure! Here it is:\n\n```python\n{WHOLE}```\nIt doubles each value. Enjoy!",
    "a fence that nobody closed": f"Here:\n```python\n{WHOLE}",
    "prose without fences": f"Here is the function.\n\n{WHOLE}\nThis code doubles the values; isn't it nice?",
    "the body alone in a fence": f"```python\n{BODY}```",
    "the body in a fence without its indent": f"```python\n{textwrap.dedent(BODY)}```",
    "the body whose first line lost its indent": f"```python\n{BODY.strip()}\n```",
    "a body and then prose": f"{BODY}\nI hope that this helps! It's simple.",
    "a body and then a function that is cut off": f"{BODY}\n\ndef other(values: Li",
    "a demonstration that fails": f"```python\n{WHOLE}\nprint(double([1]))\nassert double([1]) == [3]\n```",
    "a main guard": f'```python\n{WHOLE}\nif __name__ == "__main__":\n    raise SystemExit(1)\n```',
    "a first draft and its correction": "First:\n```python\ndef double(values):\n    return values\n```\n"
    f"That repeats the list. Corrected:\n```python\n{WHOLE}```",
    "its use in a second block": f"```python\n{WHOLE}```\nUse it:\n```python\nassert double([1]) == 7\n```",
    "a helper in another block": "```python\ndef two(): return 2\n```\nand\n```python\n"
    "def double(values):\n    return [two() * v for v in values]\n```",
    "the prompt's imports": "```py\ndef double(values: List[int]):\n    return [2*v for v in values]\n```",
    "a shell block first": f"```bash\npip install nothing\n```\n```python\n{WHOLE}```",
    "tildes": f"~~~python\n{WHOLE}~~~",
    "windows' ends of lines": f"```python\n{WHOLE}```".replace("\n", "\r\n"),
    "an indented fence": "1. Do this:\n" + textwrap.indent(f"```python\n{WHOLE}```", "   "),
    "a fence in a list": f"1. Do:\n\n{textwrap.indent(f'```python{chr(10)}{WHOLE}```', '     ')}\n2. Done.",
    "a first line that opens a block": "```\nif values:\n        return [2 * v for v in values]\n```",
    "a loop first": "```\nfor value in values:\n        break\n    return [2 * v for v in values]\n```",
    "a table that is computed": "```python\nTABLE = {}\nfor i in range(9):\n    TABLE[i] = 2 * i\n\n"
    "def double(values):\n    return [TABLE[v] for v in values]\n```",
    "a transcript": "```python\n>>> def double(values):\n...     return [2*v for v in values]\n...\n"
    ">>> double([1])\n[2]\n```",
    "a transcript in a plain fence": "```\n>>> def double(values):\n"
    "...     return [2*v for v in values]\n```",
    "a function that is assigned": "double = lambda values: [2 * v for v in values]\n\nThat doubles it.\n",
}


@pytest.mark.parametrize("form", ["completion", "solution"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_code_is_found_in_a_chats_answer(answer: str, form: Form) -> None:
    program = program_of(CASE, sample(answer, form))

    assert program not in (answer, PROMPT + answer)
    assert works(program)


@pytest.mark.parametrize("text", [BODY, WHOLE, BODY + "\nassert False\n"])
def test_what_is_python_already_stays_as_it_is(text: str) -> None:
    assert program_of(CASE, sample(text)) == PROMPT + text


def test_a_solution_that_is_python_stays_as_it_is() -> None:
    assert program_of(CASE, sample(WHOLE + "assert 0\n", "solution")) == WHOLE + "assert 0\n"


def test_exact_looks_for_nothing() -> None:
    fenced = f"```python\n{WHOLE}```"

    assert program_of(CASE, sample(fenced), exact=True) == PROMPT + fenced


@pytest.mark.parametrize(
    "text", ["", "I can't do that.", "```\n```", "```python\ndef other(): pass\n```", "\0"]
)
def test_an_answer_without_the_function_stays_as_it_is(text: str) -> None:
    assert program_of(CASE, sample(text)) == PROMPT + text


def test_an_import_inside_of_the_prompts_function_is_the_answers_too() -> None:
    prompt = 'def half(x):\n    import math\n    """Half of it, rounded down."""\n'
    answer = "```python\ndef half(x):\n    return math.floor(x / 2)\n```"

    assert "import math" in (extract_code(answer, "half", prompt=prompt) or "")


def test_a_setting_of_the_interpreter_stays() -> None:
    code = extract_code(f"```python\nimport sys\nsys.setrecursionlimit(5000)\n{WHOLE}```", "double")

    assert code is not None
    assert "setrecursionlimit" in code


HOSTILE = ["(" * 200_000, "def f(:\n" * 20_000, "-" * 300_000, "```python\n" * 20_000, "     ```\n" * 20_000]
HOSTILE += ["~~~\nx\n~~~\n" * 60_000]


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_answers_are_looked_through_in_time(text: str) -> None:
    assert program_of(CASE, sample(text)) == PROMPT + text
    assert script_of(sample(text, "solution")) == text


@given(st.text())
def test_any_text_gives_a_program(text: str) -> None:
    assert isinstance(program_of(CASE, sample(text)), str)


TOTAL = FunctionCase(
    id="total",
    prompt="from typing import List\n\ndef total(xs: List[int]) -> int:\n    '''The sum of xs.'''\n",
    entry_point="total",
    test="",
)


@pytest.mark.parametrize(
    "answer",
    [
        "from __future__ import annotations\n\ndef total(xs: list[int]) -> int:\n    return sum(xs)\n",
        "from __future__ import annotations\n\ndef total(xs: List[int]) -> int:\n    return sum(xs)\n",
        "```python\nfrom __future__ import annotations\ndef total(xs: List[int]):\n    return sum(xs)\n```",
    ],
)
def test_a_module_may_import_from_the_future_after_any_prompt(answer: str) -> None:
    program = program_of(TOTAL, Sample("total", 0, "completion", answer, ""))

    compile(program, "answer", "exec")
    assert "from typing import List" in program or "List" not in answer


def test_a_module_may_import_from_the_future_after_the_imports_of_its_case() -> None:
    case = TOTAL.model_copy(update={"header": "import math", "setup": "LIMIT = 3"})

    module = with_setup(case, "from __future__ import annotations\nprint(LIMIT)\n")

    compile(module, "answer", "exec")


@pytest.mark.parametrize(
    "before", ["<think>\n{}\n</think>\n", "Perhaps\n{}\nno.\n</think>\n", "<thinking>{}</thinking>"]
)
@pytest.mark.parametrize("form", ["completion", "solution"])
def test_a_draft_in_thoughts_is_not_the_answer(before: str, form: Form) -> None:
    draft = "```python\ndef double(values):\n    return []\n```"

    assert works(program_of(CASE, sample(f"{before.format(draft)}\n```python\n{WHOLE}```\n", form)))


def test_valid_code_keeps_a_tag_of_thoughts_in_a_text() -> None:
    code = f"TAG = '''\n</think>\n'''\n{WHOLE}"

    assert program_of(CASE, sample(code, "solution")) == code
    assert script_of(sample(code, "solution")) == code


def test_exact_answers_keep_their_thoughts() -> None:
    thinking = sample(f"<think>\nso\n</think>\n{WHOLE}", "solution")
    case = RepositoryCase(id="double", prompt="", files={"m.py": b""}, hidden_tests={})

    assert script_of(thinking) == WHOLE
    assert script_of(thinking, exact=True) == thinking.text
    assert "<think>" not in completion_patch(case, "m.py", thinking)
    assert "<think>" in completion_patch(case, "m.py", thinking, exact=True)


def test_long_thoughts_are_no_part_of_the_code() -> None:
    code = program_of(CASE, sample(f"<think>\n{'so ' * MAX_CODE}\n</think>\n{WHOLE}"))

    assert works(code)
    assert "<think>" not in code


def test_an_answer_that_ends_within_its_thoughts_holds_no_code() -> None:
    assert WHOLE not in program_of(CASE, sample(f"<think>\n```python\n{WHOLE}```\nbut let me"))


SCRIPT = "words = input().split()\nprint(len(words))\n"
SCRIPTS = {
    "plain code": SCRIPT,
    "a fence": f"```python\n{SCRIPT}```",
    "prose and a fence": f"Sure!\n\n```python\n{SCRIPT}```\nIt counts words.",
    "a fence without a language": f"Here:\n```\n{SCRIPT}```\nDone.",
    "a fence that nobody closed": f"Here:\n```python\n{SCRIPT}",
    "thoughts": f"<think>\n```python\nprint(0)\n```\n</think>\n```python\n{SCRIPT}```",
    "a draft and its correction": f"```python\nprint(0)\n```\nNo. Corrected:\n```python\n{SCRIPT}```",
    "a shell line behind it": f"```python\n{SCRIPT}```\nRun it:\n```bash\npython count.py\n```",
    "an output behind it": f"```python\n{SCRIPT}```\nIt prints:\n```\n3 words\n```",
    "a list": f"1. This:\n\n{textwrap.indent(f'```python{chr(10)}{SCRIPT}```', '     ')}\n2. Done.",
}  # fmt: skip


@pytest.mark.parametrize("answer", SCRIPTS)
def test_a_script_is_found_in_a_chats_answer(answer: str) -> None:
    assert script_of(Sample("count", 0, "solution", SCRIPTS[answer], "")).strip() == SCRIPT.strip()


def test_an_example_that_imports_what_a_block_defines_is_no_script() -> None:
    module = "def total(xs):\n    return sum(xs)\n\nprint(total([int(input())]))\n"
    use = "from totals import total\nprint(total([1]))\n"

    code = script_of(Sample("total", 0, "solution", f"```python\n{module}```\n```python\n{use}```", ""))

    assert code == module


@pytest.mark.parametrize("answer", [*ANSWERS.values(), *SCRIPTS.values()], ids=[*ANSWERS, *SCRIPTS])
def test_answers_that_are_graded_and_rewarded_are_read_alike(answer: str) -> None:
    script = ScriptCase(id="count", prompt="", runs=(ScriptRun(stdout="3"),))

    assert code_of(CASE, answer) == program_of(CASE, sample(answer))
    assert code_of(script, answer) == script_of(sample(answer))
