"""The user's rules (`permissions` of settings.json) in a run: tools of servers, and files that land."""

import json
import sys
from pathlib import Path

import pytest

from tests.coder.people.cli.console import Console
from tests.coder.tools.test_mcp_client import ROUGH
from tests.faulty_endpoint import calls, faulty_endpoint, says

WORK = "mkdir -p docs .github && echo 1 > docs/a.md && echo 'def total(): return 3' > total.py"
CHECK = ("--check", "from total import total; assert total() == 3")


def rules(console: Console, **permissions: list[str]) -> None:
    path = Path(console.environ["HOME"]) / ".claude/settings.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"permissions": permissions}))


@pytest.mark.slow
def test_a_denied_file_does_not_land_even_if_a_flag_allows_it(console: Console, folder: Path) -> None:
    rules(console, deny=["Edit(docs/**)"], allow=["Edit(docs/a.md)"])
    with faulty_endpoint(calls("bash", command=WORK), calls("done", summary="Done.")) as endpoint:
        flags = ("--strategy", "act", "--base-url", endpoint.url, "-m", "toy", "-y", "--allow", "docs/a.md")
        done = console.run("solve", "Write total.py.", ".", *CHECK, *flags, cwd=folder)

    assert (folder / "total.py").exists(), done.err
    assert not (folder / "docs").exists()
    assert "docs/a.md" in done.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("permissions", "names", "is_asked"),
    [
        ({}, {"shop_say", "shop_pay"}, True),
        ({"deny": ["mcp__shop__pay"]}, {"shop_say"}, False),
        ({"deny": ["mcp__shop"], "allow": ["mcp__shop__say"]}, set(), False),
        ({"allow": ["mcp__shop__pay"]}, {"shop_say", "shop_pay"}, False),
    ],
)
def test_tools_of_a_server_are_denied_or_called_without_a_question(
    console: Console, folder: Path, permissions: dict[str, list[str]], names: set[str], is_asked: bool
) -> None:
    rules(console, **permissions)
    with faulty_endpoint(calls("shop_pay", text="tea"), says("Done.")) as endpoint:
        flags = ("--mcp", f"shop={sys.executable} {ROUGH}", "--base-url", endpoint.url, "-m", "toy")
        done = console.run("chat", ".", *flags, "--strategy", "act", stdin=b"Pay.\nn\n", cwd=folder)

    offered = {tool["function"]["name"] for tool in endpoint.requests[0].body["tools"]}
    assert {"shop_say", "shop_pay"} & offered == names
    if "shop_pay" in names:
        assert ("did not allow" in endpoint.requests[1].body["messages"][-1]["content"]) == is_asked, done.err
