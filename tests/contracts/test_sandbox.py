"""The contract of `Sandbox`, on every backend, as root and as an ordinary user."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox import Policy
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.docker.open_docker import open_docker
from sandbox.open import find_backend
from tests.contracts.kept_open import KeptOpen
from tests.contracts.rules import CONTRACT, Rule
from tests.contracts.rules.bounds import BOUNDS
from tests.contracts.rules.bystanders import BYSTANDERS
from tests.contracts.rules.endings import ENDINGS
from tests.docker_engine import IMAGE
from tests.layered import open_layered
from tests.ordinary_user import run_as_ordinary_user
from tests.ssh_host import HOST, ssh_host

NOT_DOCKER = {
    "timers_of_one_run_leave_another_its_own": "the containers of an engine share uid 65534 on its machine",
    "watches_of_one_run_leave_another_its_own": "likewise",
}
NOT_SSH = {
    "ten_greedy_children_are_stopped_too": "no control group counts memory: the kernel bounds each process",
    "the_disk_of_a_fresh_run_is_bounded": "bubblewrap's tmpfs has a size, and no number of inodes",
    "watches_of_one_run_leave_another_its_own": "runs share the host's user",
}
PATIENT = Policy(wall_s=60)
"""What isn't about time has enough of it, also on a busy machine."""


COUNTED = (*ENDINGS, *BOUNDS, *BYSTANDERS)
"""Rules that may come out otherwise where no control group holds a run; an ordinary user has none for any."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plain() -> AsyncIterator[KeptOpen]:
    kept = KeptOpen(lambda: open_bubblewrap(PATIENT))
    yield kept
    await kept.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def layered() -> AsyncIterator[KeptOpen]:
    kept = KeptOpen(lambda: open_layered(PATIENT))
    yield kept
    await kept.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def uncounted() -> AsyncIterator[KeptOpen]:
    kept = KeptOpen(lambda: open_bubblewrap(PATIENT, without=frozenset({"cgroup"})))
    yield kept
    await kept.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def contained(docker_engine: None) -> AsyncIterator[KeptOpen]:
    kept = KeptOpen(lambda: open_docker(PATIENT.model_copy(update={"image": IMAGE})))
    yield kept
    await kept.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def remote() -> AsyncIterator[KeptOpen]:
    with ssh_host():
        kept = KeptOpen(lambda: find_backend(f"ssh:{HOST}")(PATIENT))
        yield kept
        await kept.close()


LONG = {"what_was_printed_before_the_end_of_time_is_kept", "a_program_that_burns_cpu_is_ended"}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "rule",
    [pytest.param(rule, marks=[pytest.mark.slow] * (rule.__name__ in LONG)) for rule in CONTRACT],
    ids=lambda rule: rule.__name__,
)
async def test_bubblewrap(plain: KeptOpen, rule: Rule) -> None:
    await plain.check(rule)


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("rule", CONTRACT, ids=lambda rule: rule.__name__)
async def test_bubblewrap_with_a_layer_over_its_workspace(layered: KeptOpen, rule: Rule) -> None:
    await layered.check(rule)


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("rule", COUNTED, ids=lambda rule: rule.__name__)
async def test_bubblewrap_without_cgroups(uncounted: KeptOpen, rule: Rule) -> None:
    await uncounted.check(rule)


@pytest.mark.slow
@pytest.mark.first_stage
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "rule", [rule for rule in CONTRACT if rule.__name__ not in NOT_DOCKER], ids=lambda rule: rule.__name__
)
async def test_docker(contained: KeptOpen, rule: Rule) -> None:
    await contained.check(rule)


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "rule", [rule for rule in CONTRACT if rule.__name__ not in NOT_SSH], ids=lambda rule: rule.__name__
)
async def test_ssh(remote: KeptOpen, rule: Rule) -> None:
    await remote.check(rule)


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_bubblewrap_as_an_ordinary_user() -> None:
    script = """
import asyncio
from sandbox import Policy, open_sandbox
from tests.contracts.kept_open import KeptOpen
from tests.contracts.rules import CONTRACT
async def main():
    kept = KeptOpen(lambda: open_sandbox(Policy(wall_s=60)))
    for rule in CONTRACT:
        await kept.check(rule)
        print(rule.__name__, flush=True)
    await kept.close()
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=900)

    assert ended.returncode == 0, ended.stdout[-500:] + ended.stderr[-4000:]
    assert ended.stdout.split() == [rule.__name__ for rule in CONTRACT]
