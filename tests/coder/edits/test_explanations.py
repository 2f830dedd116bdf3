"""An explanation quotes code, and in a folder it changes no file, whatever its fences look like."""

import pytest

from coder.edits.answer import read_answer
from coder.edits.edit import Answered, FileBlocks

APP = (
    "class Store:\n    def add(self, item):\n        self.items.append(item)\n\n\n"
    "def load(path):\n    return Store()\n\n\ndef save(store, path):\n    pass\n"
)
FILES: dict[str, str | None] = {"app.py": APP, "run.sh": "python app.py\n", "notes.md": "# Notes\n"}
EXCERPT = "    def add(self, item):\n        self.items.append(item)\n"
EXPLANATIONS = [
    "Adding appends the item to a list.",
    f"It appends:\n\n```python\n{EXCERPT}```\n",
    f"It is in `Store.add`:\n\n```python\n{EXCERPT}```\n",
    f"`Store.add`\n```python\n{EXCERPT}```\n",
    f"app.py\n```python\n{EXCERPT}```\nThis appends.",
    f"`app.py`:\n\n```python\n{EXCERPT}```\n",
    f"**app.py**\n```\n{EXCERPT}```\n",
    f"```python app.py\n{EXCERPT}```\n",
    f"```python\n# app.py\n{EXCERPT}```\n",
    f"The relevant part of `app.py`:\n```python\n{EXCERPT}```\n",
    f"The corrected `app.py` would be:\n```python\n{EXCERPT}```\n",
    "Try it:\n\n```sh\npython app.py\n```\n",
    "run.sh\n```sh\npython app.py --help\n```\n",
    "```console\n$ python app.py\nusage: app.py\n```\n",
    "```\nitems = []\nitems.append(1)\n```\n",
    "In JavaScript it would be\n\nadd.js\n```js\nitems.push(item)\n```\n",
    f"1. `load` makes it:\n   ```python\n   Store()\n   ```\n2. `add`:\n\n~~~python\n{EXCERPT}~~~\n",
    '```json\n{"items": [1]}\n```\nand\n```yaml\nitems: [1]\n```\n',
    "One could write\n\n```diff\n-        self.items.append(item)\n+        self.items.insert(0, x)\n```\n",
    "notes.md\n```markdown\n# Store\n\nAdd appends.\n```\n",
    f"def add(self, item):\n    {EXCERPT}",
]


def edits_in(answer: str, blocks: FileBlocks) -> Answered:
    """What an answer changes in the folder."""
    return read_answer(answer, FILES, default="solution.py", in_part=True, blocks=blocks, originals=FILES)


@pytest.mark.parametrize("answer", EXPLANATIONS)
def test_an_explanation_of_a_model_with_tools_is_only_words(answer: str) -> None:
    edits = edits_in(answer, "none")

    assert (edits.files, edits.apart, edits.empty, edits.fits) == ({}, {}, True, True)


@pytest.mark.parametrize("answer", EXPLANATIONS)
def test_an_explanation_of_a_model_without_tools_changes_no_file_that_exists(answer: str) -> None:
    assert not FILES.keys() & edits_in(answer, "below_path").files.keys() - {"run.sh", "notes.md"}


@pytest.mark.parametrize("blocks", ["none", "below_path"])
def test_edits_beside_an_excerpt_are_made_and_the_excerpt_is_not(blocks: FileBlocks) -> None:
    old, new = "    return Store()\n", "    return Store(path)\n"
    edit = f"app.py\n```\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n"

    edits = edits_in(f"It is here:\n```python\n{EXCERPT}```\n{edit}", blocks)

    assert edits.files == {"app.py": APP.replace("Store()", "Store(path)")}


def test_a_file_that_is_quoted_as_it_is_is_only_words() -> None:
    assert edits_in(f"It is all in\n\napp.py\n```python\n{APP}```\n", "below_path").empty


def test_a_whole_file_that_drops_most_names_is_written_only_if_the_same_comes_again() -> None:
    answer = f"app.py\n```python\n{EXCERPT}```\n".replace("    def", "def").replace(
        "        self", "    self"
    )

    first = edits_in(answer, "below_path")
    other = answer.replace("append", "insert")
    second, third = (
        read_answer(
            text, FILES, default="app.py", blocks="below_path", originals=FILES, doubted=first.doubted
        )
        for text in (answer, other)
    )

    assert (first.files, first.fits) == ({}, False)
    assert all(f"`{name}`" in (first.problem or "") for name in ("Store", "load", "save"))
    assert second.files.keys() == {"app.py"}
    assert third.files == {}


def test_a_file_of_the_models_own_is_written_though_it_drops_the_names_of_its_first_version() -> None:
    code = "def fetch():\n    pass\n"

    edits = read_answer(f"app.py\n```python\n{code}```\n", FILES, default="app.py", originals={"run.sh": ""})

    assert edits.files == {"app.py": code}


def test_a_whole_file_below_its_path_that_keeps_its_names_is_written() -> None:
    new = APP.replace("pass", "store.write(path)")

    assert edits_in(f"app.py\n```python\n{new}```\n", "below_path").files == {"app.py": new}


@pytest.mark.parametrize("heading", ["", "Here it is:\n", "```python app.py\n"])
def test_a_whole_file_without_its_path_above_it_is_words_in_a_folder(heading: str) -> None:
    fence = heading if heading.startswith("```") else f"{heading}```python\n"

    assert edits_in(f"{fence}{APP}```\n", "below_path").empty


def test_a_script_that_defines_nothing_is_rewritten_without_a_doubt() -> None:
    files: dict[str, str | None] = {"main.py": "raise SystemExit(1)\n"}

    answer = read_answer("main.py\n```python\nprint(1)\n```\n", files, default="", originals=files)

    assert answer.files == {"main.py": "print(1)\n"}
