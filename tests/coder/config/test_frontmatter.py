"""Frontmatter: YAML as other agents accept it, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.config.frontmatter import MAX_CHARACTERS, read_frontmatter


def test_fields_and_text_are_split() -> None:
    front = read_frontmatter("---\nname: pdf\ntools: [Read, Bash]\n---\n# Use\n")

    assert (front.text("name"), front.words("tools"), front.body) == ("pdf", ("Read", "Bash"), "# Use\n")


def test_names_with_commas_are_a_list_too() -> None:
    assert read_frontmatter("---\ntools: Read, Grep\n---\n").words("tools") == ("Read", "Grep")


def test_a_file_without_frontmatter_is_all_text() -> None:
    front = read_frontmatter("# Use\n---\nname: a\n---\n")

    assert (front.fields, front.body) == ({}, "# Use\n---\nname: a\n---\n")


def test_an_unquoted_colon_in_a_value_is_text_as_other_agents_read_it() -> None:
    text = '---\nname: a\ndescription: Use this when: a "quoted" word, C:\\x # y\n---\n'

    assert read_frontmatter(text).text("description") == 'Use this when: a "quoted" word, C:\\x # y'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("---\nname: a\n", "has no second line"),
        (f"---\nname: {'a' * MAX_CHARACTERS}\n---\n", "more than 16,384 characters"),
        ("---\n- a\n- b\n---\n", "isn't a mapping"),
        ("---\nname: [a\n---\n", "isn't valid YAML"),
        ("---\nname: !!python/object/apply:os.system ['x']\n---\n", "isn't valid YAML"),
        ("---\nname: a\nname: b\n---\n", "stands in line 1 already"),
        (f"---\na: {'[' * 16_000}\n---\n", "more than 100 brackets are inside each other"),
        (f"---\n{'- ' * 8_000}\n---\n", "is nested too deeply"),
    ],
)
def test_what_is_no_frontmatter_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_frontmatter(text)


def test_merged_keys_that_multiply_are_refused_and_honest_ones_are_read() -> None:
    keys = ", ".join(f"k{n}: 1" for n in range(200))
    many = ", ".join(["*a"] * 2_000)

    with pytest.raises(ValueError, match="too many keys are merged"):
        read_frontmatter(f"---\na: &a {{{keys}}}\nb: {{<<: [{many}]}}\n---\n")

    assert read_frontmatter("---\na: &a {<<: *a, b: 1}\nname: c\n---\n").text("name") == "c"
    assert read_frontmatter(f"---\na: &a {{{keys}}}\n<<: *a\nname: b\n---\n").text("k7") == "1"


@pytest.mark.parametrize(
    "value", ["yes", "on", "1.10", "0x1f", "1_000", "2024-01-01", "12:30:45", "null", "~"]
)
def test_a_plain_value_stays_the_text_that_it_is(value: str) -> None:
    front = read_frontmatter(f"---\nname: {value}\ntools: [{value}]\n---\n")

    assert (front.text("name"), front.words("tools")) == (value, (value,))


@pytest.mark.parametrize("value", ["!!int ''", "!!bool x", "!!timestamp x"])
def test_a_value_that_is_not_of_its_type_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="isn't of the type that it names"):
        read_frontmatter(f"---\nname: {value}\n---\n")


def test_a_hundred_brackets_inside_each_other_are_read() -> None:
    front = read_frontmatter(f"---\nname: a\nrows: {'[' * 100}{']' * 100}\n---\n")

    assert front.text("name") == "a"


def test_aliases_that_multiply_are_not_written_out_and_a_list_is_no_text() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]

    front = read_frontmatter("---\n" + "\n".join(rows) + "\n---\n")

    with pytest.raises(ValueError, match="a29 isn't text"):
        front.text("a29")  # 9 ** 29 words would never end


def test_a_text_has_one_line_and_no_control_characters() -> None:
    front = read_frontmatter('---\nname: "a\\e[31mb\\nc\\u202e"\n---\n')

    assert front.text("name") == "ab c"


@given(st.text(max_size=300), st.text(max_size=50))
def test_any_text_is_read_or_refused(yaml_text: str, body: str) -> None:
    try:
        front = read_frontmatter(f"---\n{yaml_text}\n---\n{body}")
        front.text("name")
    except ValueError:
        return


@pytest.mark.parametrize("hint", ["[a] [b]", "[issue] [--fast] ...", "[name]", "<a> [b]"])
def test_a_hint_of_arguments_in_brackets_spoils_no_file(hint: str) -> None:
    front = read_frontmatter(f"---\nargument-hint: {hint}\ndescription: Fixes.\n---\nBody\n")

    assert front.text("description") == "Fixes."
    assert front.body == "Body\n"


def test_a_value_that_goes_on_at_the_margin_is_read_up_to_the_next_known_key() -> None:
    text = (
        'name: a\ndescription: Use it: often.\n\nContext: x\nuser: "y"\n<b>\ntools: [Read, Edit]\nmodel: b\n'
    )

    front = read_frontmatter(f"---\n{text}---\nBody\n")

    assert front.text("description") == 'Use it: often. Context: x user: "y" <b>'
    assert front.words("tools") == ("Read", "Edit")
    assert (front.text("name"), front.text("model"), front.body) == ("a", "b", "Body\n")


@pytest.mark.parametrize(
    "text", ["name: a\nmore\nname: b\n", "more\nname: a: b\n", "tools: [Read\nmore\nname: a\n"]
)
def test_a_value_at_the_margin_excuses_no_other_fault(text: str) -> None:
    with pytest.raises(ValueError, match="frontmatter"):
        read_frontmatter(f"---\n{text}---\nBody\n")
