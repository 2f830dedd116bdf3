"""What is chosen of a repository for a task."""

import pytest

from coder.context.survey import Survey, take_survey
from coder.run.target import Target

FILLER = {f"shop/module{n}.py": f"def total_{n}():\n" + f"    part_{n} = {n}\n" * 300 for n in range(9)}
PARSER = (
    '_FRAME = compile(r"File (?P<path>.+)")\n_OTHER = 1\n'
    + "\n\ndef idle():\n" + "    wait()\n" * 900
    + "\n\ndef parse_frame(line):\n    return _FRAME.match(line)\n"
)  # fmt: skip
TABLE = (
    "from shop.parser import parse_frame\n\n\n@mark.parametrize(\n    ('line', 'wanted'),\n    [\n"
    + "".join(f"        ('line {n}', {n}),\n" for n in range(80))
    + "    ],\n)\ndef test_parse_frame(line, wanted):\n    assert parse_frame(line) == wanted\n"
)  # fmt: skip


async def survey_of(texts: dict[str, str], prompt: str, *, command: str = "") -> Survey:
    target = Target(path="")
    return await take_survey(texts, prompt=prompt, target=target, budget=3_300, cache=None, command=command)


async def shown(texts: dict[str, str], prompt: str) -> str:
    return (await survey_of(texts, prompt)).files


async def test_a_constant_that_a_shown_function_uses_is_shown_with_it() -> None:
    files = await shown({**FILLER, "shop/parser.py": PARSER}, "parse_frame fails on a line without a path")

    assert "return _FRAME.match(line)" in files
    assert '_FRAME = compile(r"File (?P<path>.+)")' in files
    assert "_OTHER = 1" not in files


async def test_of_a_test_with_a_long_table_the_end_of_the_table_and_the_test_are_shown() -> None:
    texts = {**FILLER, "shop/parser.py": PARSER, "tests/test_parser.py": TABLE}

    files = await shown(texts, "parse_frame fails on a line without a path")

    assert "        ('line 79', 79),\n    ],\n)\ndef test_parse_frame(line, wanted):\n    assert" in files
    assert "'line 60'" not in files


async def test_of_a_long_function_the_lines_with_the_task_s_words_are_shown() -> None:
    body = [f"    step_{n}()\n" for n in range(400)]
    body[300] = "    discount = negative_discount(order)\n"
    texts = {**FILLER, "shop/order.py": "def check_out(order):\n" + "".join(body)}

    files = await shown(texts, "check_out accepts a negative discount.")

    assert "def check_out(order):" in files
    assert "discount = negative_discount(order)" in files
    assert "step_120()" not in files


async def test_a_test_file_in_the_command_brings_up_the_module_that_it_imports() -> None:
    files = {**FILLER, "shop/till.py": "def close_till():\n    return 0\n"}
    files["tests/test_till.py"] = (
        "from shop.till import close_till\n\n\ndef test_it():\n    assert close_till()\n"
    )

    survey = await survey_of(files, "It is wrong at night.", command="python -m pytest tests/test_till.py")

    assert "return 0" in survey.files
    assert {"tests/test_till.py", "shop/till.py"} <= {*survey.paths}


async def test_where_a_read_attribute_is_set_is_on_the_map() -> None:
    order = "class Order:\n    def total(self):\n        return self.sum_of_items * 2\n"
    basket = "class Basket:\n    def fill(self, items):\n        self.sum_of_items = len(items)\n"
    texts = {**FILLER, "shop/order.py": order, "shop/basket.py": basket}

    survey = await survey_of(texts, "Order.total counts twice.")

    assert "shop/basket.py:\n    1  class Basket:\n    2      def fill" in survey.map
    assert "    3          self.sum_of_items = len(items)" in survey.map


async def test_the_file_whose_function_is_cut_is_on_the_map_with_its_other_definitions() -> None:
    others = "".join(f"def discount_{n}():\n" + f"    return {n}\n" * 60 for n in range(9))
    long = "def check_out(order):\n" + "    step()\n" * 300
    texts = {**FILLER, "shop/order.py": f"{others}{long}\n\ndef check_in(order):\n" + "    wait()\n" * 90}

    survey = await survey_of(texts, "check_out(order) forgets the order's discount.")

    assert "shop/order.py:" in survey.map
    assert "  def discount_5():" in survey.map
    assert "def check_in(order):" in survey.files


