"""What an interpreter reports of itself before it runs tests."""

import venv
from pathlib import Path

import pytest

from benchmarks.judge.imported import find_python
from sandbox import Policy, open_sandbox

OLD = "import sys\nsys.version_info = (3, 6)\nsys.modules['importlib.metadata'] = None  # new in 3.8\n"


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("sitecustomize.py", OLD, "python is Python 3.6, and 3.8 is the oldest"),
        ("other.py", "", "python has no pytest"),
        ("pytest.py", "", "is_first_on_path=True"),
    ],
)
async def test_an_interpreter_is_refused_for_its_age_before_a_pytest_that_it_cannot_import(
    tmp_path: Path, module: str, source: str, said: str
) -> None:
    venv.create(tmp_path / "v", symlinks=True)
    packages = next((tmp_path / "v").glob("lib/python3*/site-packages"))
    (packages / module).write_text(source)

    async with open_sandbox(Policy(python=tmp_path / "v" / "bin" / "python")) as sandbox:
        report = await find_python(sandbox, "/")

    assert said in str(report)
