"""Bugs of real packages, mended by `coder fix`: the upstream patch as the answer, and once as a recording.

CODER_REPO_TASKS names the folder that `rebuild.py` of the shared data has made; its `venv`, if there is one,
has the packages that the tests need (pytest, freezegun, coverage).
"""

import json
import os
import tarfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from coder.context.document_chunks import Chunk
from coder.context.documents import Documents
from coder.context.semantic import DEPTH, Semantic
from coder.engine import agent
from coder.models.embedder import WordLlamaEmbedder
from coder.models.model import Model
from coder.models.recorded import Recorded
from coder.models.recorder import Recorder
from coder.models.scripted import Scripted
from coder.run.event_types import TextsEmbedded
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from tests.git_repository import GitRepository, make_repository
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest

pytestmark = pytest.mark.foreign
TASKS = ("boltons-truncated-traceback", "humanize-naturalsize-float", "sqlparse-keep-hints")
SHOWN_FIRST = "parse-datetime-subseconds"


@pytest.fixture(params=TASKS)
def task(request: pytest.FixtureRequest) -> Path:
    """The folder of one task: its tree, its patches, and its facts."""
    if "CODER_REPO_TASKS" not in os.environ:
        pytest.skip("CODER_REPO_TASKS names no folder that rebuild.py has made")
    folder = Path(os.environ["CODER_REPO_TASKS"]) / str(request.param)
    if not (folder / "repo.tar.gz").is_file():
        pytest.skip(f"{folder} holds no repo.tar.gz: make it with rebuild.py")
    return folder


def python() -> Path:
    """An interpreter with the packages that the tests need."""
    own = Path(os.environ["CODER_REPO_TASKS"]) / "venv" / "bin" / "python"
    return own if own.exists() else only_pytest()


def checked_out(task: Path, top: Path) -> GitRepository:
    """The base tree, committed, with the new tests as changes of the user's."""
    top.mkdir()
    with tarfile.open(task / "repo.tar.gz") as archive:
        archive.extractall(top, filter="data")
    repository = make_repository(top)
    repository.commit("Base")
    repository.git("apply", str(task / "tests.patch"))
    return repository


def upstream(task: Path) -> Scripted:
    """A model whose answer is the upstream patch."""
    return Scripted([f"The change:\n\n```diff\n{(task / 'gold.patch').read_text()}```\n"])


async def fix(repository: GitRepository, model: Model, **more: bool) -> Run:
    task = Task(
        prompt="Make the tests pass.",
        workspace=repository.top,
        test_command=("python", "-m", "pytest", "-q", "tests"),
        mends=True,
    )
    settings = Settings(python=python(), **more)
    return await agent.solve(task, settings=settings, model=model, log=MemoryLog())


@pytest.mark.slow
@pytest.mark.timeout(1200)  # a package's whole suite runs four times
async def test_the_upstream_patch_solves_a_task(task: Path, tmp_path: Path) -> None:
    repository = checked_out(task, tmp_path / "work")

    run = await fix(repository, upstream(task))

    assert_mended(run, repository, json.loads((task / "task.json").read_text()))


def assert_mended(run: Run, repository: GitRepository, facts: dict[str, list[str]]) -> None:
    """One answer solved the task, and its files landed."""
    assert (run.status, run.calls) == ("solved", 1)
    assert sorted(run.landed) == sorted(facts["gold_paths"])
    assert {line.name for line in run.tests if line.passed} >= set(facts["FAIL_TO_PASS"])
    assert repository.git("diff", "--stat", "--", *facts["gold_paths"])


@pytest.mark.slow
@pytest.mark.parametrize("task", [SHOWN_FIRST], indirect=True)
async def test_a_task_that_was_shown_is_solved_again_from_its_recording(task: Path, tmp_path: Path) -> None:
    facts = json.loads((task / "task.json").read_text())
    first = checked_out(task, tmp_path / "first")
    async with Recorder(upstream(task), tmp_path / "dialogue.jsonl") as model:
        first_run = await fix(first, model, apply=False)
    again = checked_out(task, tmp_path / "again")

    run = await fix(again, Recorded(tmp_path / "dialogue.jsonl"))

    assert_mended(run, again, facts)
    assert (first_run.status, first_run.patch) == ("solved", run.patch)
    assert first.git("diff", "--stat", "--", *facts["gold_paths"]) == ""


async def test_the_statement_of_a_task_finds_the_file_to_mend(task: Path, tmp_path: Path) -> None:
    facts = json.loads((task / "task.json").read_text())
    repository = checked_out(task, tmp_path / "work")

    documents = Documents([repository.top])
    chunks = await documents.search(facts["problem_statement"], count=200)
    await documents.close()

    names = dict.fromkeys(chunk.path.removeprefix("work/") for chunk in chunks)
    sources = [name for name in names if name.endswith(".py") and "test" not in name]
    assert set(facts["gold_paths"]) <= set(sources[:4])


class Unlimited:
    """An account of a run that may spend everything."""

    def refusal(self, tokens: int, usd: Decimal) -> str:
        return ""

    async def record(self, event: TextsEmbedded) -> None:
        assert not event.error


async def test_ranks_by_meaning_move_the_file_to_mend_no_further_down(task: Path, tmp_path: Path) -> None:
    pytest.importorskip("wordllama", reason="the extra `semantic` isn't installed")
    facts = json.loads((task / "task.json").read_text())
    repository = checked_out(task, tmp_path / "work")
    semantic = Semantic(WordLlamaEmbedder(), str, folder=tmp_path / "cache")
    documents, query = Documents([repository.top], semantic=semantic), facts["problem_statement"]

    by_words = await documents.search(query, count=DEPTH)
    by_both = await documents.search(query, count=DEPTH, account=Unlimited())
    await documents.close()

    assert {chunk.path for chunk in by_both} != {chunk.path for chunk in by_words}
    assert rank_of(facts, by_both) <= rank_of(facts, by_words)


def rank_of(facts: dict[str, list[str]], chunks: Sequence[Chunk]) -> int:
    """The rank of the last file to mend among the source files."""
    names = dict.fromkeys(chunk.path.removeprefix("work/") for chunk in chunks)
    sources = [name for name in names if name.endswith(".py") and "test" not in name]
    return max(map(sources.index, facts["gold_paths"])) + 1
