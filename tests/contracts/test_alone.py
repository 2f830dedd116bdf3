"""The contract of `Sandbox` on the backends without namespaces: what they can't keep is named here."""

import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from sandbox import Policy
from sandbox.backends.restricted import open_restricted
from sandbox.backends.unsafe_host import UnsafeHostWarning, open_unsafe_host
from tests.contracts.kept_open import KeptOpen
from tests.contracts.rules import CONTRACT, Rule
from tests.contracts.test_sandbox import COUNTED
from tests.system_python import SYSTEM_PYTHON

POLICY = Policy(python=SYSTEM_PYTHON, wall_s=60)
NOT_RESTRICTED = {
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
HARMLESS = (
    *("a_program_that_ends_well_is_ok", "an_exit_code_of_its_own_is_an_error", "python_ends_as_python_does"),
    *("an_uncaught_exception_shows_the_line_it_came_from", "what_was_printed_before_the_end_of_time_is_kept"),
    *("long_output_keeps_its_head_and_its_tail", "stdin_is_what_the_caller_gave"),
    *("a_command_is_found_on_the_path", "a_command_that_cannot_run_says_why", "frames_go_through_a_channel"),
    *("python_is_there_by_both_names", "files_go_in_and_out", "what_a_fresh_run_wrote_is_an_artifact"),
    *("files_given_to_a_fresh_run_are_there", "closing_twice_is_closing_once", "a_flood_of_output_is_ended"),
    *("a_daemon_dies_with_its_run", "a_program_begins_in_its_folder_with_its_variables"),
    *("what_stands_under_a_path_is_told", "what_is_appended_comes_last"),
    "bytes_that_are_no_text_are_shown_as_replacements",
)
"""What may run without a sandbox: small programs of our own."""


@pytest.fixture(scope="module")
def in_memory() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", "/dev/shm")  # as TMPDIR would; a disk is slow with many files
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def restricted(in_memory: None) -> AsyncIterator[KeptOpen]:
    kept = KeptOpen(lambda: open_restricted(POLICY))
    yield kept
    await kept.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def uncounted(in_memory: None) -> AsyncIterator[KeptOpen]:
    kept = KeptOpen(lambda: open_restricted(POLICY, without=frozenset({"cgroup"})))
    yield kept
    await kept.close()


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "rule", [rule for rule in CONTRACT if rule.__name__ not in NOT_RESTRICTED], ids=lambda rule: rule.__name__
)
async def test_restricted(restricted: KeptOpen, rule: Rule) -> None:
    await restricted.check(rule)


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "rule", [rule for rule in COUNTED if rule.__name__ not in NOT_RESTRICTED], ids=lambda rule: rule.__name__
)
async def test_restricted_without_cgroups(uncounted: KeptOpen, rule: Rule) -> None:
    await uncounted.check(rule)


def test_every_exception_is_a_rule() -> None:
    assert {*NOT_RESTRICTED, *HARMLESS} <= {rule.__name__ for rule in CONTRACT}


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule", [rule for rule in CONTRACT if rule.__name__ in HARMLESS], ids=lambda rule: rule.__name__
)
async def test_unsafe_host(rule: Rule) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnsafeHostWarning)
        async with open_unsafe_host(POLICY) as sandbox:
            await rule(sandbox)
