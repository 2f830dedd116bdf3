"""Thoughts of a reasoning model are no part of its answer, however their tags are damaged."""

import pytest

from coder.base.text.thoughts import split_thoughts, without_thoughts

DRAFT = "a.py\n```python\nx = 1\n```\n"
ANSWER = "a.py\n```python\nx = 2\n```\n"


@pytest.mark.parametrize(
    "text",
    [
        f"<think>\nPerhaps\n{DRAFT}no.\n</think>\n\n{ANSWER}",
        f"Perhaps\n{DRAFT}no.\n</think>\n\n{ANSWER}",
        f"Perhaps {DRAFT}no.</think>{ANSWER}",
        f"<thinking>\n{DRAFT}</thinking>\n{ANSWER}",
        f"<thinking>{DRAFT.strip()}</thinking>\n{ANSWER}",
        f"{DRAFT}</thinking>\n{ANSWER}",
        f"<thought>{DRAFT}</thought>\n{ANSWER}",
        f"<Reasoning>\n{DRAFT}</Reasoning>\n{ANSWER}",
        f"[THINK]{DRAFT}[/THINK]\n{ANSWER}",
        f"<seed:think>{DRAFT}</seed:think>\n{ANSWER}",
        f"\u25c1think\u25b7{DRAFT}\u25c1/think\u25b7{ANSWER}",
        f"<think>one</think>\n<think>\n{DRAFT}</think>\n{ANSWER}",
        f"<think>one</think>\n{DRAFT}no.\n</think>\n{ANSWER}",
        f"Perhaps\n```python\nx = (\nno, otherwise:\n</think>\n{ANSWER}",
        f"Perhaps\na.py\n```\n<<<<<<< SEARCH\nx\nno.\n</think>\n{ANSWER}",
        f"{ANSWER}<think>\n{DRAFT}",
        f"{ANSWER}<thinking>\n{DRAFT}</thinking>\n",
    ],
)
def test_only_what_stands_outside_of_thoughts_is_the_answer(text: str) -> None:
    answer, thoughts = split_thoughts(text)

    assert answer.strip() == ANSWER.strip()
    assert thoughts.strip()


@pytest.mark.parametrize("text", [f"<think>\n{DRAFT}but let me", f"\n <thinking>{DRAFT}", "<think>"])
def test_an_answer_that_ends_within_its_thoughts_is_empty(text: str) -> None:
    assert without_thoughts(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        ANSWER,
        "",
        "It removes what stands between `<think>` and `</think>`.\n",
        "a.py\n```python\nSTART, END = '<think>', '</think>'\nx = y.split(\"</think>\")\n```\n",
        "prompt.md\n```\nThink first:\n<thinking>\nsteps\n</thinking>\nThen answer.\n```\n",
        "p.md\n```\n<<<<<<< SEARCH\nsteps\n</thinking>\n=======\nmore\n</thinking>\n>>>>>>> REPLACE\n```\n",
        "--- a/p.md\n+++ b/p.md\n@@ -1 +1,2 @@\n steps\n+</think>\n",
        "The list is [thoughts] of a [reasoning](x.md).\n",
        "if a < think > b: pass\n",
    ],
)
def test_tags_that_an_answer_quotes_belong_to_it(text: str) -> None:
    assert split_thoughts(text) == (text, "")


@pytest.mark.parametrize(
    "piece",
    ["<think>", "</think>", "x\n<think> ", "`<think>`\n", "```\n<think>\n", "<<<<<<< SEARCH\n</think>\n"],
)
def test_many_tags_take_no_long_time(piece: str) -> None:
    assert len(without_thoughts(piece * 20_000)) <= len(piece) * 20_000