UNIQUE = (
    "def sync_do_items(value):\n    return value\n\n\ndef do_unique(value, key=None):\n"
    + "    for item in value:\n        yield item\n" * 25
)
STEPS = "".join(f"def step_{n}():\n    return {n}\n\n\n" for n in range(900))
NOISE = {
    f"shop/render{n}.py": f"def render_template_{n}(environment, generator):\n"
    "    # the environment renders the template of a filter from an async generator value\n"
    "    return environment.template.render(generator, filter, value, table)\n" + f"    more_{n}()\n" * 9
    for n in range(9)
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["the filter `|unique`", "test_unique"])
async def test_a_function_with_a_rare_word_of_the_named_code_comes_before_those_with_more_prose(
    name: str,
) -> None:
    prompt = f"In {name} an async generator value of a template filter is rendered by the environment."

    files = await shown({**FILLER, **NOISE, "shop/filters.py": f"{UNIQUE}\n\n{STEPS}"}, prompt)

    assert files.splitlines()[1].startswith("`shop/filters.py`, lines 5 to 55 ")


@pytest.mark.slow
async def test_lines_with_a_quoted_sign_are_shown() -> None:
    table = "TABLE = {\n" + '    "%H": "hours",\n    "%Q": "parts",\n' + "}\n"
    prompt = "The format with `%Q` takes too many digits."

    files = await shown({**FILLER, **NOISE, "shop/clock.py": STEPS + table}, prompt)

    assert '"%Q": "parts",' in files


@pytest.mark.slow
async def test_a_called_function_that_raises_what_the_task_names_is_shown() -> None:
    inner = "def checked(row):\n    if not row:\n        raise ValueError(row)\n    return row\n"
    outer = "def read_table(rows):\n    return [checked(row) for row in rows]\n"
    texts = {**FILLER, **NOISE, "shop/rows.py": STEPS + inner, "shop/table.py": STEPS + outer}

    files = await shown(
        texts,
        "`read_table` ends with ValueError where the environment renders the template of an async generator.",
    )

    assert "raise ValueError(row)" in files


async def test_of_a_long_class_docstring_nothing_but_its_first_line_is_shown() -> None:
    doc = '    """Holds orders.\n\n' + "    An order has a discount, and words.\n" * 120 + '    """\n'
    fields = "    discount_of_orders = 3\n" + "    other = 1\n" * 60
    methods = "    def close(self):\n" + "        wait()\n" * 300
    texts = {**FILLER, "shop/order.py": f"class Orders:\n{doc}\n{fields}\n{methods}"}

    files = await shown(texts, "Orders has a wrong discount_of_orders.")

    assert "class Orders:" in files
    assert "discount_of_orders = 3" in files
    assert "An order has a discount" not in files


async def test_of_a_named_class_that_is_too_long_the_constructor_is_shown() -> None:
    start = "    def __init__(self, text):\n        # what it is made of\n        self._text = text\n\n"
    methods = "".join(f"    def read_{n}(self):\n" + "        read_property()\n" * 40 for n in range(9))
    texts = {**FILLER, "shop/order.py": f"class Orders:\n{start}\n{methods}"}

    files = await shown(texts, "Please give `Orders` a read-only property.")

    assert "self._text = text" in files


async def test_the_last_line_outside_of_tests_of_a_traceback_comes_first() -> None:
    outer = "def outer(x):\n" + "    step()\n" * 300 + "    return inner(x)\n"
    inner = "def inner(x):\n" + "    wait()\n" * 200 + "    return x.fault\n" + "    rest()\n" * 200
    test = "def test_outer():\n" + "    outer(None)\n"
    texts = {**FILLER, "shop/outer.py": outer, "shop/inner.py": inner, "tests/test_outer.py": test}
    failing = "tests/test_outer.py:2: \n_ _ _\nshop/outer.py:302: \n_ _ _\nshop/inner.py:202: AttributeError"

    files = await shown(texts, f"tests/test_outer.py::test_outer fails\n{failing}")

    assert files.splitlines()[1].startswith("`shop/inner.py`, lines 187 to 217 ")


async def test_data_whose_test_item_fails_is_not_shown() -> None:
    texts = {**FILLER, "tests/data/one.xm": "some data\n" * 90}

    files = await shown(texts, "2 checks fail:\ntests/data/one.xm::one\ntests/data/one.xm::two")

    assert "some data" not in files
