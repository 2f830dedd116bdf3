"""The import contracts name every room, and the packages' doors are light and complete."""

import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import get_args, get_type_hints

import pytest

import coder
import sandbox

ROOT = Path(coder.__file__).parents[1]
PACKAGES = ("sandbox", "coder", "benchmarks")
MOST_AT_A_ROOT = 8


def layered() -> set[str]:
    """Full names of all modules and packages that stand in a layers contract."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    contracts = [one for one in tool["importlinter"]["contracts"] if one["type"] == "layers"]
    return {
        f"{container}.{layer}" if container else layer
        for one in contracts
        for container in one.get("containers", [""])
        for floor in one["layers"]
        for layer in floor.split(" | ")
    }


def rooms() -> set[str]:
    """Full names of all folders of the product that hold Python files."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {".".join(path.parent.relative_to(ROOT).parts) for path in files}


def test_every_room_stands_in_a_layers_contract() -> None:
    assert rooms() <= layered(), sorted(rooms() - layered())


def test_the_root_of_the_sandbox_holds_its_doors_and_its_contract_only() -> None:
    assert len(list((ROOT / "sandbox").glob("*.py"))) <= MOST_AT_A_ROOT


@pytest.mark.parametrize("package", [coder, sandbox], ids=lambda package: package.__name__)
def test_every_exported_name_can_be_had(package: ModuleType) -> None:
    missing = [name for name in package.__all__ if getattr(package, name, None) is None]

    assert missing == []


def test_coder_exports_each_type_that_a_caller_may_pass_to_solve() -> None:
    accepted_types = {
        kind
        for hint in get_type_hints(coder.Options, localns={"Mcp": coder.Mcp}).values()
        for kind in get_args(hint)
    }

    sequences = {Sequence[Callable[..., object] | coder.Mcp], Sequence[coder.Guard]}

    assert sequences <= accepted_types
    assert accepted_types - {type(None), str, *sequences} <= {getattr(coder, name) for name in coder.__all__}


@pytest.mark.parametrize(
    ("package", "loaded_late"),
    [
        ("coder", ("coder.engine.agent", "coder.engine.loop", "sandbox", "openai")),
        ("sandbox", ("sandbox.verdicts", "sandbox.kernel", "sandbox.host", "sandbox.backends")),
    ],
)
def test_importing_a_package_loads_none_of_its_rooms(package: str, loaded_late: tuple[str, ...]) -> None:
    script = f"import sys, {package}; print([name for name in {loaded_late!r} if name in sys.modules])"

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ended.stdout == "[]\n"
