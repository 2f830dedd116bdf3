"""Notes for agents in a first request: the user's own, and those of a repository around the folder."""

import subprocess
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.people.cli.test_hooks import home
from tests.faulty_endpoint import faulty_endpoint, says

ANSWER = says("total.py\n```python\ntotal = 3\n```\n")


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["act", "repair"])
@pytest.mark.parametrize("place", [".", None], ids=["in a folder", "without a folder"])
def test_a_model_reads_the_users_own_notes(
    console: Console, folder: Path, strategy: str, place: str | None
) -> None:
    for path, text in {".claude/CLAUDE.md": "Be brief.", ".config/coder/AGENTS.md": "Use tabs."}.items():
        (home(console) / path).parent.mkdir(parents=True, exist_ok=True)
        (home(console) / path).write_text(text)
    (home(console) / ".agents").mkdir()
    (home(console) / ".agents/AGENTS.md").symlink_to(home(console) / ".claude/CLAUDE.md")
    with faulty_endpoint(ANSWER) as endpoint:
        flags = ("--strategy", strategy, "--base-url", endpoint.url, "-m", "toy", "-y", "--max-calls", "1")
        check = ("--check", "from total import total; assert total == 3")
        console.run("solve", "Write total.py.", *([place] if place else []), *check, *flags, cwd=folder)

    first = endpoint.requests[0].body["messages"][-1]["content"]
    assert (
        "from `~/.config/coder/AGENTS.md`; where the task says otherwise, the task holds:\n```\nUse tabs."
        in first
    )
    assert first.count("Be brief.") == 1


@pytest.mark.slow
def test_a_model_that_works_on_a_subfolder_reads_the_notes_of_its_repository(
    console: Console, tmp_path: Path
) -> None:
    web = tmp_path / "shop/web"
    web.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", tmp_path / "shop"], check=True)
    (tmp_path / "shop/AGENTS.md").write_text("Use tabs.")
    (web / "AGENTS.md").write_text("Be brief.")
    with faulty_endpoint(ANSWER) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "-y", "--max-calls", "1")
        console.run("solve", "Write total.py.", ".", *flags, cwd=web)

    first = endpoint.requests[0].body["messages"][-1]["content"]
    assert first.index("from `../AGENTS.md`") < first.index("from `AGENTS.md`")
    assert "Use tabs." in first
    assert "Be brief." in first


@pytest.mark.slow
def test_notes_that_are_no_text_are_refused_by_name(console: Console, folder: Path) -> None:
    (home(console) / ".claude").mkdir()
    (home(console) / ".claude/CLAUDE.md").write_bytes(b"\xff")

    done = console.run("solve", "Write total.py.", ".", "--replay", "x", cwd=folder)

    assert done.code == 2
    assert ".claude/CLAUDE.md isn't UTF-8" in done.err
