"""Entry points: which packages add, and how often they are read."""

import os
import subprocess
import sys
from pathlib import Path

_ENTRIES = "[sandbox.backends]\nislands = islands:open_island\n[coder.providers]\nisle = islands:PROVIDER\n"
_COUNT_READS = """
import sys
reads = []
sys.addaudithook(lambda event, args: event == "open" and reads.append(str(args[0])))
from sandbox.interpreter.plugins import find_plugins
for group in ("sandbox.backends", "coder.providers", "sandbox.backends"):
    print(*sorted(plugin.name for plugin in find_plugins(group) if plugin.value.startswith("islands:")))
print(sum("islands-1.0" in path for path in reads))
"""


def test_groups_of_another_package_are_found_and_its_list_is_read_once(tmp_path: Path) -> None:
    package = tmp_path / "islands-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: islands\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(_ENTRIES)

    done = subprocess.run(
        [sys.executable, "-c", _COUNT_READS],
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert done.stdout.split() == ["islands", "isle", "islands", "1"]


def test_the_package_itself_loads_nothing_before_a_name_is_used() -> None:
    code = "import sys, sandbox; print([name for name in sys.modules if name.startswith('sandbox')])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "['sandbox']\n"
