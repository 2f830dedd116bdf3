"""`bench audit` names the tasks whose own image holds the answer in a git repository."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.harbor.changes import read_changes
from benchmarks.harbor.history import find_in_history
from benchmarks.harbor.opening import open_container
from sandbox.docker.engine import Engine
from tests.benchmarks.harbor.tasks_made import DOCKERFILE, PROCESS, make_task, recipe_of
from tests.coder.people.cli.console import Console

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
SETUP = (
    "set -e; cd /app; git init -q; git config user.name a; git config user.email a@example.org;"
    "printf 'def add(a, b):\\n    return a - b\\n' > calc.py; git add .; git commit -qm base;"
)
MEND = "sed -i 's/a - b/a + b/' calc.py; git commit -qam mend;"
SOLVE = "cd /app; sed -i 's/a - b/a + b/' calc.py; "
HISTORIES = {
    "a tag ahead": (f"{MEND} git tag next; git reset -q --hard HEAD~1", True),
    "a reflog": (f"{MEND} git reset -q --hard HEAD~1", True),
    "a dangling commit": (
        f"{MEND} git reset -q --hard HEAD~1; git reflog expire --expire=now --all",
        True,
    ),
    "a packed commit that does more": (
        f"echo '# more' >> calc.py; {MEND} git branch next; git reset -q --hard HEAD~1; git gc -q",
        True,
    ),
    "a renamed file": (f"git mv calc.py other.py; {MEND.replace('calc', 'other')} "
                       "git branch next; git reset -q --hard HEAD~1", True),
    "an earlier commit": (f"{MEND} sed -i 's/a + b/a - b/' calc.py; git commit -qam break", True),
    "another change": ("echo '# more' >> calc.py; git commit -qam more; git tag next;"
                       "git reset -q --hard HEAD~1", False),
    "no other commit": ("true", False),
    "no repository": ("rm -rf .git", False),
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def _image(image: str) -> AsyncIterator[None]:
    """All tasks here have the image of the module, which is built once."""
    yield


@pytest.mark.parametrize(("history", "is_revealed"), HISTORIES.values(), ids=HISTORIES)
async def test_versions_that_hold_the_answer_are_found_wherever_they_are(
    engine: Engine, image: str, history: str, is_revealed: bool
) -> None:
    recipe = recipe_of(image)
    async with open_container(engine, recipe) as fresh, open_container(engine, recipe) as agent:
        for container in (fresh, agent):
            ended = await container.run(["bash", "-c", f"{SETUP} {history}"], timeout_s=60)
            assert ended.exit_code == 0
        await agent.run(["bash", "-c", SOLVE], timeout_s=60)
        await agent.stop()
        async with read_changes(agent) as changes:
            paths = await find_in_history(fresh, changes, frozenset({"/app/calc.py"}))

    assert paths == (("/app/calc.py",) if is_revealed else ())


async def test_the_audit_reports_it_and_a_pruned_repository_is_not_reported(
    engine: Engine, tmp_path: Path
) -> None:
    for name, more in (("leaks", "git tag next;"), ("pruned", "")):
        ending = "git gc -q --prune=now" if name == "pruned" else "true"
        back = "git reset -q --hard HEAD~1; git reflog expire --expire=now --all"
        build = f"{SETUP} {MEND} {more} {back}; {ending}"
        task = make_task(
            tmp_path / "tasks" / name,
            test="#!/bin/bash\ngrep -q 'a + b' /app/calc.py && echo 1 > /logs/verifier/reward.txt"
            " || echo 0 > /logs/verifier/reward.txt\n",
            solve=f"#!/bin/bash\n{SOLVE}\n",
            dockerfile=f"{DOCKERFILE}RUN bash /app/build.sh && rm -f /app/build.sh\nLABEL mark={PROCESS}\n",
        )
        (task / "environment/seed/build.sh").write_text(build)

    done = Console(tmp_path).run("bench", "audit", "harbor:tasks", "--json")

    cases = {case["id"]: case for case in json.loads(done.out)["cases"]}
    assert cases["leaks"]["findings"] == [
        "git-refs: a git repository of the image holds the answer of /app/calc.py"
    ]
    assert cases["pruned"]["findings"] == []
