"""The first request to a model that acts: its order, and how much it shows."""

from pathlib import Path

import pytest

from coder import Budget, Settings, Task
from coder.engine.prompting.first_request import system_words
from coder.models.abilities import Abilities
from coder.models.scripted import Scripted
from coder.run.records.spend import Spend
from coder.run.state import State
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

EDIT = "shop/price.py\n```\n<<<<<<< SEARCH\nint(amount)\n=======\nround(amount, 2)\n>>>>>>> REPLACE\n```"
PRICE = "def rounded(amount):\n    return int(amount)\n"
TEST = "from shop.price import rounded\n\n\ndef test_rounded():\n    assert rounded(1.006) == 1.01\n"
COMMAND = ("python", "-m", "pytest", "-q", "tests")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODER_HOME", str(tmp_path / "home"))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A small project."""
    root = tmp_path / "shop_repository"
    for path, text in {
        "shop/__init__.py": "",
        "shop/price.py": PRICE,
        "tests/test_price.py": TEST,
        "AGENTS.md": "Write short functions.",
        "CLAUDE.md": "Run the tests.",
        "README.md": "# Shop\n\nPrices have two digits.\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


@pytest.fixture
def mall(shop: Path) -> Path:
    """A project with more code than is shown whole."""
    for i in range(90):
        lines = "".join(f"    part_{i}_{j} = {j}\n" for j in range(80))
        (shop / "shop" / f"module{i}.py").write_text(f"def total_{i}():\n{lines}    return 0\n")
    filler = "".join(f"def other_{i}(amount):\n    return amount + {i}\n\n\n" for i in range(700))
    vat = "def add_vat(amount):\n    return amount * 2\n"
    (shop / "shop" / "zz_last.py").write_text(f"{filler}{vat}\n\n{filler}")
    test = "from shop.zz_last import add_vat\n\n\ndef test_it():\n    assert add_vat(1) == 1.19\n"
    (shop / "tests" / "test_zz.py").write_text(test)
    return shop


async def first(
    folder: Path, prompt: str = "Round to cents.", *, context: int | None = None, check: str = ""
) -> str:
    """What the model is sent at first by the user; with a check, that alone decides."""
    model = Scripted([EDIT], abilities=Abilities(context=context))
    decides = {"checks": (check,)} if check else {"test_command": COMMAND}
    task = Task.model_validate({"prompt": prompt, "workspace": folder, **decides})
    await solve(task, model=model, settings=Settings(strategy="act"), log=MemoryLog())
    return model.requests[0].messages[-1].content


@pytest.mark.slow
async def test_notes_come_behind_the_task_then_tests_then_what_is_installed_then_files(shop: Path) -> None:
    request = await first(shop)

    order = ["Round to cents.", "short functions", "Run the tests.", "pytest -q tests"]
    order += [
        "1.006) == 1.01",
        "Limits: ",
        "repairs included",
        "The sandbox has Python 3.",
        "pytest ",
        "They are all shown.",
        PRICE,
    ]
    places = [request.index(order[0])]
    for part in order[1:]:
        places.append(request.index(part, places[-1]))


@pytest.mark.slow
async def test_of_a_large_project_the_model_is_told_to_look_for_itself(mall: Path) -> None:
    request = await first(mall)

    assert "The project has 98 files." in request
    assert "look at all else by `bash`" in request


@pytest.mark.slow
async def test_of_a_large_project_some_places_are_shown_and_few_files(mall: Path) -> None:
    request = await first(mall, "Mend rounded of shop/price.py; total_7 and total_8 are right.")

    assert PRICE in request
    assert len(request) < 30_000
    assert len([i for i in range(90) if f"part_{i}_79 " in request]) < 10
    assert len(request.partition("Definitions of the files nearest to the task")[2]) <= 0.14 * len(request)


@pytest.mark.slow
async def test_a_function_that_the_task_names_and_its_test_are_shown(mall: Path) -> None:
    request = await first(mall, "VAT is added wrongly by add_vat.")

    assert "def add_vat(amount):\n    return amount * 2\n" in request
    assert "def test_it():\n    assert add_vat(1) == 1.19\n" in request


@pytest.mark.slow
async def test_data_is_shown_by_its_first_lines_and_prose_by_its_name(shop: Path) -> None:
    (shop / "prices.csv").write_text("name,amount\n" * 2_000)
    (shop / "notes.md").write_text("A long story.\n" * 1_000)

    request = await first(shop)

    assert request.count("name,amount\n") == 6
    assert "A long story." not in request
    assert (
        "Not shown, or only in part: `notes.md` (14000 characters), `prices.csv` (24000 characters)."
        in request
    )


@pytest.mark.slow
async def test_a_text_that_the_task_names_is_shown_whole(shop: Path) -> None:
    (shop / "docs").mkdir()
    (shop / "docs" / "SPEC.md").write_text("A rule.\n" * 500)
    (shop / "docs" / "other.md").write_text("A story.\n" * 500)

    request = await first(shop, "Round as docs/SPEC.md says.")

    assert request.count("A rule.\n") == 500
    assert "A story." not in request


@pytest.mark.slow
async def test_a_large_log_that_the_task_names_is_shown_by_its_kinds_of_lines(shop: Path) -> None:
    lines = [f"08:00:{n % 60:02} served /item/{n}" for n in range(9_000)]
    lines[7_000] = "08:01:00 item 17 has no price"
    (shop / "server.log").write_text("\n".join(lines))

    request = await first(shop, "Find out from server.log what goes wrong.")

    assert (
        "`server.log` has 9,000 lines; its kinds of lines, the rarest first:\n```\n1 × (line 7001)" in request
    )


@pytest.mark.slow
async def test_an_empty_file_is_named_and_not_fenced(shop: Path) -> None:
    (shop / "shop" / "more").mkdir()
    (shop / "shop" / "more" / "__init__.py").write_text("\n")

    request = await first(shop)

    assert "`shop/more/__init__.py`:" not in request
    assert "`shop/more/__init__.py`" in request.partition("Empty: ")[2]


@pytest.mark.slow
async def test_the_files_that_the_task_names_come_first(shop: Path) -> None:
    for name in ("a.py", "b.py", "c.py"):
        (shop / "shop" / name).write_text(f"NAME = '{name}'\n")

    request = await first(shop, "shop/c.py and shop/b.py must agree.")

    at = [request.index(f"NAME = '{name}'") for name in ("c.py", "b.py", "a.py")]
    assert at == sorted(at)


@pytest.mark.slow
@pytest.mark.parametrize(("letter", "is_whole"), [("a", True), ("字", False)])
async def test_whether_files_fit_is_counted_in_tokens(shop: Path, letter: str, is_whole: bool) -> None:
    (shop / "shop" / "words.py").write_text(f'WORDS = "{letter * 20_000}"\n')

    request = await first(shop)

    assert (letter * 20_000 in request) == is_whole


@pytest.mark.slow
async def test_a_repository_of_180_000_characters_is_shown_by_10_000_whatever_the_context(mall: Path) -> None:
    request = await first(mall, context=1_000_000)

    assert len(request) < 11_000


def state(*, mends: bool) -> State:
    """A run at its beginning."""
    task = Task(prompt="Round to cents.", test_command=COMMAND, mends=mends)
    return State(run="r", task=task, settings=Settings(), model="m", spend=Spend(budget=Budget()))


def test_where_the_tests_fail_no_further_test_is_asked_for() -> None:
    mends, solves = (system_words(state(mends=mends), "tools") for mends in (True, False))

    assert "The failing tests are the proof." in mends
    assert "Add at least one test" not in mends
    assert "unless a test of the project already fails by it" in solves


@pytest.mark.slow
async def test_binary_files_are_counted(shop: Path) -> None:
    for i in range(7):
        (shop / f"picture{i}.png").write_bytes(b"\x89PNG\xff")

    request = await first(shop)

    assert "no UTF-8 text or too large: 7 files." in request
    assert "picture3.png" not in request


@pytest.mark.parametrize("in_text", [True, False])
def test_a_model_without_tools_is_told_of_none(in_text: bool) -> None:
    words = system_words(state(mends=False), "text" if in_text else "tools")

    assert ("`edit`" in words) != in_text
    assert ("```bash" in words) == in_text
    assert "<<<<<<< SEARCH" in words


@pytest.mark.parametrize(
    ("prompt", "check", "end"),
    [
        (
            "Round to cents.",
            "from shop.price import rounded; assert rounded(1.2) == 1.2",
            "so that the task is done.",
        ),
        ("Round to cents.", "assert shop.price.rounded(1.2) == 1.2", "so that the task is done."),
        ("Write is_even.", "assert is_even(2)", "Write the file `solution.py`. It must define `is_even`."),
    ],
)
async def test_a_check_in_a_repository_asks_for_a_file_only_where_no_file_defines_its_names(
    shop: Path, prompt: str, check: str, end: str
) -> None:
    assert (await first(shop, prompt, check=check)).endswith(end)


@pytest.mark.slow
async def test_a_module_that_a_test_imports_is_no_file_to_write_unless_the_task_names_it(shop: Path) -> None:
    (shop / "tests" / "test_price.py").unlink()
    (shop / "tests" / "test_fast.py").write_text("import fast\n\n\ndef test_it():\n    assert fast\n")

    silent = await first(shop, "Rounding isn't fast enough.")
    explicit_prompt = await first(shop, "Rounding isn't fast enough: write fast.py.")

    assert silent.endswith("Change the files so that the task is done.")
    assert explicit_prompt.endswith("Write the file `fast.py`.")
