"""Packages whose modules are imported when their names are used."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from coder.models.lazy_package import LazyPackages, import_lazily

LAZY = "from coder.models.connection import import_client; import_client({api!r})"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of the import path, whose package `pkg_of_types` is imported lazily."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [LazyPackages("pkg_of_types"), *sys.meta_path])
    (tmp_path / "pkg_of_types" / "chat").mkdir(parents=True)
    yield tmp_path / "pkg_of_types"
    for name in [name for name in sys.modules if name.partition(".")[0] == "pkg_of_types"]:
        del sys.modules[name]


def write(package: Path, **sources: str) -> None:
    for name, source in sources.items():
        (package / f"{name.replace('__in__', '/')}.py").write_text(source)


def test_a_module_is_imported_when_its_name_is_used(package: Path) -> None:
    write(package, __init__="from .a import A as A\nfrom .b import B as C\n", a="A = 1", b="B = 2")

    types = import_module("pkg_of_types")

    assert {"pkg_of_types.a", "pkg_of_types.b"}.isdisjoint(sys.modules)
    assert types.C == 2
    assert "pkg_of_types.a" not in sys.modules
    assert {"A", "C"} <= set(dir(types))
    assert set(types.__all__) == {"A", "C"}
    with pytest.raises(AttributeError, match="no attribute 'B'"):
        _ = types.B


def test_packages_below_it_are_lazy_and_are_modules_of_it(package: Path) -> None:
    write(package, __init__="from .chat import A as A\n", chat__in____init__="from .a import A as A\n")
    write(package, chat__in__a="A = 1")

    chat = import_module("pkg_of_types.chat")

    assert "pkg_of_types.chat.a" not in sys.modules
    assert import_module("pkg_of_types").A == chat.A == 1
    assert import_module("pkg_of_types").chat is chat


@pytest.mark.parametrize(
    "more",
    ["X = 1", "import sys as X", "from .a import *", "from sys import path as X", "__all__ = [X := 'A']"],
)
def test_a_package_that_does_more_than_import_its_own_names_is_imported_at_once(
    package: Path, more: str
) -> None:
    write(package, __init__=f"from .a import A as A\n{more}\n", a="A = 1; X = 2")

    types = import_module("pkg_of_types")

    assert "pkg_of_types.a" in sys.modules
    assert types.X


def test_a_docstring_and_a_list_of_its_names_leave_a_package_lazy(package: Path) -> None:
    write(package, __init__="""'A.'\nfrom .a import A\n__all__ = ["A"]\n""", a="A = 1")

    types = import_module("pkg_of_types")

    assert "pkg_of_types.a" not in sys.modules
    assert types.A == 1


def test_a_package_that_lists_other_names_than_it_imports_is_imported_at_once(package: Path) -> None:
    write(package, __init__="""from .a import A, B\n__all__ = ["A"]\n""", a="A = B = 1")

    types = import_module("pkg_of_types")

    assert types.__all__ == ["A"]


@pytest.mark.slow
@pytest.mark.parametrize(("api", "client"), [("chat", "openai"), ("messages", "anthropic")])
def test_a_client_loads_aiohttp_only_for_a_client_of_it(api: str, client: str) -> None:
    pytest.importorskip("aiohttp")
    script = (
        f"{LAZY.format(api=api)}; import sys, {client} as sdk; print('aiohttp' in sys.modules);"
        "sdk.DefaultAioHttpClient(); print('aiohttp' in sys.modules)"
    )

    assert subprocess.check_output([sys.executable, "-c", script], text=True).split() == ["False", "True"]


def test_a_package_is_registered_once() -> None:
    before = list(sys.meta_path)
    try:
        import_lazily("a_package")
        import_lazily("a_package")

        assert len(sys.meta_path) == len(before) + 1
    finally:
        sys.meta_path[:] = before


@pytest.mark.slow
@pytest.mark.parametrize(("api", "most"), [("chat", 100), ("responses", 300)])
def test_a_client_loads_few_of_its_types(api: str, most: int) -> None:
    def count(script: str) -> int:
        program = f"{script}; import json, sys; print(json.dumps([*sys.modules]))"
        names = json.loads(subprocess.check_output([sys.executable, "-c", program]))
        return sum(name.startswith("openai.types.") for name in names)

    assert count(LAZY.format(api=api)) <= most < count("import openai")


@pytest.mark.slow
def test_every_name_of_the_clients_types_is_what_it_is_without_laziness() -> None:
    script = (
        "import sys; from importlib import import_module\n"
        "from coder.models.lazy_package import import_lazily\n"
        "if sys.argv[1] == 'lazy': import_lazily('openai.types')\n"
        "for package in ('types', 'types.chat', 'types.responses', 'types.shared', 'types.beta'):\n"
        "    module = import_module(f'openai.{package}')\n"
        "    for name in dir(module):\n"
        "        value = getattr(module, name)\n"
        "        if name[0].isupper(): print(package, name, value)\n"
    )
    lazy, eager = (
        subprocess.check_output([sys.executable, "-c", script, how], text=True) for how in ("lazy", "eager")
    )

    assert lazy == eager
    assert len(eager.splitlines()) > 500
