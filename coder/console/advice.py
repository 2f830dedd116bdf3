"""Advice: what helps a run that didn't solve its task, by why it didn't."""

from coder.run.run import Run


def advice(run: Run) -> str:
    """The next step of a run that is unsolved, stuck or at a limit; of the last empty without a cause."""
    names = " ".join(run.lacks)
    match run.cause:
        case "missing_module":
            return (
                f"have {names} installed: --install-with 'pip install {names}' for a folder, "
                "or --python FILE with an interpreter that has it"
            )
        case "network":
            host = run.lacks[0] if run.lacks else "HOST"
            return f"programs have no network: --network {host} lets them reach it"
        case "program_timeout":
            return (
                "a program that is slow: --program-timeout SECONDS; one that never ends by itself, such as a "
                "server: say what to check, with --check or --test"
            )
        case "test_timeout":
            return "give the tests more time: --test-timeout SECONDS"
        case "no_code":
            return "the answer is words: put what they ask for into the task"
        case _:
            return "" if run.status == "limit" else "try a stronger --model"
