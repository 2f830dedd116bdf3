"""Words of other agents' command lines, and what a person who types them wants here."""

from collections.abc import Sequence
from pathlib import Path

OPTIONS = {
    "--budget": "--max-cost USD",
    "--max-budget-usd": "--max-cost USD",
    "--max-turns": "--max-calls N",
    "--print": '`coder solve "TASK"`, which asks nothing in a pipe',
    "--prompt": '`coder solve "TASK"`',
    "--message": '`coder solve "TASK"`',
    "--message-file": "--file FILE",
    "--output-format": "--json or --jsonl",
    "--dangerously-skip-permissions": "-y; programs stay in the sandbox",
    "--yolo": "-y; programs stay in the sandbox",
    "--full-auto": "-y; programs stay in the sandbox",
    "--yes-always": "-y",
    "--auto-test": "--test CMD",
    "--test-cmd": "--test CMD",
    "--auto-commits": "--commit",
    "--worktree": "--branch NAME",
    "--allowed-tools": "permissions in your settings",
    "--allowedTools": "permissions in your settings",
    "--mcp-config": "--mcp NAME=CMD",
    "--add-directory": "--add-dir DIR",
    "--include-directories": "--add-dir DIR",
    "--cd": "--path PATH, or PATH after the task",
    "--reasoning-effort": "--effort LEVEL",
    "--dry-run": "--no-apply",
    "--no-auto-commits": "nothing: no commit is made without --commit",
}
"""What options of Claude Code, Codex, Gemini CLI, opencode and aider are called here."""
COMMANDS = {
    "exec": 'coder solve "TASK"',
    "ask": 'coder solve "QUESTION"',
    "-p": 'coder solve "TASK"',
    "--print": 'coder solve "TASK"',
    "--message": 'coder solve "TASK"',
    "code": "coder chat",
    "tui": "coder chat",
    "--continue": "coder chat --continue",
    "-c": "coder chat --continue",
    "--resume": "coder chat --resume RUN",
    "login": "coder doctor, which names the key of each model",
    "auth": "coder doctor, which names the key of each model",
    "update": "pip install --upgrade coder-agent",
    "upgrade": "pip install --upgrade coder-agent",
    "sessions": "coder ls",
    "history": "coder ls",
    "review": "coder issue",
    "test": "coder fix",
    "commit": "coder solve --commit, or /commit in coder chat",
    "init": "coder chat, and an AGENTS.md of yours",
    "agents": "coder skills",
    "permissions": "coder config",
    "eval": "coder bench",
    "benchmark": "coder bench",
}
"""What their first words are called here."""


def advice_for_option(name: str) -> str:
    """Return how an option of another agent is called here; empty if it isn't known."""
    ours = OPTIONS.get(name.partition("=")[0])
    return f" Here it is: {ours}" if ours is not None else ""


def advice_for_command(name: str) -> str:
    """Return how a first word of another agent is called here; empty if it isn't known."""
    ours = COMMANDS.get(name.partition("=")[0])
    return f" Here it is: {ours}" if ours is not None else ""


def whole_command(words: Sequence[str], *, is_terminal: bool) -> list[str]:
    """Return the words with the command that they leave out.

    Nothing on a terminal is a chat about this folder, unless it is the home folder or `/`; a first word with
    blanks is a task.
    """
    if not words and is_terminal:
        from coder.show.typed_words import is_too_wide  # imported late: most calls have words

        return [] if is_too_wide(Path()) else ["chat"]
    is_task = bool(words) and not words[0].startswith("-") and len(words[0].split()) > 1
    return ["solve", *words] if is_task else [*words]
