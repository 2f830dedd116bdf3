"""What lookup and lessons add on repository tasks: python -m perf.memory_ab TASKS --python PYTHON

TASKS holds a folder for each task: task.json, repo.tar.gz, tests.patch, gold.patch. PYTHON is an interpreter
with the packages that their tests need. Two tables are printed:

- the rank of the file to mend among the source files, by words, by vectors, and by both. The query is the
  task's statement, and a ranking has its best 50 parts;
- runs whose model repeats recorded answers (the upstream patch, after a lookup in two of them), without
  memory, after a run in the same folder with lessons, with lookup, and with lookup by meaning. The model
  answers alike, whatever it reads: the table shows what memory costs, and whether a request names the file.
"""

import argparse
import asyncio
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from coder.context.documents import Documents
from coder.context.semantic import DEPTH, Account, Semantic
from coder.engine.agent import solve
from coder.models.embedder import resolve_embedder
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.event_types import TextsEmbedded
from coder.run.settings import Settings
from coder.run.task import Task
from coder.store import SqliteLog
from tests.git_repository import GitRepository, make_repository

FIELDS = ("words", "vectors", "both")


class FreeAccount:
    """An account without a limit and without a log."""

    def refusal(self, tokens: int, usd: Decimal) -> str:
        """Return that everything may be spent."""
        return ""

    async def record(self, event: TextsEmbedded) -> None:
        """Report an error of the embedder, so that no rank is taken for that of vectors."""
        if event.error:
            raise SystemExit(f"{event.model} embeds no more: {event.error}")


class ObservedSemantic(Semantic):
    """Vectors whose latest ranking can be read."""

    latest: tuple[int, ...] = ()

    async def rank(self, query: str, texts: Callable[[], Mapping[int, str]], account: Account) -> list[int]:
        """Rank, and keep the keys."""
        keys = await super().rank(query, texts, account)
        self.latest = tuple(keys)
        return keys


@dataclass(frozen=True)
class RepositoryTask:
    """One task, in its folder."""

    folder: Path
    facts: dict[str, Any]

    def check_out(self, top: Path) -> GitRepository:
        """Write the base tree with the task's tests, as a commit."""
        top.mkdir(parents=True)
        with tarfile.open(self.folder / "repo.tar.gz") as archive:
            archive.extractall(top, filter="data")
        repository = make_repository(top)
        repository.git("apply", str(self.folder / "tests.patch"))
        repository.commit("Base")
        return repository

    def rank(self, paths: Iterable[str]) -> int | None:
        """Return the rank of the last file to mend among a ranking's source files; None: one isn't there."""
        sources = [path for path in dict.fromkeys(paths) if path.endswith(".py") and "test" not in path]
        gold_paths = self.facts["gold_paths"]
        return max(map(sources.index, gold_paths)) + 1 if set(gold_paths) <= set(sources) else None


def tasks_in(folder: Path) -> list[RepositoryTask]:
    """Return the tasks of a folder, by name."""
    paths = sorted(folder.glob("*/task.json"))
    return [RepositoryTask(path.parent, json.loads(path.read_text())) for path in paths]


async def ranks(task: RepositoryTask, embedder: str, cache: Path) -> dict[str, int | None]:
    """Return the rank of the file to mend by words, by vectors, and by both."""
    statement, account = task.facts["problem_statement"], FreeAccount()
    with tempfile.TemporaryDirectory() as folder:
        top = Path(folder) / "work"
        task.check_out(top)
        resolved = await resolve_embedder(embedder, environ=os.environ)
        semantic = ObservedSemantic(resolved, lambda text: text, folder=cache)
        documents = Documents([top], semantic=semantic)
        by_words = await documents.search(statement, count=DEPTH)
        fused = await documents.search(statement, count=2 * DEPTH, account=account)
        by_vectors = documents.chunks(semantic.latest)
        await documents.close()
    rankings = dict(zip(FIELDS, (by_words, by_vectors, fused), strict=True))
    return {
        name: task.rank(chunk.path.partition("/")[2] for chunk in chunks) for name, chunks in rankings.items()
    }


async def run_of(task: RepositoryTask, repository: GitRepository, log: SqliteLog, settings: Settings) -> str:
    """Run a task with recorded answers, and return a row of the table."""
    repository.git("checkout", "--quiet", ".")
    query = json.dumps({"query": task.facts["problem_statement"]})
    patch = f"The change:\n\n```diff\n{(task.folder / 'gold.patch').read_text()}```\n"
    lookup = [[ToolCall(id="lookup01", name="lookup", arguments=query)]] if settings.docs else []
    model = Scripted([*lookup, patch])
    command = ("python", "-m", "pytest", "-q", *task.facts["test_paths"])
    request = Task(
        prompt=task.facts["problem_statement"], workspace=repository.top, test_command=command, mends=True
    )
    run = await solve(request, settings=settings, model=model, log=log)
    prompt = str([message.content for message in model.requests[-1].messages])
    is_named = all(path in prompt for path in task.facts["gold_paths"])
    return f"{run.status:<11} {run.calls:>8} {run.tokens.input:>7,}  {'yes' if is_named else 'no'}"


async def compare(task: RepositoryTask, python: Path, embedder: str) -> dict[str, str]:
    """Return a row for each kind of memory."""
    with tempfile.TemporaryDirectory() as folder, SqliteLog(Path(folder) / "log") as log:
        repository = task.check_out(Path(folder) / "work")
        plain = Settings(strategy="act", python=python)
        looking = plain.model_copy(update={"docs": (repository.top,)})
        kinds = {
            "none": plain,
            "lessons": plain.model_copy(update={"lessons": True}),
            "lookup": looking,
            "both ranks": looking.model_copy(update={"embedder": embedder}),
        }
        return {name: await run_of(task, repository, log, settings) for name, settings in kinds.items()}


async def measure(tasks: list[RepositoryTask], python: Path, embedder: str) -> None:
    """Print both tables."""
    print(f"{'rank of the file to mend':<32}" + "".join(f"{name:>9}" for name in FIELDS))
    within = dict.fromkeys(FIELDS, 0)
    with tempfile.TemporaryDirectory() as cache:
        for task in tasks:
            row = await ranks(task, embedder, Path(cache))
            for name, rank in row.items():
                within[name] += rank is not None and rank <= 3
            print(f"{task.folder.name:<32}" + "".join(f"{row[name] or 'none':>9}" for name in FIELDS))
    print(f"{f'within 3, of {len(tasks)}':<32}" + "".join(f"{within[name]:>9}" for name in FIELDS))
    print(f"\n{'run':<32}{'memory':<12}{'status':<11} requests  tokens  names the file")
    for task in tasks:
        for name, text in (await compare(task, python, embedder)).items():
            print(f"{task.folder.name:<32}{name:<12}{text}", flush=True)


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tasks", type=Path)
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--embedder", default="wordllama")
    arguments = parser.parse_args()
    asyncio.run(measure(tasks_in(arguments.tasks), arguments.python, arguments.embedder))


if __name__ == "__main__":
    main()
