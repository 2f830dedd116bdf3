"""Verification: the sandboxes, state and target of one verdict."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder.environment.links import make_links
from coder.environment.offline_retries import without_retries
from coder.environment.workbench import Workbench
from coder.run.event_types import PytestCall, PytestSetup
from coder.run.state import State
from coder.run.target import Target, is_test
from coder.verify.finding import Finding
from coder.verify.time_limits import command_s
from coder.workspace.consent import is_allowed
from coder.workspace.overlay import links_among, new_links, workspace_files
from sandbox import Check, CheckReport, CheckResult, Limits, check
from sandbox.verdicts.check import WeighedTests

if TYPE_CHECKING:
    from coder.run.event_types import Body
    from coder.verify.test_command import Proof


@dataclass(frozen=True, slots=True)
class Verification:
    """Lays files into the candidate's workspace, and runs tests and checks on them."""

    bench: Workbench
    state: State
    target: Target
    log: "Callable[[Body], Awaitable[object]] | None" = None
    """Appends an event to the run's log."""

    async def announce(self, body: "Body") -> None:
        """Log the start of a step."""
        if self.log is not None:
            await self.log(body)

    async def lay(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Replace the files in the candidate's workspace; return the SHA-256 (hex) of each but the links.

        A link of the user's folder is a link again, as programs look beside the file that it leads to.
        """
        candidate = await self.bench.candidate()
        hashes = await candidate.lay(files)
        links = {**links_among(files, self.state.files), **new_links(files, self.state)}
        await make_links(candidate, links)
        return {path: digest for path, digest in hashes.items() if path not in links}

    async def lay_over(
        self, code: Mapping[str, str | None], *, test_edits: Mapping[str, str | None] | None = None
    ) -> None:
        """Lay the user's files, overlaid by an answer's; given tests are the originals, or `test_edits`."""
        await self.lay(workspace_files(self.state, code, test_edits=test_edits))

    async def run_command(
        self,
        argv: Sequence[str] | None = None,
        *,
        more: Sequence[str] = (),
        ours: Collection[str] = (),
        only: Sequence[str] = (),
        wall_s: float | None = None,
        is_shown: bool = True,
        proof: "Proof | None" = None,
        call: PytestCall | None = None,
        traces: bool = False,
        longest_s: float | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Finding:
        """Run a test command on the files in the candidate's workspace; None runs the task's command.

        Args:
            more: words to append to the command, such as new test files.
            ours: paths that hold tests, besides those of the target.
            only: names of the tests to run; empty: all.
            is_shown: whether the watch gets the output.
            proof: settings for a run on the code before the change.
            call: a call of pytest by the task's script, which is run instead of a command.
            traces: whether the finding lists the files that the command opens.
            longest_s: seconds for a Python test; None: half of the limit if one was endless before the work.
            environment: variables in place of the sandbox's.
        """
        from coder.verify.test_command import run_tests

        setup, baseline = self._setup() if argv is None else None, self.state.progress.baseline
        if longest_s is None and baseline is not None and baseline.endless:
            longest_s = self.state.settings.test_timeout / 2
        if call is not None:
            argv, setup = ("python", "-m", "pytest", *call.arguments), call.setup
        argv = argv or self.state.task.test_command
        assert argv is not None
        return await run_tests(
            await self.bench.candidate(),
            argv,
            more=more,
            ours=[*self.target.tests, *ours],
            limits=self.limits(wall_s),
            on_output=self.bench.on_output if is_shown else None,
            only=only,
            brings=self._brings,
            is_given=self.target.search_anew().is_of_tests,
            setup=setup,
            proof=proof,
            call=call,
            traces=traces,
            longest_s=longest_s,
            environment={**without_retries(self.bench.policy, self.state.files), **(environment or {})},
            links=self._all_links(),
        )

    def _all_links(self) -> dict[str, str]:
        """Return the workspace's links, with their targets."""
        links = {path: file.link for path, file in self.state.files.items() if file.link}
        made = {path: stored.content for path, stored in self.state.dialogue.session.tree.items() if stored}
        return {**links, **new_links(made, self.state)}

    def _setup(self) -> PytestSetup | None:
        """Return the source of pytest's settings before the work; None with `--allow`."""
        baseline, settings = self.state.progress.baseline, self.state.settings
        return baseline.pytest if baseline is not None and not settings.allow else None

    def _brings(self, path: str) -> bool:
        """Return whether a file of the workspace is new, and isn't allowed to influence the verdict."""
        state = self.state
        untouched = path in state.files or path in state.settings.show or path in self.target.tests
        return not (untouched or self.target.writes_tests or is_allowed(path, state.settings.allow))

    def limits(self, wall_s: float | None = None) -> Limits:
        """Return the limits of one run of `wall_s` seconds, by default the time limit of the test command."""
        seconds = wall_s or command_s(self.state)
        return Limits(wall_s=seconds, cpu_s=seconds)

    async def run_checks(
        self,
        files: Mapping[str, bytes],
        checks: Sequence[Check],
        seconds: float,
        *,
        folders: Sequence[str] = (),
        decides: Callable[[CheckResult], bool] | None = None,
        others_s: float = 0.0,
        max_failures: int | None = None,
        weighed: WeighedTests | None = None,
    ) -> CheckReport:
        """Run checks from the checker's sandbox on these files, which the candidate's workspace holds.

        The other arguments are those of `sandbox.check`.
        """
        return await check(
            await self.bench.candidate(),
            await self.bench.checker(),
            checks,
            module=self.target.module,
            provides=modules_of(files),
            folders=folders,
            limits=self.limits(seconds),
            decides=decides,
            others_s=others_s,
            max_failures=max_failures,
            weighed=weighed,
        )


def modules_of(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Return the top-level modules of the workspace that tests may import from the candidate, in any folder.

    A module that is missing here would be imported from an installed copy instead.
    """
    paths = [path for path in files if path.endswith(".py") and not is_test(path)]
    tops: dict[str, str | None] = {}
    names = (
        name
        for path in paths
        for name in (path.partition("/")[0].removesuffix(".py"), _top(path, files, tops))
    )
    return tuple(dict.fromkeys(names))


def _top(path: str, files: Collection[str], tops: dict[str, str | None]) -> str:
    """Return the outermost package around a file; without a package, the file's own module name.

    Args:
        tops: the outermost packages of folders, by folder, as a cache.
    """
    folder, _, name = path.rpartition("/")
    parts = path.split("/")
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]  # it may be a package without `__init__.py`
    if folder not in tops:
        parents = folder.split("/")
        tops[folder] = next(
            (
                parents[depth]
                for depth in range(len(parents))
                if f"{'/'.join(parents[: depth + 1])}/__init__.py" in files
            ),
            None,
        )
    return tops[folder] or name.removesuffix(".py")
