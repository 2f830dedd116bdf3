"""`coder solve --strategy act` as a person meets it; an endpoint on loopback says what it is told to."""

import json
import signal
import sys
from pathlib import Path

import pytest

from sandbox import Command, Policy, open_sandbox
from tests.coder.people.cli.console import Console
from tests.coder.tools.test_mcp_client import ROUGH
from tests.faulty_endpoint import calls, faulty_endpoint, message, says
from tests.only_pytest import only_pytest
from tests.processes import processes_with, wait_until

FILES = {
    "shelf.py": "def books():\n    return ['a']\n",
    "app.py": "from shelf import books\n\n\ndef count():\n    return len(books())\n",
    "tests/test_shelf.py": "from shelf import books\n\n\ndef test_books():\n    assert books() == ['a']\n",
    "tests/test_app.py": "from app import count\n\n\ndef test_count():\n    assert count() == 1\n",
}
UNITTEST = """import unittest

from app import count


class Test(unittest.TestCase):
    def test_count(self):
        self.assertEqual(count(), 1)
"""
RENAME = r"""```bash
git mv shelf.py rack.py && git mv tests/test_shelf.py tests/test_rack.py
sed -i s/shelf/rack/g app.py tests/*.py
head -c 11000000 /dev/zero > large.bin; printf '\377' > cover.bin
```"""


@pytest.mark.slow
async def test_a_module_that_is_renamed_with_its_tests_lands_whole_by_the_command_on_the_screen(
    console: Console, folder: Path
) -> None:
    for path, text in FILES.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    python = only_pytest()
    flags = ("--strategy", "act", "--python", str(python), "--test", "python -m pytest -q", "--json")
    with faulty_endpoint(says(RENAME), says("DONE"), says("DONE")) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        done = console.run("solve", "Rename shelf to rack, tests too.", ".", *flags, *model, cwd=folder)
        prompts = [request.body["messages"][-1]["content"] for request in endpoint.requests]
        details = console.run("show", "run_", cwd=folder)
        command = done.next.partition("coder resume ")[2].split()
        landed = console.run("resume", *command, "--json", *model, cwd=folder)

    assert "left out, lands nowhere: large.bin: too_large" in prompts[1]
    assert "contradicts given tests, which fail as they were: tests/test_shelf.py." in prompts[2]
    assert (done.code, len(prompts)) == (8, 3), done.err
    left_out = {"large.bin": "too_large", "tests/test_shelf.py": "needs_allow"}
    assert json.loads(done.out)["left_out"] == left_out
    assert "left out large.bin: larger than 10 MiB" in done.err
    assert "left out tests/test_shelf.py: given tests" in done.err
    assert "tests/test_shelf.py  (left out: needs --allow)" in details.out
    assert "cover.bin binary, 1 bytes" in done.err
    assert "(binary, 1 bytes)" in details.out
    assert command[1:] == ["--accept-unverified", "--allow", "tests/test_shelf.py"]
    assert landed.code == 0, landed.err
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.py")}
    assert sorted(files) == ["app.py", "rack.py", "tests/test_app.py", "tests/test_rack.py"]
    assert (folder / "cover.bin").read_bytes() == b"\xff"
    async with open_sandbox(Policy(python=python)) as sandbox:
        await sandbox.lay(files)
        tested = await sandbox.run(Command(argv=("python3", "-m", "pytest", "-q", "-p", "no:cacheprovider")))
    assert "2 passed" in tested.stdout


@pytest.mark.slow
def test_a_model_calls_a_function_that_the_user_names(console: Console, folder: Path) -> None:
    (folder / "prices.py").write_text(
        'def price_of(item: str) -> str:\n    """Its price."""\n    return "3"\n'
    )
    right = (
        "`total.py`\n```python\n<<<<<<< SEARCH\n=======\ndef total():\n    return 3\n>>>>>>> REPLACE\n```\n"
    )
    with faulty_endpoint(calls("price_of", item="tea"), says(right)) as endpoint:
        flags = ("--tool", "prices:price_of", "--base-url", endpoint.url, "-m", "toy")
        check = ("--check", "from total import total; assert total() == 3")
        done = console.run("solve", "Write total.py.", ".", *check, *flags, cwd=folder)
        refused = console.run("solve", "Write total.py.", *flags, "--strategy", "repair", cwd=folder)

    assert done.code == 0, done.err
    names = [tool["function"]["name"] for tool in endpoint.requests[0].body["tools"]]
    assert "price_of" in names
    assert endpoint.requests[1].body["messages"][-1]["content"].startswith("3")
    assert refused.code == 2
    assert "--strategy repair calls none" in refused.err


