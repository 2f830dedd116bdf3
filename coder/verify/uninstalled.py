"""Refuse a command whose result is due to where the sandbox finds modules: for the user it is another."""

from collections.abc import Sequence
from pathlib import Path

from coder.base.errors import UsageError
from coder.base.text.failure_lines import last_line, telling_line
from coder.base.text.sanitize import one_line
from coder.environment.python_path import PROJECT_FILES
from coder.run.verdict_words import join_names
from coder.source.manifests import missing_modules
from coder.source.shell import format_command, line_of
from coder.verify.verification import Verification


def require_shown(missing: Sequence[str], outside: Sequence[Path]) -> None:
    """Raise UsageError if missing modules are in folders outside of the workspace, which the user imports.

    Args:
        missing: modules that the sandbox doesn't have.
        outside: folders from which the user's Python imports.
    """
    places = {
        name: folder
        for name in missing
        for folder in outside
        if (folder / name).is_dir() or (folder / f"{name}.py").is_file()
    }
    if places:
        names, folders = join_names([*places]), [str(folder) for folder in dict.fromkeys(places.values())]
        raise UsageError(
            f"The tests import {names} from {join_names(folders)}, which the sandbox doesn't show: it shows "
            "a Python project outside of the folder if the user's own environment imports it and nothing in "
            f"it may hold keys. Show it: --add-dir {folders[0]}. Or install it without -e."
        )


async def require_pass_without(verification: Verification, sources: Sequence[str]) -> None:
    """Run the test command, which passes, without these folders on PYTHONPATH.

    Raises UsageError if it fails, as "it passes already" would be wrong for the user.
    """
    bench, state = verification.bench, verification.state
    folders = bench.policy.environment.get("PYTHONPATH", "").split(":")
    path = ":".join(folder for folder in folders if folder not in sources)
    await verification.lay_over({})
    run = await verification.run_command(is_shown=False, environment={"PYTHONPATH": path})
    if run.passed:
        return
    modules = missing_modules(run.text, ())
    reason = telling_line(run.failing[0].message) if run.failing else last_line(run.result.stderr)
    reason = f"there is no module {', '.join(modules)}" if modules else one_line(reason, width=200)
    projects = [source.removesuffix("src").rstrip("/") for source in sources]
    installs = [
        f"pip install -e {project or '.'}"
        for project in projects
        if any(f"{project}/{name}".lstrip("/") in state.files for name in PROJECT_FILES)
    ]
    argv = state.task.test_command or ()
    assignment = f"PYTHONPATH={':'.join(sources)}"
    prefix = assignment if line_of(argv) is None else f"export {assignment};"
    advice = f"Install it (`{' && '.join(installs)}`), or name" if installs else "Name"
    raise UsageError(
        f"The test command {format_command(argv)!r} passes only with {join_names(sources)} on PYTHONPATH, "
        "where coder puts it as the project isn't installed. Without it, the command fails: "
        f"{reason}. {advice} it in the command: {prefix} {format_command(argv)}"
    )
