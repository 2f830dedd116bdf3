"""The registry's entry fits its rules, the package, and what the agent answers."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from acp import RequestError
from acp.schema import AuthMethodAgent

from tests.coder.people.acp.editor import editing
from tests.coder.people.cli.console import Console

ROOT = Path(__file__).parents[4]
FOLDER = ROOT / "examples" / "acp-registry" / "coder-agent"


def test_the_entry_names_this_package_its_version_and_a_command_that_it_has() -> None:
    entry = json.loads((FOLDER / "agent.json").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]

    assert (entry["id"], entry["version"], entry["license"]) == (FOLDER.name, version, project["license"])
    assert entry["distribution"] == {"uvx": {"package": f"{name}[acp]=={version}", "args": ["acp"]}}
    assert name in project["scripts"]  # what uvx starts for a package
    assert "acp" in project["optional-dependencies"]


def test_the_entry_has_the_fields_that_the_registry_asks_for() -> None:
    # agent.schema.json of github.com/agentclientprotocol/registry, as it was in August 2026
    entry = json.loads((FOLDER / "agent.json").read_text())

    assert re.fullmatch(r"[a-z][a-z0-9-]*", entry["id"])
    assert {"id", "name", "version", "description", "distribution"} <= entry.keys()
    assert re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])


def test_the_icon_is_a_small_square_in_the_colour_of_the_text() -> None:
    icon = (FOLDER / "icon.svg").read_text()

    assert 'width="16" height="16"' in icon
    assert set(re.findall(r'(?:fill|stroke)="([^"]*)"', icon)) == {"none", "currentColor"}


@pytest.mark.slow
async def test_the_agent_names_a_method_of_authentication_and_takes_no_other(console: Console) -> None:
    async with editing(console) as editor:
        (method,) = editor.initialized.auth_methods or []
        assert isinstance(method, AuthMethodAgent)
        await editor.agent.authenticate(method_id=method.id)
        with pytest.raises(RequestError) as refused:
            await editor.agent.authenticate(method_id="password")

    assert refused.value.code == -32602
