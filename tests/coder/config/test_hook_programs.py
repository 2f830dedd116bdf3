"""Hooks whose program is missing: which ones are found, and what is said of them."""

import pytest

from coder.config.hook_programs import notes_on_missing, program_of, runnable
from coder.run.extensions import Hook


def hook(command: str, event: str = "Stop") -> Hook:
    return Hook(event=event, command=command, timeout=60.0)


@pytest.mark.parametrize(
    ("command", "program"),
    [
        ("uv run $CLAUDE_PROJECT_DIR/hook.py", "uv"),
        ('uv run "${CLAUDE_PLUGIN_ROOT}/hook.py" --fast', "uv"),
        ("PYTHONUTF8=1 python3.12 hook.py", "python3.12"),
        ("uv run hook.py || exit 2", ""),
        ("$(which uv) run hook.py", ""),
        ("./hook.sh", ""),
        ("'unclosed", ""),
        ("", ""),
    ],
)
def test_the_program_of_a_command_is_known_only_where_a_shell_does_nothing_else(
    command: str, program: str
) -> None:
    assert program_of(command) == program


def test_one_note_names_a_missing_program_with_the_events_of_its_hooks() -> None:
    hooks = (hook("nowhere run a"), hook("nowhere run b", "PreToolUse"), hook("cd /tmp"), hook("sh a"))

    assert runnable(hooks) == hooks[2:]
    assert notes_on_missing(hooks) == [
        "hooks of Stop, PreToolUse don't run, as nowhere isn't on this machine: install it, or remove them "
        "(coder skills lists them)"
    ]


def test_a_hook_that_blocks_where_its_program_is_missing_stays() -> None:
    guard = hook("nowhere check || exit 2", "PreToolUse")

    assert runnable((guard,)) == (guard,)
