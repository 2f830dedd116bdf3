"""Modules that a policy preloads: Python code finds them imported, and a candidate's own are its own."""

import pytest

from sandbox import Policy, PythonCode, open_sandbox
from sandbox.verdicts.check import Assertion, check
from tests.only_pytest import only_pytest

POLICY = Policy(python=only_pytest(), preload=("nowhere_to_be_had", "pytest"))
LOADED = PythonCode(source="import sys\nprint('pytest' in sys.modules, 'nowhere_to_be_had' in sys.modules)")


async def test_python_code_finds_modules_that_the_policy_preloads_imported() -> None:
    async with open_sandbox(POLICY, backend="bubblewrap") as box:
        lasting, fresh = await box.run(LOADED), await box.run(LOADED, fresh=True)

    assert (lasting.stdout, fresh.stdout) == ("True False\n", "True False\n")


@pytest.mark.slow
async def test_what_one_run_changes_of_a_preloaded_module_no_other_sees() -> None:
    change = PythonCode(source="import pytest\nprint(hasattr(pytest, 'changed'))\npytest.changed = 1")

    async with open_sandbox(POLICY, backend="bubblewrap") as box:
        results = [await box.run(change) for _ in range(2)]

    assert [result.stdout for result in results] == ["False\n", "False\n"]


@pytest.mark.slow
async def test_a_candidates_own_module_is_tested_though_one_of_its_name_is_preloaded() -> None:
    async with (
        open_sandbox(POLICY, backend="bubblewrap") as candidate,
        open_sandbox(POLICY, backend="bubblewrap") as checker,
    ):
        await candidate.lay({"iniconfig.py": b"def own(): return 7\n"})  # pytest imports another one
        report = await check(candidate, checker, [Assertion(source="own() == 7")], module="iniconfig")

    assert report.passed
