"""What of our own code a sandbox gets."""

import importlib.util
import marshal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox import PythonCode, open_sandbox
from sandbox.supervisor.shipped import TOOLS_MODULE, files_of_one_machine, inner_files

OURS = sys.version_info[:2]


def test_bytecode_goes_with_every_source_and_is_not_compared_with_it() -> None:
    files = inner_files(OURS)
    sources = [path for path in files if path.endswith(".py")]

    for source in sources:
        content = files[importlib.util.cache_from_source(source, optimization="")]
        assert content[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(content[4:8], "little") == 1  # PEP 552: by hash, unchecked
        assert marshal.loads(content[16:]).co_filename == source


def test_on_one_machine_bytecode_goes_without_its_source() -> None:
    files = files_of_one_machine(OURS)
    modules = {path for path in inner_files(OURS) if path.endswith(".py") and "/stream/" not in path}

    assert {path for path in files if path.endswith(".pyc")} == {f"{path}c" for path in modules}
    assert [path for path in files if path.endswith(".py")] == [TOOLS_MODULE]
    for source in modules:
        assert marshal.loads(files[f"{source}c"][16:]).co_filename == source
    assert any(path.endswith(".bpf") for path in files)


@pytest.mark.parametrize("shipped", [inner_files, files_of_one_machine])
def test_an_interpreter_of_another_version_gets_sources_only(
    shipped: Callable[..., dict[str, bytes]],
) -> None:
    files = shipped((3, 8))

    assert any(path.endswith(".py") for path in files)
    assert not any(path.endswith(".pyc") for path in files)


@pytest.mark.parametrize("shipped", [inner_files, files_of_one_machine])
def test_no_path_of_the_host_goes_along(shipped: Callable[..., dict[str, bytes]]) -> None:
    here = str(Path(__file__).parents[3]).encode()

    assert not [path for path, content in shipped(OURS).items() if here in content]


async def test_the_server_of_a_sandbox_is_run_from_the_bytecode() -> None:
    async with open_sandbox() as box:
        source = "import sys; print(sys._getframe(2).f_globals['__cached__'])"
        result = await box.run(PythonCode(source=source))

    assert result.stdout.startswith("/opt/lib/sandbox/inner/process/"), result
    assert result.stdout.endswith(".pyc\n"), result