@pytest.mark.slow
def test_the_patch_of_a_run_that_is_not_solved_holds_modes(console: Console, folder: Path) -> None:
    work = calls("bash", command="printf 'echo 1' > run; chmod +x run")
    with faulty_endpoint(work, calls("done", summary="Done."), calls("done", summary="Done.")) as endpoint:
        flags = ("--check", "assert False", "--strategy", "act", "--base-url", endpoint.url, "-m", "toy")
        done = console.run("solve", "Write total.py.", ".", *flags, cwd=folder)

    exported = console.run("export", "run_", cwd=folder)

    assert done.code == 1, done.err
    assert "new file mode 100755\n" in exported.out


@pytest.mark.slow
@pytest.mark.parametrize(("before", "status"), [("[]", "solved"), ("['a']", "unverified")])
def test_what_a_run_made_of_given_tests_cannot_be_allowed_once_it_has_landed(
    console: Console, folder: Path, before: str, status: str
) -> None:
    for path, text in FILES.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    (folder / "shelf.py").write_text(f"def books():\n    return {before}\n")
    work = "sed -i \"s/\\[\\]/['a']/\" shelf.py; echo '# more' | tee -a shelf.py >> tests/test_app.py"
    with faulty_endpoint(calls("bash", command=work), calls("done", summary="Done.")) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy")
        flags = ("--strategy", "act", "--test", "python -m unittest tests/test_app.py", "--accept-unverified")
        (folder / "tests/test_app.py").write_text(UNITTEST)
        done = console.run("solve", "Mend books.", ".", *flags, *model, cwd=folder)
        late = console.run("resume", "run_", "--allow", "tests/test_app.py", *model, cwd=folder)
        document = console.run("resume", "run_", "--json", *model, cwd=folder)

    assert (done.code, late.code) == (0, 2), done.err
    assert f"was {status} and has written its files: --allow comes too late" in late.err
    assert "+# more" in json.loads(document.out)["test_patch"]


@pytest.mark.slow
def test_a_model_of_anthropics_works_and_its_signatures_are_shown_to_nobody(
    console: Console, folder: Path
) -> None:
    signature = "c2lnbmVk" * 40
    thought = {"type": "thinking", "thinking": "Hm.", "signature": signature}
    work = {"command": "printf 'def total():\\n    return 3\\n' > total.py"}
    called = {"type": "tool_use", "id": "a", "name": "bash", "input": work}
    done = {"type": "tool_use", "id": "b", "name": "done", "input": {"summary": "Done."}}
    answers = [message(thought, called, stop="tool_use"), message(thought, done, stop="tool_use")]
    with faulty_endpoint(*answers) as endpoint:
        keys = {"ANTHROPIC_BASE_URL": endpoint.url, "ANTHROPIC_API_KEY": "none"}
        check = ("--check", "from total import total; assert total() == 3", "--effort", "high")
        ended = console.run(
            "solve", "Write total.py.", ".", *check, "-m", "anthropic/toy", cwd=folder, **keys
        )
        outputs = [
            console.run("show", "run_", *more, cwd=folder) for more in ((), ("--full",), ("--step", "1"))
        ]
        stored = console.run("show", "run_", "--json", "--full", cwd=folder)

    second = endpoint.requests[1].body
    assert ended.code == 0, ended.err
    assert second["messages"][1]["content"] == [thought, called]
    assert second["output_config"] == {"effort": "high"}
    assert signature in stored.out
    assert not any(signature in text for one in (ended, *outputs) for text in (one.out, one.err))


