"""How a sandbox is opened, and what is said where it can't be."""

import os
import sys

import pytest

from sandbox import BackendMissing, Policy, PythonCode, SandboxBroken, open_sandbox, probe_backends
from sandbox.host.verify_walls import namespaces_of, verify
from tests.less_machine import no_namespaces, run_behind


async def test_an_unknown_backend_is_told_with_the_nearest_names() -> None:
    with pytest.raises(ValueError, match=r"no sandbox backend 'bublewrap'\. Did you mean bubblewrap"):
        async with open_sandbox(backend="bublewrap"):
            pass


async def test_a_backend_can_be_asked_for_by_its_name() -> None:
    async with open_sandbox(backend="bubblewrap") as box:
        assert (await box.run(PythonCode(source="print(1)"))).ok


async def test_every_backend_is_probed_by_running_a_program_in_it() -> None:
    reports = await probe_backends()

    found = {report.name: report for report in reports}
    assert found["bubblewrap"].works, found["bubblewrap"].detail
    assert "a program ran in it" in found["bubblewrap"].detail
    assert {name for name, report in found.items() if not report.automatic} == {"restricted", "unsafe-host"}


async def test_without_bubblewrap_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(BackendMissing, match=r"isn't installed.*sudo apt-get install bubblewrap"):
        async with open_sandbox(backend="bubblewrap"):
            pass

    (report,) = [report for report in await probe_backends() if report.name == "bubblewrap"]
    assert not report.works
    assert report.fix == "sudo apt-get install bubblewrap"


_OPENED = """
import asyncio
from sandbox import BackendMissing, open_sandbox
async def main():
    async with open_sandbox(backend="bubblewrap"):
        print("open")
try:
    asyncio.run(main())
except BackendMissing as error:
    print(error)
"""


def test_a_bubblewrap_that_is_refused_namespaces_is_explained() -> None:
    done = run_behind(no_namespaces(), sys.executable, "-c", _OPENED)

    assert done.stdout.startswith("User namespaces are refused here, and bubblewrap needs them"), done.stderr
    assert "bwrap: Creating new namespace failed" in done.stdout


async def test_a_strict_policy_opens_where_every_guarantee_is_kept() -> None:
    async with open_sandbox(Policy(strict=True)) as box:
        assert all(item.mechanism for item in box.capabilities())


async def test_the_policys_environment_reaches_programs() -> None:
    async with open_sandbox(Policy(environment={"GIVEN": "x", "PYTHONPATH": "/w/lib"})) as box:
        await box.write("lib/theirs.py", b"value = 3")
        result = await box.run(
            PythonCode(source="import os, theirs; print(os.environ['GIVEN'], theirs.value)")
        )

    assert result.stdout == "x 3\n", result.stderr


def test_a_process_with_privileges_is_never_lent() -> None:
    with pytest.raises(SandboxBroken, match="not lent"):
        verify(os.getpid(), apart_from=[namespaces_of("self")], without=frozenset())


def test_a_process_that_shares_a_namespace_is_never_lent() -> None:
    everything = frozenset({"capabilities", "no_new_privs", "seccomp"})

    with pytest.raises(SandboxBroken, match="shares namespaces"):
        verify(os.getpid(), apart_from=[namespaces_of("self")], without=everything)
