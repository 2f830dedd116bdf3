"""Harbor's own models accept and refuse the same files, in an environment of its own (CODER_HARBOR_PYTHON).

Values that this reader refuses on purpose, limits that aren't positive, aren't among those tried.
"""

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

from benchmarks.harbor import environment_table, schema
from benchmarks.harbor.task import parse_task
from coder.base.errors import UsageError

pytestmark = pytest.mark.foreign
FILES = 4000
TABLES = {
    "agent": schema.AgentTable,
    "environment": environment_table.EnvironmentTable,
    "verifier": schema.VerifierTable,
    "solution": schema.SolutionTable,
}
WRITTEN = (
    '1|"a"|"1G"|true|1.5|[]|["a"]|["*.a.org"]|["a/b"]|"no-network"|"allowlist"|"shared"|"separate"|{}|{command="x"}|'
    '{A="b"}|{A=1}|[{name="a"}]|[{name="a"},{name="A"}]|[{source="a",service="b"}]|[{source="/a"}]|"Windows"|"mean"|'
    '[{command="x",service="db"}]|{type="v4",topology="2x4"}|{docker_image="x"}|[{name="x",url="u"}]|"1.4"'
)
VALUES = WRITTEN.split("|")


def random_file(chance: random.Random) -> str:
    """Return a file with a few keys of the schema, each with any value."""
    roots = [name for name in schema.TaskTable.model_fields if name not in (*TABLES, "task")]
    lines = [f"{name} = {chance.choice(VALUES)}" for name in chance.sample(roots, chance.choice([0, 0, 1]))]
    for table in chance.sample(sorted(TABLES), chance.choice([1, 1, 2])):
        names = [*TABLES[table].model_fields, "memory", "odd"]
        lines.append(f"[{table}]")
        lines += [
            f"{name} = {chance.choice(VALUES)}"
            for name in chance.sample(names, min(len(names), chance.choice([1, 2])))
        ]
    return "\n".join(lines)


def is_accepted(text: str) -> bool:
    """Whether our reader accepts a file."""
    try:
        parse_task(text, "task.toml")
    except UsageError:
        return False
    return True


if "CODER_HARBOR_PYTHON" in os.environ:

    @pytest.mark.slow
    def test_harbor_accepts_and_refuses_the_same_files() -> None:
        chance = random.Random(1)
        texts = [random_file(chance) for _ in range(FILES)]
        script = Path(__file__).with_name("accepted_by_harbor.py")

        printed = subprocess.run(
            [os.environ["CODER_HARBOR_PYTHON"], script],
            input=json.dumps(texts), capture_output=True, text=True, timeout=120, check=True,
        ).stdout  # fmt: skip

        accepted = json.loads(printed)
        assert [
            text for text, theirs in zip(texts, accepted, strict=True) if theirs != is_accepted(text)
        ] == []
        assert FILES / 20 < sum(accepted) < FILES * 19 / 20
