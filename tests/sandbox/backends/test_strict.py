"""A strict policy is refused where a guarantee isn't enforced."""

import pytest

from sandbox import Policy, PolicyUnmet
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.host.capabilities import require_kept
from sandbox.policy import Capability
from tests.ordinary_user import run_as_ordinary_user


async def test_sampled_memory_does_not_meet_a_strict_policy() -> None:
    with pytest.raises(PolicyUnmet, match="memory can only be sampled"):
        async with open_bubblewrap(Policy(strict=True), without=frozenset({"cgroup"})):
            pass


@pytest.mark.slow
def test_an_ordinary_user_without_cgroups_is_told_so() -> None:
    script = """
import asyncio
from sandbox import Policy
from sandbox.backends.bubblewrap import open_bubblewrap
async def main():
    async with open_bubblewrap(Policy(strict=True), without=frozenset({"cgroup"})):
        print("opened")
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=300)

    assert "PolicyUnmet: The policy is strict, and memory can only be sampled here" in ended.stderr
    assert ended.stdout == ""


def test_what_nothing_keeps_is_named_apart_from_what_is_sampled() -> None:
    capabilities = [
        Capability(guarantee="files", mechanism=None),
        Capability(guarantee="disk", mechanism="tmpfs"),
    ]

    assert [item.enforcement for item in capabilities] == ["none", "enforced"]
    with pytest.raises(PolicyUnmet, match="keeps the limits on files"):
        require_kept(Policy(strict=True), capabilities)
    require_kept(Policy(), capabilities)
