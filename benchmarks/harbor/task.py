"""Read a Harbor task: a folder with `task.toml`, instructions, an environment and tests.

Each task has steps here: a task without `[[steps]]` is one step in the task's own folder. The reader resolves
what a step inherits from the task, so that a runner needs only the step.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from benchmarks.harbor.environment_table import unknown_keys
from benchmarks.harbor.input_tree import check_tree, read_task_text
from benchmarks.harbor.schema import SCHEMA_VERSION, SCHEMA_VERSIONS, TaskTable
from benchmarks.harbor.step import HarborStep, find_environment, read_step
from coder.base.errors import UsageError
from coder.base.text.sanitize import printable
from coder.base.text.strict_toml import parse_toml
from coder.base.text.usable import require_usable_name
from sandbox.result import Value

TASK_FILE = "task.toml"
_TRAJECTORY = "trajectory.json"
"""File with the conversation that Harbor gives an agent as its past."""


class HarborTask(Value):
    """Harbor task."""

    name: str
    folder: Path
    table: TaskTable
    steps: tuple[HarborStep, ...]
    build_folder: Path | None
    """Folder with `Dockerfile` or `docker-compose.yaml`; None if the task names an image."""
    reward_strategy: Literal["mean", "final"]
    warnings: tuple[str, ...]


def read_task(folder: Path) -> HarborTask:
    """Read the task in a folder. Raises UsageError."""
    root = folder.resolve()
    if not (root / TASK_FILE).exists():
        raise UsageError(
            f"{folder} is no Harbor task: it holds no {TASK_FILE}.\n"
            f"A task is a folder with {TASK_FILE}, instruction.md, environment/ and tests/test.sh."
        )
    table = parse_task(read_task_text(root / TASK_FILE, root), str(folder / TASK_FILE))
    task_name = table.task.name if table.task else root.name
    require_usable_name(task_name, f"{folder}: the task's name")
    if table.environment.os != "linux":
        raise UsageError(
            f"{folder / TASK_FILE}: its containers run {table.environment.os}; only linux is supported."
        )
    for name in ("tests", "solution", "steps"):
        check_tree(root / name, root)
    return HarborTask(
        name=task_name,
        folder=root,
        table=table,
        steps=tuple(read_step(root, table, step) for step in table.steps or (None,)),
        build_folder=find_environment(root, table.environment),
        reward_strategy=table.multi_step_reward_strategy or "mean",
        warnings=tuple(_warnings(table, root)),
    )


def parse_task(text: str, where: str) -> TaskTable:
    """Parse the text of a `task.toml`. Raises UsageError."""
    try:
        return TaskTable.model_validate(parse_toml(text))
    except ValidationError as cause:
        lines = [
            f"{'.'.join(map(str, error['loc'])) or TASK_FILE}: {error['msg']}" for error in cause.errors()[:5]
        ]
        raise UsageError(
            f"{where} isn't a task of Harbor's schema:\n" + printable("\n".join(lines))
        ) from cause
    except ValueError as cause:
        raise UsageError(f"{where} isn't TOML: {printable(str(cause))[:300]}") from cause


def _warnings(table: TaskTable, root: Path) -> Iterator[str]:
    """Yield warnings: what has no effect, and an unknown version of the schema."""
    if (root / _TRAJECTORY).exists():
        yield f"{_TRAJECTORY}: the earlier conversation isn't given to a model."
    if table.schema_version not in SCHEMA_VERSIONS:
        yield f"schema_version {table.schema_version!r} isn't known; it is read as {SCHEMA_VERSION}."
    yield from (f"unknown key, ignored as Harbor does: {printable(key)}" for key in unknown_keys(table))
