"""What the start of a run imports: every run pays for it where no server is cloned."""

import subprocess
import sys
from pathlib import Path

import pytest

import sandbox
from sandbox import Policy, PythonCode, open_sandbox
from sandbox.backends.bubblewrap import open_bubblewrap
from tests.bare_python import bare_python

ROOT = Path(sandbox.__file__).parents[1]
ONLY_TRACEBACKS = ("traceback", "linecache", "tokenize", "textwrap")


@pytest.mark.parametrize("module", ["spawn_alone", "spawn_server"])
def test_a_start_imports_nothing_that_only_tracebacks_need(module: str) -> None:
    name = f"sandbox.inner.process.{module}"

    loaded = modules_after(f"sys.path.append({str(ROOT)!r}); import {name}")

    assert name in loaded
    assert not {*ONLY_TRACEBACKS} & (loaded - modules_after("pass"))  # Python 3.13 imports some by itself


def modules_after(statement: str) -> set[str]:
    """Return the modules of a new interpreter that has run this statement."""
    argv = [sys.executable, "-I", "-S", "-c", f"import sys; {statement}; print(*sys.modules)"]
    return {*subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()}


async def test_a_program_with_modules_of_these_names_has_pythons_traceback() -> None:
    program = PythonCode(source="def fail():\n    raise ValueError('it fails')\nfail()\n")
    own = dict.fromkeys((f"{name}.py" for name in ONLY_TRACEBACKS), b"raise SystemExit('own module')\n")

    async with open_sandbox(Policy(python=bare_python()), backend="bubblewrap") as box:
        await box.lay(own)
        result = await box.run(program)

    assert result.exit_code == 1
    assert result.stderr.startswith("Traceback (most recent call last):\n")
    assert "    raise ValueError('it fails')\nValueError: it fails\n" in result.stderr
    assert "own module" not in result.stderr


@pytest.mark.parametrize(("starts", "imported"), [(1, False), (2, True)])
async def test_a_module_of_an_entry_is_imported_once_for_all_where_it_is_started_again(
    starts: int, imported: bool
) -> None:
    hidden = "sys._getframe(1).f_globals['_FORGOTTEN']"
    look = PythonCode(source=f"import sys\nprint('sandbox.inner.checker.checker' in {hidden})\n")

    async with open_bubblewrap(Policy(python=bare_python()), walls="two") as box:
        for _ in range(starts):
            await (await box.start("checker.checker", {"once": True})).finish()
        outputs = [(await box.run(look)).stdout for _ in range(6)]

    assert outputs[-1] == f"{imported}\n"  # the first ones were forked before
