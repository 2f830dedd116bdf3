"""A name above a block: a file, or a member such as `Store.add` that the block shows. No list of suffixes."""

import pytest

from coder.edits.answer import read_answer


@pytest.mark.parametrize(
    ("name", "info", "code"),
    [
        ("Store.add", "python", "self.items.append(item)"),
        ("Store.add", "", "def add(self, item):\n    pass"),
        ("cart.push", "js", "cart.push(item)"),
        ("Store.Add", "go", "func (s *Store) Add(item Item) {\n}"),
    ],
)
def test_a_member_above_the_block_that_shows_it_is_no_file(name: str, info: str, code: str) -> None:
    edits = read_answer(f"`{name}`\n```{info}\n{code}\n```\n", {}, default="", blocks="below_path")

    assert edits.files == {}


@pytest.mark.parametrize(
    ("name", "info", "code"),
    [
        ("App.svelte", "js", "import { onMount } from 'svelte';"),
        ("nginx.conf", "nginx", "listen 80;"),
        ("prod.env", "bash", "KEY=1"),
        ("Cargo.lock", "", "version = 3"),
        ("main.odin", "", "package main"),
        ("page.unheardof", "", "text"),
        (".env.example", "", "KEY="),
        ("src/Store.add", "", "def add(self): pass"),
    ],
)
def test_any_other_name_alone_above_a_block_is_a_file(name: str, info: str, code: str) -> None:
    edits = read_answer(f"`{name}`\n```{info}\n{code}\n```\n", {}, default="", blocks="below_path")

    assert edits.files == {name: f"{code}\n"}


def test_a_suffix_that_another_file_has_is_a_file_s() -> None:
    answer = "b.add\n```\nadd(1)\n```\n"

    assert read_answer(answer, {"a.add": "add(0)\n"}, default="", blocks="below_path").files == {
        "b.add": "add(1)\n"
    }