@pytest.mark.slow
def test_the_plan_of_a_model_stands_on_the_screen_and_in_show(console: Console, folder: Path) -> None:
    steps = [{"text": "look\x1b[2J", "status": "done"}, {"text": "write total.py", "status": "doing"}]
    right = (
        "`total.py`\n```python\n<<<<<<< SEARCH\n=======\ndef total():\n    return 3\n>>>>>>> REPLACE\n```\n"
    )
    with faulty_endpoint(calls("plan", steps=steps), says(right)) as endpoint:
        check = ("--check", "from total import total; assert total() == 3", "--strategy", "act", "--detach")
        done = console.run(
            "solve", "Write total.py.", ".", *check, "--base-url", endpoint.url, "-m", "toy", cwd=folder
        )
    details = console.run("show", "run_", cwd=folder)

    assert done.code == 0, done.err
    assert "  · plan  2 steps, 1 done\n    [x] look" in done.err
    assert "    [>] write total.py\n" in done.err
    assert "\x1b[2J" not in done.err
    assert "  calls plan  (step 1)\n    [x] look" in details.out
    assert "    2 steps, 1 done\n" in details.out


@pytest.mark.slow
def test_attempts_are_told_apart_and_one_of_them_lands(console: Console, folder: Path) -> None:
    (folder / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    edit = "calc.py\n```\n<<<<<<< SEARCH\n    return a - b\n=======\n    return a + b\n>>>>>>> REPLACE\n```\n"
    flags = ("--check", "from calc import add; assert add(1, 2) == 3", "--strategy", "act", "--samples", "2")
    with faulty_endpoint(says(edit), says(edit)) as endpoint:
        model = ("--base-url", endpoint.url, "-m", "toy", "--price", "1,1")
        done = console.run("solve", "Mend add.", ".", *flags, *model, cwd=folder)
    (document,) = json.loads(console.run("ls", "--json", cwd=folder).out)
    details = console.run("show", document["run_id"], cwd=folder).out
    costs = json.loads(console.run("show", document["run_id"], "--cost", "--json", cwd=folder).out)

    assert done.code == 0, done.err
    assert (folder / "calc.py").read_text() == "def add(a, b):\n    return a + b\n"
    assert any(line in ("  1: ✓ 1 of 1 passed", "  2: ✓ 1 of 1 passed") for line in done.said)
    assert any(line.startswith("  · attempt ") and " is chosen: " in line for line in done.said)
    assert f"coder undo {document['run_id']}" in done.next
    assert [f"attempt {n}  {document['run_id']}.{n}" in details for n in (1, 2)] == [True, True]
    assert len(costs["calls"]) == len(endpoint.requests) == 2


@pytest.mark.slow
def test_a_model_calls_a_tool_of_an_mcp_server_that_the_user_names(console: Console, folder: Path) -> None:
    server = f"{sys.executable} {ROUGH}"
    config = console.home / ".config/coder/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[mcp.filed]\ncommand = "{server}"\n[mcp.broken]\ncommand = "{server} exit"\n')
    right = (
        "`total.py`\n```python\n<<<<<<< SEARCH\n=======\ndef total():\n    return 3\n>>>>>>> REPLACE\n```\n"
    )
    steps = (calls("shop_say", text="three"), calls("filed_say", text="four"), says(right))
    with faulty_endpoint(*steps) as endpoint:
        flags = ("--mcp", f"shop={server}", "--base-url", endpoint.url, "-m", "toy")
        check = ("--check", "from total import total; assert total() == 3")
        done = console.run("solve", "Write total.py.", ".", *check, *flags, cwd=folder)
        refused = console.run("solve", "Write total.py.", *flags, "--strategy", "repair", cwd=folder)

    assert done.code == 0, done.err
    tool_outputs = [request.body["messages"][-1]["content"] for request in endpoint.requests[1:]]
    assert [text.splitlines()[0] for text in tool_outputs] == ["three", "four"]
    assert done.err.count("MCP server broken can't be used") == 1
    assert refused.code == 2
    assert "--strategy repair calls none" in refused.err


@pytest.mark.slow
def test_a_chat_has_the_servers_that_the_user_names(console: Console, folder: Path) -> None:
    with faulty_endpoint(calls("shop_say", text="three"), says("It is three.")) as endpoint:
        flags = ("--mcp", f"shop={sys.executable} {ROUGH}", "--base-url", endpoint.url, "-m", "toy")
        done = console.run("chat", ".", *flags, "--strategy", "act", stdin=b"How many?\n", cwd=folder)

    assert done.code == 0, done.err
    assert endpoint.requests[1].body["messages"][-1]["content"] == "three"


@pytest.mark.slow
def test_an_interrupt_in_a_call_ends_the_server_and_leaves_no_word_of_it(
    console: Console, folder: Path
) -> None:
    config = console.home / ".config/coder/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[mcp.shop]\ncommand = "{sys.executable} {ROUGH} ctrl-c"\nenv = ["CALLED_LOG"]\n')
    called = console.home / "called"
    with faulty_endpoint(calls("shop_hang")) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy")
        with console.start("solve", "Write it.", *flags, cwd=folder, CALLED_LOG=str(called)) as process:
            assert wait_until(called.exists)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=300)

    assert process.returncode == 130
    first, *last = [line.split(b" run_")[0].strip() for line in errors.splitlines()]
    assert first.endswith(b"toy answers; programs run in bubblewrap")
    assert last == [
        b"error: Interrupted and saved.",
        b"Go on with: coder resume",
    ]
    assert processes_with(f"{ROUGH}\0ctrl-c") == []


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "times"), [((), 2), (("--no", "it was paid"), 1)])
def test_a_call_with_an_effect_is_made_again_after_a_kill_only_where_a_person_says_so(
    console: Console, folder: Path, answer: tuple[str, ...], times: int
) -> None:
    config, called = console.home / ".config/coder/config.toml", console.home / "called"
    config.parent.mkdir(parents=True)
    server = f'command = "{sys.executable} {ROUGH}"\nenv = ["CALLED_LOG"]\nallow = ["pay"]'
    config.write_text(f"[mcp.shop]\n{server}\n")
    right = (
        "`total.py`\n```python\n<<<<<<< SEARCH\n=======\ndef total():\n    return 3\n>>>>>>> REPLACE\n```\n"
    )
    with faulty_endpoint(calls("shop_pay", text="3"), says(right)) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy")
        check = ("--check", "from total import total; assert total() == 3")
        begin = ("solve", "Write total.py.", ".", *check, *flags)
        with console.start(*begin, cwd=folder, CALLED_LOG=str(called)) as process:
            assert wait_until(called.exists)
            process.kill()
        resume = console.run("resume", "run_", *flags, cwd=folder, CALLED_LOG=str(called))
        done = console.run("approve", "run_", *answer, *flags, cwd=folder, CALLED_LOG=str(called))

    assert resume.code == 9, resume.err
    assert "shop_pay" in resume.err
    assert "may have had its effect or not. Make it again?" in resume.err
    assert done.code == 0, done.err
    assert called.read_text() == 'pay {"text": "3"}\n' * times
    assert len(endpoint.requests) == 2


@pytest.mark.slow
def test_a_terminal_shows_all_of_a_call_above_the_place_where_a_person_allows_it(
    console: Console, folder: Path
) -> None:
    config = console.home / ".config/coder/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[mcp.shop]\ncommand = "{sys.executable} {ROUGH}"\n')
    text = f"SELECT 1;{' ' * 400}\nDROP TABLE users;"
    right = (
        "`total.py`\n```python\n<<<<<<< SEARCH\n=======\ndef total():\n    return 3\n>>>>>>> REPLACE\n```\n"
    )
    with faulty_endpoint(calls("shop_pay", text=text), says(right)) as endpoint:
        flags = ("--base-url", endpoint.url, "-m", "toy", "--strategy", "act")
        done = console.on_terminal(
            "solve",
            "Write total.py.",
            str(folder),
            *flags,
            answers={"[a]lways, [N]o: ": "n\n", "be different: ": "n\n"},
            columns=120,
        )

    screen, _, _ = done.out.partition("Allow this? [y]es, [a]lways, [N]o: ")
    assert "DROP TABLE users;" in screen
    assert "\\n" not in screen
    assert "did not allow this call" in str(endpoint.requests[1].body["messages"])
