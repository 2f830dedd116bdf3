"""Install the packages that the tests need into a cache, after a question: by `--install`, or if some are
missing.
"""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from coder.base.errors import PackagesMissing, Refused, UsageError
from coder.base.text.sanitize import one_line, printable
from coder.config.project_tests.find import with_found_tests
from coder.engine.agent import solve
from coder.engine.options import Options
from coder.people.cli.network_refusals import network_refusals
from coder.people.install.building import InstallPlan, install, plan_install
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from coder.show.screen import Screen
from coder.show.terminal import ask_human
from coder.workspace.read import read_workspace
from sandbox import open_sandbox

_BACKENDS = ("auto", "bubblewrap")


async def with_install(task: Task, settings: Settings, args: Mapping[str, Any], screen: Screen) -> Settings:
    """Install packages for the task; return the settings with the installation.

    Raises:
        Refused: the user refuses, or can't be asked.
        UsageError: there is nothing to install, or the install failed.
    """
    command: str | None = args["install_with"]
    if not args["install"] and command is None:
        return settings
    if task.workspace is None or not task.workspace.is_dir():
        raise UsageError("--install is about a folder: name it as PATH.")
    if settings.sandbox not in _BACKENDS:
        raise UsageError(f"--install needs bubblewrap: programs in {settings.sandbox} can't reach an index.")
    files = read_workspace(task, lands=False).files
    plan = plan_install(
        task.workspace.resolve(),
        files,
        settings=settings,
        test_command=with_found_tests(task, settings, files).test_command or (),
        command=command,
    )
    if not plan.installed.is_there:
        await _agree(plan, screen, yes=args["yes"])
        await _install(plan, settings, screen)
    else:
        screen.note(f"installed before: {plan.command}")
    return settings.model_copy(update={"installed": plan.installed.folder})


async def solve_with_packages(task: Task, options: Options, args: Mapping[str, Any], screen: Screen) -> Run:
    """Work on a task. If packages are missing, offer once to install them, before a model is asked.

    After a refusal the found tests that need none are tried. Raises the errors of `solve`.
    """
    settings = options["settings"] or Settings()
    can_install = task.workspace is not None and task.workspace.is_dir() and settings.sandbox in _BACKENDS
    is_new = settings.installed is None and not settings.in_place
    screen.offers_install = screen.is_attended and can_install and is_new
    try:
        run = await solve(task, **options)
        if not (screen.offers_install and screen.needs_packages):
            return run
        reason, is_final = run.reason, task.test_command is not None
    except PackagesMissing as error:  # of a given command, before the run's first event
        if not screen.offers_install:
            raise
        reason, is_final = str(error), True
    screen.offers_install = False
    screen.rest()
    screen.tell(f"  ! {printable(reason)}")
    try:
        settings = await with_install(task, settings, {**args, "install": True}, screen)
    except (Refused, UsageError) as error:
        if is_final:
            raise
        screen.tell(f"  ! {printable(str(error))}" if isinstance(error, UsageError) else "  · not installed")
    return await solve(task, **(options | Options(settings=settings)))


async def _agree(plan: InstallPlan, screen: Screen, *, yes: bool) -> None:
    hosts = ", ".join(plan.indexes.hosts)
    screen.tell(f"  · to install: {printable(plan.command)}")
    screen.tell(f"    in a sandbox that may reach {hosts}; the packages' own code runs there")
    screen.tell(f"    into {plan.installed.folder}; your folder stays as it is")
    if not yes and not await ask_human("Install it?"):
        raise Refused(
            "Nothing was installed, and no model was called: an install needs your approval. "
            "Approve it on a terminal, or with -y"
        )


async def _install(plan: InstallPlan, settings: Settings, screen: Screen) -> None:
    start_time = time.monotonic()
    screen.set_status(f"installing: {one_line(plan.command)}")

    def show(stream: str, data: bytes) -> None:
        if lines := data.decode("utf-8", "replace").strip().splitlines():
            screen.set_status(f"installing: {one_line(lines[-1])}")

    with network_refusals() as refusals:
        try:
            await install(plan, partial(open_sandbox, backend=settings.sandbox), on_output=show)
        except UsageError as error:
            is_refused = any("is not among the hosts" in line for line in refusals)
            hint = "\nLet it reach more hosts: --network HOST" if is_refused else ""
            raise UsageError("\n".join([str(error), *refusals]) + hint) from error
        finally:
            screen.rest()
    seconds = time.monotonic() - start_time
    screen.note(f"installed in {seconds:.0f} s; drop it: rm -r {plan.installed.folder}")
