"""Rules on tools of MCP servers: servers and tools are compared as pairs."""

import json

import pytest

from coder.config.mcp_files import read_servers
from coder.config.mcp_rules import ServerName
from coder.config.permission_rules import of_tool, unenforced
from coder.run.extensions import Rules


def allows(row: str, server: ServerName, tool: str) -> bool:
    return of_tool(Rules(allow=(row,)), server, tool) is not None


def denies(row: str, server: ServerName, tool: str) -> bool:
    return of_tool(Rules(deny=(row,)), server, tool) is not None


def test_a_rule_that_allows_a_tool_allows_none_of_a_server_with_both_names() -> None:
    row = "mcp__tickets__comment"

    assert allows(row, ServerName("tickets"), "comment")
    assert not allows(row, ServerName("tickets__comment"), "delete_all")
    assert not allows("mcp__tickets__comment__*", ServerName("tickets__comment"), "delete_all")


@pytest.mark.parametrize(
    ("row", "tool", "is_covered"),
    [
        ("mcp__shop__delete*", "delete_all", True),
        ("mcp__shop__delete*", "get", False),
        ("mcp__shop__*_all", "delete_all", True),
        ("mcp__shop__*", "get", True),
    ],
)
def test_a_star_in_a_tool_stands_for_any_text(row: str, tool: str, is_covered: bool) -> None:
    assert denies(row, ServerName("shop"), tool) == is_covered
    assert allows(row, ServerName("shop"), tool) == is_covered


def test_a_server_whose_name_is_rewritten_is_known_by_each_of_its_names() -> None:
    server = json.dumps({"mcpServers": {"my.server": {"command": "x"}}})
    ((mcp,), _) = read_servers(server.encode(), None)

    for row in ("mcp__my.server", "mcp__my_server__get", "mcp__my-server__*", "mcp__MY.Server__get"):
        assert denies(row, mcp.known_as, "get")
    for row in ("mcp__my.server", "mcp__my_server__get", "mcp__my-server__*"):
        assert allows(row, mcp.known_as, "get")


def test_a_second_server_of_one_name_is_denied_with_the_first_and_not_allowed_with_it() -> None:
    server = json.dumps({"mcpServers": {"shop": {"command": "x"}}})
    ((second,), _) = read_servers(server.encode(), None, taken=["shop"])

    assert second.name != "shop"
    assert denies("mcp__shop__pay", second.known_as, "pay")
    assert not allows("mcp__shop__pay", second.known_as, "pay")


@pytest.mark.parametrize("row", ["mcp__a__b__c", "mcp__a__b", "mcp__a", "mcp__*__c", "mcp__*"])
def test_a_rule_that_denies_holds_however_its_names_are_split(row: str) -> None:
    assert any(denies(row, ServerName(name), tool) for name, tool in (("a__b", "c"), ("a", "b__c")))
    assert denies(row, ServerName("a__b"), "c") or row == "mcp__a"


def test_a_server_that_is_allowed_by_a_star_is_not_and_the_rule_is_named() -> None:
    rules = Rules(allow=("mcp__*", "mcp__sh*__get"), deny=("mcp__shop__get(x)", "mcp__"))

    assert of_tool(Rules(allow=rules.allow), ServerName("shop"), "get") is None
    assert of_tool(rules, ServerName("shop"), "get") is not None
    assert of_tool(Rules(deny=("mcp__",)), ServerName("any"), "x") is not None
    notes = unenforced(rules)
    assert "named exactly" in notes["mcp__*"]
    assert "denies mcp__shop__get as a whole" in notes["mcp__shop__get(x)"]
    assert "denies mcp__* as a whole" in notes["mcp__"]
