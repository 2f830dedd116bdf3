"""Advice: the next step of a run, and help for a run that didn't solve its task, by the cause."""

import shlex
from math import ceil

from coder.base.errors import UsageError, own_command
from coder.run.run import Run
from coder.run.stored_file import LeftOut
from coder.run.verdict_words import join_names

_LEFT_OUT: dict[LeftOut, str] = {
    "held": "may run by itself later, or is a link, so you decide: --allow PATH writes it",
    "denied": "your rule denies it",
    "asked": "your rule asks about it: --allow PATH writes it",
    "needs_allow": "given tests, or files that decide what passes; --allow PATH writes them",
    "decides": "decides what passes; to let it be changed, start with --allow PATH",
    "too_large": "larger than 10 MiB",
    "too_many": "more than 2,000 files or 100 MiB have changed",
    "link": "a symbolic link that leads out of the folder, or was there before",
    "special": "no plain file, or behind a link, or in another repository",
    "name": "its name is not UTF-8, or has characters that file names should not have",
    "unreadable": "can't be read",
    "made_again": "the test command makes it by itself",
}


def next_steps(run: Run) -> str:
    """Return the commands that continue from here, preceded by advice."""
    steps = [f"{own_command()} show {run.run_id}"]
    match run.status:
        case "error" if run.uncommitted is not None:
            steps.append(f"{own_command()} resume {run.run_id} --apply")
        case "error" if run.exit_code == UsageError.exit_code:
            steps.append("start it again")  # the folder has changed, or a flag is missing
        case "interrupted" | "error":
            steps.append(f"{own_command()} resume {run.run_id}")
        case "limit":
            steps += [
                *filter(None, [_advice(run)]),
                f"{own_command()} resume {run.run_id} {_raised_limit_flag(run)}",
            ]
        case "waiting":
            if run.question is not None and run.question.about == "tools":
                steps.append("with the --mcp and --tool of its start:")  # the log doesn't hold tools
            steps += [f"{own_command()} approve {run.run_id}{flag}" for flag in _answer_flags(run)]
        case "unsolved" | "stuck" if run.broken_by:
            steps.append(f"mend {join_names(run.broken_by)}, then: {own_command()} resume {run.run_id}")
        case "unsolved" | "stuck":
            steps += filter(None, [_advice(run)])
            if run.files and not run.landed and any(check.passed for check in run.tests):
                steps.append(f"to write what passes so far: {own_command()} resume {run.run_id} --keep")
        case "unverified" if run.cause == "own_tests" and not run.landed:
            steps.append(f"{own_command()} resume {run.run_id} --accept-unverified")
        case "unverified" if (run.patch or run.test_patch) and not run.landed and run.exit_code:
            steps.append(f"{own_command()} resume {run.run_id} --accept-unverified{_allow_flags(run)}")
        case "answered" if run.exit_code:
            steps.append("nothing was tested, as no file has changed: say what to change")
        case "unverified" if run.calls and not run.tests:
            steps.append('give it something to check: --check "assert …" or --test CMD')
    if run.landed and (flags := _allow_held_flags(run)):
        steps.append(f"{own_command()} resume {run.run_id}{flags}")
    if run.landed:
        steps.append(f"{own_command()} undo {run.run_id}")
    elif run.branch is not None and run.status == "solved":
        steps.append(f"git switch {run.branch}")
    elif run.patch and run.exit_code == 0:
        steps.append(f"{own_command()} resume {run.run_id} --apply")
    return "   ".join(steps)


def _answer_flags(run: Run) -> list[str]:
    """Return the flags that answer the run's open question."""
    is_yes_or_no = run.question is not None and run.question.kind == "approve"
    return ["", ' --no "why"'] if is_yes_or_no else [' --answer "…"']


def _advice(run: Run) -> str:
    """Return advice on an unsolved or stuck run, or on a run at a limit; possibly empty for the latter."""
    names = " ".join(run.lacks)
    match run.cause:
        case "missing_module":
            # The name is a module's, and a stranger may own the package of that name.
            return (
                f"{names} is missing: what the folder declares is installed by --install, any other package "
                "by --install-with 'pip install NAME'; --show FILE copies your own file that git ignores; "
                "--python FILE names an interpreter that has it"
            )
        case "network":
            host = run.lacks[0] if run.lacks else "HOST"
            return f"programs have no network: --network {host} lets them reach it"
        case "service":
            return (
                "what still fails connects to a service that doesn't run in the sandbox: give a command that "
                "starts it, or one that leaves these tests out, after --"
            )
        case "program_timeout":
            return (
                "for a slow program: --program-timeout SECONDS; for one that never ends, such as a server, "
                "say what to check: --check or --test"
            )
        case "test_timeout":
            return "give the tests more time: --test-timeout SECONDS"
        case "exit":
            return "no test fails by name, and the command ends with an error: its last line says which"
        case "no_code":
            return "the model answered in words: put what it asks for into the task"
        case _:
            return "" if run.status == "limit" or run.mended else "try a stronger --model"


def _allow_flags(run: Run) -> str:
    """Return the flags that allow edits of given tests, if needed, and files that may run by themselves."""
    if run.patch and not run.contradicts:
        return _allow_held_flags(run)
    paths = [path for path, reason in run.left_out.items() if reason == "needs_allow"]
    return "".join(f" --allow {shlex.quote(path)}" for path in paths) + _allow_held_flags(run)


def _allow_held_flags(run: Run) -> str:
    """Return the flags that allow files that may run by themselves later, or that a rule asks about."""
    paths = [path for path, reason in run.left_out.items() if reason in ("held", "asked")]
    return "".join(f" --allow {shlex.quote(path)}" for path in paths)


def _raised_limit_flag(run: Run) -> str:
    """Return the flag for twice the reached limit, or for more if the run needs it."""
    limits, minimum = run.limits, run.limit_least or 0.0
    match run.limit:
        case "tokens":
            return f"--max-tokens {max(2 * (limits.max_tokens or 1), ceil(minimum))}"
        case "cost":
            return f"--max-cost {max(2 * float(limits.max_cost), ceil(minimum * 100) / 100):g}"
        case "call":
            return f"--max-call-cost {ceil(minimum * 100) / 100:g}"
        case "answer":
            return f"--max-answer-tokens {ceil(minimum)}" if minimum else "--model NAME"
        case "time":
            is_lowered = run.seconds > 1.5 * limits.timeout  # a resumed run with a lower limit
            return f"--timeout {2 * (ceil(run.seconds) if is_lowered else limits.timeout):g}"
        case _:
            return f"--max-calls {2 * limits.max_calls}"


def left_out(run: Run) -> list[str]:
    """Return a line for each reason why changes of the answer didn't land."""
    groups: dict[tuple[LeftOut, str], list[str]] = {}
    for path, why in run.left_out.items():
        rule = f": {run.ruled[path]}" if path in run.ruled else ""
        groups.setdefault((why, rule), []).append(path)
    words = _LEFT_OUT | (
        {"needs_allow": _LEFT_OUT["decides"]} if run.landed else {}
    )  # the change landed without these files
    return [f"{join_names(paths)}: {words[why]}{rule}" for (why, rule), paths in groups.items()]
