"""Steps of a test command behind its tests that need the network, such as npm's `posttest`."""

from dataclasses import replace

from coder.config.project_tests.find import inner_command
from coder.source.shell import format_command
from coder.verify.finding import Finding, lacks_network
from coder.verify.verification import Verification


async def without_offline_step(verification: Verification, run: Finding) -> Finding:
    """Return the run; if only a step behind the tests failed, for want of the network, by its tests alone.

    The tests are run alone where the command has left them: they must pass, and the network error must be in
    lines that they don't print. `lacks` then holds the command.
    """
    state = verification.state
    command = state.task.test_command or ()
    name = format_command(command)
    tests = tuple(line for line in run.lines if line.name != name)
    is_step = run.complete and run.result.status == "error" and all(line.passed for line in tests)
    if not is_step or not lacks_network(run.text):
        return run
    texts = {path: file.text for path, file in state.files.items() if file.text is not None}
    tests_alone = inner_command(command, texts)
    if tests_alone is None and command[:1] == ("npm",) and tests:
        tests_alone = (*command, "--ignore-scripts")  # `test` without `pretest` and `posttest`
    if tests_alone is None:
        return run
    alone = await verification.run_command(tests_alone)
    lines_alone = {*alone.text.splitlines()}
    others = "\n".join(line for line in run.text.splitlines() if line not in lines_alone)
    if not (alone.passed and lacks_network(others)):
        return run
    return replace(alone, lines=tests or alone.lines, lacks={**run.lacks, name: "network"}, names_tests=True)
