"""The contract of `Sandbox` on the backend without namespaces: what it can't keep is named here."""

import tempfile
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from sandbox import Policy
from sandbox.backends.container import open_in_container
from tests.contracts.kept_open import KeptOpen
from tests.contracts.rules import CONTRACT, Rule
from tests.contracts.test_sandbox import COUNTED
from tests.system_python import SYSTEM_PYTHON

POLICY = Policy(python=SYSTEM_PYTHON, wall_s=60)
NOT_KEPT = {
    "the_disk_is_bounded": "no file system bounds the workspace: a run that holds too much is ended",
    "the_disk_of_a_fresh_run_is_bounded": "likewise",
    "nothing_answers_on_the_network": "there are no sockets, on the loopback interface neither",
    "two_runs_at_once_do_not_meet": "the rule makes a socket; /proc of the machine isn't listed",
    "the_environment_is_clean": "TMPDIR is set, as /tmp is the machine's",
    "python_code_is_main": "a semaphore of multiprocessing is a file in /dev/shm, which is the machine's",
    "all_of_the_workspace_can_be_removed": "the rule makes a socket",
    "only_plain_files_are_artifacts": "the rule makes a socket",
    "a_fresh_run_has_a_workspace_of_its_own": "its path is another one each time",
    "timers_of_one_run_leave_another_its_own": "there are no user namespaces, and they share a uid",
    "watches_of_one_run_leave_another_its_own": "there is no inotify",
}


@pytest.fixture(scope="module")
def in_memory() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", "/dev/shm")  # as TMPDIR would; a disk is slow with many files
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def contained(in_memory: None, allowed_host: None) -> AsyncIterator[KeptOpen]:
    kept = KeptOpen(lambda: open_in_container(POLICY))
    yield kept
    await kept.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def uncounted(in_memory: None, allowed_host: None) -> AsyncIterator[KeptOpen]:
    kept = KeptOpen(lambda: open_in_container(POLICY, without=frozenset({"cgroup"})))
    yield kept
    await kept.close()


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "rule", [rule for rule in CONTRACT if rule.__name__ not in NOT_KEPT], ids=lambda rule: rule.__name__
)
async def test_container(contained: KeptOpen, rule: Rule) -> None:
    await contained.check(rule)


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "rule", [rule for rule in COUNTED if rule.__name__ not in NOT_KEPT], ids=lambda rule: rule.__name__
)
async def test_container_without_cgroups(uncounted: KeptOpen, rule: Rule) -> None:
    await uncounted.check(rule)


def test_every_exception_is_a_rule() -> None:
    assert {*NOT_KEPT} <= {rule.__name__ for rule in CONTRACT}
