"""Functions that --tool names."""

from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.tools.named_functions import functions_named

MODULE = '''
def price_of(item: str) -> str:
    """The price of an item."""
    return {"tea": "3"}.get(item, "?")


def nameless(item: str) -> str:
    return item


def bash(command: str) -> str:
    """Run."""
    return command


NUMBER = 5
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop_tools_x.py").write_text(MODULE)
    (tmp_path / "broken_x.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_function_of_a_module_in_the_folder_is_found() -> None:
    (function,) = functions_named(["shop_tools_x:price_of"])

    assert function("tea") == "3"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("shop_tools_x", "names no function. Write MODULE:FUNCTION"),
        (":price_of", "names no function"),
        ("no_such_module_x:f", "can't be imported: ModuleNotFoundError"),
        ("broken_x:f", "can't be imported: ZeroDivisionError"),
        ("shop_tools_x:price", "no such function; did you mean price_of"),
        ("shop_tools_x:NUMBER", "no such function"),
        ("shop_tools_x:nameless", "nameless has no docstring"),
        ("shop_tools_x:bash", "bash"),
    ],
)
def test_what_can_be_no_tool_is_refused_by_name(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        functions_named([name])
