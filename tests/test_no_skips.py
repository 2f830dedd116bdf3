"""Where CODER_NO_SKIPS is set, no test can be skipped, whatever skips it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent
BY_CALL = "import pytest\ndef test_it():\n    pytest.skip('no Docker here')\n"
BY_MARK = "import pytest\n@pytest.mark.skip(reason='no Docker here')\ndef test_it(): pass\n"
BY_IMPORT = "import pytest\npytest.importorskip('no_such_module', reason='no Docker here')\n"


@pytest.mark.slow
@pytest.mark.parametrize("source", [BY_CALL, BY_MARK, BY_IMPORT])
def test_a_skip_is_a_failure_where_none_is_allowed(tmp_path: Path, source: str) -> None:
    allowed = run_in(tmp_path, source)
    forbidden = run_in(tmp_path, source, CODER_NO_SKIPS="1")

    assert allowed.returncode in (0, 5), allowed.stdout  # 5: nothing was run
    assert forbidden.returncode not in (0, 5), forbidden.stdout
    assert "no Docker here" in forbidden.stdout


def test_our_own_tests_are_held_to_it(request: pytest.FixtureRequest) -> None:
    assert request.config.pluginmanager.has_plugin("tests.no_skips")


def run_in(folder: Path, source: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_it.py").write_text(source)
    (folder / "conftest.py").write_text('pytest_plugins = ["tests.no_skips"]\n')
    kept = {name: value for name, value in os.environ.items() if name != "CODER_NO_SKIPS"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(folder)],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(REPOSITORY), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | environ,
        capture_output=True,
        text=True,
    )
