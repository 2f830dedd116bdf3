"""Whole files that hold fences of their own: where such a file ends in an answer."""

import pytest

from tests.coder.edits.test_read_answer import X3, answered, block, named

README = (
    "# Cart\n\nAdds up.\n\n## Install\n\n```\npip install cart\n```\n\n"
    "## Use\n\n```python\nimport cart\n```\n\nThat is all.\n"
)
DOCUMENTED = (
    'def add(a, b):\n    """Add.\n\n    ```pycon\n    >>> add(1, 2)\n    3\n    ```\n    """\n'
    "    return a + b\n"
)
AT_THE_MARGIN = '"""Add.\n\n```\nadd(1, 2)\n```\n"""\n\n\ndef add(a, b):\n    return a + b\n'
NAMED_LANGUAGE = AT_THE_MARGIN.replace("```\nadd", "```python\nadd")


@pytest.mark.parametrize("fence", ["```markdown", "```md", "```", "~~~", "````markdown"])
def test_a_readme_keeps_what_stands_behind_its_own_blocks(fence: str) -> None:
    edits = answered(f"README.md\n{fence}\n{README}{fence.rstrip('markdown')}\n\nDone.\n")

    assert (edits.files, edits.problem) == ({"README.md": README}, None)


@pytest.mark.parametrize(
    "behind",
    [
        "\na.py\n```\nx = 3\n```\n",
        "a.py\n```\nx = 3\n```\n",
        "\nThe new `a.py`:\n```\nx = 3\n```\n",
        "\n```python\nx = 3\n```\n",
        "\n**a.py**\n\n```python\nx = 3\n```\n",
    ],
)
def test_a_readme_ends_where_the_next_file_begins(behind: str) -> None:
    edits = answered(f"README.md\n```markdown\n{README}```\n{behind}")

    assert edits.files == {"README.md": README, "a.py": "x = 3\n"}


def test_a_readme_ends_before_the_edits_of_another_file() -> None:
    edits = answered(f"README.md\n```markdown\n{README}```\n\n{named('a.py', X3)}")

    assert edits.files["README.md"] == README
    assert "x = 3" in (edits.files["a.py"] or "")


def test_a_readme_ends_before_a_command_that_runs_its_code() -> None:
    edits = answered(f"README.md\n```markdown\n{README}```\n\nTry it:\n\n```sh\npython -m cart\n```\n")

    assert edits.files == {"README.md": README}


@pytest.mark.parametrize("code", [DOCUMENTED, AT_THE_MARGIN, NAMED_LANGUAGE])
@pytest.mark.parametrize("head", ["a.py\n```python", "```python", "a.py\n```"])
def test_a_docstring_may_hold_a_block(code: str, head: str) -> None:
    edits = answered(f"{head}\n{code}```\n\nUse it:\n\n```python\nprint(add(1, 2))\n```\n")

    assert (edits.files, edits.problem) == ({"a.py": code}, None)


def test_code_with_a_syntax_error_ends_at_its_own_fence() -> None:
    edits = answered("a.py\n```python\ndef f(:\n    pass\n```\n\nlib/b.txt\n```\none\n```\n")

    assert edits.files["a.py"] == "def f(:\n    pass\n"


def test_a_fence_four_blanks_in_is_text_of_any_file() -> None:
    text = "one:\n\n    ```\n    two\n    ```\n"

    assert answered(f"notes.rst\n```rst\n{text}```\n").files == {"notes.rst": text}


def test_a_block_of_any_file_may_hold_one_that_names_its_language() -> None:
    text = "one:\n```sh\ntwo\n```\nthree\n"

    assert answered(f"notes.adoc\n```asciidoc\n{text}```\n").files == {"notes.adoc": text}


def test_an_edit_of_a_readme_keeps_its_blocks() -> None:
    edit = block("```\npip install cart\n```\n", "```sh\npip install cart\n```\n")

    edits = answered(named("README.md", edit), {"README.md": README})

    assert edits.files == {"README.md": README.replace("```\npip", "```sh\npip")}
