"""Verification: the sandboxes, state and target of one verdict."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder.environment.workbench import Workbench
from coder.run.event_types import PytestCall, PytestSetup
from coder.run.state import State
from coder.run.target import Target, is_test
from coder.verify.finding import Finding
from coder.workspace.consent import is_allowed
from coder.workspace.overlay import workspace_files
from sandbox import Check, CheckReport, Limits, check

if TYPE_CHECKING:
    from coder.verify.test_command import Proof


@dataclass(frozen=True, slots=True)
class Verification:
    """Lays files into the candidate's workspace, and runs tests and checks on them."""

    bench: Workbench
    state: State
    target: Target

    async def lay(self, files: Mapping[str, bytes]) -> None:
        """Replace what stands in the candidate's workspace."""
        await (await self.bench.candidate()).lay(files)

    async def lay_over(
        self, code: Mapping[str, str | None], *, test_edits: Mapping[str, str | None] | None = None
    ) -> None:
        """Lay the user's files with these over them; given tests as they are, or as edited."""
        await self.lay(workspace_files(self.state, code, test_edits=test_edits))

    async def command(
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
    ) -> Finding:
        """Run a test command on what stands in the candidate's workspace; None is the task's.

        Args:
            more: words at its end, such as new test files.
            ours: paths that hold tests beside those of the target.
            only: names of the tests to run, none for all.
            is_shown: the watch gets its output.
            proof: given on the code before the change.
            call: run this call of pytest by the task's script, instead of a command.
            traces: the files that it opens are in the finding.
        """
        from coder.verify.test_command import run_tests

        setup = self._setup() if argv is None else None
        if call is not None:
            argv, setup = ("python", "-m", "pytest", *call.arguments), call.setup
        argv = argv or self.state.task.test_command
        assert argv is not None
        return await run_tests(
            await self.bench.candidate(),
            [*argv, *more],
            ours=[*self.target.tests, *ours],
            limits=self.limits(wall_s),
            on_output=self.bench.on_output if is_shown else None,
            only=only,
            brings=self._brings,
            setup=setup,
            proof=proof,
            call=call,
            traces=traces,
        )

    def _setup(self) -> PytestSetup | None:
        """Where pytest took its settings from before the work; what the user allows may be settings."""
        baseline, settings = self.state.progress.baseline, self.state.settings
        return baseline.pytest if baseline is not None and not settings.allow else None

    def _brings(self, path: str) -> bool:
        """Whether a file of the workspace is new, and not allowed to decide."""
        state = self.state
        untouched = path in state.files or path in state.settings.show or path in self.target.tests
        return not (untouched or self.target.writes_tests or is_allowed(path, state.settings.allow))

    def limits(self, wall_s: float | None = None) -> Limits:
        """Time for one run; None is that of the tests."""
        seconds = wall_s or self.state.settings.test_timeout
        return Limits(wall_s=seconds, cpu_s=seconds)

    async def checked(
        self,
        files: Mapping[str, bytes],
        checks: Sequence[Check],
        seconds: float,
        *,
        folders: Sequence[str] = (),
    ) -> CheckReport:
        """Run checks from the checker's sandbox on these files, which the candidate's workspace holds."""
        return await check(
            await self.bench.candidate(),
            await self.bench.checker(),
            checks,
            module=self.target.module,
            provides=modules_of(files),
            folders=folders,
            limits=self.limits(seconds),
        )


def modules_of(files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Top-level modules of the workspace that tests may import from the candidate, wherever their folder is.

    Without its name here, an installed copy of a module would be tested instead.
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
    """The outermost package around a file; its own name where it is in none.

    Args:
        tops: the outermost package of each folder that was looked at before.
    """
    folder, _, name = path.rpartition("/")
    parts = path.split("/")
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]  # it may be a package without that file
    if folder not in tops:
        above = folder.split("/")
        tops[folder] = next(
            (above[i] for i in range(len(above)) if f"{'/'.join(above[: i + 1])}/__init__.py" in files), None
        )
    return tops[folder] or name.removesuffix(".py")
